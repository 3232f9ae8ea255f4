//! The three backup controllers together, over a cluster and an AWS in memory.

mod bed;
mod chaos;
mod engines;
mod jobs;
mod keeping;
mod lost;
mod modes;
mod policies;
mod suspensions;

use std::{collections::BTreeSet, time::Duration};

use simaws::FaultKind;

use super::*;
use crate::{
    api::{BackupPhase, BackupSpec, ConditionType, Key, Tenant, Time, names::tags},
    aws::stage::time_out,
    clock::elapsed,
    cloud::Operation,
    cluster::{Cluster, Kind},
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
async fn a_lost_answer_makes_no_second_set() {
    let (bed, instance) = Bed::new().await;
    bed.until("2031-05-01T15:29:30Z").await;
    bed.stage.fault(Operation::CreateSnapshots, FaultKind::Drop);
    bed.stage.advance(Duration::from_secs(30));
    bed.sweep().await;
    time_out(&bed.stage, Operation::CreateSnapshots, bed.settle()).await;
    assert_eq!(bed.phase(FIRST), Some(BackupPhase::Running));
    let status = bed.backup(FIRST).status.clone().unwrap();
    let complete = find_condition(&status.conditions, ConditionType::Complete.as_str()).unwrap();
    let cause = "CreateSnapshots failed: Timeout";
    assert!(complete.message.contains(cause), "{}", complete.message);
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
    let status = status::recorded(&stored, Engine::EC2, attempt, bed.now());
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
async fn a_run_whose_tenant_or_class_goes_under_way_fails_and_is_not_running_for_ever() {
    for (by_hand, is_class) in [(false, false), (true, false), (true, true)] {
        let (bed, _) = Bed::new().await;
        let name = if by_hand { "by-hand" } else { FIRST };
        bed.until("2031-05-01T15:29:30Z").await;
        if by_hand {
            bed.by_hand(name, "web");
        } else {
            bed.stage.advance(Duration::from_secs(30));
        }
        bed.settle().await;
        assert_eq!(bed.phase(name), Some(BackupPhase::Running), "{name}");
        if is_class {
            bed.cluster
                .delete::<crate::api::TenantClass>(&Key::new("", "tokyo"));
        } else {
            bed.cluster.delete::<Tenant>(&Key::new("acme", "web"));
        }
        bed.live(Duration::from_secs(7 * 3_600)).await;
        assert_eq!(bed.phase(name), Some(BackupPhase::Failed), "{name}");
        let status = bed.backup(name).status.clone().unwrap();
        let failed = find_condition(&status.conditions, "Failed").unwrap();
        let why = if is_class {
            "its class is gone"
        } else {
            "its Tenant is gone"
        };
        assert_eq!(failed.message, why);
    }
}

#[tokio::test]
async fn another_tenants_instance_is_not_backed_up_whatever_the_status_names() {
    let (bed, own) = Bed::new().await;
    let other = bed.stage.instance("other").await;
    bed.bind("web", &other).await;
    bed.until("2031-05-01T15:35:00Z").await;
    assert_eq!(bed.stage.calls_of(Operation::CreateSnapshots), 0);
    let status = bed.backup(FIRST).status.clone().unwrap();
    let reconciling = find_condition(&status.conditions, "Reconciling").unwrap();
    assert_eq!(reconciling.reason, "ForeignInstance");

    bed.bind("web", &own).await;
    bed.pass_time(Duration::from_secs(300)).await;
    assert_eq!(bed.phase(FIRST), Some(BackupPhase::Complete));
}

#[tokio::test]
async fn tags_that_somebody_took_away_are_put_back() {
    let (bed, _) = Bed::new().await;
    bed.until("2031-05-01T15:40:00Z").await;
    let snapshots = bed.snapshots().await;
    for snapshot in &snapshots {
        bed.stage.untag(snapshot.id.as_str(), tags::BACKUP).await;
    }
    bed.live(Duration::from_secs(180)).await;
    assert_eq!(bed.phase(FIRST), Some(BackupPhase::Complete));
    assert!(bed.events().contains(&Reason::DriftRepaired));
    for snapshot in bed.snapshots().await {
        assert_eq!(snapshot.tags[tags::BACKUP], format!("acme/{FIRST}"));
    }
}

#[tokio::test]
async fn tags_of_one_snapshot_are_put_back_by_one_search_and_one_call() {
    let (bed, _) = Bed::new().await;
    bed.until("2031-05-01T15:40:00Z").await;
    let snapshots = bed.snapshots().await;
    assert!(snapshots.len() > 1);
    let robbed = snapshots[0].id.to_string();
    // With this one gone no sweep shows it at all.
    for tag in [tags::BACKUP, tags::CLUSTER] {
        bed.stage.untag(&robbed, tag).await;
    }
    let before = bed.stage.calls_of(Operation::CreateTags);
    bed.live(Duration::from_secs(300)).await;
    assert_eq!(bed.phase(FIRST), Some(BackupPhase::Complete));
    assert_eq!(bed.stage.calls_of(Operation::CreateTags), before + 1);
    let told: Vec<_> = bed
        .cluster
        .events()
        .into_iter()
        .map(|(_, _, happened)| happened)
        .filter(|happened| happened.reason == Reason::DriftRepaired)
        .collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].message.contains(&robbed));
    assert!(
        !told[0].message.contains(snapshots[1].id.as_str()),
        "{}",
        told[0].message
    );
    assert_eq!(bed.snapshots().await.len(), snapshots.len());
}

#[tokio::test]
async fn a_backup_whose_snapshots_are_gone_is_expired_and_no_good_day() {
    let (bed, _) = Bed::new().await;
    bed.daily_at("03:15", "UTC");
    bed.until("2031-05-01T03:20:00Z").await;
    assert_eq!(bed.policy_status().good_days_held, Some(1));
    let snapshots = bed.snapshots().await;
    // Whoever has the right to may unlock it.
    let unlock = bed.stage.stranger().unlock_snapshot();
    unlock.snapshot_id(snapshots[0].id.as_str()).send().await.unwrap();
    bed.stage
        .stranger()
        .delete_snapshot()
        .snapshot_id(snapshots[0].id.as_str())
        .send()
        .await
        .unwrap();
    bed.live(Duration::from_secs(180)).await;
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
