//! Runs by AWS Backup.

use std::time::Duration;

use simaws::FaultKind;

use super::{FIRST, bed::Bed, *};
use crate::{
    api::{BackupPolicySpec, ClassBackup, Engine, MethodStatus, TenantClass},
    clock::later,
    cloud::{BackupJob, Image, Instance, JobState},
};

const VAULT: &str = "yagura";

/// A bed whose class has a vault and a role, and whose policy asks for AWS Backup.
async fn bed() -> (Bed, Instance) {
    let (bed, instance) = identified().await;
    bed.stage.vault(VAULT, None).await;
    name_vault(&bed, Some(VAULT));
    by_aws_backup(&bed);
    (bed, instance)
}

/// A bed whose operator asked who it is, as it does at its start: AWS Backup takes ARNs, which name the account.
async fn identified() -> (Bed, Instance) {
    let (bed, instance) = Bed::new().await;
    bed.stage.regions.identity().await.unwrap();
    (bed, instance)
}

fn name_vault(bed: &Bed, vault: Option<&str>) {
    let mut class = (*bed.cluster.cached::<TenantClass>(&Key::new("", "tokyo")).unwrap()).clone();
    class.spec.backup = vault.map(|vault| ClassBackup {
        vault: Some(vault.to_owned()),
        role_arn: Some("arn:aws:iam::111122223333:role/backup".to_owned()),
        snapshot_quota: None,
    });
    bed.cluster.put(&class);
}

fn by_aws_backup(bed: &Bed) {
    bed.policy(
        "daily",
        BackupPolicySpec {
            engine: Some(Engine::AWSBackup),
            ..BackupPolicySpec::default()
        },
    );
}

async fn jobs(bed: &Bed) -> Vec<BackupJob> {
    let listed = bed.stage.cloud.list_backup_jobs(Timestamp::UNIX_EPOCH).await;
    listed.unwrap().items
}

async fn images(bed: &Bed) -> Vec<Image> {
    bed.stage.cloud.list_images().await.unwrap().items
}

fn method(bed: &Bed, name: &str) -> MethodStatus {
    bed.backup(name).status.clone().unwrap().methods[0].clone()
}

fn stalled(bed: &Bed, name: &str) -> Option<(String, String)> {
    let status = bed.backup(name).status.clone()?;
    let condition = find_condition(&status.conditions, "Stalled")?;
    Some((condition.reason.clone(), condition.message.clone()))
}

#[tokio::test]
async fn a_run_by_aws_backup_is_one_job_and_its_skew_is_awss_own() {
    let (bed, instance) = bed().await;
    bed.stage
        .sim
        .set_backup_start(Duration::from_secs(1200), Duration::ZERO);
    bed.until("2031-05-01T16:30:00Z").await;
    assert_eq!(
        bed.phase(FIRST),
        Some(BackupPhase::Complete),
        "{:#?}",
        bed.backup(FIRST)
    );
    let status = bed.backup(FIRST).status.clone().unwrap();
    assert_eq!(status.engine, Some(Engine::AWSBackup));
    let skew = status.start_skew_seconds.unwrap();
    assert!((1200..1290).contains(&skew), "{skew}");
    assert_eq!(status.late, Some(false), "the terms allow an hour");
    let (method, jobs, images) = (method(&bed, FIRST), jobs(&bed).await, images(&bed).await);
    assert_eq!((jobs.len(), images.len()), (1, 1));
    assert_eq!(method.id.as_deref(), Some(jobs[0].id.as_str()));
    assert_eq!(method.recovery_point_arn, jobs[0].recovery_point);
    assert_eq!(method.vault.as_deref(), Some(VAULT));
    assert_eq!(method.snapshot_ids.len(), instance.volumes.len());
    assert!(
        method.checks.iter().all(|check| check.passed),
        "{:?}",
        method.checks
    );
    let tags = &images[0].tags;
    assert_eq!(tags[tags::BACKUP], format!("acme/{FIRST}"));
    assert_eq!(tags[tags::SLOT], "2031-05-01T15:30:00Z");
    assert_eq!(tags[tags::ATTEMPT], "1");
    assert_eq!(bed.stage.calls_of(Operation::StartBackupJob), 1);
    assert_eq!(bed.stage.calls_of(Operation::CreateSnapshots), 0);
    let describes = bed
        .stage
        .sim
        .calls()
        .into_iter()
        .filter(|call| call.operation == "DescribeBackupJob");
    assert_eq!(describes.count(), 0);
}

#[tokio::test]
async fn a_start_after_what_the_terms_allow_is_late() {
    let (bed, _) = bed().await;
    bed.stage
        .sim
        .set_backup_start(Duration::from_secs(4000), Duration::ZERO);
    bed.until("2031-05-01T17:30:00Z").await;
    assert_eq!(bed.phase(FIRST), Some(BackupPhase::Complete));
    assert_eq!(bed.backup(FIRST).status.clone().unwrap().late, Some(true));
}

