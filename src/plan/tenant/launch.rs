//! Making the one instance of an environment: once, whatever is lost on the way.
//!
//! The call carries a token that AWS keeps, and a record of everything it says is written before it. A lost answer
//! is found again by the token; the same call again gives the same instance. Only when a look shows that nothing
//! came of it, long enough after the last call, is another incarnation begun.

use std::time::Duration;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::{TenantAction, TenantDesired, TenantStep, TenantWorld, group::Own, soon};
use crate::{
    api::{Reason, names},
    clock::later,
    cloud::{ImageId, Instance, InstanceState, Launch, NewVolume, Observed, SecurityGroupId, SubnetId},
    plan::Plan,
    text::hexadecimal,
};

/// How often a launch is tried that ends before the instance ever ran. Where two repeats do not help (a bad image,
/// a key that may not be used), a fourth would not.
const TRIES: i32 = 3;

/// The wait before the second try; doubled for each further one.
const RETRY_AFTER: Duration = Duration::from_secs(30);

/// What a launch says, beside what follows from the environment itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaunchParameters {
    /// The image.
    pub image_id: ImageId,
    /// The type.
    pub instance_type: String,
    /// The subnet.
    pub subnet_id: SubnetId,
    /// The data volumes.
    pub volumes: Vec<NewVolume>,
    /// The key of the volumes; `None` uses the account's own EBS key.
    pub kms_key_id: Option<String>,
}

/// What is written down before a launch is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaunchRecord {
    /// How often the instance had to be made anew: 1 for the first.
    pub incarnation: i32,
    /// The client token.
    pub token: String,
    /// The subnet.
    pub subnet_id: SubnetId,
    /// The image.
    pub image_id: ImageId,
    /// A hash of everything else that is sent.
    pub parameters_hash: String,
    /// When the record was written.
    pub at: Timestamp,
}

/// Whether anything may be made for an environment without an instance: nothing, while somebody else's instance
/// carries its label.
pub(super) fn may_begin(desired: &TenantDesired, world: &TenantWorld, plan: &mut Plan<TenantStep>) -> bool {
    if world.launch.is_some() || own(desired, world).is_some() {
        return true;
    }
    let hits = match &world.labelled {
        Observed::Unknown => {
            plan.wait(
                Reason::ViewStale,
                "whether the label is in use in AWS is not known at the moment",
            );
            return false;
        }
        Observed::Absent => return true,
        Observed::Present(hits) => hits,
    };
    let identity = &desired.identity;
    let foreign = hits
        .iter()
        .filter(|hit| hit.state.is_live() && identity.incarnation_of(hit).is_none())
        .min_by_key(|hit| &hit.id);
    match foreign {
        None => true,
        Some(hit) => {
            plan.wait(
                Reason::ForeignInstance,
                format!(
                    "instance {} carries the label {} and was not made for this Tenant: terminate it or take its tag \
                     yagura.dev/label away, or give this Tenant another label",
                    hit.id, identity.label
                ),
            );
            false
        }
    }
}

/// An instance of ours that is not bound yet, a live one before one that ended.
fn own<'a>(desired: &TenantDesired, world: &'a TenantWorld) -> Option<&'a Instance> {
    let looks = [&world.kin, &world.labelled].map(Observed::present);
    looks
        .into_iter()
        .flatten()
        .flatten()
        .chain(world.launched.present())
        .filter_map(|instance| Some((instance, desired.identity.incarnation_of(instance)?)))
        .max_by_key(|(instance, incarnation)| (instance.state.is_live(), *incarnation))
        .map(|(instance, _)| instance)
}

/// An environment without a bound instance.
#[derive(Clone, Copy)]
pub(super) struct Case<'a> {
    pub(super) desired: &'a TenantDesired,
    pub(super) world: &'a TenantWorld,
    pub(super) group: Option<Own<'a>>,
    pub(super) now: Timestamp,
}

/// Plans the way to an instance.
pub(super) fn plan_launch(case: Case<'_>, plan: &mut Plan<TenantStep>) {
    let Case { desired, world, .. } = case;
    if let Some(instance) = own(desired, world) {
        return plan_binding(case, instance, plan);
    }
    match (&world.launch, &world.launched) {
        (None, _) => launch_as(1, case, plan),
        (Some(_), Observed::Unknown) => {
            plan.wait(
                Reason::ViewStale,
                "whether the launch succeeded is not known at the moment",
            );
        }
        // A look by our token that shows somebody else's instance cannot be; nothing is built on it.
        (Some(_), Observed::Present(_)) => {}
        (Some(record), Observed::Absent) => repeat(record, case, plan),
    }
}

/// The recorded launch shows nothing: say the same again, or, once it is certain that nothing will come of it,
/// something else.
fn repeat(record: &LaunchRecord, case: Case<'_>, plan: &mut Plan<TenantStep>) {
    let Case {
        desired,
        world,
        group,
        now,
    } = case;
    let (Some(parameters), Some(own)) = (exact_parameters(desired, group, plan), group) else {
        return;
    };
    let recorded = LaunchParameters {
        subnet_id: record.subnet_id.clone(),
        image_id: record.image_id.clone(),
        ..parameters.clone()
    };
    let again = request(record.incarnation, desired, &recorded, &own.group.id);
    if hash_of(&again) == record.parameters_hash && !world.token_refused {
        plan.steps.push(TenantAction::Launch(again).into());
        plan.look_again_at(soon(now));
        return;
    }
    let certain_at = world.shows_at(record);
    if now < certain_at {
        plan.wait(
            Reason::Launching,
            "an earlier launch may still show: waiting until AWS would have shown it",
        );
        plan.look_again_at(certain_at);
        return;
    }
    launch_as(record.incarnation.saturating_add(1), case, plan);
}

