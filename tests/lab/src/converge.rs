//! How fast environments come about under AWS's limits, and what an Incident waits for behind them.

use std::time::Duration;

use jiff::Timestamp;
use simaws::{Call, Limits};
use yagura::{
    api::{Incident, Tenant},
    clock::{Clock, elapsed},
    cloud::Operation,
    cluster::{Cluster, Kind},
    governor::{self, Share},
    report::conditions::is_true,
};

use crate::{Broken, Latency, Settings, World, fleet, judge, objects, truth::Truth};

/// How long a run may take: four times what the slowest permitted action needs, and the start.
fn patience(groups: usize) -> Duration {
    Duration::from_secs(600 + groups as u64 * 4)
}

/// The calls that make a group and its rules.
const MAKING: [Operation; 4] = [
    Operation::CreateSecurityGroup,
    Operation::AuthorizeSecurityGroupEgress,
    Operation::AuthorizeSecurityGroupIngress,
    Operation::RevokeSecurityGroupEgress,
];

/// What is declared, and under which limits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Setup {
    /// How many environments are declared at once; each needs a group of its own.
    pub groups: usize,
    /// Which part of AWS's limits the operator takes.
    pub share: f64,
    /// Which part of every bucket's refill somebody else takes.
    pub other_client: f64,
    /// Decides every order and latency.
    pub seed: u64,
}

/// How it went.
#[derive(Clone, Debug, PartialEq)]
pub struct Converged {
    /// What was declared.
    pub setup: Setup,
    /// How many calls AWS refused for coming too fast.
    pub throttled: u64,
    /// How long operators lived until every group was made: from the first call of each process to its end.
    pub made_in: Duration,
    /// The same until the rules of every group were exact.
    pub exact_in: Duration,
    /// How long nobody lived in between.
    pub downtime: Duration,
    /// How many instances were launched by then.
    pub launched: usize,
}

impl Converged {
    /// How many groups of those that the share permits were made. A process's buckets begin empty, and it may make
    /// nothing before its first two listings: both count against it.
    pub fn made_ratio(&self) -> f64 {
        self.ratio(self.made_in)
    }

    /// The same for groups whose rules are exact.
    pub fn exact_ratio(&self) -> f64 {
        self.ratio(self.exact_in)
    }

    fn ratio(&self, span: Duration) -> f64 {
        let refill = governor::limits(Operation::CreateSecurityGroup).requests.refill;
        self.setup.groups as f64 / (span.as_secs_f64() * self.setup.share * f64::from(refill))
    }
}

/// Declares environments all at once, restarts the operator when half of their groups are made, and waits until all
/// are exact by what the simulated AWS truly holds.
///
/// # Errors
/// Where they do not become so.
pub fn converge(setup: Setup) -> Result<Converged, Broken> {
    let mut world = World::new(settings(setup)?)?;
    fleet::declare(&world, 0..setup.groups, None)?;
    world.run_until("half of the groups", patience(setup.groups), |world| {
        answered(world, Operation::CreateSecurityGroup) * 2 >= setup.groups
    })?;
    let crashed_at = world.clock.now();
    world.crash(0);
    let mut failed = None;
    world.run_until("every group exact", patience(setup.groups), |world| {
        let may_be = MAKING
            .iter()
            .all(|operation| answered(world, *operation) >= setup.groups);
        may_be
            && are_exact(world, setup.groups).unwrap_or_else(|error| {
                failed = Some(error);
                true
            })
    })?;
    match failed {
        Some(error) => Err(error),
        None => Lives::of(&world, crashed_at)?.sum_up(&world, setup),
    }
}

fn settings(setup: Setup) -> Result<Settings, Broken> {
    let mut settings = Settings::seeded(setup.seed);
    settings.share = Share::try_from(setup.share).map_err(|error| Broken::SetUp(error.to_string()))?;
    settings.aws.limits = Limits::Aws;
    settings.aws.other_client = setup.other_client;
    // That quota is not what is measured.
    settings.aws.security_groups_per_region = setup.groups + 100;
    Ok(settings)
}

/// How often AWS said yes to this operation.
fn answered(world: &World, operation: Operation) -> usize {
    let counts = world.sim.counts();
    let of_operation = counts.get(&operation.to_string());
    let count = of_operation.and_then(|codes| codes.get("OK")).copied();
    usize::try_from(count.unwrap_or_default()).unwrap_or(usize::MAX)
}

fn are_exact(world: &World, groups: usize) -> Result<bool, Broken> {
    let truth = Truth::of(world, None)?;
    let wanted = judge::firewall(&[fleet::OFFICE]);
    let exact = truth
        .security_groups
        .iter()
        .filter(|group| group.rules() == wanted);
    Ok(exact.count() >= groups)
}

