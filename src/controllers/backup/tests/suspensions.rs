//! Suspended policies, and how long after its time a run may begin.

use std::time::Duration;

use super::{bed::Bed, *};
use crate::api::{BackupPolicySpec, Time};

const SLOT: &str = "web-203105010315";

/// A policy for 03:15 UTC that may be suspended until then.
fn spec(suspend_until: Option<&str>) -> BackupPolicySpec {
    BackupPolicySpec {
        at: Some("03:15".into()),
        time_zone: Some("UTC".into()),
        suspend: suspend_until.map(|_| true),
        suspend_until: suspend_until.map(|until| Time(until.parse().unwrap())),
        suspend_reason: suspend_until.map(|_| "storage is moved".into()),
        ..BackupPolicySpec::default()
    }
}

fn condition(bed: &Bed, type_: &str) -> (String, String, String) {
    let status = bed.policy_status();
    let found = find_condition(&status.conditions, type_).unwrap();
    (found.status.clone(), found.reason.clone(), found.message.clone())
}

fn count(bed: &Bed, reason: Reason) -> usize {
    bed.events().iter().filter(|found| **found == reason).count()
}

#[tokio::test]
async fn a_suspended_slot_is_missed_and_the_next_one_runs() {
    let (bed, _) = Bed::new().await;
    bed.policy("daily", spec(Some("2031-05-01T12:00:00Z")));
    bed.settle().await;
    assert_eq!(
        condition(&bed, "Suspended"),
        (
            "True".into(),
            "Suspended".into(),
            "no backup begins until 2031-05-01T12:00:00Z: storage is moved".into()
        )
    );
    assert_eq!(condition(&bed, "Ready").0, "True");
    assert_eq!(
        bed.policy_status().next_run_time.unwrap().0.to_string(),
        "2031-05-02T03:15:00Z"
    );
    bed.until("2031-05-01T03:20:00Z").await;
    let missed = bed.backup(SLOT);
    assert_eq!(missed.spec.reason.as_deref(), Some("Suspended"));
    let status = missed.status.clone().unwrap();
    assert_eq!(status.phase, Some(BackupPhase::Missed));
    let stalled = find_condition(&status.conditions, "Stalled").unwrap();
    assert_eq!(stalled.message, "its policy was suspended when its time came");
    bed.until("2031-05-01T12:01:00Z").await;
    assert_eq!(condition(&bed, "Suspended").1, "SuspensionOver");
    assert!(bed.snapshots().await.is_empty());
    bed.until("2031-05-02T03:30:00Z").await;
    assert_eq!(bed.phase("web-203105020315"), Some(BackupPhase::Complete));
    assert_eq!(
        (
            count(&bed, Reason::Suspended),
            count(&bed, Reason::SuspensionOver)
        ),
        (2, 1),
        "the policy begins it, the Backup was missed for it, and the policy ends it"
    );
}

#[tokio::test]
async fn a_suspension_without_an_end_in_reach_ends_after_seven_days_and_no_edit_begins_it_anew() {
    let (bed, _) = Bed::new().await;
    bed.policy("daily", spec(Some("2032-01-01T00:00:00Z")));
    bed.until("2031-05-06T00:00:00Z").await;
    let before = bed.policy_status().suspension.unwrap();
    // Off and on again, with another end.
    bed.policy("daily", spec(None));
    bed.settle().await;
    assert_eq!(condition(&bed, "Suspended").1, "NotSuspended");
    bed.policy("daily", spec(Some("2033-01-01T00:00:00Z")));
    bed.settle().await;
    assert_eq!(bed.policy_status().suspension, Some(before.clone()));
    assert!(condition(&bed, "Suspended").2.contains("which is the most"));
    bed.until("2031-05-09T04:00:00Z").await;
    let phases: Vec<_> = bed.names().iter().map(|name| bed.phase(name).unwrap()).collect();
    assert_eq!(phases.len(), 9);
    assert!(phases[..7].iter().all(|phase| *phase == BackupPhase::Missed));
    assert!(phases[7..].iter().all(|phase| *phase == BackupPhase::Complete));
    assert_eq!(condition(&bed, "Suspended").1, "SuspensionOver");
}

#[tokio::test]
async fn a_suspension_that_ended_before_it_began_suspends_nothing_and_says_so() {
    let (bed, _) = Bed::new().await;
    bed.policy("daily", spec(Some("2031-04-01T00:00:00Z")));
    bed.until("2031-05-01T03:30:00Z").await;
    assert_eq!(bed.phase(SLOT), Some(BackupPhase::Complete));
    assert_eq!(
        condition(&bed, "Suspended"),
        (
            "False".into(),
            "SuspensionOver".into(),
            "nothing is suspended: spec.suspendUntil has passed".into()
        )
    );
    assert_eq!(count(&bed, Reason::SuspensionOver), 1);
}

#[tokio::test]
async fn an_end_of_a_suspension_counts_even_in_a_spec_that_is_refused() {
    let (bed, _) = Bed::new().await;
    bed.policy("daily", spec(Some("2031-05-05T00:00:00Z")));
    bed.settle().await;
    let nonsense = BackupPolicySpec {
        time_zone: Some("Mars/Olympus".into()),
        ..spec(None)
    };
    bed.policy("daily", nonsense);
    bed.until("2031-05-01T03:30:00Z").await;
    assert_eq!(bed.phase(SLOT), Some(BackupPhase::Complete));
}

#[tokio::test]
async fn a_suspension_in_a_spec_that_is_refused_does_not_count() {
    let (bed, _) = Bed::new().await;
    bed.policy("daily", spec(None));
    bed.settle().await;
    let nonsense = BackupPolicySpec {
        time_zone: Some("Mars/Olympus".into()),
        ..spec(Some("2031-05-05T00:00:00Z"))
    };
    bed.policy("daily", nonsense);
    bed.until("2031-05-01T03:30:00Z").await;
    assert_eq!(bed.phase(SLOT), Some(BackupPhase::Complete));
}

#[tokio::test]
async fn a_backup_by_hand_is_taken_in_a_suspension() {
    let (bed, _) = Bed::new().await;
    bed.policy("daily", spec(Some("2031-05-05T00:00:00Z")));
    bed.settle().await;
    bed.by_hand("before-upgrade", "web");
    bed.pass_time(Duration::from_secs(300)).await;
    assert_eq!(bed.phase("before-upgrade"), Some(BackupPhase::Complete));
}

#[tokio::test]
async fn beyond_the_starting_deadline_of_the_policy_a_slot_is_missed() {
    for (deadline, expected) in [("1h", BackupPhase::Missed), ("1h30m", BackupPhase::Complete)] {
        let (mut bed, _) = Bed::new().await;
        let patient = BackupPolicySpec {
            starting_deadline: Some(deadline.into()),
            ..spec(None)
        };
        bed.policy("daily", patient);
        bed.until("2031-05-01T03:00:00Z").await;
        bed.restart();
        bed.stage.advance(Duration::from_secs(75 * 60));
        bed.pass_time(Duration::from_secs(300)).await;
        assert_eq!(bed.phase(SLOT), Some(expected), "{deadline}");
    }
}
