use super::*;

#[test]
fn a_share_is_more_than_nothing_and_at_most_all() {
    for (text, millionths) in [
        ("0.8", 800_000),
        ("1", WHOLE),
        (" 0.000001 ", 1),
        ("0.1", 100_000),
    ] {
        assert_eq!(text.parse::<Share>().unwrap().millionths(), millionths, "{text}");
    }
    for text in [
        "0",
        "-0.1",
        "1.0000001",
        "1.01",
        "NaN",
        "inf",
        "",
        "most",
        "80%",
        "1e-9",
    ] {
        let error = text.parse::<Share>().unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("{text:?}")) && error.ends_with("such as 0.8"),
            "{error}"
        );
    }
}

#[test]
fn a_share_is_printed_as_it_is_written() {
    assert_eq!(Share::default().to_string(), "0.8");
    assert_eq!(Share::ALL.to_string(), "1");
    assert_eq!(Share::default(), "0.8".parse().unwrap());
}
