//! What simulated AWS truly holds, read past its API.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::sim::Sim;

/// The whole of the region at one moment.
pub(crate) struct Truth(Value);

impl Truth {
    pub(crate) fn of(sim: &Sim) -> Self {
        Self(sim.state(None, None))
    }

    fn all<'a>(&'a self, kind: &str) -> impl Iterator<Item = &'a Value> {
        self.0[kind].as_array().into_iter().flatten()
    }

    fn one(&self, kind: &str, id: &str) -> &Value {
        self.all(kind)
            .find(|one| one["id"] == id)
            .unwrap_or_else(|| panic!("{id} is not among the {kind}"))
    }

    pub(crate) fn instance(&self, id: &str) -> &Value {
        self.one("instances", id)
    }

    pub(crate) fn volumes(&self, instance: &str) -> impl Iterator<Item = &Value> {
        self.all("volumes")
            .filter(move |volume| volume["attachment"]["instanceId"] == instance)
    }

    /// The first network interface of an instance.
    pub(crate) fn interface(&self, instance: &str) -> String {
        let id = &self.instance(instance)["interfaceIds"][0];
        id.as_str().expect("an instance has an interface").to_owned()
    }

    /// The groups on the first interface of an instance.
    pub(crate) fn groups_on(&self, instance: &str) -> BTreeSet<String> {
        let interface = self.one("networkInterfaces", &self.interface(instance));
        let groups = interface["groupIds"].as_array().into_iter().flatten();
        groups.filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// The id of the one group whose name begins so.
    pub(crate) fn group_named(&self, prefix: &str) -> String {
        let mut found = self
            .all("securityGroups")
            .filter(|group| {
                group["name"]
                    .as_str()
                    .is_some_and(|name| name.starts_with(prefix))
            })
            .filter_map(|group| group["id"].as_str());
        let (Some(id), None) = (found.next(), found.next()) else {
            panic!("not one group is named {prefix}…")
        };
        id.to_owned()
    }

    /// The rules of a group, each as `ingress tcp 443 203.0.113.0/24`.
    pub(crate) fn rules(&self, group: &str) -> BTreeSet<String> {
        let rules = self.one("securityGroups", group)["rules"].as_array();
        rules.into_iter().flatten().map(rule).collect()
    }

    /// Everything about an instance that nobody but the operator may change.
    pub(crate) fn guarded(&self, instance: &str, group: &str) -> Value {
        let one = self.instance(instance);
        let volumes = self.volumes(instance).map(|volume| {
            json!({
                "id": volume["id"],
                "deleteOnTermination": volume["attachment"]["deleteOnTermination"],
                "tags": our_tags(volume),
            })
        });
        json!({
            "metadataOptions": one["metadataOptions"],
            "protected": one["disableApiTermination"],
            "tags": our_tags(one),
            "volumes": volumes.collect::<Vec<_>>(),
            "groups": self.groups_on(instance),
            "rules": self.rules(group),
            "groupTags": our_tags(self.one("securityGroups", group)),
        })
    }
}

fn our_tags(resource: &Value) -> Value {
    let tags = resource["tags"].as_object().into_iter().flatten();
    tags.filter(|(key, _)| key.starts_with("yagura.dev/"))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn rule(rule: &Value) -> String {
    let ports = match (&rule["ports"][0], &rule["ports"][1]) {
        (Value::Null, _) => String::new(),
        (from, to) if from == to => format!(" {from}"),
        (from, to) => format!(" {from}-{to}"),
    };
    let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    let peer = rule["peer"].as_object().and_then(|peer| peer.values().next());
    let (way, protocol) = (text(&rule["direction"]), text(&rule["protocol"]));
    format!(
        "{way} {protocol}{ports} {}",
        peer.map_or_else(|| "?".to_owned(), text)
    )
}
