//! Environments in every state that these tests know.

use std::sync::Mutex;

use proptest::{collection::vec, prelude::*, sample::select};

use super::super::{
    simulate::{allow_all_egress, instance_of, pass_time, simulate, volumes_of},
    *,
};
use crate::{
    api::{AcceptedAccess, Key, Port, names},
    cloud::{InstanceState, NetworkInterface, NewVolume},
    plan::firewall::desired_rules,
};

pub(super) fn start() -> Timestamp {
    "2026-11-24T00:00:00Z".parse().unwrap()
}

pub(super) fn desired() -> TenantDesired {
    TenantDesired {
        reins: Reins::default(),
        change: ChangeWish::default(),
        identity: TenantIdentity {
            cluster: "prod".to_owned(),
            cluster_uid: "c-1".to_owned(),
            tenant: Key::new("acme", "acme-jira"),
            uid: "6f1d8a52-0c6e-4b5c-9d8b-0a4f6c1b2d3e".to_owned(),
            label: "acme-jira-prod".to_owned(),
            customer: "acme".to_owned(),
        },
        launch: Some(LaunchParameters {
            image_id: "ami-1".into(),
            instance_type: "m6i.large".to_owned(),
            subnet_id: "subnet-1".into(),
            volumes: vec![NewVolume {
                device: "/dev/sdf".to_owned(),
                size_gib: Some(200),
            }],
            kms_key_id: None,
        }),
        vpc_id: Some("vpc-1".into()),
        rules: desired_rules(&AcceptedAccess {
            policy: "office".to_owned(),
            cidrs: vec!["203.0.113.0/24".into()],
            ports: vec![Port::Https],
            egress: Vec::new(),
        }),
        base_groups: BTreeSet::from(["sg-base".into()]),
    }
}

/// Nothing was made yet, and the label is free.
pub(super) fn nothing() -> TenantWorld {
    TenantWorld {
        bound: None,
        instance: Observed::Absent,
        protected: Observed::Unknown,
        volumes: Observed::Present(Vec::new()),
        foreign_volumes: BTreeSet::new(),
        group: Observed::Absent,
        previous_rules: None,
        previous_base_groups: None,
        launch: None,
        last_call_at: None,
        token_refused: false,
        launched: Observed::Absent,
        kin: Observed::Present(Vec::new()),
        labelled: Observed::Absent,
        isolation: Isolation {
            quarantine: BTreeSet::from(["sg-quarantine".into()]),
            by_incident: false,
        },
        change: ChangeFacts::default(),
    }
}

/// Applies plans, `per_pass` steps of each, until there is nothing left to do or to wait for.
pub(super) fn settle(
    desired: &TenantDesired,
    mut world: TenantWorld,
    mut now: Timestamp,
    per_pass: usize,
) -> TenantWorld {
    for _ in 0..60 {
        let plan = plan_tenant(desired, &world, now);
        let was = world.clone();
        for step in plan.steps.iter().take(per_pass) {
            world = simulate(world, step, now);
        }
        pass_time(&mut world);
        if plan.steps.is_empty() && plan.look_again.is_none() && world == was {
            break;
        }
        now = later(now, Duration::from_secs(1)).max(plan.look_again.unwrap_or(now));
    }
    world
}

/// How far an environment got before the test begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Nothing,
    GroupMade,
    Recorded,
    Starting,
    Running,
    Bound,
}

/// An environment that got so far by plans of our own.
pub(super) fn at_stage(stage: Stage) -> TenantWorld {
    // The way there is always the same, and thousands of cases begin with it.
    static MADE: Mutex<Vec<(Stage, TenantWorld)>> = Mutex::new(Vec::new());
    let mut made = MADE.lock().unwrap();
    if let Some((_, world)) = made.iter().find(|(other, _)| *other == stage) {
        return world.clone();
    }
    let world = brought_to(stage);
    made.push((stage, world.clone()));
    world
}

fn brought_to(stage: Stage) -> TenantWorld {
    let desired = desired();
    if stage == Stage::Bound {
        let mut world = settle(&desired, nothing(), start(), usize::MAX);
        world.previous_rules = Some(desired.rules.clone());
        world.kin = world.instance.clone().map(|instance| vec![instance]);
        return world;
    }
    let mut world = nothing();
    let mut now = start();
    for _ in 0..10 {
        let reached = match stage {
            Stage::Nothing => true,
            Stage::GroupMade => world.group.present().is_some(),
            Stage::Recorded => world.launch.is_some(),
            Stage::Starting | Stage::Running | Stage::Bound => world.launched.present().is_some(),
        };
        if reached {
            break;
        }
        // One step at a time, to stop exactly there.
        if let Some(step) = plan_tenant(&desired, &world, now).steps.first() {
            world = simulate(world, step, now);
        }
        now = later(now, Duration::from_secs(1));
    }
    if stage == Stage::Running {
        pass_time(&mut world);
    }
    world
}

/// Something that somebody else does.
#[derive(Clone, Copy, Debug)]
pub(super) enum Tamper {
    AddRule,
    RemoveRule,
    DropGroupTag,
    DropInstanceTags,
    ChangeInstanceTag,
    DropVolumeTags,
    WeakenMetadata,
    Unprotect,
    LoseVolumes,
    AttachGroup,
    DetachOwnGroup,
    AddInterface,
    Quarantine,
    Stop,
    Terminate,
    DeleteGroup,
    Incident,
}

