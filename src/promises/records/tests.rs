use std::time::Duration;

use jiff::civil::date;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::json;

use super::*;
use crate::promises::{
    Verdict, judge_all,
    tests::{at, kept, said, terms},
};

fn schedule() -> Schedule {
    Schedule::new("00:30", "Asia/Tokyo").unwrap()
}

fn calendar<'a>(schedule: &'a Schedule, first_ready_at: &str) -> BackupCalendar<'a> {
    BackupCalendar {
        schedule,
        methods: &[Method::Snapshot],
        good_days: 3,
        first_ready_at: Some(at(first_ready_at)),
        longest: Duration::from_secs(18 * 60 * 60),
    }
}

#[test]
fn a_lock_whose_time_has_come_is_no_lock_on_record() {
    let schedule = schedule();
    let backups = [backup("2026-11-24T15:30:00Z", "Complete", 4)];
    let calendar = calendar(&schedule, "2026-11-24T00:00:00Z");
    let recorded = |now: &str| {
        let facts = BackupFacts::of(&backups, &calendar, CopiesSeen::nothing(), at(now));
        (facts.sets[0].lock, facts.sets[0].lock_recorded)
    };
    assert_eq!(recorded("2026-11-28T23:59:59Z"), (Lock::Unknown, true));
    assert_eq!(recorded("2026-11-29T00:00:00Z"), (Lock::Unknown, false));
}

/// A Backup of the slot, whose one method ended as `state` and began `late` seconds after it.
fn backup(slot: &str, phase: &str, late: i64) -> Backup {
    let began = at(slot) + jiff::SignedDuration::from_secs(late);
    serde_json::from_value(json!({
        "apiVersion": "yagura.dev/v1alpha1",
        "kind": "Backup",
        "metadata": {"name": "acme-jira-202611241530", "namespace": "acme"},
        "spec": {"tenantRef": "acme-jira", "scheduledTime": slot, "methods": ["Snapshot"]},
        "status": {
            "phase": phase,
            "startSkewSeconds": late,
            "engine": "AWSBackup",
            "lockedUntil": "2026-11-29T00:00:00Z",
            "methods": [{
                "method": "Snapshot", "state": phase, "startedAt": began.to_string(),
                "checks": [{"name": "EncryptionEqual", "passed": true}],
            }],
        },
    }))
    .unwrap()
}

#[test]
fn due_dates_are_counted_by_the_calendar_and_not_by_the_backups() {
    let schedule = schedule();
    let now = at("2026-11-25T03:00:00Z");
    let facts = BackupFacts::of(
        [],
        &calendar(&schedule, "2026-01-01T00:00:00Z"),
        CopiesSeen::nothing(),
        now,
    );
    let dates: Vec<_> = facts.due.iter().map(|slot| slot.date).collect();
    assert_eq!(dates, [21, 22, 23, 24, 25].map(|day| date(2026, 11, day)));
    assert_eq!(facts.due.last().unwrap().at, at("2026-11-24T15:30:00Z"));
    let facts = BackupFacts::of(
        [],
        &calendar(&schedule, "2026-11-24T15:30:00Z"),
        CopiesSeen::nothing(),
        now,
    );
    assert!(
        facts.due.is_empty(),
        "ready at the very instant of the slot is ready after it"
    );
}

#[test]
fn a_backup_counts_for_its_slot_and_for_the_day_it_began() {
    let schedule = schedule();
    let now = at("2026-11-25T03:00:00Z");
    let backups = [backup("2026-11-24T15:30:00Z", "Complete", 4)];
    let copies = CopiesSeen {
        locks: BTreeMap::from([(backups[0].name_any(), Lock::Held)]),
        exposed: Observed::Absent,
    };
    let facts = BackupFacts::of(
        &backups,
        &calendar(&schedule, "2026-11-24T00:00:00Z"),
        copies,
        now,
    );
    assert_eq!(facts.exposed, Observed::Absent);
    let expected = BackupSet {
        slot: Some(date(2026, 11, 25)),
        day: Some(date(2026, 11, 25)),
        state: SetState::Complete,
        start_skew: Some(Duration::from_secs(4)),
        succeeded: BTreeSet::from([terms::Method::Snapshot]),
        held: true,
        engine: Engine::AWSBackup,
        lock: Lock::Held,
        lock_recorded: true,
        checks: BTreeSet::from([SetCheck {
            name: "EncryptionEqual".to_owned(),
            passed: true,
        }]),
    };
    assert_eq!(facts.sets, [expected]);
}

