//! Somebody changes much of a fleet at AWS for a while: all of it is undone, and all that could be seen is told.
//!
//! What could be seen is what was still there when a listing that shows it arrived at AWS, or, for what no listing
//! shows, a reading of that one instance. It is known from the requests themselves, and compared with the events; an
//! operator that repairs in silence is found as one that does not repair.

mod tampering;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use yagura::{
    api::Tenant,
    clock::{Clock, ManualClock, elapsed, later},
    cluster::{Cluster, KindName},
};

use self::tampering::{Shown, Tampering};
use crate::{
    Broken, Settings, World,
    eye::Arrival,
    fleet,
    judge::{self, Expected, Keepsakes},
    standing,
    truth::Truth,
};

/// How long it may take until all is as declared again.
const PATIENCE: Duration = Duration::from_secs(1800);

/// How long an operator looks at a fleet before anybody touches it.
const LEAD: Duration = Duration::from_secs(180);

/// What is declared, and what is done to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setup {
    /// How many environments there are.
    pub tenants: usize,
    /// How many things are changed.
    pub tamperings: usize,
    /// Over how long.
    pub span: Duration,
    /// Decides what, when and every latency.
    pub seed: u64,
}

/// How it went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Storm {
    /// How many of each kind were done.
    pub done: BTreeMap<&'static str, usize>,
    /// How many of them were still there when something looked.
    pub seen: usize,
    /// How many of these an event tells.
    pub told: usize,
    /// How many calls of the operator changed something, by operation.
    pub calls: BTreeMap<String, usize>,
    /// How long after the last one everything was as declared.
    pub calm_after: Duration,
    /// What is wrong.
    pub wrong: Vec<String>,
}

/// What was done, and whether anybody could have seen it.
struct Act {
    tampering: Tampering,
    /// How many events there were when it was done.
    events: usize,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// It was there when it was looked at last, and nothing looked since.
    There,
    /// It was there when something looked.
    Seen,
    /// It was gone before anything looked.
    Gone,
}

/// Everything that was done, kept while requests arrive.
#[derive(Clone, Default)]
struct Acts(Arc<Mutex<Vec<Act>>>);

impl Acts {
    fn lock(&self) -> MutexGuard<'_, Vec<Act>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of what a request shows as it arrives.
    fn arrives(&self, call: &Arrival, sim: &simaws::Sim) {
        let Some(shown) = Shown::by(call) else { return };
        let mut acts = self.lock();
        let is_open = |act: &&mut Act| act.state == State::There && act.tampering.is_shown_by(&shown);
        let mut open = acts.iter_mut().filter(is_open).peekable();
        if open.peek().is_none() {
            return;
        }
        let Ok(truth) = serde_json::from_value::<Truth>(sim.state(None, None)) else {
            return;
        };
        for act in open {
            act.state = match act.tampering.is_there(&truth) {
                true => State::Seen,
                false => State::Gone,
            };
        }
    }
}

