//! Undoing an isolation.
//!
//! The interfaces get what a connected interface should have, never what the record says: an attacker's group that
//! stood on one of them must not come back. The record stays as evidence.

use std::collections::BTreeSet;

use super::{Elsewhere, Held, Plan, Purpose, Step, Swap, TenantWorld, Waiting, World};
use crate::cloud::{NetworkInterfaceId, Observed, SecurityGroupId};

#[derive(Default)]
struct Undo {
    swaps: BTreeSet<Swap>,
    returned: BTreeSet<NetworkInterfaceId>,
    waiting_for: BTreeSet<Waiting>,
}

pub(super) fn plan_undo(world: &World) -> Plan {
    let mut parts = Undo::default();
    for held in world.held.iter().filter(|held| !held.returned) {
        undo(held, world, &mut parts);
    }
    let mut steps: Vec<_> = parts.swaps.into_iter().map(Step::Swap).collect();
    if !parts.returned.is_empty() {
        steps.push(Step::RecordReturned(parts.returned.into_iter().collect()));
    }
    Plan {
        steps,
        waiting_for: parts.waiting_for,
    }
}

fn undo(held: &Held, world: &World, parts: &mut Undo) {
    let tenant = held.tenant.clone();
    // A Tenant that is gone left its instance behind as it was: nothing of it is touched any more.
    let Some(of) = world.tenants.get(&held.tenant) else {
        return;
    };
    let mut holders = of.elsewhere.iter().filter(|other| other.isolates).peekable();
    if holders.peek().is_some() {
        parts.waiting_for.extend(holders.map(|other| Waiting::Elsewhere {
            tenant: tenant.clone(),
            incident: other.incident.clone(),
        }));
        return;
    }
    match &of.target {
        Observed::Unknown => {
            parts.waiting_for.insert(Waiting::View { tenant });
        }
        Observed::Absent => {
            parts.returned.insert(held.interface.clone());
        }
        Observed::Present(target) => match target.interfaces.get(&held.interface) {
            // Detached: it keeps its quarantine, and whoever attaches it again decides anew.
            None => {
                parts.returned.insert(held.interface.clone());
            }
            Some(from) => reconnect(held, of, from, parts),
        },
    }
}

/// Plans the call even if the interface seems to be connected: what was seen may be older than the isolation, and an
/// interface that wrongly counted as connected would stay cut off for good.
fn reconnect(held: &Held, tenant: &TenantWorld, from: &BTreeSet<SecurityGroupId>, parts: &mut Undo) {
    let Some(place) = &tenant.place else {
        parts.waiting_for.insert(Waiting::View {
            tenant: held.tenant.clone(),
        });
        return;
    };
    match &tenant.own_group {
        Observed::Unknown => {
            parts.waiting_for.insert(Waiting::View {
                tenant: held.tenant.clone(),
            });
        }
        Observed::Present(own) if own.exact => {
            parts.swaps.insert(Swap {
                tenant: held.tenant.clone(),
                site: place.site.clone(),
                instance: held.instance.clone(),
                interface: held.interface.clone(),
                from: from.clone(),
                to: tenant.connected(&own.id),
                purpose: Purpose::Reconnect,
            });
            parts.returned.insert(held.interface.clone());
        }
        // A group that holds a stranger's rule would let the stranger in again.
        Observed::Absent | Observed::Present(_) => {
            parts.waiting_for.insert(Waiting::OwnGroup {
                tenant: held.tenant.clone(),
            });
        }
    }
}

/// Whether nothing is left to undo: every interface is connected again, gone, of a Tenant that is gone, or in the
/// hands of another Incident that isolates it and has recorded it.
pub fn is_undone(world: &World) -> bool {
    let open = world.held.iter().filter(|held| !held.returned);
    open.filter_map(|held| world.tenants.get(&held.tenant).map(|tenant| (held, tenant)))
        .all(|(held, tenant)| {
            tenant
                .elsewhere
                .iter()
                .any(|other| other.isolates && has_recorded(other, held))
        })
}

fn has_recorded(other: &Elsewhere, held: &Held) -> bool {
    other
        .held
        .iter()
        .any(|theirs| theirs.interface == held.interface && !theirs.returned)
}
