//! What a stranger may do to an environment, each with a mark that no other has where AWS lets it have one.

use std::collections::BTreeMap;

use yagura::{
    api::{Key, Tenant, names::tags},
    cloud::Operation,
    cluster::Kind,
};

use crate::{
    Broken, World,
    eye::Arrival,
    fleet,
    objects::rule,
    truth::{Group, Instance, Truth, says},
};

/// Who looks at what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// A listing of everything that is ours.
    Listing(Operation),
    /// A reading of one instance's protection.
    Protection(String),
}

impl Shown {
    /// What a request asks to be shown, if it is one that finds tampering.
    pub(super) fn by(call: &Arrival) -> Option<Self> {
        let operation = Operation::ALL
            .into_iter()
            .find(|one| one.to_string() == call.action)?;
        if operation == Operation::DescribeInstanceAttribute {
            return Some(Self::Protection(call.get("InstanceId")?.to_owned()));
        }
        let is_of_ours = |value: &String| value.starts_with("tag:yagura.dev/cluster");
        // A page that follows another shows what was there when the first one was asked for, or later.
        let is_first = call.get("NextToken").is_none();
        (is_first && call.params.values().any(is_of_ours)).then_some(Self::Listing(operation))
    }
}

/// What of an environment is not as it was.
#[derive(Clone, Debug)]
enum Change {
    /// Its group has this rule.
    Rule(String),
    /// Its group lacks this rule.
    NoRule(String),
    /// This thing has another tag, or has lost it.
    Tag {
        id: String,
        key: &'static str,
        value: Option<String>,
    },
    /// Its metadata answer beyond so many hops.
    Hops(i64),
    /// It can be terminated.
    Unprotected,
    /// This volume ends with it.
    Doomed(String),
    /// Its interface stands in this group.
    Group(String),
}

/// Something that was done.
#[derive(Clone, Debug)]
pub(super) struct Tampering {
    pub(super) tenant: Key,
    instance: String,
    group: String,
    change: Change,
}

impl Tampering {
    pub(super) fn what(&self) -> String {
        format!(
            "{}, {} and {}: {:?}",
            self.tenant, self.instance, self.group, self.change
        )
    }

    pub(super) fn is_shown_by(&self, shown: &Shown) -> bool {
        let listing = match &self.change {
            Change::Rule(_) | Change::NoRule(_) => Operation::DescribeSecurityGroups,
            Change::Tag { id, .. } if id.starts_with("vol-") => Operation::DescribeVolumes,
            Change::Tag { id, .. } if id.starts_with("sg-") => Operation::DescribeSecurityGroups,
            Change::Unprotected => return *shown == Shown::Protection(self.instance.clone()),
            Change::Tag { .. } | Change::Hops(_) | Change::Doomed(_) | Change::Group(_) => {
                Operation::DescribeInstances
            }
        };
        *shown == Shown::Listing(listing)
    }

    pub(super) fn is_there(&self, truth: &Truth) -> bool {
        let instance = truth.instances.iter().find(|one| one.id == self.instance);
        let Some((instance, group)) = instance.zip(truth.group(&self.group)) else {
            return false;
        };
        match &self.change {
            Change::Rule(rule) => group.rules().contains(rule),
            Change::NoRule(rule) => !group.rules().contains(rule),
            Change::Tag { id, key, value } => {
                let carried = tags_of(truth, id);
                carried.is_some_and(|carried| carried.get(*key) == value.as_ref())
            }
            Change::Hops(hops) => {
                let found = instance.metadata_options.get("httpPutResponseHopLimit");
                found.is_some_and(|found| found == hops)
            }
            Change::Unprotected => !instance.disable_api_termination,
            Change::Doomed(volume) => truth.volumes_of(instance).any(|one| {
                let ends = one.attachment.as_ref().is_some_and(|at| at.delete_on_termination);
                one.id == *volume && ends
            }),
            Change::Group(id) => truth
                .interface(instance)
                .is_some_and(|one| one.group_ids.contains(id)),
        }
    }

