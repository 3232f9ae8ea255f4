//! One run for one Tenant: from a Backup object and what AWS shows, to the next step.
//!
//! CreateSnapshots has neither a token nor a name that guards, so at most one set per attempt rests on order:
//! the attempt is recorded (the object's version makes that a lock), then the call is made, soon or not at all;
//! and a call of unknown outcome is looked for, until AWS would have to show it, before it is made again.
//! When it is over its set is locked, and deleted when enough newer days replace it: `keep`.

mod calls;
mod check;
mod course;
pub mod job;
mod keep;
mod lock;
mod sets;

use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;

use super::slot::{Decision, STARTING_DEADLINE};
use crate::{
    clock::later,
    cloud::{CloudError, InstanceId, Observed, Snapshot, SnapshotId, Volume, VolumeId},
};

use calls::{after_a_call, attempt};
use course::{does_not_begin, unknown};
use sets::Sets;

pub use check::{Check, CheckName};
pub use course::{Call, CallEnd, call_end};
pub use keep::{Kept, REFUSED_FOR};
pub use lock::{LockRule, LockStep, Locks};
pub use sets::belongs;

/// How long a run may take, and be tried again. The first snapshot of a large volume takes hours; after six the
/// run still ends well before the next one is due.
pub const TIMEOUT: Duration = Duration::from_secs(6 * 60 * 60);

/// After this a snapshot that was made is in AWS's listing: the lag is taken to be 120 s at most, and a listing
/// answers from a state up to 30 s old.
pub const SETTLED: Duration = Duration::from_secs(150);

/// From the record of an attempt to the end of its call. A call that cannot begin and end within it is not made:
/// another operator that reads the record counts on that.
pub const CALL_BOUND: Duration = Duration::from_secs(60);

/// How many sets a run may make: one, and twice again.
pub const MAX_SETS: usize = 3;

/// The pause after a set that failed: EBS limits how fast one volume may be asked again, and five minutes
/// leave room for three sets in any timeout.
pub const RETRY_PAUSE: Duration = Duration::from_secs(5 * 60);

/// The longest pause between two calls that AWS refused, and the pause where a person must act first.
pub const REFUSED_PAUSE: Duration = Duration::from_secs(5 * 60);

/// The period of the sweeps: when there is something to be seen next, at the earliest.
pub const SWEEP: Duration = Duration::from_secs(30);

/// How soon to look again for locks that AWS does not tell. Once a listing tells them everything of the site is woken,
/// and a listing that shows another lock wakes whose it is: this is for what both missed.
pub const UNTOLD: Duration = Duration::from_secs(60 * 60);

/// Two sweeps must agree before absence is believed.
const SWEEPS: usize = 2;

/// One time that AWS was asked, written down before the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Which set it is for: 1 for the first.
    pub n: u32,
    /// When it was written.
    pub at: Timestamp,
}

/// How a run ended, as its object has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The set is whole.
    Complete,
    /// Failed, missed, or without its set.
    Otherwise,
}

/// How long a run may take: the rules in force for its Tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long after its time it still begins.
    pub starting_deadline: Duration,
    /// How long it may take, and be tried again.
    pub timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            starting_deadline: STARTING_DEADLINE,
            timeout: TIMEOUT,
        }
    }
}

/// A run, as its Backup object tells it.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// When it should start; `None` for one made by hand, which starts at once.
    pub slot: Option<Timestamp>,
    /// What the slot's object was made for.
    pub decision: Option<Decision>,
    /// When the object was made.
    pub created: Timestamp,
    /// When the first attempt was recorded.
    pub accepted: Option<Timestamp>,
    /// The attempts, one for each set.
    pub attempts: Vec<Attempt>,
    /// Whether it ended.
    pub ended: Option<Ended>,
    /// How long it may take.
    pub limits: Limits,
}

/// The instance to be backed up.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// The instance.
    pub instance: InstanceId,
    /// The volumes attached to it, the root volume included.
    pub attached: Vec<VolumeId>,
    /// What is known of them.
    pub volumes: Vec<Volume>,
}

/// What went that would say where the run's snapshots are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// Its Tenant.
    Tenant,
    /// The class of its Tenant.
    Class,
}

