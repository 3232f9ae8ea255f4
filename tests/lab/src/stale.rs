//! The sweep of stale reads: listings answer from several changes ago, Describe lags, and people change things all
//! the while. Every call that can destroy something is judged at the instant at which it is made.
//!
//! A listing is stale by versions, however long ago they were: the operator must survive a picture from long ago. What
//! it looks at by an id lags as AWS may lag, up to two minutes after a creation; if that too could be stale without a
//! bound, nothing could ever be known.

mod acts;
pub mod days;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use simaws::{FaultSpec, Matching};
use yagura::{
    api::{AccessPolicy, Tenant, TenantClass},
    cloud::Operation,
};

use crate::{
    Broken, Settings, World,
    judge::{self, Expected, Keepsakes, Witness},
    objects,
    verdict::{Seen, Verdict},
};

use self::acts::People;

/// How many changes back a listing looks at most.
const MOST_VERSIONS: usize = 5;

/// How long Describe lags behind a creation at most.
const MOST_LAG: Duration = Duration::from_secs(120);

/// How often something is changed in a run.
const ACTS: usize = 8;

/// How long it may take at most until all is as declared, once AWS is prompt again.
const PATIENCE: Duration = Duration::from_secs(3600);

/// What a run came to.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The calls that could destroy something.
    pub seen: Seen,
    /// How many listings told something else than the truth.
    pub untrue: u32,
    /// What people did.
    pub acts: Vec<String>,
}

/// One run: everything about it follows from its seed.
///
/// # Errors
/// Where a call was wrong, or where the end is wrong or does not come; a panic is such an error too.
pub fn run(seed: u64) -> Result<Outcome, Broken> {
    let played = catch_unwind(AssertUnwindSafe(|| play(seed)));
    played.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(Broken::Panic(text.unwrap_or_default()))
    })
}

fn play(seed: u64) -> Result<Outcome, Broken> {
    let mut chance = fastrand::Rng::with_seed(seed ^ 0x57a1e);
    let mut settings = Settings::seeded(seed);
    settings.aws.history = MOST_VERSIONS;
    settings.aws.describe_lag = MOST_LAG.mul_f64(chance.f64());
    let mut world = World::new(settings)?;
    let verdict = Verdict::watch(&world, None);
    let mut people = People::new(chance.fork());
    world.put::<TenantClass>(objects::class())?;
    world.put::<AccessPolicy>(objects::policy(&people.cidrs))?;
    world.put::<Tenant>(objects::tenant("jira"))?;
    let mut outcome = Outcome::default();
    let mut witness = Witness::default();
    for number in 0..ACTS {
        outcome.untrue += grow_stale(&world, &mut chance);
        // The first launch takes its time, under old pictures like everything else.
        let span = if number == 0 { 90 } else { chance.u64(5..60) };
        pass_time(&mut world, Duration::from_secs(span), &mut witness)?;
        outcome.acts.extend(people.act(&mut world, number + 1 == ACTS)?);
        verdict.look();
    }
    pass_time(&mut world, Duration::from_secs(60), &mut witness)?;
    outcome.untrue += untrue(&world);
    world.sim.clear_faults();
    world.sim.set_describe_lag(Duration::ZERO);
    let wrong = finish(&mut world, &people, witness)?;
    outcome.seen = verdict.seen();
    let wrong: Vec<_> = outcome.seen.wrong.iter().cloned().chain(wrong).collect();
    if wrong.is_empty() {
        Ok(outcome)
    } else {
        Err(Broken::Wrong(wrong))
    }
}

/// Lets some listings answer from some changes ago, until the next time; gives how many did not tell the truth so far.
fn grow_stale(world: &World, chance: &mut fastrand::Rng) -> u32 {
    let untrue = untrue(world);
    world.sim.clear_faults();
    let listings = [
        Operation::DescribeInstances,
        Operation::DescribeSecurityGroups,
        Operation::DescribeSnapshots,
        Operation::DescribeVolumes,
    ];
    for listing in listings {
        if chance.u8(..4) > 0 {
            let stale = FaultSpec::stale_read(listing.to_string(), chance.usize(1..=MOST_VERSIONS));
            world.sim.add_fault(FaultSpec {
                matching: Some(Matching {
                    param: None,
                    contains: "tag:yagura.dev/cluster".to_owned(),
                }),
                // A listing now and then or all of them: what is told may go forth and back.
                times: chance.u32(..4),
                ..stale
            });
        }
    }
    untrue
}

fn untrue(world: &World) -> u32 {
    world.sim.faults().iter().map(|fault| fault.untrue).sum()
}

fn pass_time(world: &mut World, span: Duration, witness: &mut Witness) -> Result<(), Broken> {
    let end = yagura::clock::later(yagura::clock::Clock::now(&world.clock), span);
    let mut failed = None;
    world.run_until("the next act", span * 2, |world| {
        failed = failed.take().or(witness.look(world, &Expected::default()).err());
        yagura::clock::Clock::now(&world.clock) >= end || failed.is_some()
    })?;
    failed.map_or(Ok(()), Err)
}

/// Waits until all is as declared, with an AWS that tells the truth at once.
fn finish(world: &mut World, people: &People, witness: Witness) -> Result<Vec<String>, Broken> {
    let expected = Expected {
        account: None,
        cidrs: people.cidrs.clone(),
        without_gap: false,
    };
    world.run_until_nothing_is_open("what is declared: ", PATIENCE, |world| {
        judge::not_yet(world, &expected)
    })?;
    let mut wrong = judge::never(world, &expected, &Keepsakes::default())?;
    wrong.extend(witness.found);
    Ok(wrong)
}
