//! TenantClass: what the platform team owns, written once for all customers.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, LabelSelector};
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::change::MaintenanceWindow;
use super::types::ImageId;
use crate::cloud::{Account, Region, Site};

/// What the platform team offers to the Tenants of a class.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "yagura.dev",
    version = "v1alpha1",
    kind = "TenantClass",
    plural = "tenantclasses",
    status = "TenantClassStatus",
    category = "yagura",
    shortname = "tc",
    derive = "PartialEq",
    doc = "A TenantClass says where environments of a kind run, of which sizes and images they are made, and which published terms they keep. It is owned by the platform team; Tenants name it.",
    printcolumn(name = "Region", type_ = "string", json_path = ".spec.region"),
    printcolumn(name = "Terms", type_ = "string", json_path = ".spec.terms"),
    printcolumn(name = "Tenants", type_ = "integer", json_path = ".status.tenants"),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status"
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].reason",
        priority = 1
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.account) == has(oldSelf.account) && (!has(self.account) || self.account == oldSelf.account)")
    .message("account cannot be changed"))]
#[x_kube(validation = Rule::new(super::types::SUSPEND_RULE).message(super::types::SUSPEND_MESSAGE))]
pub struct TenantClassSpec {
    /// The AWS region in which everything of this class is kept. It must be one of the terms' regions.
    /// Cannot be changed.
    #[schemars(length(max = 32), regex(pattern = "^[a-z]{2}(-[a-z]+)+-[0-9]$"))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("region cannot be changed"))]
    pub region: String,

    /// The AWS account in which everything of this class is kept. Unset: the operator's own. Cannot be changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<ClassAccount>,

    /// The namespaces whose Tenants may use this class. Unset: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed_namespaces: Option<AllowedNamespaces>,

    /// Where instances stand. A change touches future launches only.
    pub network: Network,

    /// The sizes on offer, by name (at most 32). An edit reaches at most a twentieth of the class's Tenants an hour, each
    /// in its maintenance window; larger volumes need none.
    #[schemars(extend("maxProperties" = 32, "minProperties" = 1))]
    pub plans: BTreeMap<String, Plan>,

    /// The applications on offer, by name (at most 32).
    #[schemars(extend("maxProperties" = 32, "minProperties" = 1))]
    pub applications: BTreeMap<String, Application>,

    /// How volumes are encrypted. Unset: with the account's own key for EBS; they are always encrypted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encryption: Option<Encryption>,

    /// Where backups of this class go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backup: Option<ClassBackup>,

    /// Whom a customer of this class turns to.
    pub contact: ClassContact,

    /// The published terms that environments of this class keep, by name.
    #[schemars(length(max = 63), regex(pattern = super::types::DNS_LABEL))]
    pub terms: String,

    /// Who may approve an exception to a promise, by the user names that the cluster knows (at most 32). Unset: nobody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(min = 1, max = 128)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub exception_approvers: Vec<String>,

    /// Whether the operator stops writing to AWS for every Tenant of the class. What differs is told and not repaired;
    /// backups go on, and so does isolation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,

    /// Why it is suspended, for whoever asks later.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 500))]
    pub suspend_reason: Option<String>,

    /// When Tenants of the class may be interrupted by a change of their plan, unless they say otherwise. Unset, and
    /// unset in the Tenant too: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maintenance_window: Option<MaintenanceWindow>,
}

/// Another AWS account, entered by assuming a role in it.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClassAccount {
    /// The role in that account, `arn:aws:iam::<account>:role/<name>`. Its trust policy must let the operator's own
    /// identity in.
    #[schemars(
        length(max = 256),
        regex(pattern = r"^arn:aws(-cn|-us-gov)?:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]+$")
    )]
    pub role_arn: String,

    /// What the role's trust policy asks for as `sts:ExternalId`, so that nobody else can make the operator use it.
    #[schemars(length(min = 2, max = 256), regex(pattern = r"^[A-Za-z0-9+=,.@:/_-]+$"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
}

