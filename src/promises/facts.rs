//! What the judges know of one environment.
//!
//! Plain data, filled in by whoever looked. Every part can say that it does not know.

use std::{collections::BTreeSet, time::Duration};

use jiff::{Timestamp, civil::Date};

use crate::{
    api::{Engine, Environment},
    clock::elapsed,
    cloud::{MetadataOptions, Observed, Rule, SecurityGroupId},
    terms::Method,
};

/// How old the last look at AWS may be: ten sweeps at the usual period of 30 s. Older is not knowledge.
pub const VIEW_MAX_AGE: Duration = Duration::from_secs(5 * 60);

/// Everything the judges know of one Tenant.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// The present instant.
    pub now: Timestamp,
    /// When the operator last finished looking at AWS; `None` if it never did.
    pub heartbeat: Option<Timestamp>,
    /// When the environment was Ready for the first time; `None` if it never was.
    pub first_ready_at: Option<Timestamp>,
    /// Its label.
    pub label: LabelFacts,
    /// Every group attached to the bound instance. `Absent`: no instance is there.
    pub groups: Observed<Vec<AttachedGroup>>,
    /// The ingress rules of the last accepted policy, empty when none was ever accepted; `None`: not known.
    pub declared_ingress: Option<BTreeSet<Rule>>,
    /// The metadata options of the bound instance. `Absent`: no instance is there.
    pub metadata: Observed<MetadataOptions>,
    /// The ARN of its instance profile. `Absent`: the instance was seen and has none.
    pub instance_profile: Observed<String>,
    /// What stands between it and others.
    pub separation: SeparationFacts,
    /// Its backups; `None`: not known.
    pub backup: Option<BackupFacts>,
    /// Every Incident that names it; `None`: not known.
    pub incidents: Option<Vec<IncidentSummary>>,
}

/// What is known of the label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelFacts {
    /// This Tenant, `namespace/name`.
    pub tenant: String,
    /// The label of its spec.
    pub value: String,
    /// The Tenant, `namespace/name`, that the operator's register gives the label to; `None`: not known.
    pub holder: Option<String>,
    /// Live instances that carry the label and are not the one bound here; `None`: not known.
    pub other_instances: Option<BTreeSet<String>>,
    /// The label in the tags of the bound instance. `Absent`: the instance is there and carries none.
    pub tag: Observed<String>,
}

/// What is known of how an environment is kept apart from others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeparationFacts {
    /// What the environment is for.
    pub environment: Environment,
    /// The worker whom a Verification environment is assigned to.
    pub assignee: Option<String>,
    /// Whether it was compared with all others.
    pub is_compared: bool,
    /// What it has in common with others and must not, or lets them in by, as last compared.
    pub breaches: Vec<BreachFact>,
    /// Security groups on its interfaces whose rules are not known.
    pub unseen: BTreeSet<SecurityGroupId>,
}

/// Something that keeps an environment apart no longer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BreachFact {
    /// What it is, with both sides named.
    pub text: String,
    /// Whether the other side is another customer.
    pub is_between_customers: bool,
    /// Whether one side is for verification and the other for production.
    pub is_between_environments: bool,
    /// Whether one lets the other in, though each has what is its own.
    pub is_way_in: bool,
}

/// What a group attached to an instance is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GroupRole {
    /// The environment's own.
    Own,
    /// One the class keeps attached, such as for monitoring.
    Base,
    /// The group without rules in which interfaces are isolated.
    Quarantine,
    /// Anything else.
    Foreign,
}

/// A security group in force on the instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachedGroup {
    /// Its id.
    pub id: SecurityGroupId,
    /// What it is for.
    pub role: GroupRole,
    /// Its rules, both directions. Anything but `Present` is not known.
    pub rules: Observed<BTreeSet<Rule>>,
}

