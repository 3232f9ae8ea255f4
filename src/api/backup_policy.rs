//! BackupPolicy: when environments are backed up, how, and how long the results are kept.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::types::{Engine, LockMode, Method};

/// When and how environments are backed up.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "yagura.dev",
    version = "v1alpha1",
    kind = "BackupPolicy",
    plural = "backuppolicies",
    namespaced,
    status = "BackupPolicyStatus",
    category = "yagura",
    shortname = "bp",
    derive = "PartialEq",
    doc = "A BackupPolicy says when environments are backed up, by which methods, and how many good days are kept. What is not set comes from the published terms, so that `spec: {}` alone keeps the promise; the values in force stand in `status.effective`.",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status"
    ),
    printcolumn(name = "At", type_ = "string", json_path = ".status.effective.at"),
    printcolumn(name = "Zone", type_ = "string", json_path = ".status.effective.timeZone"),
    printcolumn(name = "Next-Run", type_ = "string", json_path = ".status.nextRunTime"),
    printcolumn(name = "Tenants", type_ = "integer", json_path = ".status.tenants.matched"),
    printcolumn(
        name = "Protected",
        type_ = "integer",
        json_path = ".status.tenants.protected"
    ),
    printcolumn(name = "Missed", type_ = "integer", json_path = ".status.tenants.missed"),
    printcolumn(name = "Good-Days", type_ = "integer", json_path = ".status.goodDaysHeld"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Keep-Days",
        type_ = "integer",
        json_path = ".status.effective.goodDays",
        priority = 1
    ),
    printcolumn(
        name = "Max-Skew",
        type_ = "integer",
        json_path = ".status.maxSkewSeconds",
        priority = 1
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].reason",
        priority = 1
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.suspend) && self.suspend ? has(self.suspendUntil) && has(self.suspendReason) : !has(self.suspendUntil) && !has(self.suspendReason)")
    .message("suspend: true needs suspendUntil and suspendReason, and neither stands without it"))]
pub struct BackupPolicySpec {
    /// The Tenants of this namespace that the policy is for (1 to 256). Unset: all of them. A policy
    /// that names a Tenant beats one that is for all; among equals the older one wins. A Tenant that no
    /// policy is for is backed up as the terms say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(min = 1, max = 256),
        inner(length(min = 1, max = 50), regex(pattern = super::types::DNS_SUBDOMAIN))
    )]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub tenants: Vec<String>,

    /// The time of day of the daily backup, `HH:MM` in `timeZone`. Unset: as the terms say. A time that
    /// daylight saving skips is the first instant after the gap; of one that comes twice, the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 5), regex(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$"))]
    pub at: Option<String>,

    /// The IANA time zone of `at`, like `Asia/Tokyo`. Unset: as the terms say.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64), regex(pattern = "^[A-Za-z][A-Za-z0-9_+/-]*$"))]
    pub time_zone: Option<String>,

    /// How environments are backed up. Unset: by every method of the terms that this release has, which
    /// is Snapshot.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 3))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub methods: Vec<Method>,

    /// How long backups are kept. Unset: as the terms say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention: Option<Retention>,

    /// What takes the snapshots. Unset: EC2, which begins at the time that is declared. AWSBackup needs
    /// `backup.vault` and `backup.roleArn` in the TenantClass; its jobs begin within the hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<Engine>,

    /// How snapshots of engine EC2 are locked against deletion. Unset: Governance, one day longer than the good
    /// days. A vault of AWS Backup has a lock of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lock: Option<LockPolicy>,

    /// How long after its time a backup may still begin, like `12h` (10m to 12h); later it is missed. Unset: 12h.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 16), regex(pattern = "^([0-9]{1,3}h)?([0-9]{1,3}m)?$"))]
    #[x_kube(validation = Rule::new("duration(self) >= duration('10m') && duration(self) <= duration('12h')")
        .message("startingDeadline is from 10m to 12h"))]
    pub starting_deadline: Option<String>,

    /// How long a backup may take, with what is tried again, like `6h` (1h to 12h). Unset: 6h.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 16), regex(pattern = "^([0-9]{1,3}h)?([0-9]{1,3}m)?$"))]
    #[x_kube(validation = Rule::new("duration(self) >= duration('1h') && duration(self) <= duration('12h')")
        .message("timeout is from 1h to 12h"))]
    pub timeout: Option<String>,

    /// Whether no backup is begun for a while. Each that falls due meanwhile is missed and shows as such. At
    /// most for seven days, counted by the operator; then backups go on by themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,

    /// Until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suspend_until: Option<Time>,

    /// Why, for whoever asks later.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 500))]
    pub suspend_reason: Option<String>,
}

