//! Incident: something happened to an environment. Its clock, its containment and its decisions.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::types::words;

/// Something that happened to environments of one customer.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "yagura.dev",
    version = "v1alpha1",
    kind = "Incident",
    namespaced,
    status = "IncidentStatus",
    category = "yagura",
    shortname = "inc",
    derive = "PartialEq",
    doc = "An Incident is something that happened to environments of one customer. It starts the clock within which the customer is told, can isolate instances, and holds the decisions that must be taken before it is closed. Only a closed Incident can be deleted.",
    validation = Rule::new("!has(oldSelf.status) || has(self.status)").message("an Incident's status is never removed"),
    printcolumn(name = "Type", type_ = "string", json_path = ".spec.type"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Containment", type_ = "string", json_path = ".spec.containment"),
    printcolumn(name = "Notify-By", type_ = "string", json_path = ".status.notifyBy"),
    printcolumn(name = "Notified", type_ = "string", json_path = ".status.notifiedAt"),
    printcolumn(name = "Breached", type_ = "boolean", json_path = ".status.breached"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Tenants", type_ = "string", json_path = ".spec.tenantRefs", priority = 1),
    printcolumn(name = "Summary", type_ = "string", json_path = ".spec.summary", priority = 1)
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!oldSelf.closed || self.closed").message("a closed Incident is never opened again"))]
#[x_kube(validation = Rule::new("oldSelf.notifications.all(o, self.notifications.exists(n, n == o))")
    .message("notifications can be added, never changed or removed"))]
#[x_kube(validation = Rule::new("!self.closed || (has(self.impact) && has(self.countermeasure))")
    .message("closing needs impact and countermeasure"))]
#[x_kube(validation = Rule::new(
    "!self.closed || (has(self.decisions) && has(self.decisions.emergencyStop) && has(self.decisions.recovery) \
     && has(self.decisions.verification) && has(self.decisions.prevention))"
).message("closing needs all four decisions: emergencyStop, recovery, verification and prevention"))]
#[x_kube(validation = Rule::new(
    "!self.closed || self.tenantRefs.all(t, self.notifications.exists(n, n.tenant == t && n.result == 'Reached'))"
).message("closing needs, for each Tenant, a notification with result Reached"))]
#[x_kube(validation = Rule::new("!self.closed || self.containment == 'None'")
    .message("closing needs containment None: end the isolation first"))]
pub struct IncidentSpec {
    /// The Tenants of this namespace that it happened to, all of one customer (1 to 16). Cannot be
    /// changed.
    #[schemars(
        length(min = 1, max = 16),
        inner(length(min = 1, max = 50), regex(pattern = super::types::DNS_SUBDOMAIN))
    )]
    #[x_kube(
        merge_strategy = ListMerge::Set,
        validation = Rule::new("self == oldSelf").message("tenantRefs cannot be changed")
    )]
    pub tenant_refs: Vec<String>,

    /// What kind of thing happened. Cannot be changed.
    #[serde(rename = "type")]
    #[x_kube(validation = Rule::new("self == oldSelf").message("type cannot be changed"))]
    pub type_: IncidentType,

    /// When it was detected. The clock for telling the customer runs from here, or from the making of
    /// this object if that was earlier. Cannot be changed.
    #[x_kube(validation = Rule::new("self == oldSelf").message("detectedAt cannot be changed"))]
    pub detected_at: Time,

    /// What happened, in a sentence or two.
    #[schemars(length(min = 1, max = 1024))]
    pub summary: String,

    /// Whether the instances are cut off. `Isolate` moves every network interface into the class's
    /// quarantine group, which has no rules; back to `None` undoes it. Default: None.
    #[serde(default)]
    pub containment: Containment,

    /// What it means for the customer, as told to the customer. Needed for closing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub impact: Option<String>,

    /// What is done about it, as told to the customer. Needed for closing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub countermeasure: Option<String>,

    /// How the customer was told (at most 128). Entries can be added, never changed or removed; add one
    /// with a JSON patch `add /spec/notifications/-`.
    #[serde(default)]
    #[schemars(length(max = 128))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["tenant".into(), "channel".into(), "at".into()]))]
    pub notifications: Vec<Notification>,

    /// What was decided, by whom and when. All four are needed for closing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decisions: Option<Decisions>,

    /// Closes the Incident, for ever.
    #[serde(default)]
    pub closed: bool,
}

words! {
    /// What kind of thing happened.
    pub enum IncidentType {
        /// The environment cannot be used, or not well.
        Availability,
        /// Somebody did, or may have done, what is not allowed.
        Security,
        /// What runs is not what was declared.
        Drift,
    }
}

words! {
    /// Whether instances are cut off.
    #[derive(Default)]
    pub enum Containment {
        /// They are not.
        #[default]
        None,
        /// Every network interface stands in quarantine.
        Isolate,
    }
}

