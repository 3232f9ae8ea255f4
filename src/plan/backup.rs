//! One run for one Tenant: from a Backup object and what AWS shows, to the next step.
//!
//! CreateSnapshots has neither a token nor a name that guards, so at most one set per attempt rests on order:
//! the attempt is recorded (the object's version makes that a lock), then the call is made, soon or not at all;
//! and a call of unknown outcome is looked for, until AWS would have to show it, before it is made again.
//! Deliberately absent: deletion. Nothing a Backup does ever removes a snapshot.

mod check;
pub mod job;
mod sets;

use std::time::Duration;

use jiff::Timestamp;

use super::slot::{Decision, STARTING_DEADLINE};
use crate::{
    clock::later,
    cloud::{
        CloudError, Disposition, ErrorKind, InstanceId, Observed, Snapshot, SnapshotId, Volume, VolumeId,
    },
};

use sets::Sets;

pub use check::{Check, CheckName};
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
const SWEEP: Duration = Duration::from_secs(30);

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

/// What this process knows of the last call it made itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// For which attempt.
    pub n: u32,
    /// When it ended.
    pub ended: Timestamp,
    /// How it ended.
    pub end: CallEnd,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq)]
pub enum CallEnd {
    /// AWS made the set.
    Answered,
    /// AWS made nothing; how often in a row, and why.
    Refused(u32, CloudError),
    /// Nobody knows, and why.
    Lost(CloudError),
}

impl CallEnd {
    /// Why there is no set, or none that is known of.
    pub fn error(&self) -> Option<&CloudError> {
        match self {
            Self::Answered => None,
            Self::Refused(_, error) | Self::Lost(error) => Some(error),
        }
    }
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
    pub call: Option<Call>,
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
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// Where the run stands.
    pub outcome: Outcome,
    /// When to look again, if AWS shows nothing new before.
    pub look_again: Option<Timestamp>,
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
        return after_the_end(ended, world);
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
    match run.latest(&sets) {
        None => begin(run, world, now),
        Some(attempt) if sets.contains(attempt.n) => after_a_failed_set(run, world, &sets, now),
        Some(attempt) => after_a_call(run, world, attempt, now),
    }
}