#[tokio::test]
async fn a_job_that_fails_is_tried_again_with_awss_reason_in_the_status() {
    let (bed, _) = bed().await;
    bed.until("2031-05-01T15:29:30Z").await;
    bed.stage.fault(Operation::StartBackupJob, FaultKind::Fail);
    bed.pass_time(Duration::from_secs(240)).await;
    assert_eq!(bed.phase(FIRST), Some(BackupPhase::Running));
    let failed = jobs(&bed).await.remove(0);
    let told = method(&bed, FIRST).message.unwrap();
    assert!(told.contains(&failed.message.unwrap()), "{told}");
    bed.pass_time(Duration::from_secs(900)).await;
    assert_eq!(bed.phase(FIRST), Some(BackupPhase::Complete));
    assert_eq!(jobs(&bed).await.len(), 2);
    assert_eq!(images(&bed).await[0].tags[tags::ATTEMPT], "2");
}

#[tokio::test]
async fn a_run_is_given_up_after_three_jobs_that_failed() {
    let (bed, _) = bed().await;
    bed.until("2031-05-01T15:29:30Z").await;
    for _ in 0..3 {
        bed.stage.fault(Operation::StartBackupJob, FaultKind::Fail);
    }
    bed.pass_time(Duration::from_secs(3600)).await;
    assert_eq!(bed.phase(FIRST), Some(BackupPhase::Failed));
    let failed = jobs(&bed).await;
    assert_eq!(failed.len(), 3);
    let status = bed.backup(FIRST).status.clone().unwrap();
    let condition = find_condition(&status.conditions, "Failed").unwrap();
    let reason = failed[0].message.clone().unwrap();
    assert!(condition.message.contains(&reason), "{}", condition.message);
}

#[tokio::test]
async fn a_lost_answer_starts_no_second_job() {
    let (bed, _) = bed().await;
    // So late that no image shows the job before it is asked for again.
    bed.stage
        .sim
        .set_backup_start(Duration::from_secs(600), Duration::ZERO);
    // At its time the vault is asked for, and with the next sweep the job.
    bed.until("2031-05-01T15:30:00Z").await;
    assert_eq!(bed.stage.calls_of(Operation::StartBackupJob), 0);
    bed.stage.fault(Operation::StartBackupJob, FaultKind::Drop);
    bed.stage.advance(Duration::from_secs(30));
    bed.sweep().await;
    time_out(&bed.stage, Operation::StartBackupJob, bed.settle()).await;
    bed.pass_time(Duration::from_secs(1800)).await;
    assert_eq!(bed.phase(FIRST), Some(BackupPhase::Complete));
    assert_eq!(bed.stage.calls_of(Operation::StartBackupJob), 2);
    assert_eq!(jobs(&bed).await.len(), 1);
    assert_eq!(method(&bed, FIRST).id, Some(jobs(&bed).await[0].id.to_string()));
}

#[tokio::test]
async fn an_object_deleted_under_way_is_made_again_for_the_same_job() {
    let (bed, _) = bed().await;
    bed.stage
        .sim
        .set_backup_start(Duration::from_secs(600), Duration::ZERO);
    bed.until("2031-05-01T15:32:00Z").await;
    assert_eq!(jobs(&bed).await.len(), 1);
    bed.cluster.delete::<Backup>(&Key::new("acme", FIRST));
    bed.pass_time(Duration::from_secs(1800)).await;
    assert_eq!(bed.phase(FIRST), Some(BackupPhase::Complete));
    assert_eq!(jobs(&bed).await.len(), 1);
}

#[tokio::test]
async fn a_restart_at_any_time_of_a_run_starts_no_second_job() {
    for seconds in [0, 30, 60, 600, 900] {
        let (mut bed, _) = bed().await;
        bed.stage
            .sim
            .set_backup_start(Duration::from_secs(600), Duration::ZERO);
        bed.until("2031-05-01T15:30:00Z").await;
        bed.pass_time(Duration::from_secs(seconds)).await;
        bed.restart();
        bed.pass_time(Duration::from_secs(1800)).await;
        assert_eq!(bed.phase(FIRST), Some(BackupPhase::Complete), "after {seconds} s");
        assert_eq!(jobs(&bed).await.len(), 1, "after {seconds} s");
    }
}

