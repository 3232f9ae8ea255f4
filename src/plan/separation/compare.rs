//! The comparison itself: who holds what, then what is held by several.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::IpAddr,
    sync::Arc,
};

use ipnet::IpNet;

use super::{
    Breach, Ground, Matrix, Parties, Party, Thing,
    register::{Register, add},
};
use crate::cloud::{Direction, Instance, Peer, SecurityGroup, SecurityGroupId, Tags, VolumeId, VpcId};

/// Compares everything with everything, by index.
pub fn compare(ground: &Ground<'_>) -> Matrix {
    let mut comparing = Comparing {
        ground,
        register: Register::new(&ground.parties),
        matrix: Matrix::of(&ground.parties),
        held: Held::default(),
        common: ground.base_groups.iter().collect(),
        found: Vec::new(),
    };
    let seen = comparing.take_groups();
    for instance in &ground.instances {
        if instance.state.is_live() {
            comparing.take_instance(instance, &seen);
        }
    }
    comparing.take_volumes();
    comparing.compare_copies();
    comparing.compare_held();
    for group in &ground.groups {
        comparing.compare_rules(group);
    }
    comparing.end()
}

/// Who holds what.
#[derive(Default)]
struct Held<'a> {
    /// Whose each group is, and on whose interfaces it is; without those that all carry.
    groups: HashMap<&'a SecurityGroupId, Parties>,
    /// Whose each volume is, and on whose instance it is.
    volumes: HashMap<&'a VolumeId, Parties>,
    /// Whose each volume is by its tags.
    owners: HashMap<&'a VolumeId, Arc<Party>>,
    /// Where whose instances stand.
    addresses: BTreeMap<IpAddr, Vec<Standing<'a>>>,
}

/// In which VPC an instance stands, as far as that is known, and whose it is.
type Standing<'a> = (Option<&'a VpcId>, Arc<Party>);

struct Comparing<'a> {
    ground: &'a Ground<'a>,
    register: Register,
    matrix: Matrix,
    held: Held<'a>,
    /// The groups that every customer carries by declaration.
    common: BTreeSet<&'a SecurityGroupId>,
    found: Vec<Breach>,
}