/// What is known of the run in AWS.
#[derive(Clone, Debug, PartialEq)]
pub struct World {
    /// The instance.
    pub target: Observed<Target>,
    /// Whether the Tenant's status names an instance that no launch of this Tenant made: then there is no target.
    pub is_foreign: bool,
    /// What is gone, so that nobody can look.
    pub gone: Option<Gone>,
    /// The snapshots of the run; `Absent` when there are none, and after its end when one of its set is gone.
    pub snapshots: Observed<Vec<Snapshot>>,
    /// When the last sweeps began, two at most: what is not among `snapshots` none of them showed.
    pub sweeps: Vec<Timestamp>,
    /// Whether the snapshots were also searched by description, whatever their tags say.
    pub searched: bool,
    /// Snapshots of the run that only the search found: somebody took their tags away.
    pub untagged: Vec<SnapshotId>,
    /// What this process knows of its last call.
    pub call: Option<Call<()>>,
    /// What is wrong with the place or the openness of snapshots.
    pub exposure: Exposure,
    /// What is known of the set once the run is over.
    pub kept: Kept,
}

/// Who else might get at the snapshots of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exposure {
    /// Those that everybody may use. One that is encrypted cannot be made so: where it is not known, the check of the
    /// encryption tells.
    pub public: BTreeSet<SnapshotId>,
    /// Why they should not be in the region in which they are.
    pub region: Option<String>,
}

/// One step.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Write the attempt down, in place of one of the same number, against the version that was read.
    RecordAttempt(Attempt),
    /// Take the set of this attempt.
    CreateSnapshots {
        /// The attempt.
        n: u32,
        /// The instance.
        instance: InstanceId,
    },
    /// Put the tags of the run back on these, so that sweeps show them again.
    Tag(Vec<SnapshotId>),
    /// Lock a snapshot of the set.
    Lock(LockStep),
    /// Delete a snapshot of a set that newer days replace.
    Delete(SnapshotId),
}

/// Where the run stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Nothing was asked of AWS; why not yet.
    Pending(Waiting),
    /// AWS was asked.
    Running(Waiting, Facts),
    /// AWS refuses, and a person must act first.
    Stalled(CloudError),
    /// Nothing is asked of AWS before a person changed this.
    Lacking(String),
    /// The set is whole and was checked.
    Complete(Facts),
    /// It is given up.
    Failed(String, Facts),
    /// It was not started in time.
    Missed,
    /// It was complete, and its set is not whole any more.
    Expired,
    /// It ended before, newer days replaced its set, and nothing of that is left.
    Retired,
    /// It ended before, and nothing that it made is left.
    NothingLeft,
    /// It ended before; nothing changed.
    Unchanged,
}

/// What a run waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// For a fresh look at AWS.
    Inventory,
    /// For the Tenant's instance.
    Instance,
    /// For a person: the Tenant's status names an instance that is not its own.
    ForeignInstance,
    /// For its first step, which is in this plan.
    Start,
    /// For AWS to finish the snapshots.
    Snapshots,
    /// For the job of AWS Backup.
    Job,
    /// For what became of a call to show.
    Answer,
    /// For the pause before the next attempt.
    Pause,
}

/// What is known of the set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// Its snapshots.
    pub snapshots: Vec<SnapshotId>,
    /// When AWS began it.
    pub started: Option<Timestamp>,
    /// The size of its volumes, in GiB.
    pub size_gib: i64,
    /// What was checked.
    pub checks: Vec<Check>,
}

/// What to do now.
pub type Plan = course::Plan<Step, Beside>;

/// What only this engine has to say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Beside {
    /// Nothing more is done before the snapshots were searched by description.
    pub wants_search: bool,
}

/// What to do now for a run.
pub fn plan(run: &Run, world: &World, now: Timestamp) -> Plan {
    let mut plan = untagged_aside(run, world, now);
    if !world.untagged.is_empty() {
        plan.steps.insert(0, Step::Tag(world.untagged.clone()));
    }
    plan
}