fn after_the_end(ended: Ended, world: &World) -> Plan {
    let is_gone = ended == Ended::Complete && world.shows_nothing();
    match (is_gone, world.searched) {
        (false, _) => Plan::outcome(Outcome::Unchanged),
        (true, false) => Plan {
            wants_search: true,
            ..Plan::outcome(Outcome::Unchanged)
        },
        (true, true) => Plan::outcome(Outcome::Expired),
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

/// A view that is too old says nothing about the set, and a run does not fail of that.
fn unknown(run: &Run, now: Timestamp) -> Plan {
    let outcome = if run.attempts.is_empty() {
        Outcome::Pending(Waiting::Inventory)
    } else {
        Outcome::Running(Waiting::Inventory, Facts::default())
    };
    Plan::waiting(outcome, Some(later(now, SWEEP)))
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

/// Nothing was asked of AWS yet.
fn begin(run: &Run, world: &World, now: Timestamp) -> Plan {
    let deadline = later(run.due(), run.limits.starting_deadline);
    match run.decision {
        Some(Decision::Missed | Decision::Suspended) => return Plan::outcome(Outcome::Missed),
        // The set that the object was made for may only lag.
        Some(Decision::Found) if !world.shows_nothing() => {
            return Plan::waiting(Outcome::Pending(Waiting::Inventory), Some(later(now, SWEEP)));
        }
        Some(Decision::Found) => return Plan::outcome(Outcome::Missed),
        Some(_) if now > deadline => return Plan::outcome(Outcome::Missed),
        None if now > deadline => {
            let why = format!(
                "it could not be started within {}",
                spelled(run.limits.starting_deadline)
            );
            return Plan::outcome(Outcome::Failed(why, Facts::default()));
        }
        Some(_) | None => {}
    }
    attempt(world, 1, now, Some(deadline))
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

/// A call was made, or was about to be, and no sweep shows its set.
fn after_a_call(run: &Run, world: &World, recorded: Attempt, now: Timestamp) -> Plan {
    let own = world
        .call
        .as_ref()
        .filter(|call| call.n == recorded.n && call.ended >= recorded.at);
    let ended = match own {
        Some(Call {
            end: CallEnd::Refused(times, error),
            ended,
            ..
        }) => {
            return after_a_refusal(run, world, (recorded.n, *times, error), *ended, now);
        }
        Some(call) => call.ended,
        // Another process wrote it: its call ended by then, if it was ever made.
        None => later(recorded.at, CALL_BOUND),
    };
    let settled = later(ended, SETTLED);
    let agreeing = world.sweeps.iter().filter(|&&begun| begun >= settled).count();
    if agreeing < SWEEPS {
        return Plan::waiting(
            Outcome::Running(Waiting::Answer, Facts::default()),
            Some(settled.max(later(now, SWEEP))),
        );
    }
    if !world.searched {
        return Plan {
            wants_search: true,
            ..Plan::outcome(Outcome::Running(Waiting::Answer, Facts::default()))
        };
    }
    // It had no effect, so it is the same attempt again.
    attempt(world, recorded.n, now, run.timeout())
}

/// AWS said no, so nothing was made, and the same attempt may be made again.
fn after_a_refusal(
    run: &Run,
    world: &World,
    (n, times, error): (u32, u32, &CloudError),
    ended: Timestamp,
    now: Timestamp,
) -> Plan {
    let is_lasting = error.kind == ErrorKind::Unexpected && times > UNEXPLAINED;
    let needs_person = is_lasting || error.kind.disposition() == Disposition::Stall;
    let pause = if needs_person {
        REFUSED_PAUSE
    } else {
        pause_after(times)
    };
    let pause_ends = later(ended, pause);
    if now >= pause_ends {
        return attempt(world, n, now, run.timeout());
    }
    let outcome = if needs_person {
        Outcome::Stalled(error.clone())
    } else {
        Outcome::Running(Waiting::Pause, Facts::default())
    };
    Plan::waiting(outcome, Some(pause_ends))
}

/// How many refusals in a row with a code that nobody listed are taken for passing ones.
const UNEXPLAINED: u32 = 10;

/// The pause doubles from 5 s: a refusal is most often a rate, and rates recover within seconds.
fn pause_after(times: u32) -> Duration {
    Duration::from_secs(5 << times.min(6)).min(REFUSED_PAUSE)
}

/// Records and makes an attempt, where there is an instance.
fn attempt(world: &World, n: u32, now: Timestamp, end: Option<Timestamp>) -> Plan {
    // What is waited for here may wake nobody when it comes.
    let soon = later(now, SWEEP);
    let look_again = Some(end.map_or(soon, |end| end.min(soon)));
    let waits = |for_what| {
        let outcome = if n == 1 {
            Outcome::Pending(for_what)
        } else {
            Outcome::Running(for_what, Facts::default())
        };
        Plan::waiting(outcome, look_again)
    };
    match &world.target {
        Observed::Unknown => waits(Waiting::Inventory),
        Observed::Absent if world.is_foreign => waits(Waiting::ForeignInstance),
        Observed::Absent => waits(Waiting::Instance),
        Observed::Present(target) => Plan {
            steps: vec![
                Step::RecordAttempt(Attempt { n, at: now }),
                Step::CreateSnapshots {
                    n,
                    instance: target.instance.clone(),
                },
            ],
            outcome: Outcome::Running(Waiting::Start, Facts::default()),
            look_again: end,
            wants_search: false,
        },
    }
}

/// How a call that failed is to be remembered. `before` is what was remembered until now.
pub fn call_end(error: CloudError, n: u32, before: Option<&Call>) -> CallEnd {
    match error.kind {
        // An answer that cannot be explained says as little about the effect as none.
        ErrorKind::Lost | ErrorKind::Defect => CallEnd::Lost(error),
        _ => {
            let times = match before {
                Some(Call {
                    n: same,
                    end: CallEnd::Refused(times, _),
                    ..
                }) if *same == n => *times,
                _ => 0,
            };
            CallEnd::Refused(times.saturating_add(1), error)
        }
    }
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

    /// When it is given up: of one that was not started, when it can be started no more.
    fn end(&self) -> Timestamp {
        self.timeout()
            .unwrap_or_else(|| later(self.due(), self.limits.starting_deadline))
    }

    fn timeout(&self) -> Option<Timestamp> {
        self.accepted.map(|at| later(at, self.limits.timeout))
    }

    /// The latest attempt; a set whose record was lost stands for one.
    fn latest(&self, sets: &Sets<'_>) -> Option<Attempt> {
        let recorded = self.attempts.iter().max_by_key(|attempt| attempt.n).copied();
        let found = sets.newest().map(|(n, at)| Attempt { n, at });
        match (recorded, found) {
            (Some(recorded), Some(found)) if found.n > recorded.n => Some(found),
            (recorded, found) => recorded.or(found),
        }
    }
}

impl Plan {
    fn outcome(outcome: Outcome) -> Self {
        Self {
            steps: Vec::new(),
            outcome,
            look_again: None,
            wants_search: false,
        }
    }

    fn waiting(outcome: Outcome, until: Option<Timestamp>) -> Self {
        Self {
            look_again: until,
            ..Self::outcome(outcome)
        }
    }
}

#[cfg(test)]
mod tests;
