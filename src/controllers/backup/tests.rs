//! The three backup controllers together, over a cluster and an AWS in memory.

mod bed;
mod chaos;

use std::{collections::BTreeSet, time::Duration};

use simaws::FaultKind;

use super::*;
use crate::{
    api::{BackupPhase, BackupSpec, ConditionType, Key, Time},
    aws::stage::time_out,
    report::conditions::find_condition,
};

use bed::Bed;

/// The name of the Backup of the terms' first slot.
const FIRST: &str = "web-203105011530";

#[tokio::test]
async fn a_tenant_without_a_policy_is_backed_up_by_the_terms() {
    let (bed, instance) = Bed::new().await;
    bed.until("2031-05-01T15:29:30Z").await;
    assert_eq!(bed.names(), Vec::<String>::new());
    bed.until("2031-05-01T15:35:00Z").await;
    assert_eq!(bed.names(), [FIRST]);
    let backup = bed.backup(FIRST);
    assert_eq!(bed.phase(FIRST), Some(BackupPhase::Complete), "{backup:#?}");
    let status = backup.status.clone().unwrap();
    assert!(
        status.start_skew_seconds.unwrap() <= 1,
        "{:?}",
        status.start_skew_seconds
    );
    assert_eq!(status.late, Some(false));
    let method = &status.methods[0];
    assert_eq!(method.snapshot_ids.len(), instance.volumes.len());
    assert_eq!(method.attempts.len(), 1);
    assert!(method.checks.iter().all(|check| check.passed));
    assert!(method.bytes.unwrap() > 0);
    let taken: BTreeSet<_> = bed
        .snapshots()
        .await
        .into_iter()
        .map(|snapshot| snapshot.volume_id)
        .collect();
    assert_eq!(
        taken,
        instance.volumes.iter().map(|volume| volume.id.clone()).collect()
    );
    for snapshot in bed.snapshots().await {
        assert_eq!(snapshot.tags[tags::SLOT], "2031-05-01T15:30:00Z");
        assert_eq!(snapshot.tags[tags::BACKUP], format!("acme/{FIRST}"));
        assert_eq!(snapshot.description, backup.uid());
    }
    let complete = find_condition(&status.conditions, ConditionType::Complete.as_str()).unwrap();
    assert_eq!(complete.status, "True");
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
    bed.stage.advance(Duration::from_secs(2 * 86_400));
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
async fn a_lost_answer_makes_no_second_set() {
    let (bed, instance) = Bed::new().await;
    bed.until("2031-05-01T15:29:30Z").await;
    bed.stage.fault(Operation::CreateSnapshots, FaultKind::Drop);
    bed.stage.advance(Duration::from_secs(30));
    bed.sweep().await;
    time_out(&bed.stage, Operation::CreateSnapshots, bed.settle()).await;
    assert_eq!(bed.phase(FIRST), Some(BackupPhase::Running));
    bed.pass_time(Duration::from_secs(900)).await;
    assert_eq!(bed.phase(FIRST), Some(BackupPhase::Complete));
    assert_eq!(bed.stage.calls_of(Operation::CreateSnapshots), 1);
    assert_eq!(bed.snapshots().await.len(), instance.volumes.len());
}

#[tokio::test]
async fn a_restart_after_the_call_makes_no_second_set() {
    let (mut bed, instance) = Bed::new().await;
    bed.until("2031-05-01T15:30:00Z").await;
    assert_eq!(bed.stage.calls_of(Operation::CreateSnapshots), 1);
    bed.restart();
    bed.pass_time(Duration::from_secs(900)).await;
    assert_eq!(bed.phase(FIRST), Some(BackupPhase::Complete));
    assert_eq!(bed.stage.calls_of(Operation::CreateSnapshots), 1);
    assert_eq!(bed.snapshots().await.len(), instance.volumes.len());
}

#[tokio::test]
async fn a_recorded_attempt_that_was_never_made_is_made_after_the_look() {
    let (bed, instance) = Bed::new().await;
    bed.until("2031-05-01T15:29:30Z").await;
    // The record is written, and the process dies before the call.
    let mut backup = Backup::new(
        FIRST,
        BackupSpec {
            tenant_ref: "web".into(),
            tenant_uid: bed
                .cluster
                .cached::<Tenant>(&Key::new("acme", "web"))
                .unwrap()
                .metadata
                .uid
                .clone(),
            scheduled_time: Some(Time("2031-05-01T15:30:00Z".parse().unwrap())),
            reason: Some("Scheduled".into()),
            ..BackupSpec::default()
        },
    );
    backup.metadata.namespace = Some("acme".into());
    bed.stage.advance(Duration::from_secs(30));
    let stored = bed.cluster.put(&backup);
    let attempt = planner::Attempt { n: 1, at: bed.now() };
    let status = status::recorded(&stored, attempt, bed.now());
    let version = stored.metadata.resource_version.clone().unwrap();
    bed.cluster
        .apply_status::<Backup>(&stored.key(), &version, &status)
        .await
        .unwrap();
    bed.pass_time(Duration::from_secs(180)).await;
    assert_eq!(
        bed.stage.calls_of(Operation::CreateSnapshots),
        0,
        "too early to tell"
    );
    bed.pass_time(Duration::from_secs(600)).await;
    assert_eq!(bed.phase(FIRST), Some(BackupPhase::Complete));
    assert_eq!(bed.stage.calls_of(Operation::CreateSnapshots), 1);
    assert_eq!(bed.snapshots().await.len(), instance.volumes.len());
}

#[tokio::test]
async fn a_refusal_is_retried_and_a_denial_is_stalled_until_it_ends() {
    let (bed, _) = Bed::new().await;
    bed.until("2031-05-01T15:29:30Z").await;
    bed.stage
        .error(Operation::CreateSnapshots, "UnauthorizedOperation", 403);
    bed.pass_time(Duration::from_secs(60)).await;
    let status = bed.backup(FIRST).status.clone().unwrap();
    assert_eq!(
        find_condition(&status.conditions, "Stalled").unwrap().reason,
        "Denied"
    );
    bed.pass_time(Duration::from_secs(600)).await;
    assert_eq!(bed.phase(FIRST), Some(BackupPhase::Complete));
    assert_eq!(bed.stage.calls_of(Operation::CreateSnapshots), 2);
}

#[tokio::test]
async fn a_backup_by_hand_runs_at_once_and_one_for_nobody_is_stalled() {
    let (bed, _) = Bed::new().await;
    bed.pass_time(Duration::from_secs(60)).await;
    bed.by_hand("before-upgrade", "web");
    bed.by_hand("for-nobody", "wep");
    bed.pass_time(Duration::from_secs(120)).await;
    assert_eq!(bed.phase("before-upgrade"), Some(BackupPhase::Complete));
    let status = bed.backup("for-nobody").status.clone().unwrap();
    let stalled = find_condition(&status.conditions, "Stalled").unwrap();
    assert_eq!(stalled.reason, "UnknownTenant");
    assert!(stalled.message.contains("spec.tenantRef"));
}

#[tokio::test]
async fn tags_that_somebody_took_away_are_put_back() {
    let (bed, _) = Bed::new().await;
    bed.until("2031-05-01T15:40:00Z").await;
    let snapshots = bed.snapshots().await;
    for snapshot in &snapshots {
        bed.stage.untag(snapshot.id.as_str(), tags::BACKUP).await;
    }
    bed.pass_time(Duration::from_secs(180)).await;
    assert_eq!(bed.phase(FIRST), Some(BackupPhase::Complete));
    assert!(bed.events().contains(&Reason::DriftRepaired));
    for snapshot in bed.snapshots().await {
        assert_eq!(snapshot.tags[tags::BACKUP], format!("acme/{FIRST}"));
    }
}

#[tokio::test]
async fn a_backup_whose_snapshots_are_gone_is_expired_and_no_good_day() {
    let (bed, _) = Bed::new().await;
    bed.daily_at("03:15", "UTC");
    bed.until("2031-05-01T03:20:00Z").await;
    assert_eq!(bed.policy_status().good_days_held, Some(1));
    let snapshots = bed.snapshots().await;
    bed.stage
        .stranger()
        .delete_snapshot()
        .snapshot_id(snapshots[0].id.as_str())
        .send()
        .await
        .unwrap();
    bed.pass_time(Duration::from_secs(180)).await;
    assert_eq!(bed.phase("web-203105010315"), Some(BackupPhase::Expired));
    assert_eq!(bed.policy_status().good_days_held, Some(0));
}

#[tokio::test]
async fn a_deleted_object_of_a_slot_is_made_again_from_its_set() {
    let (bed, instance) = Bed::new().await;
    bed.until("2031-05-01T15:40:00Z").await;
    bed.cluster.delete::<Backup>(&Key::new("acme", FIRST));
    bed.pass_time(Duration::from_secs(120)).await;
    assert_eq!(bed.phase(FIRST), Some(BackupPhase::Complete));
    assert_eq!(bed.backup(FIRST).spec.reason.as_deref(), Some("Found"));
    assert_eq!(bed.snapshots().await.len(), instance.volumes.len());
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
    bed.until("2031-05-02T03:14:00Z").await;
    assert_eq!(bed.cluster.writes(), writes);
}
