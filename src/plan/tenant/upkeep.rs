//! Keeping a bound instance as it must be, whatever others do to it.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{
    Bound, CONSISTENCY_LAG, Finding, Lacking, METADATA, TenantAction, TenantDesired, TenantStep, TenantWorld,
    change::plan_change, group::Own, lack, listed, push_tags,
};
use crate::{
    api::{Reason, names},
    clock::later,
    cloud::{Instance, NetworkInterface, Observed, SecurityGroupId, Tags, VolumeId},
    plan::Plan,
};

/// Plans the upkeep of the bound instance.
pub(super) fn plan_upkeep(
    desired: &TenantDesired,
    world: &TenantWorld,
    bound: Bound<'_>,
    now: Timestamp,
    plan: &mut Plan<TenantStep>,
) {
    let instance = match &world.instance {
        Observed::Unknown => {
            plan.wait(Reason::ViewStale, "what AWS holds is not known at the moment");
            return;
        }
        Observed::Absent => return plan_absence(world, bound, now, plan),
        Observed::Present(instance) => instance,
    };
    let Some(incarnation) = desired.identity.incarnation_of(instance) else {
        plan.wait(
            Reason::ForeignInstance,
            format!("instance {} was not launched for this Tenant", instance.id),
        );
        return;
    };
    if !instance.state.is_live() {
        plan.wait(
            Reason::Vanished,
            format!("instance {} was terminated", instance.id),
        );
        return;
    }
    plan_tags(desired, world, instance, incarnation, plan);
    plan_hardening(world, instance, plan);
    plan_interfaces(desired, world, instance, bound.group, plan);
    // Last, so that a stop that AWS refuses keeps no repair from being made.
    plan_change(desired, world, instance, now, plan);
}

/// A bound instance that a look for its id did not find. Another is never made in its place.
fn plan_absence(world: &TenantWorld, bound: Bound<'_>, now: Timestamp, plan: &mut Plan<TenantStep>) {
    // It was seen before it was bound, so only AWS's lag after its launch can hide it.
    let shows_at = world
        .launch
        .as_ref()
        .map(|record| later(record.at, CONSISTENCY_LAG));
    match shows_at {
        Some(at) if now < at => {
            plan.wait(
                Reason::Starting,
                format!("instance {} does not show in AWS yet", bound.id),
            );
            plan.look_again_at(at);
        }
        Some(_) | None => plan.wait(Reason::Vanished, format!("instance {} is gone", bound.id)),
    }
}

fn plan_tags(
    desired: &TenantDesired,
    world: &TenantWorld,
    instance: &Instance,
    incarnation: i32,
    plan: &mut Plan<TenantStep>,
) {
    let expected = desired.identity.instance_tags(incarnation);
    let mut lacking = Lacking::new();
    lack(&mut lacking, instance.id.as_str(), &expected, &instance.tags);
    if let Some(volumes) = world.volumes.present() {
        let attached: BTreeSet<_> = instance.volumes.iter().map(|volume| &volume.id).collect();
        for id in attached.difference(&world.foreign_volumes.iter().collect()) {
            match listed(volumes, id) {
                Some(volume) => lack(&mut lacking, id.as_str(), &expected, &volume.tags),
                None => lack_all(&mut lacking, id, &expected),
            }
        }
    }
    push_tags(lacking, plan);
}

/// The listing by our tag lacks the volume, so that tag is not what it was. Nothing shows whether others went with
/// it, so all are set, and only the one is told.
fn lack_all(lacking: &mut Lacking, id: &VolumeId, expected: &Tags) {
    let entry = lacking.entry(expected.clone()).or_default();
    entry.0.push(id.to_string());
    entry.1.push(Finding::drift(format!(
        "tag {} of {id} was removed or changed and was put back",
        names::tags::CLUSTER
    )));
}

