//! Tenant: one environment, one instance, one label.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::TenantClass;
use super::access_policy::EgressRule;
use super::change::{
    InstanceChange, MaintenanceWindow, PlanInForce, PowerState, Restart, RestartStatus, VolumeGrowth,
};
use super::tenant_plan::TenantPlan;
use super::types::{Cidr, Label, Port, words};

/// One customer's environment.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "yagura.dev",
    version = "v1alpha1",
    kind = "Tenant",
    namespaced,
    status = "TenantStatus",
    category = "yagura",
    shortname = "tn",
    derive = "PartialEq",
    doc = "A Tenant is one environment of one customer: one instance with its volumes and its own security group, under one label.",
    validation = Rule::new("size(self.metadata.name) <= 50")
        .message("a Tenant's name has at most 50 characters: names of its backups are made from it"),
    printcolumn(name = "Label", type_ = "string", json_path = ".spec.label"),
    printcolumn(name = "Customer", type_ = "string", json_path = ".spec.customer"),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status"
    ),
    printcolumn(name = "Promises", type_ = "string", json_path = ".status.promises.summary"),
    printcolumn(name = "Last-Backup", type_ = "date", json_path = ".status.lastGoodBackupTime"),
    printcolumn(name = "Mode", type_ = "string", json_path = ".status.mode"),
    printcolumn(name = "Instance", type_ = "string", json_path = ".status.instanceId", priority = 1),
    printcolumn(name = "Version", type_ = "string", json_path = ".spec.application.version", priority = 1),
    printcolumn(
        name = "Good-Days",
        type_ = "integer",
        json_path = ".status.goodBackupDays",
        priority = 1
    ),
    printcolumn(
        name = "Protected",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Protected\")].reason",
        priority = 1
    ),
    printcolumn(name = "Drift", type_ = "integer", json_path = ".status.drift.count", priority = 1),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].reason",
        priority = 1
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new(super::types::SUSPEND_RULE).message(super::types::SUSPEND_MESSAGE))]
#[x_kube(validation = Rule::new(super::change::POWER_RULE).message(super::change::POWER_MESSAGE))]
#[x_kube(validation = Rule::new("self.environment != 'Verification' || has(self.assignee)")
    .message("a Verification environment needs its assignee"))]
#[x_kube(validation = Rule::new("self.environment == 'Verification' || !has(self.assignee)")
    .message("only a Verification environment has an assignee"))]
pub struct TenantSpec {
    /// The TenantClass that says where and from what the environment is made. Cannot be changed.
    #[schemars(length(max = 253), regex(pattern = super::types::DNS_SUBDOMAIN))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("className cannot be changed"))]
    pub class_name: String,

    /// Whose environment it is. Environments are kept apart between customers. Cannot be changed.
    #[schemars(length(max = 63), regex(pattern = super::types::DNS_LABEL))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("customer cannot be changed"))]
    pub customer: String,

    /// The environment's label, as promised to the customer: unique everywhere, upper and lower case
    /// being the same. It stands on everything in AWS. Cannot be changed.
    #[x_kube(validation = Rule::new("self == oldSelf").message("label cannot be changed"))]
    pub label: Label,

    /// What the environment is for: `Production` (the default), or `Verification`, which is another instance, assigned to
    /// a worker, that shares no volume, security group or snapshot with Production. Cannot be changed.
    #[serde(default)]
    #[x_kube(validation = Rule::new("self == oldSelf").message("environment cannot be changed"))]
    pub environment: Environment,

    /// The worker to whom a Verification environment is assigned.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 254), regex(pattern = r"^[^\s]+$"))]
    pub assignee: Option<String>,

    /// What runs in the environment.
    pub application: TenantApplication,

    /// The size of the environment: a plan of the class. Another instance type is given to it in the maintenance window,
    /// with a stop and a start; larger volumes at once. Volumes never shrink.
    #[schemars(length(max = 63), regex(pattern = super::types::DNS_LABEL))]
    pub plan: String,

    /// How the customer is reached when something is wrong. Notice of an Incident goes here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<TenantContact>,

    /// What becomes of the environment when this object is deleted. `Retain` (the default): everything
    /// in AWS stays as it is and only gets the tag `yagura.dev/released`.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,

    /// How far the operator goes. `Observe`: it plans and writes nothing to AWS. `Protect`: it writes tags, snapshots
    /// and their locks only. `Enforce`: it keeps AWS as the spec says. Unset: `Enforce`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,

    /// Whether the operator stops writing to AWS for this environment. What differs is told and not repaired;
    /// backups go on, and so does isolation. To be left out of Git: people set it by hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,

    /// Why it is suspended, for whoever asks later.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 500))]
    pub suspend_reason: Option<String>,

    /// When the environment may be interrupted by a change of its plan. Unset: as the class says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maintenance_window: Option<MaintenanceWindow>,

    /// Whether the instance runs, by a person's wish. `Stopped` stops it at once and leaves everything else as it is.
    /// Unset: `Running`. To be left out of Git: people set it by hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub power_state: Option<PowerState>,

