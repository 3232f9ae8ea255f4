//! The comparison itself: who holds what, then what is held by several.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::IpAddr,
    sync::Arc,
};

use ipnet::IpNet;

use super::{
    Ground, Matrix, Party, Thing,
    register::Register,
    rows::rows,
    sides::{Found, Side},
};
use crate::cloud::{Direction, Instance, Peer, SecurityGroup, SecurityGroupId, Tags, VolumeId, VpcId};

/// Compares everything with everything, by index.
pub fn compare(ground: &Ground<'_>) -> Matrix {
    let (found, unseen) = find(ground);
    let mut matrix = rows(&ground.parties, found);
    for (uid, groups) in unseen {
        if let Some(row) = matrix.rows.get_mut(&uid) {
            row.unseen = groups;
        }
    }
    matrix
}

/// By the uid of whose interfaces they are on: the groups whose rules are not known.
type Unseen = HashMap<String, BTreeSet<SecurityGroupId>>;

/// All that keeps somebody apart no longer, in no order.
pub(super) fn find(ground: &Ground<'_>) -> (Vec<Found>, Unseen) {
    let mut holding = Holding::default();
    let mut comparing = Comparing {
        ground,
        register: Register::new(&ground.parties),
        common: ground.base_groups.iter().collect(),
        found: Vec::new(),
        unseen: Unseen::new(),
    };
    let seen = comparing.take_groups(&mut holding);
    for instance in &ground.instances {
        if instance.state.is_live() {
            comparing.take_instance(instance, &seen, &mut holding);
        }
    }
    comparing.take_volumes(&mut holding);
    comparing.compare_copies(&holding);
    let mut held = Held::of(holding);
    comparing.compare_held(&held);
    for group in &ground.groups {
        comparing.compare_rules(group, &mut held);
    }
    (comparing.found, comparing.unseen)
}

/// Who holds what, while it is gathered.
#[derive(Default)]
struct Holding<'a> {
    /// Whose each group is, and on whose interfaces it is; without those that all carry.
    groups: HashMap<&'a SecurityGroupId, Vec<Arc<Party>>>,
    /// Whose each volume is, and on whose instance it is.
    volumes: HashMap<&'a VolumeId, Vec<Arc<Party>>>,
    /// Whose each volume is by its tags.
    owners: HashMap<&'a VolumeId, Arc<Party>>,
    /// Where whose instances stand.
    addresses: BTreeMap<IpAddr, Vec<Standing<'a>>>,
}

/// Who holds what.
struct Held<'a> {
    groups: HashMap<&'a SecurityGroupId, Side>,
    volumes: HashMap<&'a VolumeId, Side>,
    addresses: BTreeMap<IpAddr, Vec<Standing<'a>>>,
    /// Whose instances stand in each range of a VPC that was asked for: many groups let in the same.
    ranges: HashMap<(&'a VpcId, IpNet), Side>,
}

impl<'a> Held<'a> {
    fn of(holding: Holding<'a>) -> Self {
        let groups = holding.groups.into_iter();
        let volumes = holding.volumes.into_iter();
        Self {
            groups: groups.map(|(id, holders)| (id, Side::new(holders))).collect(),
            volumes: volumes.map(|(id, holders)| (id, Side::new(holders))).collect(),
            addresses: holding.addresses,
            ranges: HashMap::new(),
        }
    }
}

/// In which VPC an instance stands, as far as that is known, and whose it is.
type Standing<'a> = (Option<&'a VpcId>, Arc<Party>);

struct Comparing<'a> {
    ground: &'a Ground<'a>,
    register: Register,
    /// The groups that every customer carries by declaration.
    common: BTreeSet<&'a SecurityGroupId>,
    found: Vec<Found>,
    unseen: Unseen,
}

