//! Copies over days under stale listings: the slot comes once more, the oldest day may go, and a stranger deletes,
//! unlocks and retags copies meanwhile, so that what may go is another thing than what listings say.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use yagura::api::names::tags;

use super::{ACTS, MOST_LAG, MOST_VERSIONS, Outcome, grow_stale, untrue};
use crate::{
    Broken, Scenario, Settings, World,
    sets::{self, Set},
    truth::Truth,
    verdict::Verdict,
};

/// How long it may take at most until what must be there is locked and what may go is gone, once AWS is prompt again.
const PATIENCE: Duration = Duration::from_secs(2 * 3600);

/// One run: everything about it follows from its seed.
///
/// # Errors
/// Where a call was wrong, or where the end does not come; a panic is such an error too.
pub fn run(scenario: Scenario, seed: u64) -> Result<Outcome, Broken> {
    let played = catch_unwind(AssertUnwindSafe(|| play(scenario, seed)));
    played.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(Broken::Panic(text.unwrap_or_default()))
    })
}

fn play(scenario: Scenario, seed: u64) -> Result<Outcome, Broken> {
    let mut chance = fastrand::Rng::with_seed(seed ^ 0xda75);
    let mut settings = Settings::seeded(seed);
    settings.aws.history = MOST_VERSIONS;
    let mut world = World::new(settings)?;
    scenario.prepare(&mut world)?;
    world.sim.set_describe_lag(MOST_LAG.mul_f64(chance.f64()));
    let verdict = Verdict::watch(&world, None);
    let mut outcome = Outcome::default();
    for number in 0..ACTS {
        outcome.untrue += grow_stale(&world, &mut chance);
        // The slot comes within the first five minutes.
        world.run_for(Duration::from_secs(chance.u64(30..240)))?;
        if number % 2 == 1 {
            outcome.acts.extend(interfere(&world, &mut chance)?);
        }
    }
    outcome.untrue += untrue(&world);
    world.sim.clear_faults();
    world.sim.set_describe_lag(Duration::ZERO);
    let reached = world.run_until_nothing_is_open("", PATIENCE, |world| scenario.copies_open(world));
    outcome.seen = verdict.seen();
    // A wrong call comes before what it leads to.
    if !outcome.seen.wrong.is_empty() {
        return Err(Broken::Wrong(outcome.seen.wrong));
    }
    reached.map(|()| outcome)
}

/// A stranger does something to a copy, and what; `None` where AWS does not let them.
fn interfere(world: &World, chance: &mut fastrand::Rng) -> Result<Option<String>, Broken> {
    let all = sets::all(&Truth::of(world, None)?, &world.cluster);
    let whole: Vec<&Set> = all.iter().filter(|set| set.is_whole).collect();
    let Some(set) = chance.choice(&whole) else {
        return Ok(None);
    };
    let Some(id) = set.ids.first().filter(|id| id.starts_with("snap-")) else {
        return Ok(None);
    };
    let what = chance.u8(..3);
    let done = match what {
        0 => {
            // Who may unlock and delete does it at once.
            drop(world.someone("UnlockSnapshot", &[("SnapshotId", id)]));
            world.someone("DeleteSnapshot", &[("SnapshotId", id)])
        }
        1 => world.someone("UnlockSnapshot", &[("SnapshotId", id)]),
        _ => world.someone(
            "DeleteTags",
            &[("ResourceId.1", id), ("Tag.1.Key", tags::CLUSTER)],
        ),
    };
    let what = ["deleted", "unlocked", "retagged"]
        .get(usize::from(what))
        .copied();
    Ok(done
        .ok()
        .map(|_| format!("{id} of {} {}", set.day, what.unwrap_or_default())))
}
