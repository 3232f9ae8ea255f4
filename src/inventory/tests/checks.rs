use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;

use super::super::{MAX_AGE, checks::Checks};
use crate::{
    clock::later,
    cloud::{Impaired, InstanceId, Observed, StatusCheck},
};

const T: Timestamp = Timestamp::UNIX_EPOCH;

fn impaired(id: &str, checks: &[StatusCheck]) -> Impaired {
    Impaired {
        id: id.into(),
        checks: checks.iter().copied().collect(),
    }
}

fn ids(ids: &[&str]) -> BTreeSet<InstanceId> {
    ids.iter().copied().map(InstanceId::from).collect()
}

#[test]
fn what_fails_is_known_at_once_and_what_passes_after_two_listings() {
    let mut checks = Checks::default();
    assert_eq!(checks.of(&"i-1".into(), T), Observed::Unknown);
    let sick = || vec![impaired("i-1", &[StatusCheck::System])];
    assert_eq!(checks.list(sick(), T), ids(&["i-1"]));
    let system = BTreeSet::from([StatusCheck::System]);
    assert_eq!(checks.of(&"i-1".into(), T), Observed::Present(&system));
    assert_eq!(checks.of(&"i-2".into(), T), Observed::Unknown);
    assert!(!checks.is_conclusive(T));
    assert!(checks.list(sick(), T).is_empty());
    assert!(checks.is_conclusive(T));
    assert_eq!(checks.of(&"i-2".into(), T), Observed::Absent);
}

#[test]
fn what_heals_is_unknown_once_and_then_passes_and_only_it_is_named() {
    let mut checks = Checks::default();
    let other = || impaired("i-2", &[StatusCheck::Instance]);
    checks.list(vec![impaired("i-1", &[StatusCheck::System]), other()], T);
    assert_eq!(checks.list(vec![other()], T), ids(&["i-1"]));
    assert_eq!(checks.of(&"i-1".into(), T), Observed::Unknown);
    assert_eq!(checks.list(vec![other()], T), ids(&["i-1"]));
    assert_eq!(checks.of(&"i-1".into(), T), Observed::Absent);
    assert!(checks.list(vec![other()], T).is_empty());
    let worse = impaired("i-2", &[StatusCheck::Instance, StatusCheck::AttachedEbs]);
    assert_eq!(checks.list(vec![worse], T), ids(&["i-2"]));
}

#[test]
fn an_old_listing_says_nothing() {
    let mut checks = Checks::default();
    for _ in 0..2 {
        checks.list(vec![impaired("i-1", &[StatusCheck::System])], T);
    }
    let at = later(T, MAX_AGE);
    assert!(checks.of(&"i-1".into(), at).present().is_some());
    let at = later(at, Duration::from_secs(1));
    assert_eq!(checks.of(&"i-1".into(), at), Observed::Unknown);
    assert_eq!(checks.of(&"i-2".into(), at), Observed::Unknown);
}
