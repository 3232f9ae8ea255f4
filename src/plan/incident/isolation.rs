//! Isolation of instances, one network interface at a time, and its undoing.
//!
//! The order is what keeps evidence whole: the groups of an interface are recorded before it is touched, the
//! quarantine group is empty before anything is moved into it, and an interface counts as reconnected only after a
//! call of ours said so. A security group does not cut connections that are tracked already; nothing here claims it.
//!
//! Deliberately absent: who else isolates is an input ([`Elsewhere`]), so each Incident plans alone and the groups
//! return with the last one.

mod undo;

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    api::Reason,
    cloud::{
        Direction, InstanceId, NetworkInterfaceId, NewGroup, Observed, Region, Rule, SecurityGroup,
        SecurityGroupId, VpcId,
    },
    plan::tenant::{Standing, standing_of},
};

pub use undo::is_undone;

/// Groups by interface.
pub type Interfaces = BTreeMap<NetworkInterfaceId, BTreeSet<SecurityGroupId>>;

/// What an Incident wants of its Tenants' interfaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Intent {
    /// Every interface stands in quarantine.
    Isolate,
    /// What this Incident isolated is connected again, unless another Incident still isolates it.
    Undo,
    /// Nothing: the Incident is closed, or was never accepted.
    LeaveAlone,
}

/// Where a quarantine group stands: there is one per class and VPC.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The region.
    pub region: Region,
    /// The VPC.
    pub vpc: VpcId,
    /// The TenantClass.
    pub class: String,
}

/// A quarantine group: how it is made, and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantine {
    /// The group to be made where there is none. Its tags tell ours from a stranger's of the same name.
    pub wanted: NewGroup,
    /// The group of that name in that VPC, whoever made it.
    pub observed: Observed<SecurityGroup>,
}

/// The live instance of a Tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its id.
    pub instance: InstanceId,
    /// Its interfaces with the groups in force on them.
    pub interfaces: Interfaces,
}

/// A Tenant's own security group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnGroup {
    /// Its id.
    pub id: SecurityGroupId,
    /// Whether it holds the accepted rules and no other.
    pub exact: bool,
}

/// What was recorded of an interface before it was isolated.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Held {
    /// The Tenant.
    pub tenant: String,
    /// The instance.
    pub instance: InstanceId,
    /// The interface.
    pub interface: NetworkInterfaceId,
    /// Its groups from before: written once, never the quarantine group.
    pub originals: BTreeSet<SecurityGroupId>,
    /// Whether it was connected again.
    pub returned: bool,
}

/// What another Incident does to the same Tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elsewhere {
    /// The other Incident's name.
    pub incident: String,
    /// Whether it wants isolation now.
    pub isolates: bool,
    /// What it recorded of this Tenant.
    pub held: Vec<Held>,
}

/// What is known of one Tenant of an Incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantWorld {
    /// Where its quarantine group stands; `None` while its class or VPC is not known.
    pub place: Option<Place>,
    /// Its instance; absent when none is bound, or the bound one is gone.
    pub target: Observed<Target>,
    /// Its own group.
    pub own_group: Observed<OwnGroup>,
    /// The class's base groups.
    pub base_groups: BTreeSet<SecurityGroupId>,
    /// The other Incidents that name it.
    pub elsewhere: Vec<Elsewhere>,
}

/// What is known of everything an Incident may touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct World {
    /// What this Incident recorded.
    pub held: Vec<Held>,
    /// Its Tenants by name; one that is not listed is gone.
    pub tenants: BTreeMap<String, TenantWorld>,
    /// The quarantine groups of those Tenants. One that is not listed is unknown.
    pub quarantines: BTreeMap<Place, Quarantine>,
}

/// Why an interface is moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// Into quarantine.
    Isolate,
    /// Back to the Tenant's own group and the base groups.
    Reconnect,
}