    /// Why it is stopped, for whoever asks later.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 500))]
    pub power_reason: Option<String>,

    /// A restart by hand. To be left out of Git.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart: Option<Restart>,

    /// Promises that may go unkept for a while (at most 16, one for each promise). Each reads `waived`, never pass, and
    /// counts only if its approver is one of the class's `exceptionApprovers`. Whoever adds one names themselves as its
    /// approver. To be left out of Git.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["promise".into()]))]
    pub exceptions: Vec<PromiseException>,
}

/// A promise that may go unkept for a while.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.until > self.approvedAt && self.until - self.approvedAt <= duration('8784h')")
    .message("an exception ends after approvedAt, and at most 366 days later"))]
pub struct PromiseException {
    /// The promise, like `P16`.
    #[schemars(length(max = 8), regex(pattern = "^P[1-9][0-9]{0,2}$"))]
    pub promise: String,

    /// Why, for the auditor.
    #[schemars(length(min = 10, max = 250))]
    pub reason: String,

    /// Who takes responsibility: a user name as the cluster knows it.
    #[schemars(length(min = 1, max = 128))]
    pub approver: String,

    /// From when on.
    pub approved_at: Time,

    /// Until when.
    pub until: Time,
}

impl Tenant {
    /// How far the operator goes for it.
    pub fn mode(&self) -> Mode {
        self.spec.mode.unwrap_or_default()
    }

    /// Why nothing is written to AWS for it, where somebody suspended it or its class.
    pub fn suspended(&self, class: &TenantClass) -> Option<String> {
        let because = |is: Option<bool>, why: &Option<String>| {
            is.filter(|is| *is)
                .map(|_| why.clone().unwrap_or_else(|| "no reason is given".to_owned()))
        };
        let of_class = because(class.spec.suspend, &class.spec.suspend_reason);
        let of_class =
            of_class.map(|why| format!("TenantClass {} is suspended: {why}", self.spec.class_name));
        of_class.or_else(|| because(self.spec.suspend, &self.spec.suspend_reason))
    }
}

/// What runs in an environment.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantApplication {
    /// An application of the class. Cannot be changed.
    #[schemars(length(max = 63), regex(pattern = super::types::DNS_LABEL))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("application.name cannot be changed"))]
    pub name: String,

    /// A version of the application for which the class has an image. Cannot be changed: the operator
    /// upgrades no application.
    #[schemars(
        length(max = 64),
        regex(pattern = "^[A-Za-z0-9]([A-Za-z0-9._+-]{0,62}[A-Za-z0-9])?$")
    )]
    #[x_kube(validation = Rule::new("self == oldSelf")
        .message("application.version cannot be changed: this release upgrades no application"))]
    pub version: String,
}

/// How a customer is reached.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantContact {
    /// A telephone number, like `+81-3-1111-2222`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 3, max = 32), regex(pattern = r"^\+?[0-9(][0-9 ()-]*$"))]
    pub phone: Option<String>,

    /// A mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 3, max = 254), regex(pattern = r"^[^@\s]+@[^@\s]+$"))]
    pub email: Option<String>,
}

words! {
    /// What an environment is for.
    #[derive(Default)]
    pub enum Environment {
        /// The customer works in it.
        #[default]
        Production,
        /// A worker tries things out in it.
        Verification,
    }
}

words! {
    /// What becomes of an environment when its Tenant is deleted.
    #[derive(Default)]
    pub enum DeletionPolicy {
        /// Everything in AWS stays as it is.
        #[default]
        Retain,
    }
}

words! {
    /// How far the operator goes.
    #[derive(Default)]
    pub enum Mode {
        /// It plans, and writes nothing to AWS.
        Observe,
        /// It writes tags, snapshots and their locks only.
        Protect,
        /// It keeps AWS as the spec says.
        #[default]
        Enforce,
    }
}

words! {
    /// Where an environment stands, in one word.
    pub enum TenantPhase {
        /// It is being made, or waits for something.
        Pending,
        /// It is looked at, and nothing in AWS is written.
        Observing,
        /// It runs as declared.
        Ready,
        /// It runs, but not all is as declared; or its instance is gone.
        Degraded,
        /// Its interfaces stand in quarantine.
        Isolated,
        /// Its instance is stopped.
        Stopped,
        /// It is being let go.
        Deleting,
    }
}

words! {
    /// A promise, as judged.
    pub enum Verdict {
        /// It is kept.
        Pass,
        /// It is broken.
        Fail,
        /// Nothing was seen that tells. Never counted as kept.
        Unknown,
        /// Only a person can vouch for it, and no record exists.
        Manual,
        /// An exception that is in force covers it. Never counted as kept.
        Waived,
        /// There was no occasion to keep or break it yet. Outside the total.
        Idle,
    }
}

