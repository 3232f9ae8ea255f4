//! Policies, and the slots that follow from them.

use std::time::Duration;

use super::{bed::Bed, *};
use crate::{api::BackupPolicySpec, cluster::OwnedMeta};

#[tokio::test]
async fn of_two_policies_the_one_that_names_the_tenant_wins_and_the_other_says_so() {
    let (bed, _) = Bed::new().await;
    bed.daily_at("03:15", "UTC");
    bed.settle().await;
    let named = BackupPolicySpec {
        tenants: vec!["web".into()],
        at: Some("02:00".into()),
        time_zone: Some("UTC".into()),
        ..BackupPolicySpec::default()
    };
    bed.policy("named", named);
    bed.settle().await;
    let status = bed.policy_status();
    let conflict = find_condition(&status.conditions, "Conflict").unwrap();
    assert_eq!(
        (conflict.status.as_str(), conflict.reason.as_str()),
        ("True", "Contested")
    );
    assert_eq!(conflict.message, "another policy is in force for web (by named)");
    assert!(find_condition(&status.conditions, "Stalled").is_none());
    assert_eq!(status.tenants.unwrap().matched, 0);
    bed.until("2031-05-01T03:20:00Z").await;
    assert_eq!(bed.names(), ["web-203105010200"]);
    assert_eq!(
        bed.backup("web-203105010200").spec.policy_ref.as_deref(),
        Some("named")
    );
}

#[tokio::test]
async fn a_policy_that_was_never_accepted_takes_no_tenant_and_leaves_the_rest_to_the_terms() {
    let (bed, _) = Bed::new().await;
    bed.daily_at("03:15", "UTC");
    bed.settle().await;
    let nonsense = BackupPolicySpec {
        tenants: vec!["web".into()],
        time_zone: Some("Mars/Olympus".into()),
        ..BackupPolicySpec::default()
    };
    bed.policy("nonsense", nonsense);
    bed.until("2031-05-01T03:20:00Z").await;
    assert_eq!(bed.names(), ["web-203105010315"]);
    assert_eq!(bed.policy_status().tenants.unwrap().matched, 1);
}

#[tokio::test]
async fn fewer_good_days_than_promised_are_stalled_and_the_terms_are_in_force() {
    let (bed, _) = Bed::new().await;
    bed.policy(
        "daily",
        BackupPolicySpec {
            retention: Some(crate::api::Retention { good_days: Some(1) }),
            ..BackupPolicySpec::default()
        },
    );
    bed.settle().await;
    let status = bed.policy_status();
    let stalled = find_condition(&status.conditions, "Stalled").unwrap();
    assert_eq!(stalled.reason, "TooFewGoodDays");
    assert_eq!(status.accepted, None);
    assert_eq!(status.effective.unwrap().good_days, 3);
    bed.until("2031-05-01T15:35:00Z").await;
    assert_eq!(bed.phase(FIRST), Some(BackupPhase::Complete));
}

#[tokio::test]
async fn a_deleted_policy_leaves_its_tenants_to_the_terms() {
    let (bed, _) = Bed::new().await;
    bed.daily_at("20:00", "UTC");
    bed.settle().await;
    bed.cluster
        .delete::<crate::api::BackupPolicy>(&Key::new("acme", "daily"));
    bed.until("2031-05-01T15:35:00Z").await;
    assert_eq!(bed.names(), [FIRST]);
    assert_eq!(bed.backup(FIRST).spec.policy_ref, None);
}

#[tokio::test]
async fn what_was_not_made_on_time_waits_until_aws_says_whether_it_was() {
    let (mut bed, _) = Bed::new().await;
    bed.until("2031-05-01T15:29:30Z").await;
    bed.restart();
    bed.stage.advance(Duration::from_secs(1_800));
    // No sweep yet: a set of the slot may be there, of an object that is gone.
    bed.settle().await;
    assert_eq!(bed.names(), Vec::<String>::new());
    bed.pass_time(Duration::from_secs(120)).await;
    let backup = bed.backup(FIRST);
    assert_eq!(backup.spec.reason.as_deref(), Some("Late"));
    assert!(bed.events().contains(&Reason::BackupLate));
}

#[tokio::test]
async fn a_policy_fires_at_its_time_and_says_how_its_tenants_stand() {
    let (bed, _) = Bed::new().await;
    bed.daily_at("03:15", "Europe/Berlin");
    bed.settle().await;
    let status = bed.policy_status();
    assert_eq!(
        status.next_run_time.unwrap().0.to_string(),
        "2031-05-01T01:15:00Z"
    );
    bed.until("2031-05-01T01:20:00Z").await;
    assert_eq!(bed.names(), ["web-203105010115"]);
    let status = bed.policy_status();
    let counts = status.tenants.unwrap();
    assert_eq!(
        (counts.matched, counts.protected, counts.late, counts.missed),
        (1, 1, 0, 0)
    );
    assert_eq!(status.good_days_held, Some(1));
    assert!(status.max_skew_seconds.unwrap() <= 1);
    let run = status.last_run.unwrap();
    assert_eq!((run.complete, run.failed.len()), (1, 0));
    assert!(run.finished_at.is_some());
    assert_eq!(
        status.next_run_time.unwrap().0.to_string(),
        "2031-05-02T01:15:00Z"
    );
}