pub(super) fn tamper(world: &mut TenantWorld, how: Tamper) {
    match how {
        Tamper::AddRule => group(world, |group| group.rules.extend(allow_all_egress())),
        Tamper::RemoveRule => group(world, |group| {
            group.rules.pop_first();
        }),
        Tamper::DropGroupTag => group(world, |group| {
            group.tags.remove(names::tags::CLUSTER);
        }),
        Tamper::DropInstanceTags => instance(world, |instance| instance.tags.clear()),
        Tamper::ChangeInstanceTag => instance(world, |instance| {
            instance
                .tags
                .insert(names::tags::LABEL.to_owned(), "other".to_owned());
        }),
        Tamper::DropVolumeTags => {
            if let Observed::Present(volumes) = &mut world.volumes {
                volumes.pop();
            }
        }
        Tamper::WeakenMetadata => instance(world, |instance| instance.metadata.tokens_required = false),
        Tamper::Unprotect if world.bound.is_some() => world.protected = Observed::Present(false),
        Tamper::Unprotect => {}
        Tamper::LoseVolumes => instance(world, |instance| {
            for volume in &mut instance.volumes {
                volume.delete_on_termination = true;
            }
        }),
        Tamper::AttachGroup => interfaces(world, |groups| {
            groups.insert("sg-foreign".into());
        }),
        Tamper::DetachOwnGroup => interfaces(world, |groups| {
            groups.remove(&"sg-own".into());
        }),
        Tamper::AddInterface => instance(world, |instance| {
            // AWS gives no id twice, however often somebody attaches one.
            let id = format!("eni-0{}", instance.interfaces.len());
            instance.interfaces.push(NetworkInterface {
                id: id.into(),
                groups: BTreeSet::from(["sg-default".into()]),
            });
        }),
        Tamper::Quarantine => interfaces(world, |groups| *groups = BTreeSet::from(["sg-quarantine".into()])),
        Tamper::Stop => instance(world, |instance| {
            instance.state = InstanceState::Stopped;
            instance.state_reason = Some("Client.UserInitiatedShutdown".to_owned());
        }),
        Tamper::Terminate => instance(world, |instance| instance.state = InstanceState::Terminated),
        Tamper::DeleteGroup if world.launch.is_none() || world.bound.is_some() => {
            interfaces(world, |groups| {
                groups.remove(&"sg-own".into());
            });
            world.group = Observed::Absent;
        }
        Tamper::DeleteGroup => {}
        Tamper::Incident => world.isolation.by_incident = true,
    }
}

fn group(world: &mut TenantWorld, with: impl FnOnce(&mut SecurityGroup)) {
    if let Observed::Present(group) = &mut world.group {
        with(group);
    }
}

fn instance(world: &mut TenantWorld, with: impl FnOnce(&mut Instance)) {
    if let Observed::Present(instance) = &mut world.instance {
        with(instance);
    }
}

fn interfaces(world: &mut TenantWorld, with: impl Fn(&mut BTreeSet<SecurityGroupId>)) {
    instance(world, |instance| {
        for interface in &mut instance.interfaces {
            with(&mut interface.groups);
        }
    });
}

pub(super) const TAMPERS: [Tamper; 17] = [
    Tamper::AddRule,
    Tamper::RemoveRule,
    Tamper::DropGroupTag,
    Tamper::DropInstanceTags,
    Tamper::ChangeInstanceTag,
    Tamper::DropVolumeTags,
    Tamper::WeakenMetadata,
    Tamper::Unprotect,
    Tamper::LoseVolumes,
    Tamper::AttachGroup,
    Tamper::DetachOwnGroup,
    Tamper::AddInterface,
    Tamper::Quarantine,
    Tamper::Stop,
    Tamper::Terminate,
    Tamper::DeleteGroup,
    Tamper::Incident,
];

pub(super) fn stages() -> impl Strategy<Value = Stage> {
    select(vec![
        Stage::Nothing,
        Stage::GroupMade,
        Stage::Recorded,
        Stage::Starting,
        Stage::Running,
        Stage::Bound,
        Stage::Bound,
        Stage::Bound,
    ])
}

/// Environments of ours at every stage, tampered with.
pub(super) fn worlds() -> impl Strategy<Value = TenantWorld> {
    (stages(), vec(select(TAMPERS.to_vec()), 0..5)).prop_map(|(stage, tampers)| {
        let mut world = at_stage(stage);
        for how in tampers {
            tamper(&mut world, how);
        }
        world
    })
}

/// An instance that is not ours though it looks like it.
pub(super) fn foreign_instance() -> Instance {
    let world = at_stage(Stage::Bound);
    let mut instance = world.instance.present().unwrap().clone();
    instance.id = "i-foreign".into();
    instance.client_token = Some("terraform-1".to_owned());
    instance
}

pub(super) fn foreign_volumes() -> Vec<Volume> {
    let instance = foreign_instance();
    volumes_of(&instance, &instance.tags)
}

pub(super) fn launched_as(incarnation: i32, state: InstanceState) -> Instance {
    let desired = desired();
    let mut launch = at_stage(Stage::Running)
        .launched
        .present()
        .map(|instance| Launch {
            token: desired.identity.token(incarnation),
            image_id: instance.image_id.clone(),
            instance_type: instance.instance_type.clone(),
            subnet_id: "subnet-1".into(),
            groups: BTreeSet::from(["sg-own".into(), "sg-base".into()]),
            volumes: Vec::new(),
            kms_key_id: None,
            tags: desired.identity.instance_tags(incarnation),
        });
    instance_of(launch.as_mut().unwrap(), state)
}
