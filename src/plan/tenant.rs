//! One environment: its security group, its one instance, and everything about them that must stay as it is.
//!
//! The parts, in the order of a plan: `group` makes the firewall exact, `launch` makes the instance once and never
//! twice, `upkeep` undoes what others changed, `change` gives the instance another size, stops it or restarts it where
//! that is asked for. `release` is the end, `identity` says what is ours, `label` whose a label is.
//!
//! `reins` hold back what the mode or a suspension does not let through.
//!
//! **Invariant:** an instance is launched only behind an exact group and a written record, and a bound one is
//! never replaced.
//!
//! Deliberately absent: deleting. Nothing here can.

mod change;
mod group;
mod identity;
mod label;
mod launch;
mod reins;
mod release;
mod upkeep;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;

pub use self::{
    change::{COOL_DOWN, ChangeFacts, ChangeRecord, ChangeWish, Growth, PATIENCE, Power, Size},
    identity::{Standing, TenantIdentity, drifted_tags, standing_of, uid_of_group, uid_of_launch},
    label::{Claim, holder},
    launch::{LaunchParameters, LaunchRecord},
    reins::Reins,
    release::plan_release,
};
use super::{Plan, firewall::RuleStep};
use crate::{
    api::Reason,
    clock::later,
    cloud::{
        AttachedVolume, Instance, InstanceId, Launch, MetadataOptions, NetworkInterfaceId, NewGroup,
        Observed, Rule, SecurityGroup, SecurityGroupId, Tags, Volume, VolumeId, VpcId,
    },
};

/// How long AWS may take to show what was made. AWS states no bound; 120 s is assumed from what is met in the
/// field, and half a minute is added for the clock of whoever looks.
pub const CONSISTENCY_LAG: Duration = Duration::from_secs(150);

/// How soon to look again at something that changes by itself within seconds.
const SOON: Duration = Duration::from_secs(3);

/// How every instance answers for its metadata: IMDSv2 only, and not beyond the instance itself.
pub const METADATA: MetadataOptions = MetadataOptions {
    tokens_required: true,
    hop_limit: 1,
};

/// What an environment should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantDesired {
    /// Whose it is, on everything in AWS.
    pub identity: TenantIdentity,
    /// How its instance is launched. `None` while a mistake in the spec or the class forbids a launch: what is
    /// there already is kept all the same.
    pub launch: Option<LaunchParameters>,
    /// The VPC of its instance, or in which that will stand; `None` while that is not known.
    pub vpc_id: Option<VpcId>,
    /// The rules of its own group.
    pub rules: BTreeSet<Rule>,
    /// The shared groups that it carries beside its own; kept attached, never edited.
    pub base_groups: BTreeSet<SecurityGroupId>,
    /// How far the plan is carried out.
    pub reins: Reins,
    /// What is wished of its instance once it is there.
    pub change: ChangeWish,
}

impl TenantDesired {
    /// The groups of each interface, given the environment's own.
    pub fn interface_groups(&self, own: &SecurityGroupId) -> BTreeSet<SecurityGroupId> {
        let mut groups = self.base_groups.clone();
        groups.insert(own.clone());
        groups
    }
}

/// Who keeps an environment isolated, if anybody does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Isolation {
    /// The quarantine groups in which interfaces of this environment may stand.
    pub quarantine: BTreeSet<SecurityGroupId>,
    /// Whether an Incident isolates it, or has not reconnected it yet.
    pub by_incident: bool,
}

