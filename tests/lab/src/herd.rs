//! Every environment is due at the same minute: how soon AWS takes the last call, under its own limits.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use simaws::Limits;
use yagura::{
    api::{Backup, BackupPhase, BackupPolicy, Key, Tenant},
    clock::{Clock, elapsed, later},
    cluster::{Cluster, Index, Kind},
    governor::Share,
    report::conditions::is_true,
};

use crate::{Broken, Engine, Settings, World, converge::is_ready, fleet, sets, standing, truth::Truth};

/// 00:20 in Tokyo: so long before the slot of the terms that every bucket of the operator's is full.
const BEGIN: Timestamp = Timestamp::constant(1_795_533_600, 0);

/// The slot, so long after the begin.
const SLOT_AFTER: Duration = Duration::from_secs(600);

/// Part of the floor's rate that is asked for at least.
const LEAST_RATE: f64 = 0.95;

/// How long after the last call the last set may still be on its way to be complete, checked and told of.
const AFTERMATH: Duration = Duration::from_secs(3600);

/// How long locks may take for each environment: two of them, of which AWS takes five a second, and half as much again.
const LOCKS: Duration = Duration::from_millis(600);

/// What is declared, and under which limits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Setup {
    /// How many environments are due at once.
    pub tenants: usize,
    /// What takes the copies.
    pub engine: Engine,
    /// Which part of AWS's limits the operator takes.
    pub share: f64,
    /// How often everything in AWS is listed; what passes see is the same up to five minutes.
    pub sweep_every: Duration,
    /// Decides every order and latency.
    pub seed: u64,
}

impl Setup {
    /// The soonest that AWS can take the last call, were each made as early as its limits let it.
    pub fn floor(&self) -> Duration {
        let (capacity, refill) = self.engine.limit();
        Duration::from_secs_f64(self.tenants.saturating_sub(capacity) as f64 / refill)
    }

    /// How late the last one may be.
    pub fn bar(&self) -> Duration {
        self.floor().div_f64(LEAST_RATE)
    }
}

/// How late something came: of so many the median, the latest of 99 in a hundred, and the latest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spread {
    /// The median.
    pub p50: Duration,
    /// Of 99 in a hundred.
    pub p99: Duration,
    /// The latest.
    pub max: Duration,
}

impl Spread {
    /// Of these.
    pub fn of(mut spans: Vec<Duration>) -> Self {
        spans.sort_unstable();
        let at = |part: usize| {
            let place = (spans.len() * part).div_ceil(100).saturating_sub(1);
            spans.get(place).copied().unwrap_or_default()
        };
        Self {
            p50: at(50),
            p99: at(99),
            max: at(100),
        }
    }
}

/// How it went.
#[derive(Clone, Debug, PartialEq)]
pub struct Herded {
    /// What was declared.
    pub setup: Setup,
    /// When AWS took the last call, after the slot.
    pub last_call: Duration,
    /// How many calls AWS refused for coming too fast, of any operation.
    pub throttled: u64,
    /// How many environments have no complete set of the slot.
    pub missed: usize,
    /// How many have more than one.
    pub doubled: usize,
    /// How late AWS began each set, by its own word.
    pub lateness: Spread,
    /// From the slot until each set was first seen to be locked; empty while nothing locks.
    pub protected: Option<Spread>,
    /// How many writes to Kubernetes each Backup took, its own and those of its Tenant and policy.
    pub writes: f64,
    /// How many writes there were before the slot, when nothing had to be done but to notice that all is well.
    pub idle_writes: u64,
    /// How many calls there were of each operation from the slot on.
    pub calls: BTreeMap<String, usize>,
}

impl Herded {
    /// What is not as it should be.
    pub fn faults(&self) -> Vec<String> {
        let mut found = Vec::new();
        if self.last_call > self.setup.bar() {
            let (last, bar) = (self.last_call.as_secs_f64(), self.setup.bar().as_secs_f64());
            found.push(format!("the last call came after {last:.1} s, not {bar:.1} s"));
        }
        let counts = [
            (self.throttled, "calls were throttled"),
            (self.missed as u64, "environments have no complete set"),
            (self.doubled as u64, "have more than one"),
        ];
        let counts = counts.into_iter().filter(|(count, _)| *count > 0);
        found.extend(counts.map(|(count, what)| format!("{count} {what}")));
        found
    }
}