/// What is known of the backups.
#[derive(Clone, Debug, PartialEq)]
pub struct BackupFacts {
    /// The methods in force: those of the policy that this build has.
    pub methods: BTreeSet<Method>,
    /// Every slot that fell due since the environment was first Ready; the newest few suffice, at least as many
    /// as the good days of the terms and one more.
    pub due: Vec<DueSlot>,
    /// How long after its slot a run may still be under way: to begin late, and to end. Longer is no longer a run but
    /// a failure.
    pub longest: Duration,
    /// The sets there are, by the schedule or by hand.
    pub sets: Vec<BackupSet>,
    /// The copies that others can use, each with how. `Absent`: there is none. `Unknown`: none was found, and not
    /// every copy was read.
    pub exposed: Observed<BTreeSet<String>>,
}

/// Whether anything keeps the copies of a set from being deleted, from bad to good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lock {
    /// AWS says that one of them can be deleted.
    Missing,
    /// AWS did not say.
    Unknown,
    /// Not yet: its run has hardly ended.
    Coming,
    /// All of them are locked.
    Held,
}

/// Something that was checked of a set when it ended.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SetCheck {
    /// What, like `SnapshotsCompleted`.
    pub name: String,
    /// Whether it was as it should be.
    pub passed: bool,
}

/// A slot that fell due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DueSlot {
    /// The local date it belongs to; a date has one slot.
    pub date: Date,
    /// The instant.
    pub at: Timestamp,
}

/// Where a set is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SetState {
    /// Written down, not begun.
    Pending,
    /// Being taken.
    Running,
    /// Every method succeeded.
    Complete,
    /// Some methods succeeded.
    Partial,
    /// None did.
    Failed,
    /// It was never begun.
    Missed,
    /// It was good and is held no longer.
    Expired,
}

impl SetState {
    /// Whether nothing more will come of it.
    pub fn is_finished(self) -> bool {
        !matches!(self, Self::Pending | Self::Running)
    }
}

/// One set of backups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupSet {
    /// The local date of the slot it was made for; `None`: it was made by hand.
    pub slot: Option<Date>,
    /// The local date it counts for, by AWS's own time; `None` while it has not started.
    pub day: Option<Date>,
    /// Where it is in its life.
    pub state: SetState,
    /// By how much it started after its slot, by AWS's own time; `None` while it has not started.
    pub start_skew: Option<Duration>,
    /// The methods that succeeded.
    pub succeeded: BTreeSet<Method>,
    /// Whether everything it made was seen to be there still.
    pub held: bool,
    /// What took it.
    pub engine: Engine,
    /// Whether anything keeps it from being deleted.
    pub lock: Lock,
    /// Whether its record says that it is locked, and that time has not come.
    pub lock_recorded: bool,
    /// What was checked when it ended.
    pub checks: BTreeSet<SetCheck>,
}

/// A decision that an Incident's closing asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Decision {
    /// Whether to stop the instance at once.
    EmergencyStop,
    /// How to recover.
    Recovery,
    /// How recovery was checked.
    Verification,
    /// How to prevent another.
    Prevention,
}

impl Decision {
    /// All four.
    pub const ALL: [Self; 4] = [
        Self::EmergencyStop,
        Self::Recovery,
        Self::Verification,
        Self::Prevention,
    ];
}

/// What is known of one Incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncidentSummary {
    /// Its name.
    pub name: String,
    /// When the customer must have been told; `None`: not worked out yet.
    pub notify_by: Option<Timestamp>,
    /// When the customer was told, by a channel that counts.
    pub notified_at: Option<Timestamp>,
    /// Whether the record says that the target was missed. It says so for ever.
    pub breached: bool,
    /// Whether it is closed.
    pub closed: bool,
    /// The decisions it holds.
    pub decisions: BTreeSet<Decision>,
}

impl Facts {
    /// Whether AWS was looked at recently enough to know anything about it.
    pub fn sees_aws(&self) -> bool {
        self.heartbeat
            .is_some_and(|at| elapsed(at, self.now) <= VIEW_MAX_AGE)
    }
}