impl<'a> Comparing<'a> {
    /// Whose each group is; answers with all that were seen.
    fn take_groups(&mut self) -> BTreeSet<&'a SecurityGroupId> {
        let mut seen = BTreeSet::new();
        for group in &self.ground.groups {
            seen.insert(&group.id);
            if self.ground.quarantine_names.contains(&group.name.to_lowercase()) {
                self.common.insert(&group.id);
            }
            if self.common.contains(&group.id) {
                continue;
            }
            if let Some(owner) = self.register.of_group(group) {
                self.compare_tags(group.id.as_str(), &owner, &group.tags);
                add(self.held.groups.entry(&group.id).or_default(), &owner);
            }
        }
        seen
    }

    fn take_instance(&mut self, instance: &'a Instance, seen: &BTreeSet<&'a SecurityGroupId>) {
        let Some(owner) = self.register.of_instance(instance) else {
            return;
        };
        self.compare_tags(instance.id.as_str(), &owner, &instance.tags);
        let carried: BTreeSet<_> = instance.interfaces.iter().flat_map(|one| &one.groups).collect();
        for id in carried {
            if self.common.contains(id) {
                continue;
            }
            add(self.held.groups.entry(id).or_default(), &owner);
            if !seen.contains(id)
                && let Some(row) = self.matrix.rows.get_mut(&owner.uid)
            {
                row.unseen.insert(id.clone());
            }
        }
        for volume in &instance.volumes {
            add(self.held.volumes.entry(&volume.id).or_default(), &owner);
        }
        let address = instance.private_ip.as_ref().and_then(|ip| ip.parse().ok());
        if let Some(address) = address {
            let here = self.held.addresses.entry(address).or_default();
            here.push((instance.vpc_id.as_ref(), owner));
        }
    }

    fn take_volumes(&mut self) {
        for volume in &self.ground.volumes {
            let Some(owner) = self.register.of_tags(&volume.tags) else {
                continue;
            };
            self.compare_tags(volume.id.as_str(), &owner, &volume.tags);
            add(self.held.volumes.entry(&volume.id).or_default(), &owner);
            self.held.owners.insert(&volume.id, owner);
        }
    }

    fn compare_copies(&mut self) {
        for snapshot in &self.ground.snapshots {
            let Some(owner) = self.register.of_tags(&snapshot.tags) else {
                continue;
            };
            self.compare_tags(snapshot.id.as_str(), &owner, &snapshot.tags);
            let data = self.held.owners.get(&snapshot.volume_id);
            if let Some(data) = data.filter(|data| !Arc::ptr_eq(data, &owner)) {
                let both = vec![Arc::clone(data), owner];
                let thing = Thing::Snapshot(snapshot.id.to_string(), snapshot.volume_id.to_string());
                self.found.extend(shared(thing, &both));
            }
        }
        for image in &self.ground.images {
            if let Some(owner) = self.register.of_tags(&image.tags) {
                self.compare_tags(image.id.as_str(), &owner, &image.tags);
            }
        }
    }

    /// Whether the tags of what is this one's name others too.
    fn compare_tags(&mut self, id: &str, owner: &Arc<Party>, carried: &Tags) {
        let mut named = self.register.named_beside(owner, carried);
        if !named.is_empty() {
            named.push(Arc::clone(owner));
            self.found.extend(shared(Thing::Tagged(id.to_owned()), &named));
        }
    }

    fn compare_held(&mut self) {
        let volumes = self.held.volumes.iter();
        let volumes = volumes.filter_map(|(id, holders)| shared(Thing::Volume(id.to_string()), holders));
        let groups = self.held.groups.iter();
        let groups = groups.filter_map(|(id, holders)| shared(Thing::Group(id.to_string()), holders));
        self.found.extend(volumes.chain(groups));
    }

    fn compare_rules(&mut self, group: &SecurityGroup) {
        let Some(these) = self.held.groups.get(&group.id) else {
            return;
        };
        let is_compared = |direction: Direction, peer: &Peer| match peer {
            Peer::Group(other) => *other != group.id,
            Peer::Cidr(range) => direction == Direction::Ingress && range.prefix_len() > 0,
            // Whose addresses are in it nobody lists.
            Peer::PrefixList(_) => false,
        };
        let rules = group.rules.iter();
        let peers: BTreeSet<&Peer> = rules
            .filter(|rule| is_compared(rule.direction, &rule.peer))
            .map(|rule| &rule.peer)
            .collect();
        let id = group.id.to_string();
        for peer in peers {
            let (thing, those) = match peer {
                Peer::Group(other) => (
                    Thing::Rule(id.clone(), other.to_string()),
                    self.held.groups.get(other).cloned().unwrap_or_default(),
                ),
                Peer::Cidr(range) => (
                    Thing::Range(id.clone(), *range),
                    self.held.standing_in(range, &group.vpc_id),
                ),
                Peer::PrefixList(_) => continue,
            };
            if those
                .iter()
                .any(|other| these.iter().any(|one| one.customer != other.customer))
            {
                self.found.push(Breach::new(thing, these.clone(), those));
            }
        }
    }

    fn end(mut self) -> Matrix {
        // What is kept of many is the same whatever the order in which they were found.
        self.found.sort();
        for breach in self.found {
            self.matrix.keep(&Arc::new(breach));
        }
        self.matrix
    }
}

impl Held<'_> {
    /// Whose instances stand in this range of this VPC.
    fn standing_in(&self, range: &IpNet, vpc: &VpcId) -> Parties {
        let there = self.addresses.range(range.network()..=range.broadcast());
        let standing = there.flat_map(|(_, standing)| standing);
        // Addresses mean nothing outside of their VPC; where that is not known, this one is assumed.
        let here = standing.filter(|(other, _)| other.is_none_or(|other| other == vpc));
        here.map(|(_, party)| Arc::clone(party)).collect()
    }
}

/// The breach that it is to be these parties' in common; nothing where they may.
fn shared(thing: Thing, parties: &Parties) -> Option<Breach> {
    let (first, rest) = parties.split_first()?;
    let differ = rest
        .iter()
        .any(|other| other.customer != first.customer || other.environment != first.environment);
    differ.then(|| Breach::new(thing, parties.clone(), parties.clone()))
}