/// Lets the slot come for all of them.
///
/// # Errors
/// Where they do not stand before it, or where it does not end.
pub fn herd(setup: Setup) -> Result<Herded, Broken> {
    let mut settings = Settings::seeded(setup.seed);
    settings.start = BEGIN;
    settings.share = Share::try_from(setup.share).map_err(|error| Broken::SetUp(error.to_string()))?;
    settings.sweep_every = setup.sweep_every;
    settings.aws.limits = Limits::Aws;
    // That quota is not what is measured.
    settings.aws.security_groups_per_region = setup.tenants + 100;
    let mut world = World::new(settings)?;
    standing::fill(&mut world, 0..setup.tenants)?;
    fleet::back_up(&world, setup.tenants, &setup.engine.policy())?;
    setup.engine.prepare(&world, fleet::class())?;
    let slot = later(BEGIN, SLOT_AFTER);

    let writes = world.cluster.writes();
    let before = elapsed(world.clock.now(), slot).saturating_sub(Duration::from_secs(1));
    world.run_for(before)?;
    all_stand(&world)?;
    let idle_writes = world.cluster.writes() - writes;

    let (writes, call) = (world.cluster.writes(), last_call(&world));
    world.run_until("the last call", setup.bar() * 3 + AFTERMATH, |world| {
        answered(world, setup.engine) >= setup.tenants
    })?;
    let patience = AFTERMATH + LOCKS * u32::try_from(setup.tenants).unwrap_or(u32::MAX);
    let mut under_way = UnderWay::of(&world);
    let ended = world.run_until("the end of the last Backup", patience, |world| {
        under_way.have_ended(world, setup)
    });
    match ended {
        // What is not there then is missed, and said so.
        Ok(()) | Err(Broken::Late { .. }) => {}
        Err(error) => return Err(error),
    }
    let (lateness, doubled) = taken(&world, slot)?;
    let calls = world.sim.calls_since(call);
    let last = calls
        .iter()
        .filter(|one| one.effect && one.operation == setup.engine.call())
        .map(|one| one.at);
    let mut counts = BTreeMap::<String, usize>::new();
    for one in &calls {
        *counts.entry(one.operation.clone()).or_default() += 1;
    }
    Ok(Herded {
        setup,
        last_call: last.max().map_or(Duration::MAX, |at| elapsed(slot, at)),
        throttled: world.sim.throttled(),
        missed: setup.tenants.saturating_sub(lateness.len()),
        doubled,
        lateness: Spread::of(lateness),
        protected: protected(&world, slot),
        writes: (world.cluster.writes() - writes) as f64 / setup.tenants as f64,
        idle_writes,
        calls: counts,
    })
}

fn last_call(world: &World) -> u64 {
    world.sim.calls().last().map_or(0, |call| call.seq)
}

fn answered(world: &World, engine: Engine) -> usize {
    let counts = world.sim.counts();
    let good = counts
        .get(engine.call())
        .and_then(|codes| codes.get("OK"))
        .copied();
    usize::try_from(good.unwrap_or_default()).unwrap_or(usize::MAX)
}

/// A herd of environments that are not Ready would be no herd.
fn all_stand(world: &World) -> Result<(), Broken> {
    let tenants = world.cluster.cached_all::<Tenant>();
    let idle: Vec<_> = tenants.iter().filter(|tenant| !is_ready(tenant)).collect();
    let policies = world.cluster.cached_all::<BackupPolicy>();
    let is_accepted = |policy: &BackupPolicy| {
        let status = policy.status.as_ref();
        status.is_some_and(|status| is_true(&status.conditions, "Ready"))
    };
    let refused = policies.iter().filter(|policy| !is_accepted(policy)).count();
    match idle.first() {
        None if refused == 0 => Ok(()),
        None => Err(Broken::SetUp(format!("{refused} policies are not accepted"))),
        Some(tenant) => Err(Broken::SetUp(format!(
            "{} Tenants are not Ready: {:?}",
            idle.len(),
            tenant.status.as_ref().map(|status| &status.conditions)
        ))),
    }
}

/// The Tenants whose Backups are not known to have ended: looked at every second, so only as far as the first of them.
struct UnderWay(Vec<Key>);

impl UnderWay {
    fn of(world: &World) -> Self {
        let tenants = world.cluster.cached_all::<Tenant>();
        Self(tenants.iter().map(|tenant| tenant.key()).collect())
    }

    fn have_ended(&mut self, world: &World, setup: Setup) -> bool {
        while let Some(tenant) = self.0.last() {
            let backups = world
                .cluster
                .cached_by::<Backup>(Index::Tenant, &tenant.to_string());
            if backups.is_empty() || !backups.iter().all(|backup| has_ended(backup, setup.engine)) {
                return false;
            }
            self.0.pop();
        }
        true
    }
}

/// Whether a Backup ended, and is locked where its engine locks.
fn has_ended(backup: &Backup, engine: Engine) -> bool {
    backup.status.as_ref().is_some_and(|status| match status.phase {
        None | Some(BackupPhase::Pending | BackupPhase::Running) => false,
        Some(BackupPhase::Complete) if engine == Engine::Ec2 => status.protected_at.is_some(),
        Some(_) => true,
    })
}

/// How late AWS began each whole set of a slot, and how many Tenants have another beside it.
fn taken(world: &World, slot: Timestamp) -> Result<(Vec<Duration>, usize), Broken> {
    let all = sets::all(&Truth::of(world, None)?, &world.cluster);
    let mut by_owner = BTreeMap::<_, Vec<_>>::new();
    for set in all.into_iter().filter(|set| set.slot == Some(slot)) {
        by_owner.entry(set.owner.clone()).or_default().push(set);
    }
    let whole = by_owner.values().filter_map(|sets| {
        let whole = sets.iter().filter(|set| set.is_whole);
        whole.map(|set| elapsed(slot, set.begun)).min()
    });
    let doubled = by_owner.values().filter(|sets| sets.len() > 1).count();
    Ok((whole.collect(), doubled))
}

/// When each set was protected, where all are.
fn protected(world: &World, slot: Timestamp) -> Option<Spread> {
    let backups = world.cluster.cached_all::<Backup>();
    let spans: Option<Vec<_>> = backups
        .iter()
        .map(|backup| {
            let at = backup.status.as_ref()?.protected_at.as_ref()?;
            Some(elapsed(slot, at.0))
        })
        .collect();
    spans.filter(|spans| !spans.is_empty()).map(Spread::of)
}