words! {
    /// By what a customer was told.
    pub enum NotificationChannel {
        /// A telephone call.
        Phone,
        /// A mail.
        Email,
        /// The customer's control panel.
        Portal,
    }
}

words! {
    /// What came of it.
    pub enum NotificationResult {
        /// A person was reached.
        Reached,
        /// Nobody answered.
        NoAnswer,
        /// A message was left.
        LeftMessage,
    }
}

/// How a customer was told.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notification {
    /// The Tenant whose customer was told: one of `tenantRefs`.
    #[schemars(length(min = 1, max = 50))]
    pub tenant: String,

    /// By what. Only the channels of the terms stop the clock.
    pub channel: NotificationChannel,

    /// Who told: your own user name; nobody can write another's.
    #[schemars(length(min = 1, max = 256))]
    pub by: String,

    /// Who was told: the person's name.
    #[schemars(length(min = 1, max = 256))]
    pub to: String,

    /// When.
    pub at: Time,

    /// What came of it. Only `Reached` stops the clock.
    pub result: NotificationResult,
}

/// What was decided.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Decisions {
    /// Whether the instance is stopped at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub emergency_stop: Option<EmergencyStop>,

    /// How the environment is brought back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Decision>,

    /// How it was made sure that the environment is whole again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verification: Option<Decision>,

    /// What keeps it from happening again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prevention: Option<Decision>,
}

/// Whether an instance is stopped at once.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EmergencyStop {
    /// Whether stopping was approved.
    pub approved: bool,

    /// Who decided: your own user name; nobody can write another's.
    #[schemars(length(min = 1, max = 256))]
    pub by: String,

    /// When.
    pub at: Time,

    /// Why.
    #[schemars(length(min = 1, max = 4096))]
    pub text: String,
}

/// A decision.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// Who decided: your own user name; nobody can write another's.
    #[schemars(length(min = 1, max = 256))]
    pub by: String,

    /// When.
    pub at: Time,

    /// What.
    #[schemars(length(min = 1, max = 4096))]
    pub text: String,
}

words! {
    /// Where an Incident stands, in one word.
    pub enum IncidentPhase {
        /// It is known.
        Open,
        /// The instances are cut off.
        Contained,
        /// Every customer concerned was told.
        Notified,
        /// The environment is being brought back.
        Recovering,
        /// All is decided and done.
        Closed,
    }
}

/// What the operator knows of an Incident.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(oldSelf.breached) || !oldSelf.breached || (has(self.breached) && self.breached)")
    .message("breached is never cleared"))]
#[x_kube(validation = Rule::new(
    "!has(oldSelf.isolated) || (has(self.isolated) && size(self.isolated) >= size(oldSelf.isolated))"
).message("isolated is evidence: entries are never removed"))]
pub struct IncidentStatus {
    /// The generation that this status was made from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// `Ready`, `Isolated`, `Notified`, `ConnectionsCut`, and `Reconciling` or `Stalled` while they
    /// hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,

    /// Where the Incident stands, in one word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<IncidentPhase>,

    /// By when the customer must have been told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notify_by: Option<Time>,

    /// When each Tenant's customer counts as reached: an entry of `notifications` counts from its `at` only
    /// if the operator saw it within 15 minutes of it, else from when the operator saw it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["tenant".into()]))]
    pub reached: Vec<ReachedTenant>,

    /// When the last of the Tenants' customers was reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notified_at: Option<Time>,

    /// Whether the customer was told too late. Never cleared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breached: Option<bool>,

    /// Each network interface that was cut off, with its security groups from before: written before the
    /// first change, kept as evidence.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["networkInterfaceId".into()]))]
    pub isolated: Vec<IsolatedInterface>,
}

/// A Tenant whose customer was reached.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReachedTenant {
    /// The Tenant.
    #[schemars(length(max = 50))]
    pub tenant: String,

    /// From when that counts.
    pub at: Time,
}

/// A network interface that was cut off.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.securityGroupIds == oldSelf.securityGroupIds")
    .message("the security groups from before are written once"))]
pub struct IsolatedInterface {
    /// The Tenant.
    #[schemars(length(max = 50))]
    pub tenant: String,

    /// The instance.
    #[schemars(length(max = 64))]
    pub instance_id: String,

    /// The network interface.
    #[schemars(length(max = 64))]
    pub network_interface_id: String,

    /// Its security groups from before.
    #[serde(default)]
    #[schemars(length(max = 16), inner(length(max = 64)))]
    pub security_group_ids: Vec<String>,

    /// When this entry was written.
    pub at: Time,

    /// When the interface was seen in quarantine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub swapped_at: Option<Time>,

    /// When the interface was connected again, or found gone. Unset while it is isolated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reconnected_at: Option<Time>,
}
