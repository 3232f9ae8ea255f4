//! The sweep of two operators at once: no election keeps them apart, and a seed interleaves them.

use crate::{
    Broken, Scenario, play,
    verdict::{Seen, Verdict},
};

/// One scenario with two operators, both of which act.
///
/// # Errors
/// Where a call was wrong, or where the end is wrong or does not come.
pub fn run(scenario: Scenario, seed: u64) -> Result<Seen, Broken> {
    let mut settings = play::settings(seed);
    settings.operators = 2;
    let account = scenario.expected(0).account;
    let mut verdict = None;
    let played = play::play(scenario, settings, |world| {
        verdict = Some(Verdict::watch(world, account));
    });
    let seen = verdict.map(|verdict| verdict.seen()).unwrap_or_default();
    // A wrong call comes before what it leads to.
    if !seen.wrong.is_empty() {
        return Err(Broken::Wrong(seen.wrong));
    }
    played.map(|_| seen)
}
