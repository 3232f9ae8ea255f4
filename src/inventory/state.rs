//! The inventory without its calls: takes what sweeps and writes found, gives views. Pure, but for being changed.

use std::{collections::BTreeSet, sync::Arc};

use jiff::Timestamp;

use super::{
    effect::Effect,
    facts::Turn,
    owner::{Owner, Resource},
    protection::Protection,
    shelf::{Begun, Change, Shelf},
    view::View,
};
use crate::cloud::{
    CloudError, Instance, InstanceId, NetworkInterfaceId, SecurityGroup, SecurityGroupId, Snapshot,
    SnapshotId, Tags, Volume, VolumeId,
};

/// What one sweep brought.
#[derive(Clone, Debug, Default)]
pub struct Swept {
    /// The owners of every resource that is different from what the sweep before found, vanished ones included, and
    /// of those whose writes of ours the listings caught up with.
    pub changed: BTreeSet<Owner>,
    /// Some kind of resource can now be told absent, and before could not: whoever waited for that looks again,
    /// also without a resource to be named by.
    pub became_conclusive: bool,
    /// The calls that failed; what they would have told stays as old as it was.
    pub failed: Vec<CloudError>,
}

/// The four listings of a sweep, each whole or an error.
pub(super) struct Listings {
    pub(super) instances: Result<Vec<Instance>, CloudError>,
    pub(super) volumes: Result<Vec<Volume>, CloudError>,
    pub(super) groups: Result<Vec<SecurityGroup>, CloudError>,
    pub(super) snapshots: Result<Vec<Snapshot>, CloudError>,
}

#[derive(Default)]
pub(super) struct State {
    turn: Turn,
    instances: Shelf<Instance>,
    volumes: Shelf<Volume>,
    groups: Shelf<SecurityGroup>,
    snapshots: Shelf<Snapshot>,
    protection: Protection,
}

impl State {
    /// Marks the begin of a listing, a reading or the end of a write.
    pub(super) fn begin(&mut self, at: Timestamp) -> Begun {
        self.turn.0 += 1;
        Begun { turn: self.turn, at }
    }

    pub(super) fn view(&self, now: Timestamp) -> View {
        View {
            now,
            instances: self.instances.facts().clone(),
            volumes: self.volumes.facts().clone(),
            groups: self.groups.facts().clone(),
            snapshots: self.snapshots.facts().clone(),
            protection: Arc::clone(self.protection.known()),
        }
    }

    /// Whether every kind was listed at least once.
    pub(super) fn has_swept(&self) -> bool {
        self.instances.facts().listing.is_some()
            && self.volumes.facts().listing.is_some()
            && self.groups.facts().listing.is_some()
            && self.snapshots.facts().listing.is_some()
    }

    /// Takes the listings of one sweep.
    pub(super) fn sweep(&mut self, begun: Begun, listings: Listings, now: Timestamp) -> Swept {
        let mut swept = Swept::default();
        shelve(&mut self.instances, listings.instances, begun, now, &mut swept);
        shelve(&mut self.volumes, listings.volumes, begun, now, &mut swept);
        shelve(&mut self.groups, listings.groups, begun, now, &mut swept);
        shelve(&mut self.snapshots, listings.snapshots, begun, now, &mut swept);
        let instances = &self.instances;
        self.protection.retain(|id| instances.knows(id));
        swept
    }

    /// The live instances whose protection this sweep reads.
    pub(super) fn protection_due(&mut self, now: Timestamp) -> Vec<InstanceId> {
        let listing = self.instances.facts().listing.as_ref();
        let items = listing.iter().flat_map(|listing| listing.items.values());
        let live = items.filter(|instance| instance.state.is_live());
        let live = live.map(|instance| instance.id.clone()).collect();
        self.protection.due(live, now)
    }

    /// Takes what a reading found, or that it failed.
    pub(super) fn protection_read(
        &mut self,
        id: &InstanceId,
        found: Option<bool>,
        begun: Begun,
        changed: &mut BTreeSet<Owner>,
    ) {
        if self.protection.read(id, found, begun.turn)
            && let Some(instance) = self.instances.facts().by_id(id, begun.at).present()
        {
            instance.owners(changed);
        }
    }

