//! Isolation of instances, one network interface at a time, and its undoing.
//!
//! The order is what keeps evidence whole: the groups of an interface are recorded before it is touched, the
//! quarantine group is empty before anything is moved into it, and an interface counts as reconnected only after a
//! call of ours said so. A security group does not cut connections that are tracked already; nothing here claims it.
//!
//! Deliberately absent: who else isolates is an input ([`Elsewhere`]), so each Incident plans alone and the groups
//! return with the last one.

mod isolate;
mod undo;
mod world;

use std::collections::BTreeSet;

pub use self::{
    undo::is_undone,
    world::{
        Elsewhere, Held, Intent, Interfaces, OwnGroup, Place, Plan, Purpose, Quarantine, Step, Swap, Target,
        TenantWorld, Waiting, World,
    },
};
use crate::{
    cloud::{Observed, SecurityGroup},
    plan::tenant::{Standing, standing_of},
};

/// The steps that bring the Incident's interfaces to where it wants them; empty when they are there.
pub fn plan(intent: Intent, world: &World) -> Plan {
    match intent {
        Intent::Isolate => isolate::plan_isolation(world),
        Intent::Undo => undo::plan_undo(world),
        Intent::LeaveAlone => Plan::default(),
    }
}

/// Whether every interface of every Tenant stands in an empty quarantine group; `None` where that is not known.
///
/// A Tenant without an instance has no interface, so nothing of it is connected. Of one whose status names a
/// stranger's instance nobody can tell.
pub fn is_contained(world: &World) -> Option<bool> {
    let mut contained = true;
    for tenant in world.tenants.values() {
        if tenant.foreign.is_some() {
            return None;
        }
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

#[cfg(test)]
mod tests;