/// One call that replaces the whole set of groups of an interface.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Swap {
    /// The Tenant.
    pub tenant: String,
    /// The region.
    pub region: Region,
    /// The instance.
    pub instance: InstanceId,
    /// The interface.
    pub interface: NetworkInterfaceId,
    /// The groups seen on it; for the event, never for the call.
    pub from: BTreeSet<SecurityGroupId>,
    /// The groups it gets.
    pub to: BTreeSet<SecurityGroupId>,
    /// Why.
    pub purpose: Purpose,
}

/// One step of isolating or undoing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// Writes these entries into the Incident's status, before anything is touched. An entry of an interface that
    /// was recorded before is opened again, with the originals it had.
    RecordOriginals(Vec<Held>),
    /// Makes the quarantine group. AWS gives it an allow-all egress rule, so nothing can be moved into it yet.
    CreateQuarantine(Place),
    /// Takes these rules of one direction out of the quarantine group.
    EmptyQuarantine {
        /// Its region.
        region: Region,
        /// The group.
        group: SecurityGroupId,
        /// Which way the rules go.
        direction: Direction,
        /// The rules.
        rules: BTreeSet<Rule>,
    },
    /// Moves an interface.
    Swap(Swap),
    /// Writes into the Incident's status that these interfaces are connected again, or gone.
    RecordReturned(Vec<NetworkInterfaceId>),
}

/// What stands in the way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Waiting {
    /// For knowing what AWS holds of this Tenant.
    View {
        /// The Tenant.
        tenant: String,
    },
    /// For the quarantine group that this plan makes.
    Quarantine(Place),
    /// For a person: a group of the quarantine group's name is not ours.
    ForeignQuarantine {
        /// That group.
        group: SecurityGroupId,
        /// Its name.
        name: String,
    },
    /// For the Tenant's own group to be made exact.
    OwnGroup {
        /// The Tenant.
        tenant: String,
    },
    /// For another Incident that still isolates this Tenant.
    Elsewhere {
        /// The Tenant.
        tenant: String,
        /// That Incident.
        incident: String,
    },
}

impl From<Waiting> for crate::plan::Waiting {
    fn from(waiting: Waiting) -> Self {
        match waiting {
            Waiting::View { tenant } => Self::new(
                Reason::ViewStale,
                format!("what AWS holds of {tenant} is not known at the moment"),
            ),
            Waiting::Quarantine(place) => Self::new(
                Reason::GroupChanging,
                format!("the quarantine group of {} is being made", place.class),
            ),
            Waiting::ForeignQuarantine { group, name } => Self::new(
                Reason::ForeignGroup,
                format!("security group {group} has the name {name} but not our tags: rename or delete it"),
            ),
            Waiting::OwnGroup { tenant } => Self::new(
                Reason::GroupChanging,
                format!("the security group of {tenant} is not exact yet"),
            ),
            Waiting::Elsewhere { tenant, incident } => Self::new(
                Reason::Isolated,
                format!("Incident {incident} still isolates {tenant}"),
            ),
        }
    }
}

/// What to do, in this order, and what to wait for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The steps.
    pub steps: Vec<Step>,
    /// What stands in the way of the rest.
    pub waiting_for: BTreeSet<Waiting>,
}

/// The steps that bring the Incident's interfaces to where it wants them; empty when they are there.
pub fn plan(intent: Intent, world: &World) -> Plan {
    match intent {
        Intent::Isolate => plan_isolation(world),
        Intent::Undo => undo::plan_undo(world),
        Intent::LeaveAlone => Plan::default(),
    }
}

/// Whether every interface of every Tenant stands in an empty quarantine group; `None` where that is not known.
///
/// A Tenant without an instance has no interface, so nothing of it is connected.
pub fn is_contained(world: &World) -> Option<bool> {
    let mut contained = true;
    for tenant in world.tenants.values() {
        let target = match &tenant.target {
            Observed::Unknown => return None,
            Observed::Absent => continue,
            Observed::Present(target) => target,
        };
        match quarantine_of(tenant, world) {
            Known::Unknown => return None,
            Known::Absent(_) | Known::Foreign(_) => contained &= target.interfaces.is_empty(),
            Known::Ours(_, group) => {
                let only = BTreeSet::from([group.id.clone()]);
                contained &= target.interfaces.values().all(|groups| *groups == only);
                contained &= group.rules.is_empty() || target.interfaces.is_empty();
            }
        }
    }
    Some(contained)
}

