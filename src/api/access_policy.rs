//! AccessPolicy: who may reach an environment, and what it may reach.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::types::{Cidr, Port, Protocol};

/// Who may reach which environments.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "yagura.dev",
    version = "v1alpha1",
    kind = "AccessPolicy",
    plural = "accesspolicies",
    namespaced,
    status = "AccessPolicyStatus",
    category = "yagura",
    shortname = "ap",
    derive = "PartialEq",
    doc = "An AccessPolicy says from where environments may be reached, and what they may reach. Their security groups are made exactly this set; a rule that somebody else adds is removed and recorded. A Tenant that never had an accepted policy can be reached from nowhere.",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status"
    ),
    printcolumn(name = "Tenants", type_ = "string", json_path = ".status.tenants.matched"),
    printcolumn(name = "Rules", type_ = "integer", json_path = ".status.rules.desired"),
    printcolumn(
        name = "Unexpected",
        type_ = "integer",
        json_path = ".status.rules.unexpected"
    ),
    printcolumn(
        name = "Last-Tampering",
        type_ = "date",
        json_path = ".status.lastTampering.at"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Sources",
        type_ = "string",
        json_path = ".spec.ingress.cidrs",
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
pub struct AccessPolicySpec {
    /// The Tenants of this namespace that the policy is for (1 to 256). Unset: all of them. A policy
    /// that names a Tenant beats one that is for all; among equals the older one wins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(min = 1, max = 256),
        inner(length(min = 1, max = 50), regex(pattern = super::types::DNS_SUBDOMAIN))
    )]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub tenants: Vec<String>,

    /// From where the environments may be reached.
    pub ingress: Ingress,

    /// What the environments may reach beside the defaults, which are HTTPS (443/tcp), DNS (53/tcp and
    /// 53/udp) and NTP (123/udp) to anywhere. At most 16 rules with together at most 40 destinations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(
        merge_strategy = ListMerge::Atomic,
        validation = Rule::new("self.map(rule, size(rule.cidrs)).sum() <= 40")
            .message("egress has at most 40 destinations in all its rules together")
    )]
    pub egress: Vec<EgressRule>,
}

/// From where environments may be reached.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new(
    "!(80 in self.ports) || self.cidrs.all(c, !isCIDR(c) || cidr(c).prefixLength() >= \
     (cidr(c).ip().family() == 4 ? 8 : 16))"
).message("port 80 is never opened to a source wider than /8 (IPv4) or /16 (IPv6)"))]
#[x_kube(validation = Rule::new("size(self.cidrs) * size(self.ports) <= 50")
    .message("cidrs times ports is at most 50: more rules do not fit a security group"))]
pub struct Ingress {
    /// The sources, IPv4 or IPv6, each in its canonical form and once (at most 50). An empty list closes
    /// the environments to everybody; everybody is written out: `0.0.0.0/0` and `::/0`.
    #[schemars(length(max = 50))]
    #[x_kube(
        merge_strategy = ListMerge::Atomic,
        validation = Rule::new("self.all(x, self.exists_one(y, x == y))").message("each CIDR is listed once")
    )]
    pub cidrs: Vec<Cidr>,

    /// The ports, of 443 and 80. Default: 443. Port 80 is for the redirect to HTTPS.
    #[serde(default = "default_ports")]
    #[schemars(length(min = 1, max = 2))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub ports: Vec<Port>,
}

fn default_ports() -> Vec<Port> {
    vec![Port::Https]
}

/// Something that environments may reach.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new(
    "self.protocol == 'TCP' || self.cidrs.all(c, !isCIDR(c) || cidr(c).prefixLength() > 0)"
).message("any destination is allowed for a TCP port only"))]
pub struct EgressRule {
    /// The port, 1 to 65535.
    #[schemars(range(min = 1, max = 65535))]
    pub port: i32,

    /// The protocol. Default: TCP.
    #[serde(default)]
    pub protocol: Protocol,

    /// The destinations, IPv4 or IPv6, each in its canonical form (1 to 40).
    #[schemars(length(min = 1, max = 40))]
    #[x_kube(
        merge_strategy = ListMerge::Atomic,
        validation = Rule::new("self.all(x, self.exists_one(y, x == y))").message("each CIDR is listed once")
    )]
    pub cidrs: Vec<Cidr>,

    /// What the rule is for, as it will stand in AWS.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 128),
        regex(pattern = r"^[A-Za-z0-9 ._:/()#,@+=&;{}!$*\[\]-]+$")
    )]
    pub description: Option<String>,
}

/// What the operator knows of a policy.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessPolicyStatus {
    /// The generation that this status was made from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// The value of the annotation `yagura.dev/requested-at` that was honoured last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub last_handled_request_at: Option<String>,

    /// `Ready`, `Conflict`, and `Reconciling` or `Stalled` while they hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,

    /// The last spec that was accepted. It stays in force while the present one cannot be accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted: Option<AcceptedAccessPolicy>,

    /// A hash of the accepted rules: equal hashes mean equal firewalls.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub rule_set_hash: Option<String>,

    /// Rules over all security groups of this policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules: Option<RuleCounts>,

    /// The last rule of somebody else that was removed, or of ours that was put back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_tampering: Option<RuleTampering>,

    /// Which Tenants the policy is in force for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenants: Option<MatchedTenants>,
}

/// A spec that was accepted.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AcceptedAccessPolicy {
    /// The generation of that spec.
    pub generation: i64,

    /// The spec.
    pub spec: AccessPolicySpec,
}

/// How many rules there are.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleCounts {
    /// Rules that the policy asks for.
    pub desired: i32,

    /// Rules that are in AWS.
    pub actual: i32,

    /// Rules in AWS that the policy does not ask for.
    pub unexpected: i32,
}

/// A rule that somebody else changed.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleTampering {
    /// When it was found.
    pub at: Time,

    /// The rule.
    #[schemars(length(max = 512))]
    pub rule: String,

    /// Who did it, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub by: Option<String>,
}

/// Which Tenants a policy is in force for.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MatchedTenants {
    /// Tenants that the policy is in force for (the first 256).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(max = 253)))]
    pub matched: Vec<String>,

    /// Tenants that it is for but that another policy won (the first 256).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(max = 253)))]
    pub contested: Vec<String>,
}
