//! What AWS would hold after a step, and what happens there by itself: the planner author's own model.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{Growth, METADATA, TenantAction, TenantStep, TenantWorld};
use crate::{
    cloud::{
        AttachedVolume, Direction, Instance, InstanceState, Launch, NetworkInterface, Observed, Peer,
        Protocol, Rule, SecurityGroup, Tags, Volume,
    },
    plan::firewall,
};

/// The rule that AWS gives every new group.
pub(super) fn allow_all_egress() -> BTreeSet<Rule> {
    BTreeSet::from([Rule {
        direction: Direction::Egress,
        protocol: Protocol::All,
        from_port: -1,
        to_port: -1,
        peer: Peer::Cidr("0.0.0.0/0".parse().unwrap()),
    }])
}

/// The instance that a launch makes.
pub(super) fn instance_of(launch: &Launch, state: InstanceState) -> Instance {
    let suffix = launch.token.chars().last().unwrap();
    let devices = launch.volumes.iter().map(|volume| volume.device.clone());
    Instance {
        id: format!("i-{suffix}").into(),
        state,
        state_reason: None,
        image_id: launch.image_id.clone(),
        instance_type: launch.instance_type.clone(),
        subnet_id: Some(launch.subnet_id.clone()),
        vpc_id: Some("vpc-1".into()),
        private_ip: Some("10.0.0.1".to_owned()),
        public_ip: None,
        launched_at: Timestamp::UNIX_EPOCH,
        client_token: Some(launch.token.clone()),
        metadata: METADATA,
        instance_profile: None,
        interfaces: vec![NetworkInterface {
            id: format!("eni-{suffix}").into(),
            groups: launch.groups.clone(),
        }],
        root_device: Some("/dev/xvda".to_owned()),
        volumes: std::iter::once("/dev/xvda".to_owned())
            .chain(devices)
            .map(|device| AttachedVolume {
                id: format!("vol-{suffix}{device}").into(),
                device,
                delete_on_termination: false,
            })
            .collect(),
        tags: launch.tags.clone(),
    }
}

/// What a listing shows of an instance's volumes.
pub(super) fn volumes_of(instance: &Instance, tags: &Tags) -> Vec<Volume> {
    instance
        .volumes
        .iter()
        .map(|volume| Volume {
            id: volume.id.clone(),
            encrypted: true,
            kms_key_id: None,
            size_gib: 8,
            attached_to: Some(instance.id.clone()),
            tags: tags.clone(),
        })
        .collect()
}

fn set_tags(world: &mut TenantWorld, ids: &[String], tags: &Tags) {
    let has = |id: &str| ids.iter().any(|other| other == id);
    if let Observed::Present(group) = &mut world.group
        && has(group.id.as_str())
    {
        group.tags.extend(tags.clone());
    }
    for instance in [&mut world.instance, &mut world.launched] {
        if let Observed::Present(instance) = instance
            && has(instance.id.as_str())
        {
            instance.tags.extend(tags.clone());
        }
    }
    let Observed::Present(volumes) = &mut world.volumes else {
        return;
    };
    for id in ids.iter().filter(|id| id.starts_with("vol-")) {
        match volumes.iter_mut().find(|volume| volume.id.as_str() == id) {
            Some(volume) => volume.tags.extend(tags.clone()),
            None => volumes.push(Volume {
                id: id.as_str().into(),
                encrypted: true,
                kms_key_id: None,
                size_gib: 8,
                attached_to: world.bound.clone(),
                tags: tags.clone(),
            }),
        }
    }
}

fn bind(world: &mut TenantWorld, id: &crate::cloud::InstanceId) {
    let looks = [world.kin.present(), world.labelled.present()];
    let found = looks
        .into_iter()
        .flatten()
        .flatten()
        .chain(world.launched.present())
        .find(|instance| instance.id == *id)
        .cloned()
        .unwrap();
    world.volumes = Observed::Present(volumes_of(&found, &found.tags));
    world.instance = Observed::Present(found);
    world.protected = Observed::Present(true);
    world.bound = Some(id.clone());
}

fn change(world: &mut TenantWorld, with: impl FnOnce(&mut Instance)) {
    if let Observed::Present(instance) = &mut world.instance {
        with(instance);
    }
}

