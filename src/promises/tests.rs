use std::{
    collections::BTreeSet,
    sync::{Arc, LazyLock},
    time::Duration,
};

use jiff::{Timestamp, civil::date};

use super::*;
use crate::{
    api::Engine,
    clock::later,
    cloud::{Direction, MetadataOptions, Observed, Peer, Protocol, Rule},
    terms::{Method, Registry},
};

pub(super) fn terms() -> Arc<Terms> {
    static TERMS: LazyLock<Arc<Terms>> =
        LazyLock::new(|| Registry::built_in().unwrap().find("hosting-2023-10-11").unwrap());
    TERMS.clone()
}

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(super) fn rule(protocol: Protocol, ports: (i32, i32), peer: &str) -> Rule {
    let peer = match peer {
        id if id.starts_with("sg-") => Peer::Group(id.into()),
        id if id.starts_with("pl-") => Peer::PrefixList(id.to_owned()),
        range => Peer::Cidr(range.parse().unwrap()),
    };
    Rule {
        direction: Direction::Ingress,
        protocol,
        from_port: ports.0,
        to_port: ports.1,
        peer,
    }
}

pub(super) fn tcp(port: i32, peer: &str) -> Rule {
    rule(Protocol::Tcp, (port, port), peer)
}

pub(super) fn set(day: i8) -> BackupSet {
    BackupSet {
        slot: Some(date(2026, 11, day)),
        day: Some(date(2026, 11, day)),
        state: SetState::Complete,
        start_skew: Some(Duration::from_secs(4)),
        succeeded: BTreeSet::from([Method::Files, Method::Database, Method::Snapshot]),
        held: true,
        engine: Engine::EC2,
        lock: Lock::Held,
        lock_recorded: true,
        checks: BTreeSet::from([check("SnapshotsCompleted", true), check("EncryptionEqual", true)]),
    }
}

pub(super) fn check(name: &str, passed: bool) -> SetCheck {
    SetCheck {
        name: name.to_owned(),
        passed,
    }
}

pub(super) fn due(day: i8) -> DueSlot {
    // Half past midnight in Tokyo.
    DueSlot {
        date: date(2026, 11, day),
        at: at(&format!("2026-11-{:02}T15:30:00Z", day - 1)),
    }
}

pub(super) fn incident(name: &str) -> IncidentSummary {
    IncidentSummary {
        name: name.to_owned(),
        notify_by: Some(at("2026-11-25T00:00:00Z")),
        notified_at: Some(at("2026-11-24T10:00:00Z")),
        breached: false,
        closed: true,
        decisions: BTreeSet::from(Decision::ALL),
    }
}

/// An environment that keeps every promise this build can judge, at noon of the 25th in Tokyo.
pub(crate) fn kept() -> Facts {
    let rules = BTreeSet::from([tcp(443, "203.0.113.0/24")]);
    let now = at("2026-11-25T03:00:00Z");
    Facts {
        now,
        heartbeat: Some(later(now, Duration::ZERO)),
        first_ready_at: Some(at("2026-11-20T00:00:00Z")),
        label: LabelFacts {
            tenant: "acme/acme-jira".to_owned(),
            value: "acme-jira-prod".to_owned(),
            holder: Some("acme/acme-jira".to_owned()),
            other_instances: Some(BTreeSet::new()),
            tag: Observed::Present("acme-jira-prod".to_owned()),
        },
        groups: Observed::Present(vec![AttachedGroup {
            id: "sg-own".into(),
            role: GroupRole::Own,
            rules: Observed::Present(rules.clone()),
        }]),
        declared_ingress: Some(rules),
        metadata: Observed::Present(MetadataOptions {
            tokens_required: true,
            hop_limit: 1,
        }),
        instance_profile: Observed::Absent,
        separation: SeparationFacts {
            is_compared: true,
            ..SeparationFacts::default()
        },
        backup: Some(BackupFacts {
            methods: BTreeSet::from([Method::Files, Method::Database, Method::Snapshot]),
            due: [22, 23, 24, 25].map(due).to_vec(),
            longest: Duration::from_secs(18 * 60 * 60),
            sets: [22, 23, 24, 25].map(set).to_vec(),
            exposed: Observed::Absent,
        }),
        incidents: Some(vec![incident("outage")]),
    }
}

