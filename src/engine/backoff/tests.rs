use std::time::Duration;

use super::{Backoff, FIRST, LONGEST};
use crate::api::Key;

#[test]
fn waits_grow_to_a_ceiling_and_never_fall_below_a_second() {
    let backoff = Backoff::new(7);
    let key = Key::new("acme", "jira");
    let waits: Vec<_> = (0..200).map(|_| backoff.failed(&key)).collect();
    assert_eq!(waits[0], FIRST);
    assert!(waits.iter().all(|wait| (FIRST..=LONGEST).contains(wait)));
    assert!(waits[20..].iter().any(|wait| *wait > Duration::from_secs(120)));
}

#[test]
fn a_success_forgets_the_failures() {
    let backoff = Backoff::new(7);
    let key = Key::new("acme", "jira");
    for _ in 0..10 {
        backoff.failed(&key);
    }
    backoff.succeeded(&key);
    assert_eq!(backoff.failed(&key), FIRST);
}

#[test]
fn only_unexplained_failures_in_a_row_are_told_to_a_person() {
    let backoff = Backoff::new(7);
    let key = Key::new("acme", "jira");
    for _ in 0..10 {
        assert!(!backoff.unexplained(&key));
    }
    assert!(backoff.unexplained(&key));
    backoff.explained(&key);
    assert!(!backoff.unexplained(&key));
}