fn plan_hardening(world: &TenantWorld, instance: &Instance, plan: &mut Plan<TenantStep>) {
    let id = &instance.id;
    if world.protected == Observed::Present(false) {
        plan.steps.push(TenantStep {
            action: TenantAction::Protect(id.clone()),
            findings: vec![Finding::drift(format!(
                "the termination protection of {id} was switched off and was switched on again"
            ))],
        });
    }
    if instance.metadata != METADATA {
        let tokens = if instance.metadata.tokens_required {
            "required"
        } else {
            "optional"
        };
        plan.steps.push(TenantStep {
            action: TenantAction::SetMetadataOptions(id.clone(), METADATA),
            findings: vec![Finding::drift(format!(
                "the metadata options of {id} were weakened to tokens {tokens}, hop limit {} and were set back",
                instance.metadata.hop_limit
            ))],
        });
    }
    let mut lost: Vec<_> = instance
        .volumes
        .iter()
        .filter(|volume| volume.delete_on_termination)
        .cloned()
        .collect();
    if lost.is_empty() {
        return;
    }
    lost.sort_by(|one, other| one.device.cmp(&other.device));
    let findings = lost
        .iter()
        .map(|volume| {
            Finding::drift(format!(
                "volume {} ({}) would have been deleted with {id} and is kept again",
                volume.id, volume.device
            ))
        })
        .collect();
    plan.steps.push(TenantStep {
        action: TenantAction::KeepVolumes(id.clone(), lost),
        findings,
    });
}

/// Every interface carries the environment's own group and the base groups, and no other.
fn plan_interfaces(
    desired: &TenantDesired,
    world: &TenantWorld,
    instance: &Instance,
    group: Option<Own<'_>>,
    plan: &mut Plan<TenantStep>,
) {
    let isolation = &world.isolation;
    if isolation.by_incident {
        plan.wait(Reason::Isolated, "an Incident keeps the environment isolated");
        return;
    }
    let mut interfaces: Vec<_> = instance.interfaces.iter().collect();
    interfaces.sort_by_key(|interface| &interface.id);
    let (held, connected): (Vec<_>, Vec<_>) = interfaces
        .into_iter()
        .partition(|interface| !interface.groups.is_disjoint(&isolation.quarantine));
    for interface in held {
        plan.wait(
            Reason::IsolatedByHand,
            format!(
                "interface {} was put into quarantine by a person; an Incident can take it over",
                interface.id
            ),
        );
    }
    let Some(own) = group else { return };
    let groups = desired.interface_groups(&own.group.id);
    let previous = world.previous_base_groups.as_ref();
    for interface in connected {
        if interface.groups != groups {
            plan.steps.push(TenantStep {
                action: TenantAction::SetInterfaceGroups(interface.id.clone(), groups.clone()),
                findings: interface_findings(interface, &groups, &own.group.id, previous),
            });
        }
    }
}

/// What others did to an interface. Base groups come and go with the class, which is nobody's tampering: that is told
/// apart by those that we left it with. Where that is not known, only strangers and the own group are told.
fn interface_findings(
    interface: &NetworkInterface,
    wanted: &BTreeSet<SecurityGroupId>,
    own: &SecurityGroupId,
    previous: Option<&BTreeSet<SecurityGroupId>>,
) -> Vec<Finding> {
    let id = &interface.id;
    let was_base = |group: &SecurityGroupId| previous.is_some_and(|previous| previous.contains(group));
    let foreign = interface
        .groups
        .difference(wanted)
        .filter(|group| !was_base(group));
    let foreign = foreign.map(|group| {
        format!("security group {group} on interface {id} does not belong there and was taken off")
    });
    let missing = wanted.difference(&interface.groups);
    let missing = missing.filter(|group| *group == own || was_base(group));
    let missing = missing
        .map(|group| format!("security group {group} was missing on interface {id} and was put on again"));
    foreign.chain(missing).map(Finding::drift).collect()
}