    /// Whether a message says so: it names the thing and what became of it.
    pub(super) fn is_told_by(&self, message: &str) -> bool {
        let words: Vec<&str> = match &self.change {
            Change::Rule(rule) | Change::NoRule(rule) => {
                let source = rule.rsplit(' ').next().unwrap_or_default();
                let done = match &self.change {
                    Change::Rule(_) => "was added to",
                    _ => "was removed by someone else",
                };
                vec![source, done, &self.group]
            }
            Change::Tag { id, key, value } => match value {
                Some(value) => vec![id, key, value],
                None => vec![id, key, "removed"],
            },
            Change::Hops(hops) => return self.names_hops(message, *hops),
            Change::Unprotected => vec!["termination protection", &self.instance],
            Change::Doomed(volume) => vec![volume, "would have been deleted"],
            Change::Group(id) => vec![id, "does not belong there"],
        };
        words.into_iter().all(|word| message.contains(word))
    }

    fn names_hops(&self, message: &str, hops: i64) -> bool {
        message.contains(&self.instance) && message.contains(&format!("hop limit {hops} "))
    }
}

fn tags_of<'a>(truth: &'a Truth, id: &str) -> Option<&'a BTreeMap<String, String>> {
    let instances = truth.instances.iter().map(|one| (&one.id, &one.tags));
    let volumes = truth.volumes.iter().map(|one| (&one.id, &one.tags));
    let groups = truth.security_groups.iter().map(|one| (&one.id, &one.tags));
    let mut all = instances.chain(volumes).chain(groups);
    all.find(|(found, _)| *found == id).map(|(_, tags)| tags)
}

/// Whether a group is one that this made.
pub(super) fn is_backdoor(name: &str) -> bool {
    name.starts_with("backdoor-")
}

/// Whether a call was made by hand, and not by an operator.
pub(super) fn is_by_hand(call: &simaws::Call) -> bool {
    call.access_key.is_none()
}

/// One environment, as it is before something is done to it.
struct Target<'a> {
    world: &'a World,
    instance: &'a Instance,
    group: &'a Group,
    /// What no other one has.
    number: usize,
}

/// Does one thing to this environment; `None` where it is so already, or AWS refuses.
pub(super) fn one(
    world: &World,
    tenant: &Tenant,
    number: usize,
    chance: &mut fastrand::Rng,
) -> Result<Option<(&'static str, Tampering)>, Broken> {
    let truth = Truth::of(world, None)?;
    let status = tenant.status.clone().unwrap_or_default();
    let instance = truth
        .instances
        .iter()
        .find(|one| Some(&one.id) == status.instance_id.as_ref());
    let group = status.security_group_id.and_then(|id| truth.group(&id));
    let Some((instance, group)) = instance.zip(group) else {
        return Ok(None);
    };
    let target = Target {
        world,
        instance,
        group,
        number,
    };
    let volumes: Vec<&String> = instance.volumes.values().collect();
    let Some(volume) = chance.choice(volumes) else {
        return Ok(None);
    };
    let things = [&instance.id, volume, &group.id];
    let Some(thing) = chance.choice(things) else {
        return Ok(None);
    };
    let (kind, change) = match chance.u8(..10) {
        0 | 1 => ("rule added", target.open("Ingress", "22")),
        2 => ("way out added", target.open("Egress", "8443")),
        3 => (
            "rule removed",
            target.close("Ingress", "tcp", "443", fleet::OFFICE),
        ),
        4 => (
            "way out removed",
            target.close("Egress", "udp", "123", "0.0.0.0/0"),
        ),
        5 => ("tag changed", target.retag(thing)),
        6 => ("cluster tag removed", target.untag(thing, &truth)),
        7 => ("metadata weakened", target.weaken()),
        8 if chance.bool() => ("protection off", target.unprotect()),
        8 => ("volume doomed", target.doom(volume)),
        _ => ("group put on", target.put_in_backdoor()?),
    };
    let tampering = change.map(|change| Tampering {
        tenant: tenant.key(),
        instance: instance.id.clone(),
        group: group.id.clone(),
        change,
    });
    // What was so before is nobody's doing.
    let tampering = tampering.filter(|tampering| !tampering.is_there(&truth));
    Ok(tampering.map(|tampering| (kind, tampering)))
}

