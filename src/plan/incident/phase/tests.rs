use super::{Standing, is_closed_without_notice, phase};
use crate::{api::IncidentPhase, plan::incident::isolation::Intent};

const NEW: Standing = Standing {
    closed: false,
    intent: Intent::Undo,
    contained: Some(false),
    ever_isolated: false,
    undone: true,
    told: false,
    before: None,
};

#[test]
fn an_incident_walks_from_open_to_closed() {
    let isolating = Standing {
        intent: Intent::Isolate,
        ..NEW
    };
    let isolated = Standing {
        contained: Some(true),
        ever_isolated: true,
        undone: false,
        ..isolating
    };
    let undoing = Standing {
        intent: Intent::Undo,
        told: true,
        ..isolated
    };
    let walk = [
        (NEW, IncidentPhase::Open),
        (isolating, IncidentPhase::Open),
        (isolated, IncidentPhase::Contained),
        (
            Standing {
                told: true,
                ..isolated
            },
            IncidentPhase::Notified,
        ),
        (undoing, IncidentPhase::Recovering),
        (
            Standing {
                undone: true,
                ..undoing
            },
            IncidentPhase::Recovering,
        ),
        (
            Standing {
                closed: true,
                ..undoing
            },
            IncidentPhase::Recovering,
        ),
        (
            Standing {
                closed: true,
                undone: true,
                ..undoing
            },
            IncidentPhase::Closed,
        ),
    ];
    for (standing, expected) in walk {
        assert_eq!(phase(standing), expected, "{standing:?}");
    }
}

#[test]
fn a_customer_told_early_does_not_hide_an_instance_that_is_still_connected() {
    let standing = Standing {
        intent: Intent::Isolate,
        told: true,
        ..NEW
    };
    assert_eq!(phase(standing), IncidentPhase::Open);
}

#[test]
fn closing_without_a_valid_notice_closes_nothing_and_needs_a_person() {
    let standing = Standing { closed: true, ..NEW };
    assert_eq!(phase(standing), IncidentPhase::Open);
    assert!(is_closed_without_notice(standing));
    let told = Standing {
        told: true,
        ..standing
    };
    assert_eq!(phase(told), IncidentPhase::Closed);
    assert!(!is_closed_without_notice(told));
}

#[test]
fn a_closed_incident_stays_closed() {
    let standing = Standing {
        closed: true,
        before: Some(IncidentPhase::Closed),
        ..NEW
    };
    assert_eq!(phase(standing), IncidentPhase::Closed);
    assert!(!is_closed_without_notice(standing));
}

#[test]
fn not_knowing_takes_back_nothing() {
    let unknown = Standing {
        intent: Intent::Isolate,
        contained: None,
        ever_isolated: true,
        ..NEW
    };
    assert_eq!(phase(unknown), IncidentPhase::Open);
    let before = Some(IncidentPhase::Contained);
    assert_eq!(phase(Standing { before, ..unknown }), IncidentPhase::Contained);
}
