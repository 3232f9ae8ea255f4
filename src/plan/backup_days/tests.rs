use jiff::civil::date;

use super::*;
use crate::api::{BackupSpec, BackupStatus, Time};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn tokyo() -> Schedule {
    Schedule::new("00:30", "Asia/Tokyo").unwrap()
}

fn backup(slot: Option<&str>, began: Option<&str>, phase: BackupPhase) -> Backup {
    let mut backup = Backup::new(
        "b",
        BackupSpec {
            tenant_ref: "acme".into(),
            scheduled_time: slot.map(|slot| Time(at(slot))),
            ..BackupSpec::default()
        },
    );
    backup.status = Some(BackupStatus {
        phase: Some(phase),
        methods: vec![MethodStatus {
            method: Method::Snapshot,
            state: if phase == BackupPhase::Failed {
                MethodState::Failed
            } else {
                MethodState::Complete
            },
            started_at: began.map(|began| Time(at(began))),
            ..MethodStatus::new(Method::Snapshot)
        }],
        ..BackupStatus::default()
    });
    backup
}

fn days(backups: &[Backup]) -> Vec<Date> {
    good_days(backups, &tokyo(), &[Method::Snapshot])
        .days
        .into_iter()
        .collect()
}

#[test]
fn a_good_day_is_the_slots_date_within_two_hours_and_the_starts_beyond() {
    let slot = Some("2026-11-24T15:30:00Z");
    let day = |began| day_of(&backup(slot, Some(began), BackupPhase::Complete), &tokyo()).unwrap();
    assert_eq!(day("2026-11-24T15:30:04Z"), date(2026, 11, 25));
    assert_eq!(day("2026-11-24T17:30:00Z"), date(2026, 11, 25));
    // A few seconds early, by AWS's clock.
    assert_eq!(day("2026-11-24T15:29:58Z"), date(2026, 11, 25));
    assert_eq!(day("2026-11-25T15:30:01Z"), date(2026, 11, 26));
    assert_eq!(day_of(&backup(slot, None, BackupPhase::Missed), &tokyo()), None);
}

#[test]
fn a_backup_by_hand_counts_for_the_day_it_began() {
    let by_hand = backup(None, Some("2026-11-24T14:59:00Z"), BackupPhase::Complete);
    assert_eq!(day_of(&by_hand, &tokyo()), Some(date(2026, 11, 24)));
}

#[test]
fn only_complete_and_held_sets_make_good_days_and_a_day_counts_once() {
    let slot = Some("2026-11-24T15:30:00Z");
    let whole = backup(slot, slot, BackupPhase::Complete);
    let again = backup(None, Some("2026-11-25T01:00:00Z"), BackupPhase::Complete);
    assert_eq!(days(&[whole.clone(), again]), [date(2026, 11, 25)]);
    for phase in [
        BackupPhase::Failed,
        BackupPhase::Running,
        BackupPhase::Expired,
        BackupPhase::Missed,
    ] {
        assert_eq!(days(&[backup(slot, slot, phase)]), [], "{phase}");
    }
    let good = good_days(&[whole], &tokyo(), &[Method::Snapshot]);
    assert_eq!(good.newest_at, Some(at("2026-11-24T15:30:00Z")));
}

const SNAPSHOT: [terms::Method; 1] = [terms::Method::Snapshot];
const ALL: [terms::Method; 3] = [
    terms::Method::Files,
    terms::Method::Database,
    terms::Method::Snapshot,
];

fn judged(
    first_ready: Option<&str>,
    promised: &[terms::Method],
    newest: &[Date],
    now: &str,
) -> (bool, Reason, String) {
    let good = GoodDays {
        days: newest.iter().copied().collect(),
        newest_at: None,
    };
    let facts = Protection {
        first_ready: first_ready.map(at),
        policy: None,
        schedule: &tokyo(),
        longest_run: std::time::Duration::from_secs(18 * 60 * 60),
        methods: &[Method::Snapshot],
        promised: &promised.iter().copied().collect(),
        wanted: 3,
        good: &good,
    };
    protection(&facts, at(now))
}

#[test]
fn a_tenant_that_was_never_ready_is_not_protected() {
    let (protected, reason, _) = judged(None, &SNAPSHOT, &[], "2026-11-25T00:00:00Z");
    assert_eq!((protected, reason), (false, Reason::NeverReady));
}

#[test]
fn methods_that_this_build_lacks_are_named() {
    let (protected, reason, message) = judged(
        Some("2026-11-01T00:00:00Z"),
        &ALL,
        &[date(2026, 11, 25)],
        "2026-11-25T00:00:00Z",
    );
    assert_eq!((protected, reason), (false, Reason::MethodsMissing));
    assert_eq!(
        message,
        "the terms promise Files and Database, which this release does not back up; good days held: 1 of 3"
    );
}

#[test]
fn a_tenant_is_protected_from_its_first_good_day_until_a_day_is_lost() {
    let ready = Some("2026-11-01T00:00:00Z");
    assert_eq!(
        judged(ready, &SNAPSHOT, &[], "2026-11-25T00:00:00Z").1,
        Reason::NoBackupYet
    );
    let good = [date(2026, 11, 25)];
    assert_eq!(
        judged(ready, &SNAPSHOT, &good, "2026-11-25T00:00:00Z").1,
        Reason::ByTerms
    );
    // The slot of the 26th begins late at the latest at 12:30, and ends by 18:30.
    assert_eq!(
        judged(ready, &SNAPSHOT, &good, "2026-11-26T09:29:59Z").1,
        Reason::ByTerms
    );
    assert_eq!(
        judged(ready, &SNAPSHOT, &good, "2026-11-26T09:30:00Z").1,
        Reason::BackupOverdue
    );
}

#[test]
fn a_tenant_that_became_ready_after_the_slot_is_not_overdue() {
    let judged = judged(
        Some("2026-11-26T00:00:00Z"),
        &SNAPSHOT,
        &[date(2026, 11, 25)],
        "2026-11-26T12:00:00Z",
    );
    assert_eq!(judged.1, Reason::ByTerms);
}