/// Lets it happen.
///
/// # Errors
/// Where it cannot; what is wrong at the end is part of the result.
pub fn storm(setup: Setup) -> Result<Storm, Broken> {
    let mut settings = Settings::seeded(setup.seed);
    settings.aws.security_groups_per_region = setup.tenants + setup.tamperings + 100;
    let mut chance = fastrand::Rng::with_seed(setup.seed ^ 0x5707);
    let mut world = World::new(settings)?;
    standing::fill(&mut world, 0..setup.tenants)?;
    world.run_for(LEAD)?;
    let expected = Expected {
        cidrs: vec![fleet::OFFICE],
        ..Expected::default()
    };
    let open = judge::not_yet(&world, &expected)?;
    if !open.is_empty() {
        return Err(Broken::SetUp(open.join("; ")));
    }
    let keepsakes = Keepsakes::of(&world, &expected)?;
    let last_call = world.sim.calls().last().map_or(0, |call| call.seq);
    let acts = Acts::default();
    let (watching, sim) = (acts.clone(), world.sim.clone());
    world.eye.open(move |call| watching.arrives(call, &sim));

    let mut result = Storm::default();
    for (number, at) in moments(setup, &world.clock, &mut chance).into_iter().enumerate() {
        world.run_for(elapsed(world.clock.now(), at))?;
        tamper(&world, &acts, number, &mut chance, &mut result)?;
    }
    let end = world.clock.now();
    world.run_until_nothing_is_open("what is declared: ", PATIENCE, |world| {
        judge::not_yet(world, &expected)
    })?;
    result.calm_after = elapsed(end, world.clock.now());
    // Events of the last repair may still be on their way.
    world.run_for(world.settings.sweep_every * 2)?;
    result.wrong = judge::never(&world, &expected, &keepsakes)?;
    result.wrong.extend(judge::not_yet(&world, &expected)?);
    let truth = Truth::of(&world, None)?;
    count_calls(&world, last_call, &truth, &mut result);
    count_told(&world, &acts, &mut result);
    Ok(result)
}

/// When each thing is done, in order.
fn moments(setup: Setup, clock: &ManualClock, chance: &mut fastrand::Rng) -> Vec<jiff::Timestamp> {
    let begin = clock.now();
    let all = (0..setup.tamperings).map(|_| later(begin, setup.span.mul_f64(chance.f64())));
    let mut all: Vec<_> = all.collect();
    all.sort();
    all
}

/// Does one more thing to one environment. What AWS refuses, or what is so already, is left, and another one is tried.
fn tamper(
    world: &World,
    acts: &Acts,
    number: usize,
    chance: &mut fastrand::Rng,
    result: &mut Storm,
) -> Result<(), Broken> {
    const TRIES: usize = 20;
    let tenants = world.cluster.cached_all::<Tenant>();
    for _ in 0..TRIES {
        let Some(tenant) = chance.choice(tenants.iter()) else {
            return Err(Broken::SetUp("nothing to change".to_owned()));
        };
        let Some((kind, tampering)) = tampering::one(world, tenant, number, chance)? else {
            continue;
        };
        *result.done.entry(kind).or_default() += 1;
        acts.lock().push(Act {
            tampering,
            events: world.cluster.events().len(),
            state: State::There,
        });
        return Ok(());
    }
    Err(Broken::SetUp("nothing more can be changed".to_owned()))
}

/// What the operator changed, and whether any of it was nobody's but the strangers'.
fn count_calls(world: &World, last_call: u64, truth: &Truth, result: &mut Storm) {
    let groups = truth.security_groups.iter();
    let foreign: Vec<_> = groups
        .filter(|group| tampering::is_backdoor(&group.name))
        .map(|group| group.id.as_str())
        .collect();
    for call in world.sim.calls_since(last_call) {
        if !call.effect || call.dry_run || tampering::is_by_hand(&call) {
            continue;
        }
        *result.calls.entry(call.operation.clone()).or_default() += 1;
        let targets = ["GroupId", "ResourceId.1", "SecurityGroupId.1"];
        let target = targets.iter().filter_map(|name| call.params.get(*name));
        for id in target {
            if foreign.contains(&id.as_str()) {
                result.wrong.push(format!("{} touched {id}", call.operation));
            }
        }
    }
}

/// What was seen must be in an event of its Tenant that came after it.
fn count_told(world: &World, acts: &Acts, result: &mut Storm) {
    let events = world.cluster.events();
    for act in acts.lock().iter().filter(|act| act.state == State::Seen) {
        result.seen += 1;
        let later = events.iter().skip(act.events);
        let mut own =
            later.filter(|(kind, key, _)| *kind == KindName::Tenant && *key == act.tampering.tenant);
        match own.any(|(_, _, event)| act.tampering.is_told_by(&event.message)) {
            true => result.told += 1,
            false => result
                .wrong
                .push(format!("nobody was told that {}", act.tampering.what())),
        }
    }
}
