//! Security groups and their rules.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::{Region, Tags};
use crate::protocol::Listed;

/// Which way traffic goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Direction {
    Ingress,
    Egress,
}

/// The other end a rule speaks of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Peer {
    Ipv4(String),
    Ipv6(String),
    Group(String),
    PrefixList(String),
}

/// From and to; absent where the protocol has no ports.
pub(crate) type Ports = Option<(i32, i32)>;

/// What makes a rule this rule: its description and tags do not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RuleKey {
    pub(crate) direction: Direction,
    pub(crate) protocol: String,
    pub(crate) ports: Ports,
    pub(crate) peer: Peer,
}

/// One rule of a group.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Rule {
    pub(crate) id: String,
    pub(crate) group_id: String,
    #[serde(flatten)]
    pub(crate) key: RuleKey,
    pub(crate) description: Option<String>,
    pub(crate) tags: Tags,
    pub(crate) created_at: Timestamp,
}

impl Listed for Rule {
    const FILTERS: &'static [&'static str] = &["group-id", "security-group-rule-id"];

    fn tags(&self) -> &Tags {
        &self.tags
    }

    fn created_at(&self) -> Timestamp {
        self.created_at
    }

    fn values(&self, filter: &str, _region: &Region) -> Vec<String> {
        vec![if filter == "group-id" {
            self.group_id.clone()
        } else {
            self.id.clone()
        }]
    }
}

/// A security group.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SecurityGroup {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) vpc_id: String,
    #[serde(serialize_with = "super::world::values")]
    pub(crate) rules: BTreeMap<String, Rule>,
    pub(crate) tags: Tags,
    pub(crate) created_at: Timestamp,
}

impl SecurityGroup {
    /// The rule with this identity.
    pub(crate) fn find(&self, key: &RuleKey) -> Option<&Rule> {
        self.rules.values().find(|rule| rule.key == *key)
    }
}

impl Listed for SecurityGroup {
    const FILTERS: &'static [&'static str] = &[
        "description",
        "egress.ip-permission.cidr",
        "egress.ip-permission.from-port",
        "egress.ip-permission.group-id",
        "egress.ip-permission.ipv6-cidr",
        "egress.ip-permission.protocol",
        "egress.ip-permission.to-port",
        "group-id",
        "group-name",
        "ip-permission.cidr",
        "ip-permission.from-port",
        "ip-permission.group-id",
        "ip-permission.ipv6-cidr",
        "ip-permission.protocol",
        "ip-permission.to-port",
        "owner-id",
        "vpc-id",
    ];

    fn tags(&self) -> &Tags {
        &self.tags
    }

    fn created_at(&self) -> Timestamp {
        self.created_at
    }

    fn values(&self, filter: &str, region: &Region) -> Vec<String> {
        let value = match filter {
            "description" => &self.description,
            "group-id" => &self.id,
            "group-name" => &self.name,
            "owner-id" => &region.account,
            "vpc-id" => &self.vpc_id,
            _ => return self.rule_values(filter),
        };
        vec![value.clone()]
    }
}

impl SecurityGroup {
    fn rule_values(&self, filter: &str) -> Vec<String> {
        let (direction, field) = match filter.strip_prefix("egress.") {
            Some(rest) => (Direction::Egress, rest),
            None => (Direction::Ingress, filter),
        };
        let field = field.strip_prefix("ip-permission.").unwrap_or(field);
        let keys = self
            .rules
            .values()
            .map(|rule| &rule.key)
            .filter(|key| key.direction == direction);
        keys.filter_map(|key| match (field, &key.peer) {
            ("cidr", Peer::Ipv4(cidr)) | ("ipv6-cidr", Peer::Ipv6(cidr)) => Some(cidr.clone()),
            ("group-id", Peer::Group(id)) => Some(id.clone()),
            ("protocol", _) => Some(key.protocol.clone()),
            ("from-port", _) => key.ports.map(|(from, _)| from.to_string()),
            ("to-port", _) => key.ports.map(|(_, to)| to.to_string()),
            _ => None,
        })
        .collect()
    }
}