/// The world after `step`, taken at `now`.
pub(super) fn simulate(mut world: TenantWorld, step: &TenantStep, now: Timestamp) -> TenantWorld {
    match &step.action {
        TenantAction::CreateGroup(new) => {
            world.group = Observed::Present(SecurityGroup {
                id: "sg-own".into(),
                name: new.name.clone(),
                vpc_id: new.vpc_id.clone(),
                rules: allow_all_egress(),
                tags: new.tags.clone(),
            });
        }
        TenantAction::ChangeRules { change, .. } => {
            if let Observed::Present(group) = &mut world.group {
                group.rules = firewall::simulate::simulate(std::mem::take(&mut group.rules), change);
            }
        }
        TenantAction::RecordLaunch(record) => {
            world.launch = Some(record.clone());
            world.launched = Observed::Absent;
            world.token_refused = false;
        }
        TenantAction::Launch(launch) => {
            world.last_call_at = Some(now);
            if world.launched == Observed::Absent {
                world.launched = Observed::Present(instance_of(launch, InstanceState::Pending));
            }
        }
        TenantAction::Bind(id) => bind(&mut world, id),
        TenantAction::SetTags { ids, tags } => set_tags(&mut world, ids, tags),
        TenantAction::Protect(_) => world.protected = Observed::Present(true),
        TenantAction::SetMetadataOptions(_, options) => {
            change(&mut world, |instance| instance.metadata = *options);
        }
        TenantAction::KeepVolumes(..) => change(&mut world, |instance| {
            for volume in &mut instance.volumes {
                volume.delete_on_termination = false;
            }
        }),
        TenantAction::SetInterfaceGroups(id, groups) => change(&mut world, |instance| {
            for interface in instance
                .interfaces
                .iter_mut()
                .filter(|interface| interface.id == *id)
            {
                interface.groups = groups.clone();
            }
        }),
        action => changed(&mut world, action, now),
    }
    world
}

/// What changes the instance itself.
fn changed(world: &mut TenantWorld, action: &TenantAction, now: Timestamp) {
    match action {
        TenantAction::RecordChange(record) => world.change.record = Some(record.clone()),
        TenantAction::EndChange => {
            if let Some(record) = &mut world.change.record {
                record.has_ended = true;
            }
        }
        TenantAction::Stop(_) => change(world, |instance| {
            if matches!(instance.state, InstanceState::Pending | InstanceState::Running) {
                instance.state = InstanceState::Stopping;
                instance.state_reason = Some("Client.UserInitiatedShutdown".to_owned());
            }
        }),
        TenantAction::SetInstanceType(_, instance_type) => change(world, |instance| {
            assert_eq!(instance.state, InstanceState::Stopped, "AWS refuses that");
            instance.instance_type.clone_from(instance_type);
        }),
        TenantAction::Start(_) => change(world, |instance| {
            assert_ne!(instance.state, InstanceState::Stopping, "AWS refuses that");
            if instance.state == InstanceState::Stopped {
                instance.state = InstanceState::Pending;
                instance.state_reason = None;
                instance.launched_at = now;
            }
        }),
        TenantAction::RecordGrowth { volume, size_gib, .. } => {
            let growth = Growth {
                size_gib: *size_gib,
                at: now,
            };
            world.change.growths.insert(volume.clone(), growth);
        }
        TenantAction::GrowVolume { volume, size_gib } => {
            if let Observed::Present(volumes) = &mut world.volumes {
                for found in volumes.iter_mut().filter(|found| found.id == *volume) {
                    assert!(found.size_gib < *size_gib, "AWS refuses that");
                    found.size_gib = *size_gib;
                }
            }
        }
        TenantAction::RecordRestart(at) => world.change.restarted = Some(*at),
        TenantAction::Reboot(_) => {}
        other => panic!("{other:?} is simulated elsewhere"),
    }
}

/// What happens by itself as time passes: what starts, runs; what stops, is stopped.
pub(super) fn pass_time(world: &mut TenantWorld) {
    for instance in [&mut world.instance, &mut world.launched] {
        if let Observed::Present(instance) = instance {
            match instance.state {
                InstanceState::Pending => instance.state = InstanceState::Running,
                InstanceState::Stopping => instance.state = InstanceState::Stopped,
                _ => {}
            }
        }
    }
}
