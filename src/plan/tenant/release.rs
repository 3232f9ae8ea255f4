//! Letting go of an environment: everything in AWS stays as it is, and says so.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{Standing, TenantAction, TenantIdentity, TenantStep, TenantWorld, listed, soon, standing_of};
use crate::{
    api::{Reason, names, time},
    cloud::{Instance, Observed, Tags},
    plan::Plan,
};

/// The one change a released environment gets: a tag with the date on everything of it. No steps and nothing to
/// wait for: all carries it, and the object may go.
pub fn plan_release(identity: &TenantIdentity, world: &TenantWorld, now: Timestamp) -> Plan<TenantStep> {
    let mut plan = Plan::default();
    let unknown = [
        world.bound.is_some() && world.instance.is_unknown(),
        world.bound.is_none() && world.launch.is_some() && world.launched.is_unknown(),
        world.group.is_unknown(),
        world.volumes.is_unknown() && world.bound.is_some(),
    ];
    if unknown.contains(&true) {
        plan.wait(Reason::ViewStale, "what AWS holds is not known at the moment");
        plan.look_again_at(soon(now));
        return plan;
    }
    let ids = untagged(identity, world);
    if !ids.is_empty() {
        plan.steps.push(
            TenantAction::SetTags {
                ids: ids.into_iter().collect(),
                tags: Tags::from([(names::tags::RELEASED.to_owned(), time(now).0.to_string())]),
            }
            .into(),
        );
    }
    if let (None, Some(record), Observed::Absent) = (&world.bound, &world.launch, &world.launched) {
        // An answer that was lost may still turn out to have made an instance, which should carry the tag too.
        let shows_at = world.shows_at(record);
        if now < shows_at {
            plan.wait(
                Reason::Launching,
                "an earlier launch may still show: waiting until AWS would have shown it",
            );
            plan.look_again_at(shows_at);
        }
    }
    plan
}

fn untagged(identity: &TenantIdentity, world: &TenantWorld) -> BTreeSet<String> {
    let is_released = |tags: &Tags| tags.contains_key(names::tags::RELEASED);
    let volumes = world.volumes.present().map_or(&[][..], Vec::as_slice);
    let mut ids = BTreeSet::new();
    let instance = match &world.bound {
        Some(_) => world.instance.present(),
        None => world.launched.present(),
    };
    let instance = instance.filter(|instance| is_ours(identity, instance));
    if let Some(instance) = instance {
        if !is_released(&instance.tags) {
            ids.insert(instance.id.to_string());
        }
        for volume in &instance.volumes {
            if !listed(volumes, &volume.id).is_some_and(|volume| is_released(&volume.tags)) {
                ids.insert(volume.id.to_string());
            }
        }
    }
    for volume in volumes {
        let is_ours = volume.tags.get(names::tags::UID) == Some(&identity.uid);
        if is_ours && !is_released(&volume.tags) {
            ids.insert(volume.id.to_string());
        }
    }
    if let Some(group) = world.group.present() {
        let attached = instance
            .into_iter()
            .flat_map(|instance| &instance.interfaces)
            .any(|interface| interface.groups.contains(&group.id));
        let is_ours = standing_of(&identity.tags(), group, attached) == Standing::Ours;
        if is_ours && !is_released(&group.tags) {
            ids.insert(group.id.to_string());
        }
    }
    ids
}

fn is_ours(identity: &TenantIdentity, instance: &Instance) -> bool {
    instance.state.is_live() && identity.incarnation_of(instance).is_some()
}