impl Target<'_> {
    fn call(&self, action: &str, params: &[(&str, &str)]) -> Option<()> {
        self.world.someone(action, params).ok().map(|_| ())
    }

    /// A rule of a source of its own.
    fn open(&self, way: &str, port: &str) -> Option<Change> {
        let source = format!("198.18.{}.{}/32", self.number / 256, self.number % 256);
        let action = format!("AuthorizeSecurityGroup{way}");
        self.call(&action, &rule(&self.group.id, "tcp", port, &source))?;
        Some(Change::Rule(format!(
            "{} tcp {port} {source}",
            way.to_lowercase()
        )))
    }

    fn close(&self, way: &str, protocol: &str, port: &str, peer: &str) -> Option<Change> {
        let action = format!("RevokeSecurityGroup{way}");
        let gone = format!("{} {protocol} {port} {peer}", way.to_lowercase());
        if !self.group.rules().contains(&gone) {
            return None;
        }
        self.call(&action, &rule(&self.group.id, protocol, port, peer))?;
        Some(Change::NoRule(gone))
    }

    fn retag(&self, id: &str) -> Option<Change> {
        let (key, value) = (tags::CUSTOMER, format!("tampered-{}-", self.number));
        let params = [("ResourceId.1", id), ("Tag.1.Key", key), ("Tag.1.Value", &value)];
        self.call("CreateTags", &params)?;
        Some(Change::Tag {
            id: id.to_owned(),
            key,
            value: Some(value),
        })
    }

    fn untag(&self, id: &str, truth: &Truth) -> Option<Change> {
        let key = tags::CLUSTER;
        tags_of(truth, id).filter(|carried| says(carried, key, crate::CLUSTER_ID))?;
        self.call("DeleteTags", &[("ResourceId.1", id), ("Tag.1.Key", key)])?;
        Some(Change::Tag {
            id: id.to_owned(),
            key,
            value: None,
        })
    }

    fn weaken(&self) -> Option<Change> {
        let hops = 2 + self.number % 62;
        let limit = hops.to_string();
        let params = [
            ("InstanceId", &*self.instance.id),
            ("HttpTokens", "optional"),
            ("HttpPutResponseHopLimit", &limit),
        ];
        self.call("ModifyInstanceMetadataOptions", &params)?;
        Some(Change::Hops(i64::try_from(hops).unwrap_or_default()))
    }

    fn unprotect(&self) -> Option<Change> {
        let id = &*self.instance.id;
        let params = [("InstanceId", id), ("DisableApiTermination.Value", "false")];
        self.call("ModifyInstanceAttribute", &params)?;
        Some(Change::Unprotected)
    }

    fn doom(&self, volume: &str) -> Option<Change> {
        let mut devices = self.instance.volumes.iter();
        let (device, _) = devices.find(|(_, id)| *id == volume)?;
        let params = [
            ("InstanceId", &*self.instance.id),
            ("BlockDeviceMapping.1.DeviceName", device),
            ("BlockDeviceMapping.1.Ebs.DeleteOnTermination", "true"),
        ];
        self.call("ModifyInstanceAttribute", &params)?;
        Some(Change::Doomed(volume.to_owned()))
    }

    /// Puts the interface into a group of its own, beside those it is in or instead of them.
    fn put_in_backdoor(&self) -> Result<Option<Change>, Broken> {
        let name = format!("backdoor-{}", self.number);
        let made = [
            ("GroupName", &*name),
            ("GroupDescription", "by hand"),
            ("VpcId", simaws::DEFAULT_VPC_ID),
        ];
        self.world.someone("CreateSecurityGroup", &made)?;
        let truth = Truth::of(self.world, None)?;
        let group = truth.security_groups.iter().find(|group| group.name == name);
        let id = group.map(|group| group.id.clone()).unwrap_or_default();
        let Some(interface) = self.instance.interface_ids.first() else {
            return Ok(None);
        };
        let own = [("SecurityGroupId.2", &*self.group.id)];
        let beside = own.into_iter().filter(|_| self.number.is_multiple_of(2));
        let params: Vec<_> = [("NetworkInterfaceId", &**interface), ("SecurityGroupId.1", &*id)]
            .into_iter()
            .chain(beside)
            .collect();
        let done = self.call("ModifyNetworkInterfaceAttribute", &params);
        Ok(done.map(|()| Change::Group(id)))
    }
}

#[cfg(test)]
mod tests;