#[test]
fn a_tenant_as_this_build_backs_it_up_misses_files_and_database() {
    let schedule = schedule();
    let mut facts = kept();
    let backups = [
        backup("2026-11-23T15:30:00Z", "Complete", 3),
        backup("2026-11-24T15:30:00Z", "Complete", 4),
    ];
    let calendar = calendar(&schedule, "2026-11-23T00:00:00Z");
    let copies = CopiesSeen {
        locks: backups
            .iter()
            .map(|backup| (backup.name_any(), Lock::Held))
            .collect(),
        exposed: Observed::Absent,
    };
    facts.backup = Some(BackupFacts::of(&backups, &calendar, copies, facts.now));
    assert_eq!(said(23, &facts).0, Verdict::Pass);
    let reason = "Files and Database are not backed up".to_owned();
    assert_eq!(said(25, &facts), (Verdict::Fail, reason));
    assert_eq!(said(30, &facts), (Verdict::Pass, "good days held: 2".to_owned()));
}

#[test]
fn a_late_run_of_an_evening_slot_is_late_and_not_missing() {
    let schedule = Schedule::new("20:00", "Asia/Tokyo").unwrap();
    let mut facts = kept();
    // Ten hours late: begun at six the next morning.
    let backups = [backup("2026-11-24T11:00:00Z", "Complete", 36_000)];
    let calendar = calendar(&schedule, "2026-11-24T00:00:00Z");
    facts.backup = Some(BackupFacts::of(
        &backups,
        &calendar,
        CopiesSeen::nothing(),
        facts.now,
    ));
    let reason = "the backup of 2026-11-24 started 36000 s late".to_owned();
    assert_eq!(said(23, &facts), (Verdict::Fail, reason));
}

#[test]
fn an_incident_tells_each_tenant_by_itself() {
    let told = Time(at("2026-11-24T10:00:00Z"));
    let decision = json!({"by": "sato", "at": told, "text": "done"});
    let incident: Incident = serde_json::from_value(json!({
        "apiVersion": "yagura.dev/v1alpha1",
        "kind": "Incident",
        "metadata": {"name": "outage", "namespace": "acme"},
        "spec": {
            "tenantRefs": ["jira", "wiki"],
            "type": "Security",
            "detectedAt": told,
            "summary": "s",
            "containment": "None",
            "decisions": {"recovery": decision, "prevention": decision},
            "closed": false,
        },
        "status": {
            "notifyBy": "2026-11-25T00:00:00Z",
            "reached": [{"tenant": "jira", "at": told}],
        },
    }))
    .unwrap();
    let jira = IncidentSummary::of(&incident, "jira");
    assert_eq!(jira.notified_at, Some(told.0));
    assert_eq!(
        jira.decisions,
        BTreeSet::from([Decision::Recovery, Decision::Prevention])
    );
    assert!(!jira.breached && !jira.closed);
    assert_eq!(IncidentSummary::of(&incident, "wiki").notified_at, None);
}

#[test]
fn a_status_shows_the_whole_scoreboard() {
    let board = judge_all(&terms(), &kept());
    let status = board.to_status();
    assert_eq!(
        (status.summary.as_str(), status.pass, status.total),
        ("15/51", 15, 51)
    );
    assert_eq!(status.results.len(), 52);
    assert_eq!(status.results[2].id, "P3");
    assert_eq!(status.results[2].verdict, Verdict::Pass);
}
