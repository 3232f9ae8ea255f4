use super::{condition, counts, standing};
use serde_json::json;

#[test]
fn only_the_operators_calls_are_counted_one_line_an_operation() {
    let call = |key: &str, operation: &str, code: &str| json!({"accessKey": key, "operation": operation, "code": code});
    let calls = json!([
        call("operator", "RunInstances", "OK"),
        call("operator", "DescribeVpcs", "OK"),
        call("operator", "DescribeVpcs", "OK"),
        call("operator", "DescribeVpcs", "RequestLimitExceeded"),
        call("stranger", "AuthorizeSecurityGroupIngress", "OK"),
    ]);
    let text = counts(&calls);
    let lines: Vec<String> = text
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        lines,
        ["DescribeVpcs 2 OK, 1 RequestLimitExceeded", "RunInstances 1 OK"]
    );
}

#[test]
fn an_object_without_a_status_says_so() {
    assert_eq!(standing(&json!({"metadata": {}})), "no status yet");
    let ready = json!({"status": {"phase": "Ready", "conditions": [
        {"type": "Ready", "status": "True", "reason": "Converged", "message": "all is well"}
    ]}});
    assert_eq!(
        condition(&ready, "Ready"),
        Some(("True", "Converged", "all is well"))
    );
    assert_eq!(standing(&ready), "Ready (Ready=True, Converged: all is well)");
}