impl TenantClass {
    /// The account and region in which everything of this class is kept.
    pub fn site(&self) -> Site {
        Site {
            account: self.spec.account.as_ref().map(|account| Account {
                role_arn: account.role_arn.clone(),
                external_id: account.external_id.clone(),
            }),
            region: Region::from(self.spec.region.as_str()),
        }
    }
}

/// Which namespaces may use a class. A namespace is allowed when it is named or selected.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AllowedNamespaces {
    /// Namespaces by name (at most 256).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(max = 63), regex(pattern = super::types::DNS_LABEL)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub names: Vec<String>,

    /// Namespaces by their labels. An empty selector selects every namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
}

/// The part of a network that a class uses.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Network {
    /// Subnets for instances, all of one VPC (1 to 16). Tenants are spread over them.
    #[schemars(
        length(min = 1, max = 16),
        inner(length(max = 24), regex(pattern = "^subnet-[0-9a-f]{8,17}$"))
    )]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub subnet_ids: Vec<String>,

    /// Shared security groups that every instance carries beside its own, for monitoring and the like
    /// (at most 4). They are kept attached and never edited.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 4),
        inner(length(max = 20), regex(pattern = "^sg-[0-9a-f]{8,17}$"))
    )]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub base_group_ids: Vec<String>,
}

/// A size of environment.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// The EC2 instance type, like `m6i.large`.
    #[schemars(length(max = 64), regex(pattern = r"^[a-z][a-z0-9-]*\.[a-z0-9-]+$"))]
    pub instance_type: String,

    /// Data volumes beside the image's root volume (at most 15).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 15))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["device".into()]))]
    pub volumes: Vec<PlanVolume>,
}

/// A data volume of a plan.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanVolume {
    /// The device name under which the volume is attached, like `/dev/sdf`.
    #[schemars(length(max = 16), regex(pattern = "^/dev/(sd|xvd)[b-z][a-z0-9]{0,2}$"))]
    pub device: String,

    /// The size in GiB, 1 to 16384.
    #[serde(rename = "sizeGiB")]
    #[schemars(range(min = 1, max = 16384))]
    pub size_gib: i32,
}

/// An application on offer.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Application {
    /// The machine image of each version (at most 64), like `"9.12.4": ami-0123456789abcdef0`. A change
    /// touches future launches only.
    #[schemars(extend("maxProperties" = 64, "minProperties" = 1))]
    pub images: BTreeMap<String, ImageId>,
}

/// How the volumes of a class are encrypted.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Encryption {
    /// The ARN of the KMS key for volumes; an alias is refused, because aliases cannot be compared. A
    /// change touches future launches only.
    #[schemars(
        length(max = 256),
        regex(pattern = "^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$")
    )]
    pub kms_key_id: String,
}

/// Where backups go.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.vault) == has(self.roleArn)")
    .message("vault and roleArn are set together: both are for engine AWSBackup"))]
pub struct ClassBackup {
    /// The vault of AWS Backup in the class's region, for policies with engine AWSBackup. A lock on it is the
    /// protection of what is in it; the operator cannot set one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 50), regex(pattern = "^[a-zA-Z0-9_-]{2,50}$"))]
    pub vault: Option<String>,

    /// The role that AWS Backup works as, `arn:aws:iam::<account>:role/<name>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(max = 256),
        regex(pattern = r"^arn:aws(-cn|-us-gov)?:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]+$")
    )]
    pub role_arn: Option<String>,

    /// How many snapshots the account may have in the region: AWS's quota "Snapshots per Region". Unset: 100000,
    /// AWS's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub snapshot_quota: Option<i32>,
}

/// The provider's own window.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClassContact {
    /// The helpdesk's telephone number.
    #[schemars(length(min = 3, max = 64))]
    pub helpdesk: String,
}

/// What the operator knows of a class.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantClassStatus {
    /// The generation that this status was made from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// `Ready` and `Permitted`, and `NamespaceShared`, `Braked`, `Stalled` or `Reconciling` while they hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,

    /// How many Tenants name this class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenants: Option<i32>,
}