pub(super) fn verdict(id: u8, facts: &Facts) -> Verdict {
    judge(PromiseId(id), &terms(), facts).0
}

/// The verdict and the reason, for comparing both at once.
pub(super) fn said(id: u8, facts: &Facts) -> (Verdict, String) {
    judge(PromiseId(id), &terms(), facts)
}

const JUDGED: [u8; 15] = [3, 6, 8, 9, 11, 15, 16, 22, 23, 24, 25, 26, 30, 45, 48];

/// What has no occasion there.
const IDLE: u8 = 42;

#[test]
fn an_environment_that_keeps_all_passes_all_that_is_judged() {
    let board = judge_all(&terms(), &kept());
    let passed: Vec<u8> = board
        .results
        .iter()
        .filter(|result| result.verdict == Verdict::Pass)
        .map(|result| result.id.0)
        .collect();
    assert_eq!(passed, JUDGED);
    assert_eq!(board.summary, "15/51");
    assert_eq!(
        (board.pass, board.fail, board.unknown, board.idle, board.total),
        (15, 0, 36, 1, 51)
    );
    assert!(board.failing.is_empty());
}

#[test]
fn what_has_no_judge_reads_unknown() {
    let board = judge_all(&terms(), &kept());
    for result in board
        .results
        .iter()
        .filter(|result| !JUDGED.contains(&result.id.0) && result.id.0 != IDLE)
    {
        assert_eq!(result.verdict, Verdict::Unknown, "{}", result.id);
        assert_eq!(result.reason, "not measured by this build");
    }
}

#[test]
fn what_had_no_occasion_is_outside_the_total() {
    let mut facts = kept();
    facts.incidents = Some(Vec::new());
    let board = judge_all(&terms(), &facts);
    assert_eq!(
        (board.idle, board.total, board.summary.as_str()),
        (3, 49, "13/49")
    );
}

#[test]
fn the_broken_ones_are_listed() {
    let mut facts = kept();
    facts.label.holder = Some("other/env".to_owned());
    facts.backup.as_mut().unwrap().methods = BTreeSet::from([Method::Snapshot]);
    let board = judge_all(&terms(), &facts);
    assert_eq!(board.failing, [PromiseId(3), PromiseId(9), PromiseId(25)]);
    assert_eq!(board.fail, 3);
}

#[test]
fn a_scoreboard_names_the_terms_it_was_judged_against() {
    let board = judge_all(&terms(), &kept());
    assert_eq!(board.terms, "hosting-2023-10-11");
    assert_eq!(board.terms_hash, terms().hash);
}

#[test]
fn an_operator_that_sees_nothing_of_aws_passes_nothing_of_it() {
    for heartbeat in [None, Some(at("2026-11-25T02:54:59Z"))] {
        let facts = Facts { heartbeat, ..kept() };
        for id in [3, 6, 8, 9, 11, 15, 16, 22, 24, 30, 42] {
            assert_eq!(said(id, &facts), unseen(), "P{id}");
        }
    }
}

#[test]
fn a_reason_that_names_much_is_cut_to_what_a_status_takes() {
    let mut facts = kept();
    facts.separation.breaches = vec![BreachFact {
        text: "櫓".repeat(300),
        is_between_customers: true,
        is_between_environments: false,
        is_way_in: true,
    }];
    let board = judge_all(&terms(), &facts);
    let found = board.results.iter().find(|result| result.id.0 == 8).unwrap();
    assert_eq!(found.verdict, Verdict::Fail);
    assert!(
        found.reason.len() <= 512 && found.reason.ends_with("櫓 …"),
        "{}",
        found.reason
    );
}

#[test]
fn long_lists_are_cut() {
    assert_eq!(list(["a", "b", "c"]), "a, b, c");
    assert_eq!(list(["a", "b", "c", "d", "e"]), "a, b, c and 2 more");
}

mod properties;
