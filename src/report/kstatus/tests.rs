use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use proptest::prelude::*;

use super::*;
use crate::report::conditions::set_condition;

fn condition(type_: &str, status: &str, generation: i64) -> Condition {
    Condition {
        type_: type_.to_owned(),
        status: status.to_owned(),
        reason: "Reason".to_owned(),
        message: String::new(),
        observed_generation: Some(generation),
        last_transition_time: Time(Timestamp::UNIX_EPOCH),
    }
}

fn of(pairs: &[(&str, &str)]) -> Vec<Condition> {
    pairs
        .iter()
        .map(|(type_, status)| condition(type_, status, 2))
        .collect()
}

#[test]
fn sound_statuses_pass() {
    for conditions in [
        of(&[("Ready", "True")]),
        of(&[("Ready", "True"), ("Reconciling", "True")]),
        of(&[("Ready", "False"), ("Reconciling", "True")]),
        of(&[("Ready", "False"), ("Stalled", "True")]),
        of(&[("Ready", "Unknown"), ("Protected", "False")]),
    ] {
        assert_eq!(violations(2, Some(2), &conditions), Vec::<String>::new());
    }
    assert_eq!(
        violations(3, Some(2), &of(&[("Ready", "False")])),
        Vec::<String>::new()
    );
}

#[test]
fn ready_is_always_there() {
    assert_eq!(
        violations(2, Some(2), &of(&[("Stalled", "True")])),
        ["Ready is missing"]
    );
}

#[test]
fn ready_is_true_at_the_current_generation_only() {
    let found = violations(3, Some(2), &of(&[("Ready", "True")]));
    assert_eq!(found, ["Ready is True for another generation than 3"]);
    let found = violations(3, Some(3), &of(&[("Ready", "True")]));
    assert_eq!(found, ["Ready is True for another generation than 3"]);
}

#[test]
fn ready_is_false_while_stalled() {
    for status in ["True", "Unknown"] {
        let found = violations(2, Some(2), &of(&[("Ready", status), ("Stalled", "True")]));
        assert_eq!(found, [format!("Ready is {status} while Stalled is True")]);
    }
}

#[test]
fn reconciling_and_stalled_are_true_or_gone_and_never_both() {
    let found = violations(
        2,
        Some(2),
        &of(&[("Ready", "False"), ("Reconciling", "True"), ("Stalled", "True")]),
    );
    assert_eq!(found, ["Reconciling and Stalled are both True"]);
    let found = violations(2, Some(2), &of(&[("Ready", "True"), ("Reconciling", "False")]));
    assert_eq!(found, ["Reconciling is present without being True"]);
    let found = violations(2, Some(2), &of(&[("Ready", "True"), ("Stalled", "Unknown")]));
    assert_eq!(found, ["Stalled is present without being True"]);
}

#[test]
fn no_generation_is_observed_before_it_exists() {
    let found = violations(1, Some(2), &of(&[("Ready", "False")]));
    assert_eq!(found, ["observedGeneration 2 is ahead of generation 1"]);
    let found = violations(2, Some(1), &of(&[("Ready", "False")]));
    assert_eq!(found, ["Ready was judged at generation 2, ahead of the status"]);
    let found = violations(2, None, &[]);
    assert_eq!(found, ["observedGeneration is missing", "Ready is missing"]);
}

#[test]
fn malformed_conditions_are_named() {
    let mut odd = condition("Ready", "Yes", 2);
    odd.reason = "not yet".to_owned();
    let found = violations(2, Some(2), &[odd.clone(), odd]);
    assert!(found.contains(&"Ready is there twice".to_owned()));
    assert!(found.contains(&"Ready has the status \"Yes\"".to_owned()));
    assert!(found.contains(&"Ready has the reason \"not yet\"".to_owned()));
}

#[test]
fn a_first_status_does_not_look_settled_by_accident() {
    assert_eq!(
        first_write_violations(1, Some(1), &[condition("Ready", "False", 1)]).len(),
        1
    );
    for type_ in ["Reconciling", "Stalled"] {
        let conditions = [condition("Ready", "False", 1), condition(type_, "True", 1)];
        assert_eq!(
            first_write_violations(1, Some(1), &conditions),
            Vec::<String>::new()
        );
    }
    assert_eq!(
        first_write_violations(1, Some(1), &[condition("Ready", "True", 1)]),
        Vec::<String>::new()
    );
}

proptest! {
    #[test]
    fn setting_conditions_one_by_one_never_makes_a_status_malformed(
        writes in prop::collection::vec((0usize..3, 0usize..3), 0..12),
    ) {
        let mut conditions = Vec::new();
        for (type_, status) in writes {
            set_condition(
                &mut conditions,
                condition(["Ready", "Protected", "Hardened"][type_], [TRUE, FALSE, UNKNOWN][status], 2),
            );
        }
        prop_assert_eq!(malformed(&conditions), Vec::<String>::new());
    }
}