/// What is known of an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantWorld {
    /// The instance that was bound.
    pub bound: Option<InstanceId>,
    /// What is known of it. Absent only by a look for this very id.
    pub instance: Observed<Instance>,
    /// Whether it is protected from termination.
    pub protected: Observed<bool>,
    /// The volumes that a listing by our tag showed; unknown if that may have been too early to show them.
    pub volumes: Observed<Vec<Volume>>,
    /// Those on the instance that are another Tenant's: they are left as they are, so that it can be told.
    pub foreign_volumes: BTreeSet<VolumeId>,
    /// The group of the environment's name, whoever made it.
    pub group: Observed<SecurityGroup>,
    /// The rules that we last left that group with, if we did: what differs from them is somebody else's doing.
    pub previous_rules: Option<BTreeSet<Rule>>,
    /// The base groups that we last left its interfaces with, if we did.
    pub previous_base_groups: Option<BTreeSet<SecurityGroupId>>,
    /// The launch that was recorded last.
    pub launch: Option<LaunchRecord>,
    /// The latest time at which a launch may have been asked for.
    pub last_call_at: Option<Timestamp>,
    /// Whether AWS refused the recorded token because it came with other parameters before.
    pub token_refused: bool,
    /// What a look by the recorded token found.
    pub launched: Observed<Instance>,
    /// The live instances that a listing by our tag shows with this uid and the role `live`.
    pub kin: Observed<Vec<Instance>>,
    /// The live instances of any cluster that carry the label; looked for only before the first launch.
    pub labelled: Observed<Vec<Instance>>,
    /// Whether it is isolated.
    pub isolation: Isolation,
    /// What is known of changes of the instance.
    pub change: ChangeFacts,
}

impl TenantWorld {
    /// From when on AWS would show what came of the recorded launch.
    fn shows_at(&self, record: &LaunchRecord) -> Timestamp {
        let called_at = self.last_call_at.map_or(record.at, |at| at.max(record.at));
        later(called_at, CONSISTENCY_LAG)
    }
}

/// Something that was not as we left it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What kind of change.
    pub reason: Reason,
    /// What was found, and that it was undone.
    pub message: String,
}

impl Finding {
    fn drift(message: String) -> Self {
        Self {
            reason: Reason::DriftRepaired,
            message,
        }
    }
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TenantAction {
    /// Makes the environment's own group. AWS gives it an allow-all egress rule.
    CreateGroup(NewGroup),
    /// Adds or removes rules of that group.
    ChangeRules {
        /// The group.
        group: SecurityGroupId,
        /// The call.
        change: RuleStep,
    },
    /// Writes down the launch that is about to be asked for.
    RecordLaunch(LaunchRecord),
    /// Asks for the instance.
    Launch(Launch),
    /// Writes down that this is the instance, from now on and for good.
    Bind(InstanceId),
    /// Sets tags.
    SetTags {
        /// The resources, by their ids.
        ids: Vec<String>,
        /// The tags.
        tags: Tags,
    },
    /// Protects the instance from termination.
    Protect(InstanceId),
    /// Sets how the instance answers for its metadata.
    SetMetadataOptions(InstanceId, MetadataOptions),
    /// Makes volumes outlive the instance.
    KeepVolumes(InstanceId, Vec<AttachedVolume>),
    /// Replaces the groups of an interface.
    SetInterfaceGroups(NetworkInterfaceId, BTreeSet<SecurityGroupId>),
    /// Writes down what the instance is about to be stopped for.
    RecordChange(ChangeRecord),
    /// Stops the instance.
    Stop(InstanceId),
    /// Gives the stopped instance another type.
    SetInstanceType(InstanceId, String),
    /// Starts the instance.
    Start(InstanceId),
    /// Says that what the instance was stopped for is over.
    EndChange,
    /// Writes down that a volume is about to be made larger.
    RecordGrowth {
        /// The volume.
        volume: VolumeId,
        /// The size in GiB.
        size_gib: i32,
        /// Whether the plan was edited in the class.
        by_class: bool,
    },
    /// Makes a volume larger.
    GrowVolume {
        /// The volume.
        volume: VolumeId,
        /// The size in GiB.
        size_gib: i32,
    },
    /// Writes down that a restart is dealt with.
    RecordRestart(Timestamp),
    /// Reboots the instance.
    Reboot(InstanceId),
}

impl TenantAction {
    /// Whether it changes the instance as its spec asks, and undoes nothing that others did.
    pub fn is_change(&self) -> bool {
        matches!(
            self,
            Self::RecordChange(_)
                | Self::Stop(_)
                | Self::SetInstanceType(..)
                | Self::Start(_)
                | Self::EndChange
                | Self::RecordGrowth { .. }
                | Self::GrowVolume { .. }
                | Self::RecordRestart(_)
                | Self::Reboot(_)
        )
    }
}

/// One step of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantStep {
    /// What is done.
    pub action: TenantAction,
    /// What was found changed by others and is undone by it; none where the step only makes what was never there.
    pub findings: Vec<Finding>,
}