/// What is known of a Tenant's quarantine group.
enum Known<'a> {
    Unknown,
    Absent(&'a Place),
    Foreign(&'a SecurityGroup),
    Ours(&'a Place, &'a SecurityGroup),
}

fn quarantine_of<'a>(tenant: &'a TenantWorld, world: &'a World) -> Known<'a> {
    let Some(place) = &tenant.place else {
        return Known::Unknown;
    };
    let Some(quarantine) = world.quarantines.get(place) else {
        return Known::Unknown;
    };
    match &quarantine.observed {
        Observed::Unknown => Known::Unknown,
        Observed::Absent => Known::Absent(place),
        Observed::Present(group) if standing_of(&quarantine.wanted.tags, group, false) == Standing::Ours => {
            Known::Ours(place, group)
        }
        Observed::Present(group) => Known::Foreign(group),
    }
}

/// The parts of an isolation, put into their order at the end.
#[derive(Default)]
struct Isolation {
    records: BTreeSet<Held>,
    creates: BTreeSet<Place>,
    empties: BTreeSet<Step>,
    swaps: BTreeSet<Swap>,
    waiting_for: BTreeSet<Waiting>,
}

fn plan_isolation(world: &World) -> Plan {
    let mut parts = Isolation::default();
    for (name, tenant) in &world.tenants {
        isolate(name, tenant, world, &mut parts);
    }
    let mut steps = Vec::new();
    if !parts.records.is_empty() {
        steps.push(Step::RecordOriginals(parts.records.into_iter().collect()));
    }
    steps.extend(parts.creates.into_iter().map(Step::CreateQuarantine));
    steps.extend(parts.empties);
    steps.extend(parts.swaps.into_iter().map(Step::Swap));
    Plan {
        steps,
        waiting_for: parts.waiting_for,
    }
}

/// One Tenant with a live instance.
#[derive(Clone, Copy)]
struct Subject<'a> {
    name: &'a str,
    tenant: &'a TenantWorld,
    target: &'a Target,
    held: &'a [Held],
}

fn isolate(name: &str, tenant: &TenantWorld, world: &World, parts: &mut Isolation) {
    let target = match &tenant.target {
        Observed::Unknown => {
            parts.waiting_for.insert(Waiting::View {
                tenant: name.to_owned(),
            });
            return;
        }
        Observed::Absent => return,
        Observed::Present(target) => target,
    };
    let subject = Subject {
        name,
        tenant,
        target,
        held: &world.held,
    };
    match quarantine_of(tenant, world) {
        // Without it an interface in quarantine could not be told from any other.
        Known::Unknown => {
            parts.waiting_for.insert(Waiting::View {
                tenant: name.to_owned(),
            });
        }
        Known::Foreign(group) => {
            let (group, name) = (group.id.clone(), group.name.clone());
            parts
                .waiting_for
                .insert(Waiting::ForeignQuarantine { group, name });
        }
        Known::Absent(_) if target.interfaces.is_empty() => {}
        Known::Absent(place) => {
            subject.record(None, parts);
            parts.creates.insert(place.clone());
            parts.waiting_for.insert(Waiting::Quarantine(place.clone()));
        }
        Known::Ours(place, group) => {
            let recorded = subject.record(Some(&group.id), parts);
            empty(place, group, parts);
            subject.swap(place, &group.id, &recorded, parts);
        }
    }
}

