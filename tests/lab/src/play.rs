//! One run of one scenario, from its set-up to the judgement.

use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use yagura::cloud::Operation;

use crate::{
    Broken, Settings, World,
    judge::{self, Keepsakes, Witness},
    scenario::Scenario,
};

/// The longest that AWS's listings lag behind in a run.
const MOST_LAG: Duration = Duration::from_secs(120);

/// What a run came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Played {
    /// The effects of the first operator after the set-up, in order, up to its end.
    pub effects: Vec<String>,
    /// The operations that were called after the set-up; all of them, where that made nothing.
    pub operations: BTreeSet<Operation>,
    /// How many processes died.
    pub crashes: usize,
    /// Whether the effect that was to be cut off was.
    pub is_cut: bool,
}

/// The usual world of a seed: of four seeds one has an AWS that lists at once, the others one that lags by up to two
/// minutes.
pub fn settings(seed: u64) -> Settings {
    let mut settings = Settings::seeded(seed);
    if !seed.is_multiple_of(4) {
        let share = fastrand::Rng::with_seed(seed ^ 0x1a9).f64();
        settings.aws.describe_lag = MOST_LAG.mul_f64(share);
    }
    settings
}

/// Plays a scenario to its end and judges it. `before_act` is called once the set-up stands: to cut an effect off, to
/// order faults, to start another operator.
///
/// # Errors
/// Where something is wrong at the end or on the way, or the end does not come; a panic is such an error too.
pub fn play(
    scenario: Scenario,
    settings: Settings,
    before_act: impl FnOnce(&mut World),
) -> Result<Played, Broken> {
    let played = catch_unwind(AssertUnwindSafe(|| {
        play_to_its_end(scenario, settings, before_act)
    }));
    played.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(Broken::Panic(text.unwrap_or_default()))
    })
}

fn play_to_its_end(
    scenario: Scenario,
    settings: Settings,
    before_act: impl FnOnce(&mut World),
) -> Result<Played, Broken> {
    let mut world = World::new(settings)?;
    // The set-up is not what is tested: everybody sees everything at once.
    world.sim.set_describe_lag(Duration::ZERO);
    if scenario.acts_on_nothing() {
        world.sim.set_describe_lag(world.settings.aws.describe_lag);
    }
    scenario.prepare(&mut world)?;
    world.sim.set_describe_lag(world.settings.aws.describe_lag);
    let keepsakes = Keepsakes::of(&world, &scenario.expected(0))?;
    let last_call = match world.sim.calls().last() {
        Some(call) if !scenario.acts_on_nothing() => call.seq,
        _ => 0,
    };
    before_act(&mut world);

    let mut witness = Witness::default();
    for number in 1..=scenario.acts() {
        scenario.act(number, &mut world)?;
        until_over(scenario, number, &mut world, &mut witness)?;
        let two_sweeps = world.settings.sweep_every * 2 + world.settings.aws.describe_lag;
        watched(&mut world, scenario, number, two_sweeps, &mut witness)?;
        let expected = scenario.expected(number);
        let mut wrong = judge::never(&world, &expected, &keepsakes)?;
        wrong.extend(judge::not_yet(&world, &expected)?);
        wrong.extend(std::mem::take(&mut witness.found));
        if !wrong.is_empty() {
            return Err(Broken::Wrong(wrong));
        }
    }
    Ok(played(&world, last_call))
}

fn played(world: &World, last_call: u64) -> Played {
    let mut calls = world.sim.calls_since(last_call);
    // Asking whether a call is permitted is not making it.
    calls.retain(|call| !call.dry_run);
    let named = Operation::ALL.into_iter().filter(|operation| {
        let name = operation.to_string();
        calls.iter().any(|call| call.operation == name)
    });
    Played {
        effects: world.effects(),
        operations: named.collect(),
        crashes: world.crashes,
        is_cut: world.is_cut(),
    }
}

fn until_over(
    scenario: Scenario,
    number: usize,
    world: &mut World,
    witness: &mut Witness,
) -> Result<(), Broken> {
    let expected = scenario.expected(number);
    let what = format!("the end of {scenario}: ");
    world.run_until_nothing_is_open(&what, scenario.patience(), |world| {
        witness.look(world, &expected)?;
        scenario.open(number, world)
    })
}

/// Lets time pass under the eyes of the witness.
fn watched(
    world: &mut World,
    scenario: Scenario,
    number: usize,
    span: Duration,
    witness: &mut Witness,
) -> Result<(), Broken> {
    let expected = scenario.expected(number);
    let end = yagura::clock::later(yagura::clock::Clock::now(&world.clock), span);
    let mut failed = None;
    world.run_until("two sweeps more", span * 2, |world| {
        failed = failed.take().or(witness.look(world, &expected).err());
        yagura::clock::Clock::now(&world.clock) >= end || failed.is_some()
    })?;
    failed.map_or(Ok(()), Err)
}
