use super::*;
use crate::cloud::{HELD_BACK, Operation};

fn throttled(code: &str) -> Failure {
    Failure::Cloud(CloudError {
        operation: Operation::LockSnapshot,
        kind: ErrorKind::Throttled,
        code: code.to_owned(),
        message: "others come first".to_owned(),
        turn_at: None,
    })
}

#[test]
fn a_call_that_waits_for_its_turn_did_not_fail() {
    let waits = throttled(HELD_BACK);
    assert_eq!(reason_of(&waits), Reason::Progressing);
    let text = waits.to_string();
    assert!(
        text.contains("LockSnapshot waits for its turn: others come first"),
        "{text}"
    );
    let refused = throttled("RequestLimitExceeded");
    assert_eq!(reason_of(&refused), Reason::Throttled);
    assert!(
        refused.to_string().contains("failed: RequestLimitExceeded"),
        "{refused}"
    );
}