#[tokio::test]
async fn without_a_vault_nothing_is_asked_until_a_person_makes_one() {
    let (bed, _) = identified().await;
    name_vault(&bed, Some(VAULT));
    by_aws_backup(&bed);
    bed.until("2031-05-01T15:40:00Z").await;
    let (reason, message) = stalled(&bed, FIRST).unwrap();
    assert_eq!(reason, "NoVault");
    assert!(message.contains("vault yagura is not there"), "{message}");
    assert_eq!(bed.stage.calls_of(Operation::StartBackupJob), 0);
    assert_eq!(bed.phase(FIRST), Some(BackupPhase::Pending));
    bed.stage.vault(VAULT, None).await;
    bed.pass_time(Duration::from_secs(1800)).await;
    assert_eq!(bed.phase(FIRST), Some(BackupPhase::Complete));
    assert_eq!(stalled(&bed, FIRST), None);
}

#[tokio::test]
async fn what_a_locked_vault_holds_says_until_when() {
    let (bed, _) = identified().await;
    bed.stage.vault(VAULT, Some(7)).await;
    name_vault(&bed, Some(VAULT));
    by_aws_backup(&bed);
    bed.until("2031-05-01T15:45:00Z").await;
    assert_eq!(bed.phase(FIRST), Some(BackupPhase::Complete));
    let status = bed.backup(FIRST).status.clone().unwrap();
    let made = images(&bed).await[0].created_at;
    let until = later(made, Duration::from_secs(7 * 86_400));
    assert_eq!(status.locked_until.unwrap().0, until);
    assert!(status.protected_at.is_some());
}

#[tokio::test]
async fn what_others_have_aws_backup_make_is_left_alone() {
    let (bed, instance) = bed().await;
    bed.stage.vault("theirs", None).await;
    bed.stage.foreign_backup(&instance.id, "theirs").await;
    bed.until("2031-05-01T15:45:00Z").await;
    assert_eq!(bed.phase(FIRST), Some(BackupPhase::Complete));
    let made = images(&bed).await;
    assert_eq!(made.len(), 2, "theirs has the tags of the instance");
    let own: Vec<_> = made
        .iter()
        .filter(|image| image.tags.contains_key(tags::BACKUP))
        .collect();
    assert_eq!(own.len(), 1);
    let arn = method(&bed, FIRST).recovery_point_arn.unwrap();
    assert!(arn.ends_with(own[0].id.as_str()), "{arn}");
    assert_eq!(method(&bed, FIRST).snapshot_ids.len(), instance.volumes.len());
    assert_eq!(bed.stage.calls_of(Operation::DeleteRecoveryPoint), 0);
}

#[tokio::test]
async fn an_image_that_somebody_deleted_is_no_backup_any_more() {
    let (bed, _) = bed().await;
    bed.until("2031-05-01T15:45:00Z").await;
    let arn = method(&bed, FIRST).recovery_point_arn.unwrap();
    let delete = bed.stage.stranger_to_backup().delete_recovery_point();
    let delete = delete.backup_vault_name(VAULT).recovery_point_arn(arn);
    delete.send().await.unwrap();
    bed.live(Duration::from_secs(900)).await;
    assert_eq!(bed.phase(FIRST), Some(BackupPhase::Expired));
    assert_eq!(bed.policy_status().good_days_held, Some(0));
}

#[tokio::test]
async fn a_policy_that_changes_its_engine_changes_later_runs_only() {
    let (bed, _) = bed().await;
    bed.until("2031-05-01T15:45:00Z").await;
    bed.policy("daily", BackupPolicySpec::default());
    bed.until("2031-05-02T15:45:00Z").await;
    let second = "web-203105021530";
    for (name, engine) in [(FIRST, Engine::AWSBackup), (second, Engine::EC2)] {
        assert_eq!(bed.phase(name), Some(BackupPhase::Complete), "{name}");
        assert_eq!(bed.backup(name).status.clone().unwrap().engine, Some(engine));
    }
    assert_eq!(bed.policy_status().good_days_held, Some(2));
}

#[tokio::test]
async fn objects_that_were_lost_come_back_from_their_images() {
    let (bed, _) = bed().await;
    bed.by_hand("before-upgrade", "web");
    bed.until("2031-05-01T15:45:00Z").await;
    let names = ["before-upgrade", FIRST];
    let before: Vec<_> = names.iter().map(|name| method(&bed, name)).collect();
    for name in names {
        assert_eq!(bed.phase(name), Some(BackupPhase::Complete), "{name}");
        bed.cluster.delete::<Backup>(&Key::new("acme", name));
    }
    bed.pass_time(Duration::from_secs(600)).await;
    for (name, made) in names.iter().zip(before) {
        assert_eq!(bed.phase(name), Some(BackupPhase::Complete), "{name}");
        assert_eq!(bed.backup(name).spec.reason.as_deref(), Some("Found"), "{name}");
        let found = method(&bed, name);
        assert_eq!(found.recovery_point_arn, made.recovery_point_arn, "{name}");
        assert_eq!(found.snapshot_ids, made.snapshot_ids, "{name}");
        assert_eq!(found.started_at, made.started_at, "{name}");
        let status = bed.backup(name).status.clone().unwrap();
        assert_eq!(status.engine, Some(Engine::AWSBackup), "{name}");
    }
    assert_eq!(jobs(&bed).await.len(), 2);
    assert!(
        jobs(&bed)
            .await
            .iter()
            .all(|job| job.state == JobState::Completed)
    );
}

