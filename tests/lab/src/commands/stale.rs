//! `lab stale`.

use std::{
    process::ExitCode,
    sync::atomic::{AtomicUsize, Ordering},
};

use clap::Args;
use lab::{Scenario, stale, verdict::Seen};

use super::work;

/// After how many runs a word is said.
const WORD_EVERY: usize = 500;

/// Let AWS's listings answer from up to five changes ago, with a lag of up to two minutes, while people change things.
///
/// Each call that can destroy something is judged at the instant of the call by what AWS truly holds: a rule that is
/// wanted may not go, originals of an isolation may not be lost, nobody's or another's resource may not be touched,
/// nothing may be weakened, and nothing be made twice.
#[derive(Args)]
pub(crate) struct Stale {
    /// How many runs, each with a seed of its own, which decides everything in it.
    #[arg(long, default_value_t = 10_000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    first_seed: u64,
    /// A scenario of copies over days instead, in which a stranger deletes, unlocks and retags some.
    #[arg(long)]
    scenario: Option<Scenario>,
    /// Say what people did in each run.
    #[arg(long)]
    verbose: bool,
}

impl Stale {
    #[expect(clippy::print_stdout, reason = "the command's result")]
    pub(crate) fn run(self) -> ExitCode {
        let seeds = self.first_seed..self.first_seed.saturating_add(self.seeds);
        let scenario = self.scenario.map(|scenario| format!(" --scenario {scenario}"));
        let scenario = scenario.unwrap_or_default();
        let count = AtomicUsize::new(0);
        let done = work::each(
            seeds.collect(),
            |seed| match self.scenario {
                Some(scenario) => stale::days::run(scenario, *seed),
                None => stale::run(*seed),
            },
            |seed, result| {
                let number = count.fetch_add(1, Ordering::Relaxed) + 1;
                match result {
                    Ok(outcome) if self.verbose => {
                        println!(
                            "seed {seed}: {} destructive calls; {}",
                            outcome.seen.total(),
                            outcome.acts.join(", ")
                        );
                    }
                    Ok(_) => {}
                    Err(why) => println!("lab stale --first-seed {seed} --seeds 1{scenario}\n  {why}"),
                }
                if number.is_multiple_of(WORD_EVERY) {
                    println!("{number} runs");
                }
            },
        );
        let mut seen = Seen::default();
        let (mut untrue, mut failed) = (0, 0);
        for (_, result) in &done {
            match result {
                Ok(outcome) => {
                    seen.add(&outcome.seen);
                    untrue += outcome.untrue;
                }
                Err(_) => failed += 1,
            }
        }
        for (operation, calls) in &seen.calls {
            println!("{calls:>8} {operation}");
        }
        println!(
            "{} seeds, {untrue} untrue listings, {} calls that could destroy something, {failed} seeds failed",
            done.len(),
            seen.total(),
        );
        ExitCode::from(u8::from(failed > 0))
    }
}
