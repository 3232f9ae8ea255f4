//! What is guaranteed of AWS Backup.

use std::time::Duration;

use jiff::Timestamp;
use yagura::{
    clock::{Clock, SystemClock, later},
    cloud::{
        BackupJob, BackupJobId, ErrorKind, ImageState, Instance, JobState, NewBackupJob, Operation,
        VaultLock, VaultName,
    },
};

use super::stand::Stand;
use crate::support::eventually;

/// Before anything here began.
fn long_ago() -> Timestamp {
    Timestamp::from_second(SystemClock.now().as_second() - 24 * 60 * 60).unwrap()
}

fn order(stand: &Stand, instance: &Instance, vault: &VaultName, token: &str) -> NewBackupJob {
    NewBackupJob {
        token: stand.name(token),
        instance_id: instance.id.clone(),
        vault: vault.clone(),
        role_arn: format!("arn:aws:iam::{}:role/backup", stand.account()),
        tags: stand.our_tags(token),
        start_within: Duration::from_secs(3600),
        delete_after_days: None,
    }
}

pub(super) async fn the_same_again_gives_the_same_job(stand: &Stand) {
    let (instance, vault) = (stand.instance("job").await, stand.vault("job").await);
    let order = order(stand, &instance, &vault, "once");
    let id = stand.cloud.start_backup(&order).await.unwrap();
    assert_eq!(stand.cloud.start_backup(&order).await.as_ref(), Ok(&id));
    let listed = stand.cloud.list_backup_jobs(long_ago()).await.unwrap().items;
    assert_eq!(listed.iter().filter(|job| job.id == id).count(), 1);
    let later = later(SystemClock.now(), Duration::from_secs(3600));
    let none = stand.cloud.list_backup_jobs(later).await.unwrap().items;
    assert!(none.is_empty(), "{none:?}");
}

pub(super) async fn a_job_ends_with_an_image_of_ours(stand: &Stand) {
    let (instance, vault) = (stand.instance("job").await, stand.vault("job").await);
    let order = order(stand, &instance, &vault, "image");
    let id = stand.cloud.start_backup(&order).await.unwrap();
    let job = ended(stand, &id).await;
    assert_eq!(
        (job.state, job.state_name.as_str()),
        (JobState::Completed, "COMPLETED")
    );
    assert!(job.completed_at.unwrap() >= job.created_at);
    let arn = job.recovery_point.unwrap();
    let listed = stand.cloud.list_images().await.unwrap().items;
    let image = listed.iter().find(|image| arn.ends_with(image.id.as_str()));
    let image = image.unwrap_or_else(|| panic!("{arn} is none of {listed:?}"));
    assert_eq!(image.state, ImageState::Available);
    assert_eq!(image.snapshots.len(), 2);
    for (key, value) in &order.tags {
        assert_eq!(image.tags.get(key), Some(value), "{key}");
    }
}

async fn ended(stand: &Stand, id: &BackupJobId) -> BackupJob {
    eventually("the job has ended", || async {
        let listed = stand.cloud.list_backup_jobs(long_ago()).await.unwrap().items;
        let found = listed.into_iter().find(|job| job.id == *id);
        let is_over = |job: &BackupJob| matches!(job.state, JobState::Completed | JobState::Failed);
        found.clone().filter(is_over).ok_or(found)
    })
    .await
}

pub(super) async fn a_vault_that_is_not_there_is_none(stand: &Stand) {
    let instance = stand.instance("nowhere").await;
    let nowhere = VaultName::new(stand.name("nowhere"));
    assert_eq!(stand.cloud.find_vault(&nowhere).await, Ok(None));
    let order = order(stand, &instance, &nowhere, "nowhere");
    let error = stand.cloud.start_backup(&order).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound, "{error}");
}

pub(super) async fn a_vault_is_found_with_its_key_and_its_lock(stand: &Stand) {
    let vault = stand.vault("found").await;
    let found = stand.cloud.find_vault(&vault).await.unwrap().unwrap();
    assert_eq!((&found.name, found.lock), (&vault, None));
    assert!(found.kms_key_id.is_some(), "{found:?}");
    stand.lock_vault(&vault, 4, Some(30)).await;
    let found = stand.cloud.find_vault(&vault).await.unwrap().unwrap();
    let lock = VaultLock {
        min_retention_days: Some(4),
        max_retention_days: Some(30),
        final_from: None,
    };
    assert_eq!(found.lock, Some(lock));
}

pub(super) async fn a_missing_right_is_no_missing_vault(stand: &Stand) {
    let vault = stand.vault("hidden").await;
    let found = stand.cloud.find_vault(&vault);
    let error = stand
        .denying(Operation::DescribeBackupVault, found)
        .await
        .unwrap_err();
    assert!(error.kind == ErrorKind::Denied && error.lacks_right(), "{error}");
}

pub(super) async fn a_recovery_point_is_deleted_once_and_takes_its_image_along(stand: &Stand) {
    let (instance, vault) = (stand.instance("job").await, stand.vault("job").await);
    let order = order(stand, &instance, &vault, "deleted");
    let id = stand.cloud.start_backup(&order).await.unwrap();
    let arn = ended(stand, &id).await.recovery_point.unwrap();
    stand.cloud.delete_recovery_point(&vault, &arn).await.unwrap();
    eventually("the image is gone", || async {
        let listed = stand.cloud.list_images().await.unwrap().items;
        if listed.is_empty() { Ok(()) } else { Err(listed) }
    })
    .await;
    let again = stand.cloud.delete_recovery_point(&vault, &arn).await.unwrap_err();
    assert_eq!(again.kind, ErrorKind::NotFound, "{again}");
}

pub(super) async fn a_locked_vault_keeps_what_is_in_it(stand: &Stand) {
    let (instance, vault) = (stand.instance("job").await, stand.vault("job").await);
    let order = order(stand, &instance, &vault, "kept");
    let id = stand.cloud.start_backup(&order).await.unwrap();
    let arn = ended(stand, &id).await.recovery_point.unwrap();
    stand.lock_vault(&vault, 4, None).await;
    let refused = stand.cloud.delete_recovery_point(&vault, &arn).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::IncorrectState, "{refused}");
    assert_eq!(stand.cloud.list_images().await.unwrap().items.len(), 1);
}

impl Stand {
    async fn vault(&self, part: &str) -> VaultName {
        let name = self.name(part);
        let request = self.backup.create_backup_vault().backup_vault_name(&name);
        request.send().await.unwrap();
        VaultName::new(name)
    }

    async fn lock_vault(&self, name: &VaultName, least: i64, most: Option<i64>) {
        let request = self.backup.put_backup_vault_lock_configuration();
        let request = request.backup_vault_name(name.as_str()).min_retention_days(least);
        request.set_max_retention_days(most).send().await.unwrap();
    }
}
