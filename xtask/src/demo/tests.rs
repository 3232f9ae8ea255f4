use super::{condition, counts, standing};
use serde_json::json;

#[test]
fn counts_are_one_line_an_operation() {
    let json = json!({"DescribeInstances": {"ok": 12, "RequestLimitExceeded": 1}, "RunInstances": 2});
    let text = counts(&json);
    assert!(
        text.lines()
            .any(|line| line.starts_with("DescribeInstances ") && line.contains("12 ok"))
    );
    assert!(
        text.lines()
            .any(|line| line.starts_with("RunInstances ") && line.ends_with(" 2"))
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