/// What the operator knows of an environment.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new(
    "!has(oldSelf.firstReadyAt) || (has(self.firstReadyAt) && self.firstReadyAt == oldSelf.firstReadyAt)"
).message("firstReadyAt is written once"))]
pub struct TenantStatus {
    /// The generation that this status was made from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// The value of the annotation `yagura.dev/requested-at` that was honoured last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub last_handled_request_at: Option<String>,

    /// `Ready`, `InstanceReady`, `FirewallReady`, `Hardened`, `Protected`, `Separated`, `PlanApplied` once a plan
    /// had to wait, and `Reconciling` or `Stalled` while they hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,

    /// How far the operator goes for this environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,

    /// Where the environment stands, in one word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<TenantPhase>,

    /// The environment's instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub instance_id: Option<String>,

    /// The instance's volumes, the root volume included.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 64)))]
    pub volume_ids: Vec<String>,

    /// The environment's own security group.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub security_group_id: Option<String>,

    /// The shared groups of the class that the instance's interfaces were last left with.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4), inner(length(max = 64)))]
    pub base_group_ids: Option<Vec<String>>,

    /// The instance's private address.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 45))]
    pub private_ip: Option<String>,

    /// The label under which AWS knows the environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<Label>,

    /// What is sent to make the instance: written before the call, and the same on every retry, so that
    /// a lost answer never makes a second instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub launch: Option<Launch>,

    /// When the environment became Ready for the first time. From then on it is due for backups.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_ready_at: Option<Time>,

    /// What would be changed in AWS and is held back: by the mode, a suspension or the maintenance window. Absent when nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<TenantPlan>,

    /// What was found changed in AWS and repaired.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift: Option<Drift>,

    /// The last change by somebody else that had to be undone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_tampering: Option<Tampering>,

    /// The firewall in force: of the last accepted AccessPolicy. It stays when the policy vanishes or is
    /// edited into something that cannot be accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access: Option<AcceptedAccess>,

    /// The published promises, as judged for this environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub promises: Option<PromisesStatus>,

    /// The time of the newest complete Backup.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_good_backup_time: Option<Time>,

    /// How many days with a complete Backup are held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub good_backup_days: Option<i32>,

    /// The plan that the instance has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan_in_force: Option<PlanInForce>,

    /// The change of the instance that is under way, or was the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<InstanceChange>,

    /// The volumes that were made larger.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["volumeId".into()]))]
    pub volume_growths: Vec<VolumeGrowth>,

    /// The restarts that were asked for by hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart: Option<RestartStatus>,
}

/// What is sent to make an instance.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Launch {
    /// How often the instance had to be made anew: 1 for the first.
    #[schemars(range(min = 1))]
    pub incarnation: i32,

    /// The client token: with the same token AWS makes one instance only.
    #[schemars(length(max = 64))]
    pub token: String,

    /// The subnet.
    #[schemars(length(max = 64))]
    pub subnet_id: String,

    /// The image.
    #[schemars(length(max = 64))]
    pub image_id: String,

    /// A hash of everything else that is sent.
    #[schemars(length(max = 64))]
    pub parameters_hash: String,

    /// When this record was written.
    pub at: Time,
}

/// Repaired drift.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Drift {
    /// How many differences were found, over the life of the environment.
    pub count: i32,

    /// When the last one was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_seen_at: Option<Time>,
}

/// A change by somebody else that had to be undone.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tampering {
    /// When it was found.
    pub at: Time,

    /// What was found.
    #[schemars(length(max = 1024))]
    pub found: String,
}

/// The firewall that is in force.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AcceptedAccess {
    /// The AccessPolicy that it came from.
    #[schemars(length(max = 253))]
    pub policy: String,

    /// The sources that may reach the environment.
    #[serde(default)]
    #[schemars(length(max = 50))]
    pub cidrs: Vec<Cidr>,

    /// The ports on which they may.
    #[serde(default)]
    #[schemars(length(max = 2))]
    pub ports: Vec<Port>,

    /// What the environment may reach, beside the defaults.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub egress: Vec<EgressRule>,
}

/// The promises, as judged for one environment.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PromisesStatus {
    /// Kept promises of the total, like `50/52`.
    #[schemars(length(max = 16))]
    pub summary: String,

    /// How many are kept.
    pub pass: i32,

    /// How many are broken.
    pub fail: i32,

    /// For how many nothing was seen that tells.
    pub unknown: i32,

    /// For how many only a person can vouch, and no record exists.
    pub manual: i32,

    /// How many an exception covers.
    pub waived: i32,

    /// How many had no occasion yet; they are outside the total.
    pub idle: i32,

    /// How many are judged: all but the idle ones.
    pub total: i32,

    /// The broken ones, by id, like `P25`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 8)))]
    pub failing: Vec<String>,

    /// Each promise with its verdict.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["id".into()]))]
    pub results: Vec<PromiseResult>,
}

/// A promise with its verdict.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PromiseResult {
    /// The promise, like `P25`.
    #[schemars(length(max = 8))]
    pub id: String,

    /// How it stands.
    pub verdict: Verdict,

    /// Why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 512))]
    pub reason: String,
}
