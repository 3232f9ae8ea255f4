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