#[tokio::test]
async fn a_policy_edited_into_nonsense_still_fires() {
    let (bed, _) = Bed::new().await;
    bed.daily_at("03:15", "Europe/Berlin");
    bed.settle().await;
    bed.daily_at("04:15", "Mars/Olympus");
    bed.settle().await;
    let status = bed.policy_status();
    let stalled = find_condition(&status.conditions, "Stalled").unwrap();
    assert_eq!(stalled.reason, "UnknownTimeZone");
    assert!(stalled.message.contains("spec.timeZone"), "{}", stalled.message);
    assert_eq!(status.effective.unwrap().at, "03:15");
    bed.until("2031-05-01T01:20:00Z").await;
    assert_eq!(bed.names(), ["web-203105010115"]);
    assert_eq!(
        bed.events()
            .iter()
            .filter(|reason| **reason == Reason::UnknownTimeZone)
            .count(),
        1
    );
}

#[tokio::test]
async fn a_time_moved_into_the_past_runs_at_once_as_late() {
    let (bed, _) = Bed::new().await;
    bed.daily_at("20:00", "UTC");
    bed.until("2031-05-01T03:00:00Z").await;
    bed.daily_at("02:30", "UTC");
    bed.pass_time(Duration::from_secs(300)).await;
    assert_eq!(bed.names(), ["web-203105010230"]);
    let status = bed.backup("web-203105010230").status.clone().unwrap();
    assert_eq!(
        (status.phase, status.late),
        (Some(BackupPhase::Complete), Some(true))
    );
    bed.until("2031-05-01T21:00:00Z").await;
    assert_eq!(bed.names().len(), 1, "one slot a date");
}

#[tokio::test]
async fn an_outage_of_days_is_missed_date_by_date_and_an_edit_loses_none() {
    let (mut bed, _) = Bed::new().await;
    bed.daily_at("03:15", "UTC");
    bed.until("2031-05-01T03:20:00Z").await;
    bed.restart();
    bed.stage.advance(Duration::from_secs(2 * 86_400 + 3_600));
    // Edited while the operator was down.
    bed.daily_at("23:00", "UTC");
    bed.pass_time(Duration::from_secs(600)).await;
    assert_eq!(
        bed.names(),
        ["web-203105010315", "web-203105020315", "web-203105030315"]
    );
    assert_eq!(bed.phase("web-203105020315"), Some(BackupPhase::Missed));
    assert_eq!(bed.phase("web-203105030315"), Some(BackupPhase::Complete));
    assert_eq!(bed.policy_status().effective.unwrap().at, "23:00");
    assert_eq!(bed.policy_status().tenants.unwrap().late, 1);
}

#[tokio::test]
async fn a_tenant_that_is_being_deleted_owes_nothing_and_holds_no_edit_back() {
    let (bed, _) = Bed::new().await;
    bed.daily_at("03:15", "UTC");
    bed.settle().await;
    let leaving = Key::new("acme", "web");
    let held = OwnedMeta {
        finalizer: true,
        ..OwnedMeta::default()
    };
    let tenant = bed.cluster.cached::<Tenant>(&leaving).unwrap();
    bed.cluster
        .patch_metadata::<Tenant>(&leaving, tenant.uid(), &held)
        .await
        .unwrap();
    bed.cluster.delete::<Tenant>(&leaving);
    bed.until("2031-05-01T04:00:00Z").await;
    assert_eq!(bed.names(), Vec::<String>::new(), "it is leaving");
    bed.daily_at("05:00", "UTC");
    bed.pass_time(Duration::from_secs(60)).await;
    assert_eq!(bed.policy_status().effective.unwrap().at, "05:00");
}

#[tokio::test]
async fn an_object_in_the_slots_way_stalls_the_policy() {
    let (bed, _) = Bed::new().await;
    bed.daily_at("03:15", "UTC");
    bed.settle().await;
    let mut forged = Backup::new(
        "web-203105010315",
        BackupSpec {
            tenant_ref: "web".into(),
            reason: Some("forged".into()),
            ..BackupSpec::default()
        },
    );
    forged.metadata.namespace = Some("acme".into());
    bed.cluster.put(&forged);
    bed.until("2031-05-01T03:20:00Z").await;
    let status = bed.policy_status();
    assert_eq!(
        find_condition(&status.conditions, "Stalled").unwrap().reason,
        "ForeignBackup"
    );
    assert_eq!(
        status.tenants.unwrap().protected,
        1,
        "the one by hand is a backup all the same"
    );
}

#[tokio::test]
async fn at_rest_a_day_writes_nothing_but_its_backup() {
    let (bed, _) = Bed::new().await;
    bed.daily_at("03:15", "UTC");
    bed.until("2031-05-01T03:40:00Z").await;
    let writes = bed.cluster.writes();
    bed.live(Duration::from_secs(23 * 3_600 + 30 * 60)).await;
    assert_eq!(bed.cluster.writes(), writes);
}

#[tokio::test]
async fn a_set_that_failed_says_nothing_of_how_late_backups_begin() {
    let (bed, _) = Bed::new().await;
    bed.daily_at("03:15", "UTC");
    for _ in 0..2 {
        bed.stage
            .fault(Operation::CreateSnapshots, simaws::FaultKind::Fail);
    }
    bed.until("2031-05-01T03:16:00Z").await;
    assert_eq!(bed.phase("web-203105010315"), Some(BackupPhase::Running));
    assert_eq!(bed.policy_status().max_skew_seconds, None);
    bed.until("2031-05-01T04:00:00Z").await;
    assert_eq!(bed.phase("web-203105010315"), Some(BackupPhase::Complete));
    // The set that counts was begun after the pauses of two that failed.
    assert!(bed.policy_status().max_skew_seconds.unwrap() >= 600);
}