/// How snapshots are locked.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.mode) || self.mode != 'Compliance' || (has(self.acknowledge) && self.acknowledge == 'cannot be undone')")
    .message("mode Compliance needs acknowledge: \"cannot be undone\""))]
pub struct LockPolicy {
    /// The mode. Unset: Governance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<LockMode>,

    /// For how many days from its start a snapshot is locked, more than the good days that are kept, up to 400.
    /// Unset: one more than the good days. Locks of the days that are guaranteed are prolonged at each run.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 400))]
    pub days: Option<i32>,

    /// `cannot be undone`, word for word: required for mode Compliance.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub acknowledge: Option<String>,
}

/// How long backups are kept.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Retention {
    /// How many distinct days with a complete backup are kept, 1 to 365. Fewer than the terms promise
    /// are not accepted. Unset: as the terms say.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 365))]
    pub good_days: Option<i32>,
}

/// What the operator knows of a policy.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackupPolicyStatus {
    /// The generation that this status was made from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// The value of the annotation `yagura.dev/requested-at` that was honoured last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub last_handled_request_at: Option<String>,

    /// `Ready`, `Conflict`, `QuotaSufficient`, `Suspended`, and `Reconciling` or `Stalled` while they hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,

    /// The last spec that was accepted. It stays in force while the present one cannot be accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted: Option<AcceptedBackupPolicy>,

    /// When a change of `at` or `timeZone` was last accepted. Only later slots are due.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted_schedule_at: Option<Time>,

    /// The values in force: the accepted spec, and the terms where it is silent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effective: Option<EffectiveBackup>,

    /// The suspension under way, or the last one, until two days after it ended: one that is asked for sooner is
    /// the same one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suspension: Option<Suspension>,

    /// When the next backups start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_run_time: Option<Time>,

    /// The last backups.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_run: Option<LastRun>,

    /// How many Tenants the policy is for, and how they stand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenants: Option<TenantCounts>,

    /// How many days with a complete backup are held: of the Tenant that has the fewest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub good_days_held: Option<i32>,

    /// By how many seconds the slowest snapshot of the last run began after its time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_skew_seconds: Option<i32>,
}

/// A spec that was accepted.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AcceptedBackupPolicy {
    /// The generation of that spec.
    pub generation: i64,

    /// The spec.
    pub spec: BackupPolicySpec,
}

/// The values that a policy has in force.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EffectiveBackup {
    /// The time of day, `HH:MM`.
    #[schemars(length(max = 5))]
    pub at: String,

    /// The time zone of `at`.
    #[schemars(length(max = 64))]
    pub time_zone: String,

    /// The methods.
    #[serde(default)]
    #[schemars(length(max = 3))]
    pub methods: Vec<Method>,

    /// How many good days are kept.
    pub good_days: i32,

    /// What takes the snapshots.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<Engine>,

    /// How snapshots are locked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lock_mode: Option<LockMode>,

    /// For how many days snapshots are locked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lock_days: Option<i32>,

    /// How long after its time a backup may still begin.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub starting_deadline: Option<String>,

    /// How long a backup may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub timeout: Option<String>,
}

/// A suspension of backups.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Suspension {
    /// When the operator first saw it asked for. An edit of the time or the reason does not begin it anew.
    pub since: Time,

    /// When it ends: as declared, seven days after it began at the latest.
    pub until: Time,
}

/// The last run of a policy.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LastRun {
    /// When it was to start.
    pub scheduled_at: Time,

    /// When its first snapshot began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,

    /// When its last Backup ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,

    /// How many Backups are complete.
    pub complete: i32,

    /// Tenants whose Backup is not complete (the first 256).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(max = 253)))]
    pub failed: Vec<String>,
}

/// How the Tenants of a policy stand.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantCounts {
    /// Tenants that the policy is in force for.
    pub matched: i32,

    /// Those of them with a complete Backup of the last day that was due.
    pub protected: i32,

    /// Those of them whose last Backup started late.
    pub late: i32,

    /// Those of them whose last slot was missed.
    pub missed: i32,
}