impl<'a> Comparing<'a> {
    /// Whose each group is; answers with all that were seen.
    fn take_groups(&mut self, holding: &mut Holding<'a>) -> BTreeSet<&'a SecurityGroupId> {
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
                holding.groups.entry(&group.id).or_default().push(owner);
            }
        }
        seen
    }

    fn take_instance(
        &mut self,
        instance: &'a Instance,
        seen: &BTreeSet<&'a SecurityGroupId>,
        holding: &mut Holding<'a>,
    ) {
        let Some(owner) = self.register.of_instance(instance) else {
            return;
        };
        self.compare_tags(instance.id.as_str(), &owner, &instance.tags);
        let carried: BTreeSet<_> = instance.interfaces.iter().flat_map(|one| &one.groups).collect();
        for id in carried {
            if self.common.contains(id) {
                continue;
            }
            let holders = holding.groups.entry(id).or_default();
            holders.push(Arc::clone(&owner));
            if !seen.contains(id) {
                let unseen = self.unseen.entry(owner.uid.clone()).or_default();
                unseen.insert(id.clone());
            }
        }
        for volume in &instance.volumes {
            let holders = holding.volumes.entry(&volume.id).or_default();
            holders.push(Arc::clone(&owner));
        }
        let address = instance.private_ip.as_ref().and_then(|ip| ip.parse().ok());
        if let Some(address) = address {
            let here = holding.addresses.entry(address).or_default();
            here.push((instance.vpc_id.as_ref(), owner));
        }
    }

    fn take_volumes(&mut self, holding: &mut Holding<'a>) {
        for volume in &self.ground.volumes {
            let Some(owner) = self.register.of_tags(&volume.tags) else {
                continue;
            };
            self.compare_tags(volume.id.as_str(), &owner, &volume.tags);
            let holders = holding.volumes.entry(&volume.id).or_default();
            holders.push(Arc::clone(&owner));
            holding.owners.insert(&volume.id, owner);
        }
    }

    fn compare_copies(&mut self, holding: &Holding<'a>) {
        for snapshot in &self.ground.snapshots {
            let Some(owner) = self.register.of_tags(&snapshot.tags) else {
                continue;
            };
            self.compare_tags(snapshot.id.as_str(), &owner, &snapshot.tags);
            let data = holding.owners.get(&snapshot.volume_id);
            if let Some(data) = data.filter(|data| !Arc::ptr_eq(data, &owner)) {
                let both = Side::new(vec![Arc::clone(data), owner]);
                let thing = Thing::Snapshot(snapshot.id.to_string(), snapshot.volume_id.to_string());
                self.found.extend(Found::shared(thing, &both));
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
        let named = self.register.named_beside(owner, carried);
        let thing = || Thing::Tagged(id.to_owned());
        if !named.parties.is_empty() {
            let mut sharing = named.parties;
            sharing.push(Arc::clone(owner));
            self.found.extend(Found::shared(thing(), &Side::new(sharing)));
        }
        if let Some(customer) = named.customer {
            self.found.push(Found {
                thing: thing(),
                these: Side::new(vec![Arc::clone(owner)]),
                those: customer,
            });
        }
    }

    fn compare_held(&mut self, held: &Held<'a>) {
        let volumes = held.volumes.iter();
        let volumes = volumes.map(|(id, holders)| Found::shared(Thing::Volume(id.to_string()), holders));
        let groups = held.groups.iter();
        let groups = groups.map(|(id, holders)| Found::shared(Thing::Group(id.to_string()), holders));
        self.found.extend(volumes.chain(groups).flatten());
    }

    fn compare_rules(&mut self, group: &'a SecurityGroup, held: &mut Held<'a>) {
        let Some(these) = held.groups.get(&group.id).cloned() else {
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
                    held.groups.get(other).cloned(),
                ),
                Peer::Cidr(range) => (
                    Thing::Range(id.clone(), *range),
                    Some(held.standing_in(*range, &group.vpc_id)),
                ),
                Peer::PrefixList(_) => continue,
            };
            if let Some(those) = those.filter(|those| these.is_of_other_customers_than(those)) {
                let these = these.clone();
                self.found.push(Found { thing, these, those });
            }
        }
    }
}

impl<'a> Held<'a> {
    /// Whose instances stand in this range of this VPC.
    fn standing_in(&mut self, range: IpNet, vpc: &'a VpcId) -> Side {
        let standing = || {
            let there = self.addresses.range(range.network()..=range.broadcast());
            let standing = there.flat_map(|(_, standing)| standing);
            // Addresses mean nothing outside of their VPC; where that is not known, this one is assumed.
            let here = standing.filter(|(other, _)| other.is_none_or(|other| other == vpc));
            Side::new(here.map(|(_, party)| Arc::clone(party)).collect())
        };
        self.ranges.entry((vpc, range)).or_insert_with(standing).clone()
    }
}