    /// Takes note of what a call of ours just did or found.
    pub(super) fn record(&mut self, effect: Effect, now: Timestamp) {
        let done = self.begin(now);
        match effect {
            Effect::Launched(instance) => {
                self.protection.write(&instance.id, done.turn);
                whole(&mut self.instances, instance, done);
            }
            Effect::Seen(instance) => whole(&mut self.instances, instance, done),
            Effect::GroupCreated(group) | Effect::SeenGroup(group) => whole(&mut self.groups, group, done),
            Effect::SnapshotsCreated(snapshots) => {
                for snapshot in snapshots {
                    whole(&mut self.snapshots, snapshot, done);
                }
            }
            Effect::RulesChanged { group, rules } => {
                edit(&mut self.groups, &group, done, move |group| {
                    group.rules.clone_from(&rules);
                });
            }
            Effect::InterfaceGroups {
                instance,
                interface,
                groups,
            } => edit(&mut self.instances, &instance, done, move |instance| {
                set_groups(instance, &interface, &groups);
            }),
            Effect::Tagged { id, tags } => self.tag(&id, &tags, done),
            Effect::Protected(id) => self.protection.write(&id, done.turn),
            Effect::MetadataOptions { instance, options } => {
                edit(&mut self.instances, &instance, done, move |instance| {
                    instance.metadata = options;
                });
            }
            Effect::VolumesKept { instance, volumes } => {
                edit(&mut self.instances, &instance, done, move |instance| {
                    keep_volumes(instance, &volumes);
                });
            }
        }
    }

    fn tag(&mut self, id: &str, tags: &Tags, done: Begun) {
        // AWS's ids say by their first letters what they name.
        match id.split_once('-').map(|(prefix, _)| prefix) {
            Some("i") => edit_tags(&mut self.instances, &InstanceId::from(id), tags, done),
            Some("vol") => edit_tags(&mut self.volumes, &VolumeId::from(id), tags, done),
            Some("sg") => edit_tags(&mut self.groups, &SecurityGroupId::from(id), tags, done),
            Some("snap") => edit_tags(&mut self.snapshots, &SnapshotId::from(id), tags, done),
            // Interfaces and the like are tagged too, but nothing here shows their tags.
            _ => {}
        }
    }
}

fn shelve<T: Resource>(
    shelf: &mut Shelf<T>,
    listing: Result<Vec<T>, CloudError>,
    begun: Begun,
    now: Timestamp,
    swept: &mut Swept,
) {
    match listing {
        Ok(found) => {
            let was_conclusive = shelf.facts().is_conclusive(now);
            shelf.list(found, begun, &mut swept.changed);
            swept.became_conclusive |= !was_conclusive && shelf.facts().is_conclusive(now);
        }
        Err(error) => swept.failed.push(error),
    }
}

fn whole<T: Resource>(shelf: &mut Shelf<T>, item: T, done: Begun) {
    let id = item.id().clone();
    shelf.write(&id, Change::Whole(Arc::new(item)), done);
}

fn edit<T: Resource>(
    shelf: &mut Shelf<T>,
    id: &T::Id,
    done: Begun,
    edit: impl Fn(&mut T) + Send + Sync + 'static,
) {
    shelf.write(id, Change::Edit(Arc::new(edit)), done);
}

fn edit_tags<T: Resource>(shelf: &mut Shelf<T>, id: &T::Id, tags: &Tags, done: Begun) {
    let tags = tags.clone();
    edit(shelf, id, done, move |item: &mut T| {
        item.tags_mut().extend(tags.clone());
    });
}

fn set_groups(instance: &mut Instance, id: &NetworkInterfaceId, groups: &BTreeSet<SecurityGroupId>) {
    for interface in &mut instance.interfaces {
        if interface.id == *id {
            interface.groups.clone_from(groups);
        }
    }
}

fn keep_volumes(instance: &mut Instance, kept: &BTreeSet<VolumeId>) {
    for volume in &mut instance.volumes {
        volume.delete_on_termination &= !kept.contains(&volume.id);
    }
}