/// There is an instance of ours: bind it once it has run, or see why it did not.
fn plan_binding(case: Case<'_>, instance: &Instance, plan: &mut Plan<TenantStep>) {
    match instance.state {
        InstanceState::Pending => {
            plan.wait(Reason::Launching, format!("instance {} is starting", instance.id));
            plan.look_again_at(soon(case.now));
        }
        InstanceState::Running | InstanceState::Stopping | InstanceState::Stopped => {
            plan.steps.push(TenantAction::Bind(instance.id.clone()).into());
        }
        InstanceState::ShuttingDown | InstanceState::Terminated => {
            plan_after_failure(case, instance, plan);
        }
    }
}

/// The launch ended before the instance was ever seen running.
fn plan_after_failure(case: Case<'_>, instance: &Instance, plan: &mut Plan<TenantStep>) {
    let Case {
        desired,
        world,
        group,
        now,
    } = case;
    if is_by_a_person(instance) {
        plan.wait(
            Reason::Vanished,
            format!(
                "instance {} was terminated by a person before it ran",
                instance.id
            ),
        );
        return;
    }
    let incarnation = desired.identity.incarnation_of(instance).unwrap_or(TRIES);
    let Some(record) = &world.launch else {
        return launch_as(incarnation.saturating_add(1), case, plan);
    };
    let is_unchanged = match (&desired.launch, group) {
        (Some(parameters), Some(own)) => {
            let same = request(record.incarnation, desired, parameters, &own.group.id);
            hash_of(&same) == record.parameters_hash && parameters.image_id == record.image_id
        }
        _ => true,
    };
    if incarnation >= TRIES && is_unchanged {
        let why = instance.state_reason.as_deref().unwrap_or("AWS gave no reason");
        plan.wait(
            Reason::LaunchFailed,
            format!("{incarnation} launches ended before the instance ran: {why}"),
        );
        return;
    }
    let shift = u32::try_from(incarnation.clamp(1, TRIES) - 1).unwrap_or_default();
    let due = later(record.at, RETRY_AFTER.saturating_mul(1 << shift));
    if now < due {
        plan.wait(
            Reason::Launching,
            format!(
                "instance {} ended before it ran: another try follows",
                instance.id
            ),
        );
        plan.look_again_at(due);
        return;
    }
    launch_as(incarnation.saturating_add(1), case, plan);
}

/// Whether a person stopped or terminated the instance, from outside or from inside.
pub(super) fn is_by_a_person(instance: &Instance) -> bool {
    matches!(
        instance.state_reason.as_deref(),
        Some("Client.UserInitiatedShutdown" | "Client.InstanceInitiatedShutdown")
    )
}

/// The parameters of a launch, once one is allowed and the group in front of it is exact.
fn exact_parameters<'a>(
    desired: &'a TenantDesired,
    group: Option<Own<'_>>,
    plan: &mut Plan<TenantStep>,
) -> Option<&'a LaunchParameters> {
    let own = group?;
    if !own.is_exact {
        plan.wait(Reason::GroupChanging, "the security group is being made exact");
        return None;
    }
    desired.launch.as_ref()
}

/// Records and asks for a launch.
fn launch_as(incarnation: i32, case: Case<'_>, plan: &mut Plan<TenantStep>) {
    let Case {
        desired, group, now, ..
    } = case;
    let (Some(parameters), Some(own)) = (exact_parameters(desired, group, plan), group) else {
        return;
    };
    let launch = request(incarnation, desired, parameters, &own.group.id);
    let record = LaunchRecord {
        incarnation,
        token: launch.token.clone(),
        subnet_id: launch.subnet_id.clone(),
        image_id: launch.image_id.clone(),
        parameters_hash: hash_of(&launch),
        at: now,
    };
    plan.steps.push(TenantAction::RecordLaunch(record).into());
    plan.steps.push(TenantAction::Launch(launch).into());
    plan.look_again_at(soon(now));
}

fn request(
    incarnation: i32,
    desired: &TenantDesired,
    parameters: &LaunchParameters,
    group: &SecurityGroupId,
) -> Launch {
    let groups = desired.interface_groups(group);
    let mut volumes = parameters.volumes.clone();
    volumes.sort_by(|one, other| one.device.cmp(&other.device));
    let mut tags = desired.identity.instance_tags(incarnation);
    // What AWS's console shows. Set once and not kept: people rename it, and nothing of ours reads it.
    tags.insert(names::tags::NAME.to_owned(), desired.identity.label.clone());
    Launch {
        token: desired.identity.token(incarnation),
        image_id: parameters.image_id.clone(),
        instance_type: parameters.instance_type.clone(),
        subnet_id: parameters.subnet_id.clone(),
        groups,
        volumes,
        kms_key_id: parameters.kms_key_id.clone(),
        tags,
    }
}

/// A hash of everything that a record does not hold in full.
fn hash_of(launch: &Launch) -> String {
    // Written out field by field, so that another compiler or a renamed type does not make another hash.
    let mut text = format!("{}\n{:?}\n", launch.instance_type, launch.kms_key_id);
    for group in &launch.groups {
        text.push_str(group.as_str());
        text.push('\n');
    }
    for volume in &launch.volumes {
        text.push_str(&volume.device);
        text.push(' ');
        text.push_str(&volume.size_gib.map(|size| size.to_string()).unwrap_or_default());
        text.push('\n');
    }
    for (key, value) in &launch.tags {
        text.push_str(&format!("{key}={value}\n"));
    }
    hexadecimal(&Sha256::digest(text.as_bytes()))
}
