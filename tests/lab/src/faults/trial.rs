//! One run with one fault.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use jiff::Timestamp;
use simaws::{Call, FaultStatus};
use yagura::{
    api::{AccessPolicy, Tenant},
    clock::{Clock, elapsed, later},
    cloud::Operation,
    cluster::Cluster,
};

use super::{Fault, told};
use crate::{
    Broken, Scenario, World,
    judge::{self, Keepsakes, Witness},
    play,
};

/// How long a fault stands after it struck first.
const STANDS: Duration = Duration::from_secs(180);

/// How long one stands that the operator notices only when its picture of AWS is too old to be believed.
const STANDS_LONG: Duration = Duration::from_secs(600);

/// In which the repeats of a call are counted. No longer, or a burst hides in the quiet after it.
const WINDOW: Duration = Duration::from_secs(10);

/// One operation of one scenario with one fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Trial {
    /// What happens.
    pub scenario: Scenario,
    /// Whose calls fail.
    pub operation: Operation,
    /// How.
    pub fault: Fault,
    /// Decides every order, latency and lag.
    pub seed: u64,
}

/// What a run with a fault came to.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// How many calls the fault struck.
    pub fired: u32,
    /// How many of them took effect all the same.
    pub effects: u32,
    /// How many were answered with something else than the truth.
    pub untrue: u32,
    /// How often at most a call was repeated in ten seconds.
    pub fastest: usize,
    /// What told of the fault while it stood, and after how long.
    pub told: Option<(Duration, String)>,
}

impl Trial {
    /// Plays the scenario with the fault standing, lifts the fault, and judges what is there in the end.
    ///
    /// # Errors
    /// Where the fault does not strike, is repeated too fast or not told of, or where the end does not come or is
    /// wrong; a panic is such an error too.
    pub fn run(&self) -> Result<Outcome, Broken> {
        let played = catch_unwind(AssertUnwindSafe(|| self.play()));
        played.unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Err(Broken::Panic(text.unwrap_or_default()))
        })
    }

    fn play(&self) -> Result<Outcome, Broken> {
        let mut settings = play::settings(self.seed);
        settings.aws.history = super::VERSIONS;
        let mut world = World::new(settings)?;
        // The set-up is not what is tested.
        let lag = world.settings.aws.describe_lag;
        world.sim.set_describe_lag(Duration::ZERO);
        self.scenario.prepare(&mut world)?;
        world.sim.set_describe_lag(lag);
        let mut run = Run {
            trial: self,
            before: Keepsakes::of(&world, &self.scenario.expected(0))?,
            witness: Witness::default(),
            outcome: Outcome::default(),
        };
        let id = world.sim.add_fault(self.fault.spec(self.operation));
        if self.operation == Operation::GetCallerIdentity {
            // Only a process that begins asks who it is.
            world.crash(0);
        }
        for number in 1..=self.scenario.acts() {
            self.scenario.act(number, &mut world)?;
            if run.outcome.fired == 0 && run.stand(&mut world, &id, number)? {
                world.sim.clear_faults();
            }
            run.end(&mut world, number)?;
        }
        if run.outcome.fired == 0 {
            return Err(Broken::NotFired(self.to_string()));
        }
        Ok(run.outcome)
    }

    /// How long the fault stands after it struck first.
    fn stands(&self) -> Duration {
        match self.operation.is_read() && !self.fault.words().is_empty() {
            true => STANDS_LONG,
            false => STANDS,
        }
    }

    /// How many objects may ask for the same thing, each once a second: a class and all that stands in it ask for
    /// the class's role, subnets, VPC and images.
    fn askers(&self, world: &World) -> usize {
        match self.operation {
            Operation::AssumeRole
            | Operation::DescribeImages
            | Operation::DescribeSubnets
            | Operation::DescribeVpcs => {
                1 + world.cluster.cached_all::<Tenant>().len()
                    + world.cluster.cached_all::<AccessPolicy>().len()
            }
            _ => 1,
        }
    }

    /// Whether the call keeps or guards a copy: then a message or an event may tell of it in place of a condition.
    fn is_of_a_copy(&self) -> bool {
        matches!(
            self.operation,
            Operation::DeleteRecoveryPoint
                | Operation::DeleteSnapshot
                | Operation::LockSnapshot
                | Operation::ModifyImageAttribute
                | Operation::ModifySnapshotAttribute
        )
    }

    /// Why no condition has to tell of the fault, if none has to.
    fn is_untold(&self) -> Option<&'static str> {
        if self.fault.words().is_empty() {
            return Some("nothing fails");
        }
        match self.operation {
            Operation::GetCallerIdentity => Some("the operator does not begin, and says so as it ends"),
            // What each object is made of is known; the log and the metrics of calls tell.
            Operation::DescribeInstanceAttribute | Operation::DescribeInstanceStatus => {
                Some("what was read last stays, and no object waits for more")
            }
            Operation::DescribeBackupVault
            | Operation::DescribeImageAttribute
            | Operation::DescribeLockedSnapshots
            | Operation::DescribeSnapshotAttribute
            | Operation::ListBackupJobs => {
                Some("what was read last stays for minutes, and a run goes on by what else shows")
            }
            // The image carries the tags of the run, and a listing shows it.
            Operation::StartBackupJob if matches!(self.fault, Fault::LostAnswer | Fault::HeldAnswer) => {
                Some("what the job makes shows before its answer is missed")
            }
            // AWS Backup answers it with no body at all.
            Operation::DeleteRecoveryPoint if self.fault == Fault::Truncate => {
                Some("half of an empty answer is the whole of it")
            }
            _ => None,
        }
    }
}

