//! AWS Backup in one region: vaults, jobs and recovery points, and how to find them.
//!
//! Ten thousand jobs begin at once and ten thousand recovery points are added each day: whatever is looked for
//! by time, by resource or by vault has an index.

mod job;
mod make;
mod point;
mod settle;
mod vault;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;

pub use job::{BackupDoom, BackupEnd};
pub(crate) use job::{BackupJob, JobState, Lifecycle, Resource, ResourceKind};
pub(crate) use point::{PointStatus, RecoveryPoint};
pub(crate) use vault::{Notifications, Vault, VaultLock};

use super::world;

/// Creation and id of things, the oldest first.
pub(crate) type Timeline = BTreeSet<(Timestamp, String)>;

/// What AWS Backup has in a region.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Backup {
    /// By name.
    #[serde(rename = "backupVaults", serialize_with = "world::values")]
    pub(crate) vaults: BTreeMap<String, Vault>,
    #[serde(rename = "backupJobs", serialize_with = "world::values")]
    jobs: BTreeMap<String, BackupJob>,
    /// By ARN.
    #[serde(rename = "recoveryPoints", serialize_with = "world::values")]
    points: BTreeMap<String, RecoveryPoint>,
    /// The resources whose jobs end badly, by id.
    #[serde(skip)]
    pub(crate) dooms: BTreeMap<String, BackupDoom>,
    #[serde(skip)]
    job_times: Timeline,
    #[serde(skip)]
    jobs_by_resource: BTreeMap<String, Timeline>,
    #[serde(skip)]
    points_by_vault: BTreeMap<String, Timeline>,
    #[serde(skip)]
    points_by_resource: BTreeMap<String, Timeline>,
    /// The job that runs, by the ARN of its resource: only one does.
    #[serde(skip)]
    running: BTreeMap<String, String>,
    /// ARN of the resource, creation and id of the jobs that wait for the one that runs.
    #[serde(skip)]
    waiting: BTreeSet<(String, Timestamp, String)>,
    /// Which job an idempotency token made.
    #[serde(skip)]
    tokens: BTreeMap<String, String>,
}

impl Backup {
    pub(crate) fn job(&self, id: &str) -> Option<&BackupJob> {
        self.jobs.get(id)
    }

    /// The job that a token made.
    pub(crate) fn job_of_token(&self, token: &str) -> Option<&BackupJob> {
        self.jobs.get(self.tokens.get(token)?)
    }

    pub(crate) fn jobs(&self) -> &BTreeMap<String, BackupJob> {
        &self.jobs
    }

    /// All jobs, or those of one resource.
    pub(crate) fn job_times(&self, resource_arn: Option<&str>) -> Option<&Timeline> {
        match resource_arn {
            None => Some(&self.job_times),
            Some(arn) => self.jobs_by_resource.get(arn),
        }
    }

    /// Adds a job that is new; it does not begin by itself.
    pub(super) fn add_job(&mut self, job: BackupJob) {
        let (at, arn) = ((job.created_at, job.id.clone()), job.resource.arn.clone());
        if let Some(token) = &job.token {
            self.tokens.insert(token.clone(), job.id.clone());
        }
        self.job_times.insert(at.clone());
        self.jobs_by_resource.entry(arn).or_default().insert(at);
        self.jobs.insert(job.id.clone(), job);
    }

    fn remove_job(&mut self, id: &str) {
        let Some(job) = self.jobs.remove(id) else { return };
        let at = (job.created_at, job.id);
        self.job_times.remove(&at);
        take_from(&mut self.jobs_by_resource, &job.resource.arn, &at);
        if let Some(token) = job.token {
            self.tokens.remove(&token);
        }
    }

    pub(crate) fn points(&self) -> &BTreeMap<String, RecoveryPoint> {
        &self.points
    }

    pub(crate) fn point(&self, arn: &str) -> Option<&RecoveryPoint> {
        self.points.get(arn)
    }

    pub(crate) fn points_of_vault(&self, name: &str) -> Option<&Timeline> {
        self.points_by_vault.get(name)
    }

    pub(crate) fn points_of_resource(&self, arn: &str) -> Option<&Timeline> {
        self.points_by_resource.get(arn)
    }

    fn add_point(&mut self, point: RecoveryPoint) {
        let at = (point.created_at, point.arn.clone());
        let by_vault = self.points_by_vault.entry(point.vault.clone()).or_default();
        by_vault.insert(at.clone());
        let by_resource = self.points_by_resource.entry(point.resource.arn.clone());
        by_resource.or_default().insert(at);
        self.points.insert(point.arn.clone(), point);
    }

    fn remove_point(&mut self, arn: &str) -> Option<RecoveryPoint> {
        let point = self.points.remove(arn)?;
        let at = (point.created_at, point.arn.clone());
        take_from(&mut self.points_by_vault, &point.vault, &at);
        take_from(&mut self.points_by_resource, &point.resource.arn, &at);
        Some(point)
    }

    /// The job that has waited longest for a resource; it waits no more.
    fn next_waiting(&mut self, resource_arn: &str) -> Option<String> {
        let from = (resource_arn.to_owned(), Timestamp::MIN, String::new());
        let first = self.waiting.range(from..).next()?;
        if first.0 != resource_arn {
            return None;
        }
        let first = first.clone();
        self.waiting.remove(&first);
        Some(first.2)
    }
}

fn take_from(index: &mut BTreeMap<String, Timeline>, key: &str, at: &(Timestamp, String)) {
    if let Some(times) = index.get_mut(key) {
        times.remove(at);
        if times.is_empty() {
            index.remove(key);
        }
    }
}
