//! What a status and simulated AWS say, in the words that tests compare.

use std::collections::BTreeSet;

use serde_json::Value;
use yagura::{
    api::{Condition, Key},
    cluster::Kind,
    report::{
        conditions::{find_condition, is_true},
        kstatus,
    },
};

use super::Env;

/// Whether the object is Ready at its present generation.
pub(crate) fn is_ready<K: Kind>(object: &K) -> bool {
    conditions(object).is_some_and(|all| is_true(all, kstatus::READY))
}

/// What a person must do about the object, if it is Stalled at its present generation.
pub(crate) fn stalled<K: Kind>(object: &K) -> Option<String> {
    let all = conditions(object)?;
    let stalled = find_condition(all, kstatus::STALLED)?;
    assert!(!is_true(all, kstatus::READY), "{all:#?}");
    Some(stalled.message.clone())
}

/// The conditions, once they are of the present generation; then they keep the contract with kstatus.
fn conditions<K: Kind>(object: &K) -> Option<&[Condition]> {
    let status = object.status()?;
    let (observed, all) = (K::observed_generation(status), K::conditions(status));
    if observed != Some(object.generation()) {
        return None;
    }
    let broken = kstatus::violations(object.generation(), observed, all);
    assert!(broken.is_empty(), "{broken:#?}");
    Some(all)
}

impl Env {
    /// Waits until the object is Ready at its present generation, and gives it.
    pub(crate) async fn until_ready<K: Kind>(&self, key: &Key) -> K {
        self.until::<K, _>(key, "Ready", |object| is_ready(object).then(|| object.clone()))
            .await
    }

    /// Waits until the object is Stalled with all of these in its message, and gives it.
    pub(crate) async fn until_stalled<K: Kind>(&self, key: &Key, parts: &[&str]) -> K {
        let what = format!("Stalled by {parts:?}");
        self.until::<K, _>(key, &what, |object| {
            let message = stalled(object)?;
            parts
                .iter()
                .all(|part| message.contains(part))
                .then(|| object.clone())
        })
        .await
    }

    /// The ingress rules of a security group, as AWS has them: port and source.
    pub(crate) fn ingress(&self, group: &str) -> BTreeSet<String> {
        let state = self.sim.state(None, None);
        let groups = state["securityGroups"].as_array().expect("groups are a list");
        let group = groups
            .iter()
            .find(|one| one["id"] == group)
            .expect("the group is there");
        let rules = group["rules"].as_array().expect("rules are a list").iter();
        rules
            .filter(|rule| rule["direction"] == "ingress")
            .map(|rule| format!("{} {}", rule["ports"][0], source(&rule["peer"])))
            .collect()
    }
}

/// The source of a rule, whatever its family.
fn source(peer: &Value) -> &str {
    let (_, source) = peer
        .as_object()
        .and_then(|families| families.iter().next())
        .expect("a rule has one source");
    source.as_str().expect("a source is text")
}
