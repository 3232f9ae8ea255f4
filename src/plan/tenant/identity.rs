//! What is ours: by the tags we gave, and where those are gone, by what AWS itself keeps.

use super::Finding;
use crate::{
    api::{Key, names},
    cloud::{Instance, SecurityGroup, Tags},
};

/// What the names of all that is made for a Tenant begin with.
const PREFIX: &str = "yagura-";

/// Who an environment is, on everything in AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantIdentity {
    /// The tag `yagura.dev/cluster`.
    pub cluster: String,
    /// The tag `yagura.dev/cluster-uid`.
    pub cluster_uid: String,
    /// The Tenant's namespace and name.
    pub tenant: Key,
    /// The Tenant's uid.
    pub uid: String,
    /// The environment's label.
    pub label: String,
    /// Whose environment it is.
    pub customer: String,
}

impl TenantIdentity {
    /// The tags of what outlives an instance.
    pub fn tags(&self) -> Tags {
        let tenant = self.tenant.to_string();
        let tags = [
            (names::tags::CLUSTER, self.cluster.as_str()),
            (names::tags::CLUSTER_UID, &self.cluster_uid),
            (names::tags::TENANT, &tenant),
            (names::tags::LABEL, &self.label),
            (names::tags::CUSTOMER, &self.customer),
            (names::tags::UID, &self.uid),
            (names::tags::ROLE, names::roles::LIVE),
        ];
        tags.into_iter()
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect()
    }

    /// The tags of an instance and its volumes.
    pub fn instance_tags(&self, incarnation: i32) -> Tags {
        let mut tags = self.tags();
        tags.insert(names::tags::INCARNATION.to_owned(), incarnation.to_string());
        tags
    }

    /// The name of the environment's own group. The uid makes it nobody else's, and a second one impossible.
    pub fn group_name(&self) -> String {
        format!("{PREFIX}{}", self.uid)
    }

    /// The client token of a launch: 64 characters are allowed, a uid has 36.
    pub fn token(&self, incarnation: i32) -> String {
        format!("{}{incarnation}", self.token_prefix())
    }

    fn token_prefix(&self) -> String {
        format!("{PREFIX}{}-", self.uid)
    }

    /// The incarnation that an instance is, if a launch of this environment made it. AWS keeps the token of the
    /// call for ever and lets nobody change it, so this holds whatever became of the tags.
    pub fn incarnation_of(&self, instance: &Instance) -> Option<i32> {
        let number = instance
            .client_token
            .as_deref()?
            .strip_prefix(&self.token_prefix())?;
        let incarnation = number.parse().ok()?;
        (incarnation > 0 && number == format!("{incarnation}")).then_some(incarnation)
    }
}

/// The uid of the Tenant for which an instance with this client token was launched.
pub fn uid_of_launch(token: &str) -> Option<&str> {
    let (uid, _) = token.strip_prefix(PREFIX)?.rsplit_once('-')?;
    Some(uid)
}

/// The uid of the Tenant whose own group has this name.
pub fn uid_of_group(name: &str) -> Option<&str> {
    name.strip_prefix(PREFIX)
}

/// Whose a security group is that has the name of one of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Ours: it may be changed.
    Ours,
    /// Not ours: it is left alone.
    Foreign,
}

/// Whose a group with our name is. `attached`: whether an instance that is ours carries it.
pub fn standing_of(expected: &Tags, group: &SecurityGroup, attached: bool) -> Standing {
    let uid = names::tags::UID;
    let has = |key: &str| {
        group
            .tags
            .get(key)
            .is_some_and(|value| Some(value) == expected.get(key))
    };
    let is_ours = attached || has(uid) || (has(names::tags::CLUSTER) && !group.tags.contains_key(uid));
    if is_ours {
        Standing::Ours
    } else {
        Standing::Foreign
    }
}

/// The tags of `expected` that a resource lacks or has with another value, and what to say about them.
pub fn drifted_tags(id: &str, expected: &Tags, found: &Tags) -> (Tags, Vec<Finding>) {
    let mut tags = Tags::new();
    let mut findings = Vec::new();
    for (key, value) in expected {
        let message = match found.get(key) {
            Some(same) if same == value => continue,
            Some(other) => {
                format!("tag {key} of {id} was changed to {other:?} and was set back to {value:?}")
            }
            None => format!("tag {key} of {id} was removed and was put back"),
        };
        tags.insert(key.clone(), value.clone());
        findings.push(Finding::drift(message));
    }
    (tags, findings)
}