impl Subject<'_> {
    /// Records what is not recorded yet. The answer is every interface that may be moved.
    fn record(
        &self,
        quarantine: Option<&SecurityGroupId>,
        parts: &mut Isolation,
    ) -> BTreeSet<NetworkInterfaceId> {
        let mut recorded = BTreeSet::new();
        for (interface, groups) in &self.target.interfaces {
            let entry = self.held.iter().find(|held| held.interface == *interface);
            if entry.is_some_and(|held| !held.returned) {
                recorded.insert(interface.clone());
                continue;
            }
            let originals = match entry {
                // Written once: a second isolation by the same Incident keeps the first evidence.
                Some(entry) => Some(entry.originals.clone()),
                None => self.originals(interface, groups, quarantine),
            };
            let Some(mut originals) = originals else {
                parts.waiting_for.insert(Waiting::View {
                    tenant: self.name.to_owned(),
                });
                continue;
            };
            if let Some(quarantine) = quarantine {
                originals.remove(quarantine);
            }
            recorded.insert(interface.clone());
            parts.records.insert(Held {
                tenant: self.name.to_owned(),
                instance: self.target.instance.clone(),
                interface: interface.clone(),
                originals,
                returned: false,
            });
        }
        recorded
    }

    /// The groups an interface had before any Incident or person isolated it; `None` where that cannot be told yet.
    fn originals(
        &self,
        interface: &NetworkInterfaceId,
        groups: &BTreeSet<SecurityGroupId>,
        quarantine: Option<&SecurityGroupId>,
    ) -> Option<BTreeSet<SecurityGroupId>> {
        // The first one's, since what stands on the interface now is its doing. By name, so that the order of a
        // listing decides nothing.
        let others = self.tenant.elsewhere.iter();
        let copied = others
            .flat_map(|other| other.held.iter().map(move |held| (&other.incident, held)))
            .filter(|(_, held)| held.interface == *interface && !held.returned)
            .min();
        if let Some((_, held)) = copied {
            return Some(held.originals.clone());
        }
        let before: BTreeSet<_> = groups
            .iter()
            .filter(|group| Some(*group) != quarantine)
            .cloned()
            .collect();
        if !before.is_empty() {
            return Some(before);
        }
        // Put into quarantine by hand before the Incident: the true ones are unknown, so what it should have
        // stands in for them.
        match &self.tenant.own_group {
            Observed::Unknown => None,
            Observed::Absent => Some(self.tenant.base_groups.clone()),
            Observed::Present(own) => Some(self.tenant.connected(&own.id)),
        }
    }

    /// Moves what is recorded and not in quarantine alone.
    fn swap(
        &self,
        place: &Place,
        quarantine: &SecurityGroupId,
        recorded: &BTreeSet<NetworkInterfaceId>,
        parts: &mut Isolation,
    ) {
        let to = BTreeSet::from([quarantine.clone()]);
        for (interface, from) in &self.target.interfaces {
            if *from == to || !recorded.contains(interface) {
                continue;
            }
            parts.swaps.insert(Swap {
                tenant: self.name.to_owned(),
                region: place.region.clone(),
                instance: self.target.instance.clone(),
                interface: interface.clone(),
                from: from.clone(),
                to: to.clone(),
                purpose: Purpose::Isolate,
            });
        }
    }
}

impl TenantWorld {
    /// The groups of a connected interface, given the Tenant's own.
    fn connected(&self, own: &SecurityGroupId) -> BTreeSet<SecurityGroupId> {
        let mut groups = self.base_groups.clone();
        groups.insert(own.clone());
        groups
    }
}

fn empty(place: &Place, group: &SecurityGroup, parts: &mut Isolation) {
    for direction in [Direction::Ingress, Direction::Egress] {
        let rules: BTreeSet<_> = group
            .rules
            .iter()
            .filter(|rule| rule.direction == direction)
            .cloned()
            .collect();
        if !rules.is_empty() {
            let (region, group) = (place.region.clone(), group.id.clone());
            parts.empties.insert(Step::EmptyQuarantine {
                region,
                group,
                direction,
                rules,
            });
        }
    }
}

#[cfg(test)]
mod tests;
