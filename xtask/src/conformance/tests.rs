use super::{judge, read_exemptions, read_results};
use serde_json::json;

fn verdict(status: &str, exemptions: &str) -> Result<(), String> {
    let results = json!({"checks": [{"group": "ec2", "name": "tags", "status": status, "detail": "d"}]});
    judge(&read_results(&results), &read_exemptions(exemptions).unwrap())
        .map_err(|failure| failure.to_string())
}

#[test]
fn a_check_that_does_not_work_needs_an_exemption() {
    assert_eq!(verdict("partly", ""), Err("partly: ec2: tags: d".to_owned()));
    assert_eq!(
        verdict("partly", "# why\nec2\ttags\tnot called by the operator\n"),
        Ok(())
    );
}

#[test]
fn an_exemption_that_is_not_needed_or_names_nothing_fails() {
    assert!(
        verdict("works", "ec2\ttags\tnot called by the operator")
            .unwrap_err()
            .contains("works now")
    );
    assert!(
        verdict("works", "ec2\tother\tnot called")
            .unwrap_err()
            .contains("names no check")
    );
    assert_eq!(verdict("works", ""), Ok(()));
}

#[test]
fn an_exemption_without_a_reason_is_refused() {
    assert!(read_exemptions("ec2\ttags").is_err());
    assert!(read_exemptions("ec2\ttags\t ").is_err());
}
