//! AWS Backup by the SDK.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_backup::types::{self as sdk, BackupJobState, Lifecycle};
use aws_smithy_types::DateTime;
use jiff::Timestamp;

use super::{
    convert::{self, Unreadable, instant, required},
    ec2::{Ec2, Page, all_pages},
};
use crate::cloud::{
    BackupApi, BackupJob, BackupJobId, CloudError, ErrorKind, JobState, Listed, NewBackupJob, Operation,
    Region, Vault, VaultLock, VaultName,
};

/// The largest page of ListBackupJobs.
const JOB_PAGE: i32 = 1000;

/// What AWS Backup calls EC2 instances.
const INSTANCES: &str = "EC2";

/// How AWS says that a vault is not there.
const NO_VAULT: &str = "ResourceNotFoundException";

/// And how it also says so, as it does of a vault that its own policy hides.
const NO_VAULT_TO_SEE: &str = "AccessDeniedException";

/// What the same refusal says where it is our own right that is missing: that tells nothing of the vault.
const NO_RIGHT: &str = "is not authorized to perform";

#[async_trait]
impl BackupApi for Ec2 {
    async fn start_backup(&self, job: &NewBackupJob) -> Result<BackupJobId, CloudError> {
        let operation = Operation::StartBackupJob;
        let request = self
            .backup
            .start_backup_job()
            .backup_vault_name(job.vault.as_str())
            .resource_arn(instance_arn(job, &self.region)?)
            .iam_role_arn(&job.role_arn)
            .idempotency_token(&job.token)
            .start_window_minutes(start_window_minutes(job.start_within))
            .set_recovery_point_tags(Some(job.tags.clone().into_iter().collect()))
            .set_lifecycle(job.delete_after_days.map(|days| {
                let lifecycle = Lifecycle::builder().delete_after_days(i64::from(days));
                lifecycle.build()
            }));
        let answer = self.call(operation, request.send()).await?;
        let id = required(answer.backup_job_id, "BackupJobId");
        id.map(BackupJobId::new)
            .map_err(|unreadable| unreadable.of(operation))
    }

    async fn list_backup_jobs(&self, created_after: Timestamp) -> Result<Listed<BackupJob>, CloudError> {
        let operation = Operation::ListBackupJobs;
        let found = all_pages(operation, async |start| {
            let request = self.backup.list_backup_jobs().by_resource_type(INSTANCES);
            let request = request.by_created_after(DateTime::from_secs(created_after.as_second()));
            let request = request.max_results(JOB_PAGE).set_next_token(start);
            let answer = self.call(operation, request.send()).await?;
            Ok(Page {
                items: answer.backup_jobs.unwrap_or_default(),
                next: answer.next_token,
            })
        });
        convert::each_of(operation, found.await?, backup_job)
    }

    async fn find_vault(&self, name: &VaultName) -> Result<Option<Vault>, CloudError> {
        let operation = Operation::DescribeBackupVault;
        let request = self
            .backup
            .describe_backup_vault()
            .backup_vault_name(name.as_str());
        let answer = match self.call(operation, request.send()).await {
            Ok(answer) => answer,
            Err(error) if is_no_vault(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        let final_from = answer.lock_date.map(|date| instant(date, "LockDate"));
        let final_from = final_from
            .transpose()
            .map_err(|unreadable| unreadable.of(operation))?;
        let days = |days: Option<i64>| days.and_then(|days| u32::try_from(days).ok());
        Ok(Some(Vault {
            name: name.clone(),
            kms_key_id: answer.encryption_key_arn,
            lock: answer.locked.unwrap_or_default().then_some(VaultLock {
                min_retention_days: days(answer.min_retention_days),
                max_retention_days: days(answer.max_retention_days),
                final_from,
            }),
        }))
    }

    async fn delete_recovery_point(&self, vault: &VaultName, arn: &str) -> Result<(), CloudError> {
        let request = self.backup.delete_recovery_point();
        let request = request.backup_vault_name(vault.as_str()).recovery_point_arn(arn);
        self.call(Operation::DeleteRecoveryPoint, request.send()).await?;
        Ok(())
    }
}

fn is_no_vault(error: &CloudError) -> bool {
    error.code == NO_VAULT || error.code == NO_VAULT_TO_SEE && !error.message.contains(NO_RIGHT)
}

/// The ARN of an instance, by which AWS Backup knows it. It stands in the account, and the part of AWS, of the role that
/// AWS Backup works as.
fn instance_arn(job: &NewBackupJob, region: &Region) -> Result<String, CloudError> {
    let mut role = job.role_arn.split(':');
    let (Some("arn"), Some(partition), Some("iam"), Some(""), Some(account)) =
        (role.next(), role.next(), role.next(), role.next(), role.next())
    else {
        return Err(CloudError {
            operation: Operation::StartBackupJob,
            kind: ErrorKind::InvalidSpec,
            code: "NotSent".to_owned(),
            message: format!("{:?} is no ARN of a role", job.role_arn),
            turn_at: None,
        });
    };
    let instance = &job.instance_id;
    Ok(format!(
        "arn:{partition}:ec2:{region}:{account}:instance/{instance}"
    ))
}

/// AWS takes no window shorter than an hour.
fn start_window_minutes(window: Duration) -> i64 {
    i64::try_from(window.as_secs() / 60).unwrap_or(i64::MAX).max(60)
}

fn backup_job(job: sdk::BackupJob) -> Result<BackupJob, Unreadable> {
    let id = required(job.backup_job_id, "BackupJobId")?;
    let state = required(job.state, "State")?;
    let at = |time: Option<DateTime>, field| time.map(|time| instant(time, field)).transpose();
    Ok(BackupJob {
        state: match &state {
            BackupJobState::Created | BackupJobState::Pending => JobState::Waiting,
            BackupJobState::Completed => JobState::Completed,
            BackupJobState::Aborted
            | BackupJobState::Expired
            | BackupJobState::Failed
            | BackupJobState::Partial => JobState::Failed,
            // Running, being aborted, or what AWS adds to these: not ended. Everybody's jobs are in the listing, and one
            // in a new state must not hide all the others.
            _ => JobState::Running,
        },
        id: BackupJobId::new(id),
        state_name: state.as_str().to_owned(),
        message: job.status_message.filter(|message| !message.is_empty()),
        created_at: instant(required(job.creation_date, "CreationDate")?, "CreationDate")?,
        completed_at: at(job.completion_date, "CompletionDate")?,
        recovery_point: job.recovery_point_arn,
        encrypted: job.is_encrypted,
        bytes: job.backup_size_in_bytes,
    })
}

#[cfg(test)]
mod tests;
