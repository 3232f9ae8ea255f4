use std::collections::BTreeSet;

use crate::promises::{
    Decision, Facts, IncidentSummary, Verdict,
    tests::{at, incident, kept, said, verdict},
};

fn with(change: impl FnOnce(&mut IncidentSummary)) -> Facts {
    let mut other = incident("theft");
    change(&mut other);
    Facts {
        incidents: Some(vec![incident("outage"), other]),
        ..kept()
    }
}

fn open(name: &str) -> IncidentSummary {
    IncidentSummary {
        notify_by: Some(at("2026-11-25T03:00:00Z")),
        notified_at: None,
        closed: false,
        decisions: BTreeSet::new(),
        ..incident(name)
    }
}

#[test]
fn without_an_incident_there_was_no_occasion() {
    let facts = Facts {
        incidents: Some(Vec::new()),
        ..kept()
    };
    for id in [45, 48] {
        assert_eq!(
            said(id, &facts),
            (Verdict::Idle, "there is no Incident".to_owned())
        );
    }
}

#[test]
fn without_a_look_at_incidents_nothing_is_known() {
    let facts = Facts {
        incidents: None,
        ..kept()
    };
    for id in [45, 48] {
        assert_eq!(verdict(id, &facts), Verdict::Unknown);
    }
}

#[test]
fn a_notice_in_time_passes_and_a_late_one_fails() {
    assert_eq!(verdict(45, &kept()), Verdict::Pass);
    let facts = with(|incident| incident.notified_at = Some(at("2026-11-25T00:00:00Z")));
    assert_eq!(
        said(45, &facts),
        (Verdict::Pass, "every Incident was told in time".to_owned())
    );
    let facts = with(|incident| incident.notified_at = Some(at("2026-11-25T00:00:01Z")));
    assert_eq!(
        said(45, &facts),
        (Verdict::Fail, "target missed: theft".to_owned())
    );
}

#[test]
fn a_running_clock_passes_until_it_has_run_out() {
    let mut facts = with(|incident| *incident = open("theft"));
    let reason = "the time to tell has not run out: theft".to_owned();
    assert_eq!(said(45, &facts), (Verdict::Pass, reason));
    facts.now = at("2026-11-25T03:00:01Z");
    assert_eq!(
        said(45, &facts),
        (Verdict::Fail, "target missed: theft".to_owned())
    );
}

#[test]
fn a_breach_on_record_fails_for_ever() {
    let facts = with(|incident| incident.breached = true);
    assert_eq!(
        said(45, &facts),
        (Verdict::Fail, "target missed: theft".to_owned())
    );
}

#[test]
fn a_clock_without_a_deadline_is_unknown() {
    let facts = with(|incident| incident.notify_by = None);
    assert_eq!(
        said(45, &facts),
        (Verdict::Unknown, "no deadline is known: theft".to_owned())
    );
}

#[test]
fn a_notice_that_lies_ahead_has_not_been_given() {
    let mut facts = with(|incident| {
        *incident = IncidentSummary {
            notified_at: Some(at("2026-11-25T02:59:00Z")),
            ..open("theft")
        }
    });
    assert_eq!(said(45, &facts).1, "every Incident was told in time");
    facts.now = at("2026-11-25T02:58:00Z");
    assert_eq!(said(45, &facts).1, "the time to tell has not run out: theft");
}

#[test]
fn closing_asks_for_all_four_decisions() {
    assert_eq!(verdict(48, &kept()), Verdict::Pass);
    for decision in Decision::ALL {
        let facts = with(|incident| incident.decisions.retain(|other| *other != decision));
        let reason = "closed without all four decisions: theft".to_owned();
        assert_eq!(said(48, &facts), (Verdict::Fail, reason), "{decision:?}");
    }
}

#[test]
fn an_open_incident_was_no_occasion_to_close() {
    let facts = Facts {
        incidents: Some(vec![open("theft")]),
        ..kept()
    };
    assert_eq!(
        said(48, &facts),
        (Verdict::Idle, "no Incident has been closed yet".to_owned())
    );
    assert_eq!(
        verdict(48, &with(|incident| *incident = open("theft"))),
        Verdict::Pass
    );
}