/// When the two processes lived.
struct Lives {
    calls: Vec<Call>,
    first: (Timestamp, Timestamp),
    second: Timestamp,
}

impl Lives {
    fn of(world: &World, crashed_at: Timestamp) -> Result<Self, Broken> {
        let calls = world.sim.calls();
        let begins: Vec<_> = calls
            .iter()
            .filter(|call| call.operation == Operation::GetCallerIdentity.to_string())
            .map(|call| call.at)
            .collect();
        // Each process asks once who it is, before anything else.
        let [first, second] = begins[..] else {
            return Err(Broken::NotFired("the restart".to_owned()));
        };
        Ok(Self {
            calls,
            first: (first, crashed_at),
            second,
        })
    }

    /// How long there was an operator until `at`.
    fn alive_until(&self, at: Timestamp) -> Duration {
        let (begun, ended) = self.first;
        elapsed(begun, ended.min(at)) + elapsed(self.second, at)
    }

    fn last(&self, operations: &[Operation]) -> Timestamp {
        let names: Vec<_> = operations.iter().map(ToString::to_string).collect();
        let of_them = self
            .calls
            .iter()
            .filter(|call| call.effect && names.contains(&call.operation));
        of_them.map(|call| call.at).max().unwrap_or_default()
    }

    fn sum_up(&self, world: &World, setup: Setup) -> Result<Converged, Broken> {
        let launched = self
            .calls
            .iter()
            .filter(|call| call.effect && call.operation == Operation::RunInstances.to_string());
        Ok(Converged {
            setup,
            throttled: world.sim.throttled(),
            made_in: self.alive_until(self.last(&[Operation::CreateSecurityGroup])),
            exact_in: self.alive_until(self.last(&MAKING)),
            downtime: elapsed(self.first.1, self.second),
            launched: launched.count(),
        })
    }
}

/// How an Incident fared while many environments waited for their turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Isolated {
    /// How many environments were declared before it.
    pub backlog: usize,
    /// How many of them had a group when it was declared.
    pub made: usize,
    /// From its declaration until AWS had swapped the groups.
    pub took: Duration,
    /// How many calls AWS refused for coming too fast.
    pub throttled: u64,
}

/// Isolates one environment while `backlog` others are being made under AWS's limits.
///
/// # Errors
/// Where the isolation does not come.
pub fn isolate(backlog: usize, seed: u64) -> Result<Isolated, Broken> {
    let setup = Setup {
        groups: backlog + 1,
        share: 0.8,
        other_client: 0.0,
        seed,
    };
    let mut settings = settings(setup)?;
    // An API server is in the next room: 10 to 100 ms for a call and its answer, and its watches are as prompt.
    settings.watch_lag = Duration::from_millis(100);
    settings.cluster_latency = Some(Latency {
        least: Duration::from_millis(5),
        most: Duration::from_millis(50),
    });
    let mut world = World::new(settings)?;
    fleet::declare(&world, 0..1, None)?;
    world.run_until("the first environment", patience(1), |world| {
        world
            .cluster
            .cached::<Tenant>(&fleet::key(0))
            .is_some_and(|tenant| is_ready(&tenant))
    })?;
    world.run_for(world.settings.sweep_every * 3)?;
    fleet::declare(&world, 1..backlog + 1, None)?;
    // Long enough for every line to be as long as it gets.
    world.run_for(Duration::from_secs(60))?;

    let declared_at = world.clock.now();
    let before = world.sim.calls().last().map_or(0, |call| call.seq);
    let made = answered(&world, Operation::CreateSecurityGroup).saturating_sub(2);
    let key = fleet::key(0);
    let incident = objects::incident("breach", &[&key.name], "Isolate", declared_at);
    world.put::<Incident>(fleet::within(&key.namespace, incident))?;
    world.run_until("the isolation", Duration::from_secs(120), |world| {
        swapped_at(world, before).is_some()
    })?;
    let swapped_at = swapped_at(&world, before).unwrap_or(Timestamp::MAX);
    Ok(Isolated {
        backlog,
        made,
        took: elapsed(declared_at, swapped_at),
        throttled: world.sim.throttled(),
    })
}

fn swapped_at(world: &World, before: u64) -> Option<Timestamp> {
    let swap = Operation::ModifyNetworkInterfaceAttribute.to_string();
    let calls = world.sim.calls_since(before).into_iter();
    let mut swaps = calls.filter(|call| call.effect && call.operation == swap);
    swaps.next().map(|call| call.at)
}

/// Whether an environment is as declared, by its status.
pub(crate) fn is_ready(tenant: &Tenant) -> bool {
    tenant.status.as_ref().is_some_and(|status| {
        status.observed_generation == Some(tenant.generation()) && is_true(&status.conditions, "Ready")
    })
}
