use super::Params;

#[test]
fn lists_come_in_the_order_of_their_numbers() {
    let params = Params::parse(b"Id.10=c&Id.2=b&Id.1=a&Idle.1=x");
    assert_eq!(params.list("Id"), ["a", "b", "c"]);
}

#[test]
fn structures_keep_their_own_fields() {
    let params = Params::parse(b"Filter.1.Name=n&Filter.1.Value.1=v&Filter.2.Name=m");
    let filters = params.structs("Filter");
    assert_eq!(filters.len(), 2);
    assert_eq!(filters[0].get("Name"), Some("n"));
    assert_eq!(filters[0].list("Value"), ["v"]);
    assert_eq!(filters[1].get("Name"), Some("m"));
}

#[test]
fn the_fingerprint_leaves_the_token_out_and_keeps_everything_else() {
    let with = |form: &[u8]| Params::parse(form).fingerprint();
    assert_eq!(
        with(b"A=1&ClientToken=x"),
        with(b"A=1&ClientToken=y&DryRun=false")
    );
    assert_ne!(with(b"A=1"), with(b"A=2"));
}

#[test]
fn a_wrong_flag_or_number_is_refused() {
    let params = Params::parse(b"Flag=maybe&Count=many");
    assert_eq!(params.flag("Flag").unwrap_err().code, "InvalidParameterValue");
    assert_eq!(
        params.number::<u32>("Count").unwrap_err().code,
        "InvalidParameterValue"
    );
    assert_eq!(params.required("Name").unwrap_err().code, "MissingParameter");
}
