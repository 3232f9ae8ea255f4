//! Backup: one run for one Tenant.
//!
//! The object is the write-ahead record: it exists before the first call to AWS.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::types::{Engine, Method, words};

/// One run for one Tenant.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "yagura.dev",
    version = "v1alpha1",
    kind = "Backup",
    namespaced,
    status = "BackupStatus",
    category = "yagura",
    shortname = "bk",
    derive = "PartialEq",
    doc = "A Backup is one run for one Tenant: made by the operator at the policy's time, or by hand at any time (`tenantRef` and `reason` suffice). What it made goes when enough newer good days replace its day, also of a Backup made by hand: that counts for the day on which it began. Deleting the object deletes no snapshot.",
    printcolumn(name = "Tenant", type_ = "string", json_path = ".spec.tenantRef"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Scheduled", type_ = "string", json_path = ".spec.scheduledTime"),
    printcolumn(name = "Skew", type_ = "integer", json_path = ".status.startSkewSeconds"),
    printcolumn(name = "Late", type_ = "boolean", json_path = ".status.late"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Policy",
        type_ = "string",
        json_path = ".spec.policyRef",
        priority = 1
    ),
    printcolumn(name = "Engine", type_ = "string", json_path = ".status.engine", priority = 1),
    printcolumn(
        name = "Locked-Until",
        type_ = "string",
        json_path = ".status.lockedUntil",
        priority = 1
    ),
    printcolumn(
        name = "Snapshots",
        type_ = "string",
        json_path = ".status.methods[?(@.method==\"Snapshot\")].snapshotIds",
        priority = 1
    ),
    printcolumn(name = "Reason", type_ = "string", json_path = ".spec.reason", priority = 1)
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self == oldSelf").message("a Backup's spec cannot be changed: make another Backup"))]
#[x_kube(validation = Rule::new("has(self.scheduledTime) || has(self.reason)")
    .message("a Backup made by hand needs a reason"))]
pub struct BackupSpec {
    /// The Tenant, of this namespace.
    #[schemars(length(min = 1, max = 50), regex(pattern = super::types::DNS_SUBDOMAIN))]
    pub tenant_ref: String,

    /// The uid of the Tenant, so that a later namesake is not taken for it. Set by the operator only.
    #[serde(rename = "tenantUID", skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub tenant_uid: Option<String>,

    /// The BackupPolicy that asked for this run. Unset: made by hand, or by the terms.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = super::types::DNS_SUBDOMAIN))]
    pub policy_ref: Option<String>,

    /// When the run was to start. Set by the operator only; a Backup made by hand starts at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheduled_time: Option<Time>,

    /// By which methods. Unset: those of the policy in force for the Tenant, else of the terms.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 3))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub methods: Vec<Method>,

    /// Why it was made, like "before upgrade". Required for a Backup made by hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 500))]
    pub reason: Option<String>,
}

words! {
    /// Where a Backup stands, in one word.
    pub enum BackupPhase {
        /// Nothing was asked of AWS yet.
        Pending,
        /// AWS was asked.
        Running,
        /// Every method succeeded.
        Complete,
        /// Some methods succeeded, and the others are given up.
        Partial,
        /// No method succeeded, and all are given up.
        Failed,
        /// It could not be started in time.
        Missed,
        /// What it made is gone, or not all of it is there any more: newer days replaced it, or somebody deleted it.
        Expired,
    }
}

words! {
    /// Where one method of a Backup stands.
    pub enum MethodState {
        /// Nothing was asked of AWS yet.
        Pending,
        /// AWS was asked.
        Running,
        /// All is there and was checked.
        Complete,
        /// It is given up.
        Failed,
    }
}

/// What the operator knows of a run.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackupStatus {
    /// The generation that this status was made from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// `Ready`, `Complete`, `Failed`, and `Reconciling` or `Stalled` while they hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,

    /// Where the run stands, in one word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<BackupPhase>,

    /// Whether it was begun later than it should have been: after an outage, after a time was moved into
    /// the past, or by more than the terms allow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub late: Option<bool>,

    /// Each method of the run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 3))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["method".into()]))]
    pub methods: Vec<MethodStatus>,

    /// By how many seconds the run began after its time, as AWS measured it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_skew_seconds: Option<i32>,

    /// When the operator took the run on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted_at: Option<Time>,

    /// What takes the snapshots: settled with the first attempt, whatever the policy says later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<Engine>,

    /// For how many good days the policy kept backups when the run was taken on. It still counts where that policy
    /// is gone and none came in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub good_days: Option<i32>,

    /// When every snapshot was first seen to be locked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protected_at: Option<Time>,

    /// Until when no snapshot can be deleted: the earliest end of their locks, as AWS says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locked_until: Option<Time>,

    /// From when on what it made may be deleted, if every day until then is good. It stays longer where a day is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,

    /// When the operator decided to delete what it made, because newer days replace it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expiring_since: Option<Time>,

    /// When all that it made was seen to be gone. The object itself goes fourteen days later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gone_at: Option<Time>,
}

impl Backup {
    /// Where the run stands, as far as anybody looked.
    pub fn phase(&self) -> Option<BackupPhase> {
        self.status.as_ref()?.phase
    }

    /// Whether the run is over.
    pub fn has_ended(&self) -> bool {
        !matches!(
            self.phase(),
            None | Some(BackupPhase::Pending | BackupPhase::Running)
        )
    }

    /// What the run was settled to be taken by, if it was.
    pub fn engine(&self) -> Option<Engine> {
        self.status.as_ref()?.engine
    }
}

/// One method of a run.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MethodStatus {
    /// The method.
    pub method: Method,

    /// Where it stands.
    pub state: MethodState,

    /// The id under which AWS knows the run, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub id: Option<String>,

    /// What AWS Backup made, an ARN; its last part is the image.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub recovery_point_arn: Option<String>,

    /// The vault that it is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 50))]
    pub vault: Option<String>,

    /// The snapshots of the set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 64)))]
    pub snapshot_ids: Vec<String>,

    /// When AWS says that it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,

    /// When it was seen to have ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,

    /// The size of the volumes, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<i64>,

    /// Each time that AWS was asked, written before the call: an attempt of unknown outcome is looked
    /// for before another is made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["n".into()]))]
    pub attempts: Vec<Attempt>,

    /// What was checked when it ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub checks: Vec<BackupCheck>,

    /// What a person should know.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub message: Option<String>,
}

impl MethodStatus {
    /// A method of which nothing was asked yet.
    pub fn new(method: Method) -> Self {
        Self {
            method,
            state: MethodState::Pending,
            id: None,
            recovery_point_arn: None,
            vault: None,
            snapshot_ids: Vec::new(),
            started_at: None,
            finished_at: None,
            bytes: None,
            attempts: Vec::new(),
            checks: Vec::new(),
            message: None,
        }
    }
}

/// One time that AWS was asked.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// Its number: 1 for the first.
    #[schemars(range(min = 1))]
    pub n: i32,

    /// When the record of it was written.
    pub at: Time,
}

/// Something that was checked.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackupCheck {
    /// What was checked, like `SnapshotsCompleted`.
    #[schemars(length(max = 64))]
    pub name: String,

    /// Whether it was as it should be.
    pub passed: bool,

    /// What was found instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub message: Option<String>,
}