fn untagged_aside(run: &Run, world: &World, now: Timestamp) -> Plan {
    if let Some(ended) = run.ended {
        return keep::plan(run, ended, world, now);
    }
    // It may come back until the run is out of time; an object without an end is no news for ever.
    if let Some(gone) = world.gone
        && now > run.end()
    {
        return Plan::outcome(nobody_can_look(run, gone));
    }
    let snapshots: &[Snapshot] = match &world.snapshots {
        Observed::Unknown => return unknown(run, now),
        Observed::Absent => &[],
        Observed::Present(snapshots) => snapshots,
    };
    let sets = Sets::of(run, snapshots, world);
    if let Some(facts) = sets.complete() {
        return Plan::outcome(Outcome::Complete(facts));
    }
    if run.timeout().is_some_and(|end| now > end) {
        return Plan::outcome(Outcome::Failed(out_of_time(run, &sets, world), sets.facts()));
    }
    if sets.is_pending() {
        return Plan::waiting(Outcome::Running(Waiting::Snapshots, sets.facts()), run.timeout());
    }
    match run.latest(sets.newest()) {
        None => does_not_begin(run, world.shows_nothing(), now)
            .unwrap_or_else(|| attempt(world, 1, now, Some(run.deadline()))),
        Some(attempt) if sets.contains(attempt.n) => after_a_failed_set(run, world, &sets, now),
        Some(attempt) => after_a_call(run, world, attempt, now),
    }
}

fn nobody_can_look(run: &Run, gone: Gone) -> Outcome {
    if run.accepted.is_none() && run.slot.is_some() {
        return Outcome::Missed;
    }
    let why = match gone {
        Gone::Tenant => "its Tenant is gone",
        Gone::Class => "its class is gone",
    };
    Outcome::Failed(why.to_owned(), Facts::default())
}

fn out_of_time(run: &Run, sets: &Sets<'_>, world: &World) -> String {
    let within = spelled(run.limits.timeout);
    match &world.call {
        _ if sets.is_pending() => format!("the snapshots were not complete within {within}"),
        Some(Call {
            end: CallEnd::Refused(_, error),
            ..
        }) => {
            format!("no set was made within {within}: {error}")
        }
        _ => format!("no set was made within {within}"),
    }
}

/// A span as people say it, such as `6 hours`.
fn spelled(span: Duration) -> String {
    let minutes = span.as_secs() / 60;
    match (minutes / 60, minutes % 60) {
        (hours, 0) => format!("{hours} hours"),
        (0, minutes) => format!("{minutes} minutes"),
        (hours, minutes) => format!("{hours} hours and {minutes} minutes"),
    }
}

/// The latest set failed.
fn after_a_failed_set(run: &Run, world: &World, sets: &Sets<'_>, now: Timestamp) -> Plan {
    // What was found is as it is: nothing is taken for a time that is long past.
    if sets.len() >= MAX_SETS || run.decision == Some(Decision::Found) {
        return Plan::outcome(Outcome::Failed(sets.why(), sets.facts()));
    }
    let Some((n, began)) = sets.newest() else {
        return Plan::outcome(Outcome::Running(Waiting::Answer, Facts::default()));
    };
    let pause_ends = later(began, RETRY_PAUSE);
    if now < pause_ends {
        return Plan::waiting(Outcome::Running(Waiting::Pause, sets.facts()), Some(pause_ends));
    }
    attempt(world, n + 1, now, run.timeout())
}

impl World {
    /// Whether enough sweeps agree that none of the run's snapshots is there.
    fn shows_nothing(&self) -> bool {
        self.snapshots == Observed::Absent && self.sweeps.len() >= SWEEPS
    }
}

impl Run {
    /// When it should have started: an object made later than its slot (an outage, an edit) counts from there.
    fn due(&self) -> Timestamp {
        self.slot.map_or(self.created, |slot| slot.max(self.created))
    }

    /// Until when it may begin.
    fn deadline(&self) -> Timestamp {
        later(self.due(), self.limits.starting_deadline)
    }

    /// When it is given up: of one that was not started, when it can be started no more.
    fn end(&self) -> Timestamp {
        self.timeout().unwrap_or_else(|| self.deadline())
    }

    fn timeout(&self) -> Option<Timestamp> {
        self.accepted.map(|at| later(at, self.limits.timeout))
    }

    /// The latest attempt. The newest of which AWS shows something, with its start, stands for one: its record may have
    /// been lost.
    fn latest(&self, shown: Option<(u32, Timestamp)>) -> Option<Attempt> {
        let recorded = self.attempts.iter().max_by_key(|attempt| attempt.n).copied();
        let found = shown.map(|(n, at)| Attempt { n, at });
        match (recorded, found) {
            (Some(recorded), Some(found)) if found.n > recorded.n => Some(found),
            (recorded, found) => recorded.or(found),
        }
    }
}

#[cfg(test)]
mod tests;
