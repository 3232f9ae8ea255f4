//! What the operator would change in AWS for a Tenant, and does not: `status.plan`.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::types::words;

words! {
    /// What is done to a resource.
    pub enum PlanOp {
        /// It is made.
        Create,
        /// It gets something that it has not.
        Add,
        /// Something of it becomes something else.
        Change,
        /// It loses something.
        Remove,
    }
}

/// One change.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedChange {
    /// What is done.
    pub op: PlanOp,

    /// To what: its id in AWS, or the name it will have.
    #[schemars(length(max = 255))]
    pub resource: String,

    /// To which part of it, like `rule` or `tag yagura.dev/label`.
    #[schemars(length(max = 160))]
    pub field: String,

    /// What is there now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub from: Option<String>,

    /// What will be there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub to: Option<String>,

    /// Whether it may break what the environment serves.
    pub disruptive: bool,

    /// Whether AWS permits the call, by a DryRun; absent where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permitted: Option<bool>,
}

/// What would be changed, and is held back by the mode, a suspension or the maintenance window.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantPlan {
    /// The changes. Where there are more than fit, those that may break something are shown before others.
    #[schemars(length(max = 64))]
    pub items: Vec<PlannedChange>,

    /// How many more there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub more: Option<i32>,

    /// A SHA-256 over all changes, those not shown included: the same as long as the plan is the same.
    #[schemars(length(max = 64))]
    pub hash: String,
}