impl fmt::Display for Trial {
    /// The words after `lab faults` that repeat it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            scenario,
            operation,
            fault,
            seed,
        } = self;
        write!(
            f,
            "--operation {operation} --fault {fault} --scenario {scenario} --first-seed {seed} --seeds 1"
        )
    }
}

/// A run under way.
struct Run<'a> {
    trial: &'a Trial,
    before: Keepsakes,
    witness: Witness,
    outcome: Outcome,
}

impl Run<'_> {
    /// The time in which the fault stands; whether it struck before all was done without such a call.
    fn stand(&mut self, world: &mut World, id: &str, number: usize) -> Result<bool, Broken> {
        let scenario = self.trial.scenario;
        let operation = self.trial.operation.to_string();
        let words = self.trial.fault.words();
        let expected = scenario.expected(number);
        let (witness, outcome) = (&mut self.witness, &mut self.outcome);
        let (mut struck_at, mut failed) = (None::<Timestamp>, None);
        let lasts = world.run_until("the end of the fault", scenario.patience(), |world| {
            let now = world.clock.now();
            if struck_at.is_none() && status_of(world, id).is_some_and(|fault| fault.fired > 0) {
                struck_at = Some(now);
            }
            let Some(since) = struck_at else {
                // The next act may need the call. In the last one, whatever is looked at by turns has its turn.
                let is_last = number == scenario.acts();
                return !is_last && scenario.open(number, world).is_ok_and(|open| open.is_empty());
            };
            if outcome.told.is_none() {
                let beside = || told::find_beside(world, &operation, words);
                let told = told::find(world, &operation, words);
                let told = told.or_else(|| beside().filter(|_| self.trial.is_of_a_copy()));
                outcome.told = told.map(|told| (elapsed(since, now), told));
            }
            failed = failed.take().or(witness.look(world, &expected).err());
            failed.is_some() || now >= later(since, self.trial.stands())
        });
        lasts?;
        if let Some(error) = failed {
            return Err(error);
        }
        let Some(fault) = status_of(world, id).filter(|fault| fault.fired > 0) else {
            return Ok(false);
        };
        self.outcome.fired = fault.fired;
        self.outcome.effects = fault.effects;
        self.outcome.untrue = fault.untrue;
        let calls = world.sim.calls();
        let struck = calls.iter().filter(|call| call.fault.as_deref() == Some(id));
        let (fastest, call) = fastest(struck);
        self.outcome.fastest = fastest;
        let most = WINDOW.as_secs() as usize * self.trial.askers(world);
        let mut wrong = Vec::new();
        if fastest > most {
            wrong.push(format!("{fastest} calls in {WINDOW:?} of {operation} {call}"));
        }
        if self.outcome.told.is_none() && self.trial.is_untold().is_none() {
            let all = told::all(world);
            let bad = all.iter().filter(|one| !one.contains("=True Succeeded"));
            let bad: Vec<_> = bad.map(String::as_str).collect();
            wrong.push(format!("nothing tells of it: {}", bad.join(" | ")));
        }
        if wrong.is_empty() {
            Ok(true)
        } else {
            Err(Broken::Wrong(wrong))
        }
    }

    /// The time after it, up to the judgement.
    fn end(&mut self, world: &mut World, number: usize) -> Result<(), Broken> {
        let scenario = self.trial.scenario;
        let expected = scenario.expected(number);
        let witness = &mut self.witness;
        let (mut open, mut failed) = (Vec::new(), None);
        let reached = world.run_until("the end", scenario.patience(), |world| {
            let looked = witness.look(world, &expected);
            match looked.and_then(|()| scenario.open(number, world)) {
                Ok(found) => open = found,
                Err(error) => failed = Some(error),
            }
            open.is_empty() || failed.is_some()
        });
        if let Some(error) = failed {
            return Err(error);
        }
        if let Err(Broken::Late { by, .. }) = reached {
            let what = format!("the end of {scenario} after the fault: {}", open.join("; "));
            return Err(Broken::Late { what, by });
        }
        reached?;
        world.run_for(world.settings.sweep_every * 2 + world.settings.aws.describe_lag)?;
        let mut wrong = judge::never(world, &expected, &self.before)?;
        wrong.extend(judge::not_yet(world, &expected)?);
        wrong.extend(std::mem::take(&mut self.witness.found));
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(Broken::Wrong(wrong))
        }
    }
}

fn status_of(world: &World, id: &str) -> Option<FaultStatus> {
    world.sim.faults().into_iter().find(|fault| fault.id == id)
}

/// How often at most the same call was struck within [`WINDOW`], and which call that was.
///
/// What is asked for says whose call it is: two calls with the same fields are of one object, or of several that ask
/// for the same.
fn fastest<'a>(calls: impl Iterator<Item = &'a Call>) -> (usize, String) {
    let mut recent = BTreeMap::<Vec<(&String, &String)>, VecDeque<Timestamp>>::new();
    let ignored = BTreeSet::from(["Action", "Version"]);
    let mut fastest = (0, String::new());
    for call in calls {
        let fields = call.params.iter();
        let fields: Vec<_> = fields
            .filter(|(name, _)| !ignored.contains(name.as_str()))
            .collect();
        let text = format!("{fields:?}");
        let times = recent.entry(fields).or_default();
        times.push_back(call.at);
        while times.front().is_some_and(|at| elapsed(*at, call.at) >= WINDOW) {
            times.pop_front();
        }
        if times.len() > fastest.0 {
            fastest = (times.len(), text);
        }
    }
    fastest
}
