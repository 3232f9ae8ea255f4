use std::collections::BTreeSet;

use super::*;
use crate::{api::time, promises::tests::kept};

fn breach(is_way_in: bool) -> BreachFact {
    BreachFact {
        text: format!("sg-1 is shared: {is_way_in}"),
        is_between_customers: true,
        is_between_environments: false,
        is_way_in,
    }
}

fn with(change: impl FnOnce(&mut Facts)) -> Facts {
    let mut facts = kept();
    change(&mut facts);
    facts
}

fn before(status: &str) -> Vec<Condition> {
    vec![Condition {
        type_: "Separated".to_owned(),
        status: status.to_owned(),
        reason: "Some".to_owned(),
        message: String::new(),
        observed_generation: None,
        last_transition_time: time(kept().now),
    }]
}

/// The condition, where the last one was this.
fn said(facts: &Facts, last: &str) -> Option<(Option<bool>, Reason)> {
    standing(facts, &before(last)).map(|(holds, because)| (holds, because.reason))
}

#[test]
fn the_gravest_is_the_reason_and_all_of_it_is_named() {
    let facts = with(|facts| facts.separation.breaches = vec![breach(true)]);
    assert_eq!(said(&facts, "True"), Some((Some(false), Reason::OpenToOthers)));
    let facts = with(|facts| facts.separation.breaches = vec![breach(false), breach(true)]);
    let (holds, because) = standing(&facts, &[]).unwrap();
    assert_eq!((holds, because.reason), (Some(false), Reason::SharedWithOthers));
    assert_eq!(because.message, "sg-1 is shared: false, sg-1 is shared: true");
    let exposed = BTreeSet::from(["snap-1 is public".to_owned()]);
    let facts = with(|facts| facts.backup.as_mut().unwrap().exposed = Observed::Present(exposed));
    assert_eq!(said(&facts, "True"), Some((Some(false), Reason::CopiesShared)));
}

#[test]
fn it_holds_where_everything_is_known_and_nothing_found() {
    assert_eq!(said(&kept(), "False"), Some((Some(true), Reason::NothingShared)));
    // What was not made yet is nobody else's.
    let facts = with(|facts| facts.metadata = Observed::Absent);
    assert_eq!(said(&facts, "True"), Some((Some(true), Reason::NothingShared)));
}

#[test]
fn what_is_not_known_never_holds_and_takes_no_breach_back() {
    let unknown = [
        (with(|facts| facts.heartbeat = None), Reason::ViewStale),
        (
            with(|facts| facts.metadata = Observed::Unknown),
            Reason::ViewStale,
        ),
        (
            with(|facts| facts.separation.is_compared = false),
            Reason::NotKnown,
        ),
        (
            with(|facts| facts.separation.unseen = BTreeSet::from(["sg-odd".into()])),
            Reason::NotKnown,
        ),
        (
            with(|facts| facts.backup.as_mut().unwrap().exposed = Observed::Unknown),
            Reason::NotKnown,
        ),
        (with(|facts| facts.backup = None), Reason::NotKnown),
    ];
    for (facts, reason) in unknown {
        for last in ["True", "Unknown"] {
            assert_eq!(said(&facts, last), Some((None, reason)));
        }
        assert_eq!(said(&facts, "False"), None, "{reason}");
    }
}

#[test]
fn what_was_found_stands_however_old_the_look_is() {
    let facts = with(|facts| {
        facts.heartbeat = None;
        facts.separation.breaches = vec![breach(false)];
    });
    assert_eq!(
        said(&facts, "True"),
        Some((Some(false), Reason::SharedWithOthers))
    );
}