fn reason_of(bed: &Bed, name: &str, type_: &str) -> String {
    let status = bed.backup(name).status.clone().unwrap();
    let condition = find_condition(&status.conditions, type_).unwrap();
    condition.reason.clone()
}

#[tokio::test]
async fn what_newer_days_replace_is_deleted_and_seen_to_be_gone() {
    let (bed, _) = bed().await;
    bed.until("2031-05-05T17:30:00Z").await;
    let held: Vec<_> = images(&bed)
        .await
        .iter()
        .map(|image| image.tags[tags::SLOT].clone())
        .collect();
    assert_eq!(held.len(), 3, "{held:?}");
    for day in ["2031-05-03", "2031-05-04", "2031-05-05"] {
        assert!(
            held.contains(&format!("{day}T15:30:00Z")),
            "{day} is guaranteed: {held:?}"
        );
    }
    assert_eq!(bed.stage.calls_of(Operation::DeleteRecoveryPoint), 2);
    assert_eq!(bed.phase(FIRST), Some(BackupPhase::Expired));
    assert_eq!(reason_of(&bed, FIRST, "Complete"), "RetentionEnded");
    assert_eq!(bed.policy_status().good_days_held, Some(3));
}

#[tokio::test]
async fn a_locked_vault_keeps_more_than_the_good_days_and_that_is_said() {
    let (bed, _) = identified().await;
    bed.stage.vault(VAULT, Some(5)).await;
    name_vault(&bed, Some(VAULT));
    by_aws_backup(&bed);
    bed.until("2031-05-05T17:30:00Z").await;
    assert_eq!(images(&bed).await.len(), 5);
    assert_eq!(bed.stage.calls_of(Operation::DeleteRecoveryPoint), 0);
    // From its fifth day on AWS is asked, and a locked vault refuses.
    bed.until("2031-05-07T17:30:00Z").await;
    assert!(bed.stage.calls_of(Operation::DeleteRecoveryPoint) > 0);
    assert!(
        bed.stage.calls_of(Operation::DeleteRecoveryPoint) <= 3,
        "once a day"
    );
    assert_eq!(images(&bed).await.len(), 7);
    let told = method(&bed, FIRST).message.unwrap();
    assert!(
        told.contains("it is not deleted, which is tried again daily"),
        "{told}"
    );
    assert!(bed.events().contains(&Reason::VaultRefuses));
}

#[tokio::test]
async fn a_deletion_that_aws_agrees_to_and_does_not_do_is_asked_for_again_the_next_day() {
    let (bed, _) = bed().await;
    bed.stage.fault(Operation::DeleteRecoveryPoint, FaultKind::Fail);
    bed.until("2031-05-04T18:30:00Z").await;
    assert_eq!(bed.stage.calls_of(Operation::DeleteRecoveryPoint), 1);
    assert_eq!(images(&bed).await.len(), 4);
    let told = method(&bed, FIRST).message.unwrap();
    assert!(told.contains("agreed to delete it and did not"), "{told}");
    bed.until("2031-05-05T18:30:00Z").await;
    assert_eq!(images(&bed).await.len(), 3);
    assert_eq!(bed.phase(FIRST), Some(BackupPhase::Expired));
}

#[tokio::test]
async fn an_image_that_was_handed_to_somebody_else_is_said_to_be_and_not_asked_for_each_time() {
    let (bed, _) = bed().await;
    bed.by_hand("before-upgrade", "web");
    bed.until("2031-05-01T15:00:00Z").await;
    assert_eq!(bed.phase("before-upgrade"), Some(BackupPhase::Complete));
    let image = images(&bed).await.remove(0);
    bed.stage.tag(image.id.as_str(), tags::UID, "another").await;
    bed.until("2031-05-03T18:00:00Z").await;
    assert!(
        bed.backup("before-upgrade")
            .status
            .clone()
            .unwrap()
            .expiring_since
            .is_some()
    );
    let told = method(&bed, "before-upgrade").message.unwrap();
    assert!(told.contains("its tags say that it is somebody else's"), "{told}");
    assert!(images(&bed).await.iter().any(|other| other.id == image.id));
    assert_eq!(bed.stage.calls_of(Operation::DeleteRecoveryPoint), 0);
    let refused = bed
        .events()
        .into_iter()
        .filter(|reason| *reason == Reason::VaultRefuses);
    assert_eq!(refused.count(), 1, "once a day");
}
