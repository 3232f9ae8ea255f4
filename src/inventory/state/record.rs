//! Our own writes, each put where the next view shows it.

use std::{collections::BTreeSet, sync::Arc};

use jiff::Timestamp;

use super::State;
use crate::{
    cloud::{
        ImageId, Instance, InstanceId, InstanceState, NetworkInterfaceId, SecurityGroupId, SnapshotId, Tags,
        VolumeId,
    },
    inventory::{
        effect::Effect,
        owner::Resource,
        shelf::{Begun, Change, Shelf},
    },
};

impl State {
    /// Takes note of what a call of ours just did or found.
    pub(in crate::inventory) fn record(&mut self, effect: Effect, now: Timestamp) {
        let done = self.begin(now);
        match effect {
            Effect::Launched(instance) => self.launched(instance, done),
            Effect::Seen(instance) => whole(&mut self.instances, instance, done),
            Effect::GroupCreated(group) | Effect::SeenGroup(group) => whole(&mut self.groups, group, done),
            Effect::SnapshotsCreated(snapshots) => snapshots
                .into_iter()
                .for_each(|snapshot| whole(&mut self.snapshots, snapshot, done)),
            Effect::RulesChanged { group: id, rules } => {
                edit(&mut self.groups, &id, done, move |one| {
                    one.rules.clone_from(&rules);
                });
            }
            Effect::InterfaceGroups {
                instance,
                interface,
                groups,
            } => edit(&mut self.instances, &instance, done, move |instance| {
                set_groups(instance, &interface, &groups);
            }),
            Effect::Tagged { id, tags } => self.change_tags(&id, move |old| old.extend(tags.clone()), done),
            Effect::Untagged { id, keys } => {
                self.change_tags(&id, move |old| old.retain(|key, _| !keys.contains(key)), done);
            }
            Effect::Protected(id) => self.protection.write(&id, true, done.turn),
            Effect::Unprotected(id) => self.protection.write(&id, false, done.turn),
            Effect::InstanceStopped(id) => edit(&mut self.instances, &id, done, told_to_stop),
            Effect::InstanceStarted(id) => edit(&mut self.instances, &id, done, told_to_start),
            Effect::InstanceTerminated(id) => edit(&mut self.instances, &id, done, told_to_terminate),
            Effect::TypeChanged {
                instance: id,
                instance_type,
            } => edit(&mut self.instances, &id, done, move |one| {
                one.instance_type.clone_from(&instance_type);
            }),
            Effect::AddressChanged {
                instance: id,
                public_ip,
            } => edit(&mut self.instances, &id, done, move |one| {
                one.public_ip.clone_from(&public_ip);
            }),
            Effect::VolumeGrown { volume: id, size_gib } => {
                edit(&mut self.volumes, &id, done, move |one| one.size_gib = size_gib);
            }
            Effect::VolumeDeleted(id) => self.volumes.write(&id, Change::Gone, done),
            Effect::GroupDeleted(id) => self.groups.write(&id, Change::Gone, done),
            Effect::MetadataOptions {
                instance: id,
                options,
            } => edit(&mut self.instances, &id, done, move |one| one.metadata = options),
            Effect::VolumesKept {
                instance: id,
                volumes,
            } => edit(&mut self.instances, &id, done, move |one| {
                keep_volumes(one, &volumes);
            }),
            Effect::Deleted(id) => {
                self.snapshots.write(&id, Change::Gone, done);
                self.copies.snapshot_closed(&id, done);
            }
            Effect::ImageDeleted(id) => self.images.write(&id, Change::Gone, done),
            Effect::Locked(lock) => self.copies.locked(lock, done),
            Effect::SnapshotClosed(id) => self.copies.snapshot_closed(&id, done),
            Effect::ImageClosed(id) => {
                self.copies.image_closed(&id, done);
                edit(&mut self.images, &id, done, |image| image.public = false);
            }
        }
    }

    fn launched(&mut self, instance: Instance, done: Begun) {
        self.protection.write(&instance.id, true, done.turn);
        whole(&mut self.instances, instance, done);
    }

    fn change_tags(&mut self, id: &str, change: impl Fn(&mut Tags) + Send + Sync + 'static, done: Begun) {
        // AWS's ids say by their first letters what they name.
        match id.split_once('-').map(|(prefix, _)| prefix) {
            Some("i") => edit_tags(&mut self.instances, &InstanceId::from(id), change, done),
            Some("vol") => edit_tags(&mut self.volumes, &VolumeId::from(id), change, done),
            Some("sg") => edit_tags(&mut self.groups, &SecurityGroupId::from(id), change, done),
            Some("ami") => edit_tags(&mut self.images, &ImageId::from(id), change, done),
            Some("snap") => edit_tags(&mut self.snapshots, &SnapshotId::from(id), change, done),
            // Interfaces and the like are tagged too, but nothing here shows their tags.
            _ => {}
        }
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

fn edit_tags<T: Resource>(
    shelf: &mut Shelf<T>,
    id: &T::Id,
    change: impl Fn(&mut Tags) + Send + Sync + 'static,
    done: Begun,
) {
    edit(shelf, id, done, move |item: &mut T| change(item.tags_mut()));
}

/// AWS's reason for a stop that somebody asked for, as its listings will give it.
const ASKED_FOR: &str = "Client.UserInitiatedShutdown";

fn told_to_stop(instance: &mut Instance) {
    if matches!(instance.state, InstanceState::Pending | InstanceState::Running) {
        instance.state = InstanceState::Stopping;
        instance.state_reason = Some(ASKED_FOR.to_owned());
    }
}

fn told_to_start(instance: &mut Instance) {
    if instance.state == InstanceState::Stopped {
        instance.state = InstanceState::Pending;
        instance.state_reason = None;
    }
}

fn told_to_terminate(instance: &mut Instance) {
    if instance.state.is_live() {
        instance.state = InstanceState::ShuttingDown;
        instance.state_reason = Some(ASKED_FOR.to_owned());
    }
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