impl From<TenantAction> for TenantStep {
    fn from(action: TenantAction) -> Self {
        Self {
            action,
            findings: Vec::new(),
        }
    }
}

/// The steps that bring an environment closer to what it should be; none when it is there. What its reins do not let
/// through is planned and held back.
pub fn plan_tenant(desired: &TenantDesired, world: &TenantWorld, now: Timestamp) -> Plan<TenantStep> {
    let mut plan = plan_all(desired, world, now);
    desired.reins.hold(&mut plan);
    plan
}

fn plan_all(desired: &TenantDesired, world: &TenantWorld, now: Timestamp) -> Plan<TenantStep> {
    let mut plan = Plan::default();
    if world.bound.is_none() && !launch::may_begin(desired, world, &mut plan) {
        return plan;
    }
    let group = group::plan_group(desired, world, &mut plan);
    if let Some(several) = several(world) {
        plan.wait(Reason::SeveralInstances, several);
        return plan;
    }
    match &world.bound {
        Some(id) => upkeep::plan_upkeep(desired, world, Bound { id, group }, now, &mut plan),
        None => launch::plan_launch(
            launch::Case {
                desired,
                world,
                group,
                now,
            },
            &mut plan,
        ),
    }
    plan
}

/// A bound instance with what is known of the group that belongs on it.
#[derive(Clone, Copy)]
struct Bound<'a> {
    id: &'a InstanceId,
    group: Option<group::Own<'a>>,
}

/// More than one live instance of one environment: which one serves the customer is for a person to say.
fn several(world: &TenantWorld) -> Option<String> {
    let kin = world.kin.present()?;
    let ids: BTreeSet<_> = kin.iter().map(|instance| instance.id.as_str()).collect();
    (ids.len() > 1).then(|| {
        let ids: Vec<_> = ids.into_iter().collect();
        format!(
            "the live instances {} all carry this Tenant's uid: take the tag yagura.dev/role=live from all but one",
            ids.join(", "),
        )
    })
}

/// Whether nothing but a person's act takes a plan further that waits for this.
pub fn needs_a_person(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::ForeignGroup
            | Reason::ForeignInstance
            | Reason::LaunchFailed
            | Reason::SeveralInstances
            | Reason::TypeRefused
            | Reason::Unsupported
            | Reason::VolumeWouldShrink
    )
}

fn soon(now: Timestamp) -> Timestamp {
    later(now, SOON)
}

/// Tags that are missing or different, by the resources that lack the same ones, so that one call serves several.
type Lacking = BTreeMap<Tags, (Vec<String>, Vec<Finding>)>;

fn push_tags(lacking: Lacking, plan: &mut Plan<TenantStep>) {
    for (tags, (ids, findings)) in lacking {
        plan.steps.push(TenantStep {
            action: TenantAction::SetTags { ids, tags },
            findings,
        });
    }
}

fn lack(lacking: &mut Lacking, id: &str, expected: &Tags, found: &Tags) {
    let (tags, findings) = drifted_tags(id, expected, found);
    if !tags.is_empty() {
        let entry = lacking.entry(tags).or_default();
        entry.0.push(id.to_owned());
        entry.1.extend(findings);
    }
}

fn listed<'a>(volumes: &'a [Volume], id: &VolumeId) -> Option<&'a Volume> {
    volumes.iter().find(|volume| volume.id == *id)
}

#[cfg(test)]
mod simulate;
#[cfg(test)]
mod tests;
