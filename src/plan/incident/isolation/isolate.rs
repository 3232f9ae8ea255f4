//! Isolating: record, make the quarantine group, empty it, move.

use std::collections::BTreeSet;

use super::{
    Held, Known, Place, Plan, Purpose, Step, Swap, Target, TenantWorld, Waiting, World, quarantine_of,
};
use crate::cloud::{Direction, NetworkInterfaceId, Observed, SecurityGroup, SecurityGroupId};

/// The parts of an isolation, put into their order at the end.
#[derive(Default)]
struct Isolation {
    records: BTreeSet<Held>,
    creates: BTreeSet<Place>,
    empties: BTreeSet<Step>,
    swaps: BTreeSet<Swap>,
    waiting_for: BTreeSet<Waiting>,
}

pub(super) fn plan_isolation(world: &World) -> Plan {
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
    if let Some(instance) = &tenant.foreign {
        parts.waiting_for.insert(Waiting::ForeignInstance {
            tenant: name.to_owned(),
            instance: instance.clone(),
        });
    }
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
                site: place.site.clone(),
                instance: self.target.instance.clone(),
                interface: interface.clone(),
                from: from.clone(),
                to: to.clone(),
                purpose: Purpose::Isolate,
            });
        }
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
            let (site, group) = (place.site.clone(), group.id.clone());
            parts.empties.insert(Step::EmptyQuarantine {
                site,
                group,
                direction,
                rules,
            });
        }
    }
}
