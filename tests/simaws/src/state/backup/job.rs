//! Backup jobs.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::state::Tags;

/// Where a job is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum JobState {
    Created,
    Pending,
    Running,
    Aborting,
    Aborted,
    Completed,
    Failed,
    Expired,
    Partial,
}

impl JobState {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Created => "CREATED",
            Self::Pending => "PENDING",
            Self::Running => "RUNNING",
            Self::Aborting => "ABORTING",
            Self::Aborted => "ABORTED",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
            Self::Expired => "EXPIRED",
            Self::Partial => "PARTIAL",
        }
    }
}

/// How a job ends that ends badly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum BackupEnd {
    /// It runs and fails; what it made goes.
    #[default]
    Failed,
    /// It runs and is cancelled; what it made goes.
    Aborted,
    /// It never runs.
    Expired,
    /// It ends with a recovery point that lacks something.
    Partial,
}

/// What is going to happen to a job instead of its completion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BackupDoom {
    /// How it ends.
    #[serde(default)]
    pub state: BackupEnd,
    /// Its status message then.
    pub message: String,
}

/// What kind of resource a job is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum ResourceKind {
    #[serde(rename = "EC2")]
    Instance,
    #[serde(rename = "EBS")]
    Volume,
}

impl ResourceKind {
    /// AWS Backup's name of it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Instance => "EC2",
            Self::Volume => "EBS",
        }
    }
}

/// What a job is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Resource {
    pub(crate) arn: String,
    pub(crate) id: String,
    pub(crate) kind: ResourceKind,
}

/// How long a recovery point is kept, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Lifecycle {
    pub(crate) move_to_cold_storage_after_days: Option<i64>,
    /// Absent: it is kept for ever.
    pub(crate) delete_after_days: Option<i64>,
}

/// An on-demand backup.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BackupJob {
    pub(crate) id: String,
    pub(crate) vault: String,
    pub(crate) vault_arn: String,
    pub(crate) resource: Resource,
    pub(crate) role_arn: String,
    pub(crate) token: Option<String>,
    pub(crate) lifecycle: Option<Lifecycle>,
    /// For the recovery point.
    pub(crate) tags: Tags,
    pub(crate) state: JobState,
    pub(crate) doom: Option<BackupDoom>,
    /// When the present state ends by itself.
    pub(crate) due: Option<Timestamp>,
    pub(crate) created_at: Timestamp,
    /// When it runs, if its resource has no other job then.
    pub(crate) starts_at: Timestamp,
    /// When it expires, if it does not run by then.
    pub(crate) start_by: Timestamp,
    pub(crate) initiated_at: Option<Timestamp>,
    pub(crate) completed_at: Option<Timestamp>,
    pub(crate) status_message: Option<String>,
    pub(crate) recovery_point_arn: Option<String>,
    pub(crate) size_bytes: Option<u64>,
    pub(crate) key_arn: Option<String>,
}

impl BackupJob {
    /// How much of it is done, in percent.
    pub(crate) fn percent_done(&self, now: Timestamp) -> String {
        let done = match (self.state, self.initiated_at, self.due) {
            (JobState::Completed | JobState::Partial, _, _) => 100,
            (JobState::Running, Some(from), Some(due)) => {
                let whole = due.duration_since(from).as_millis().max(1);
                let done = now.duration_since(from).as_millis().clamp(0, whole);
                (done * 100 / whole).min(99)
            }
            _ => 0,
        };
        format!("{done}.0")
    }
}
