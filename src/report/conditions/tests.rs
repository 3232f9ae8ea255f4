use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::*;

fn condition(type_: &str, status: &str, message: &str, at: i64) -> Condition {
    Condition {
        type_: type_.to_owned(),
        status: status.to_owned(),
        reason: "Reason".to_owned(),
        message: message.to_owned(),
        observed_generation: Some(at),
        last_transition_time: Time(Timestamp::from_second(at).unwrap()),
    }
}

#[test]
fn a_new_condition_is_added() {
    let mut conditions = vec![condition("Ready", TRUE, "", 1)];
    set_condition(&mut conditions, condition("Stalled", TRUE, "", 2));
    assert_eq!(
        conditions,
        [condition("Ready", TRUE, "", 1), condition("Stalled", TRUE, "", 2)]
    );
}

#[test]
fn a_new_message_is_no_transition() {
    let mut conditions = vec![condition("Ready", FALSE, "waits for a subnet", 1)];
    set_condition(
        &mut conditions,
        condition("Ready", FALSE, "waits for an image", 9),
    );
    let kept = Time(Timestamp::from_second(1).unwrap());
    let expected = Condition {
        last_transition_time: kept,
        ..condition("Ready", FALSE, "waits for an image", 9)
    };
    assert_eq!(conditions, [expected]);
}

#[test]
fn a_flip_is_a_transition() {
    let mut conditions = vec![condition("Ready", FALSE, "", 1)];
    set_condition(&mut conditions, condition("Ready", TRUE, "", 9));
    assert_eq!(conditions, [condition("Ready", TRUE, "", 9)]);
}

#[test]
fn setting_the_same_again_changes_nothing_but_the_generation() {
    let mut conditions = vec![condition("Ready", TRUE, "", 1)];
    set_condition(&mut conditions, condition("Ready", TRUE, "", 1));
    assert_eq!(conditions, [condition("Ready", TRUE, "", 1)]);
}

#[test]
fn a_cleared_condition_is_gone_and_the_others_stay() {
    let mut conditions = vec![condition("Ready", TRUE, "", 1), condition("Stalled", TRUE, "", 1)];
    clear_condition(&mut conditions, "Stalled");
    clear_condition(&mut conditions, "Reconciling");
    assert_eq!(conditions, [condition("Ready", TRUE, "", 1)]);
    assert!(is_true(&conditions, "Ready") && !is_true(&conditions, "Stalled"));
    assert!(find_condition(&conditions, "Stalled").is_none());
}
