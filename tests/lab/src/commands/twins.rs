//! `lab twins`.

use std::process::ExitCode;

use clap::Args;
use lab::{Scenario, twins, verdict::Seen};

use super::work;

/// Let two operators act at once in every scenario, with no election between them.
///
/// Their steps are interleaved by the seed. Each call that can destroy something is judged as in `lab stale`, and the
/// end as in `lab crash`: nothing twice, nothing without an owner, nothing destroyed.
#[derive(Args)]
pub(crate) struct Twins {
    /// How many seeds to run each scenario with.
    #[arg(long, default_value_t = 64)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 0)]
    first_seed: u64,
    /// Only this scenario (may be given more than once).
    #[arg(long)]
    scenario: Vec<Scenario>,
}

impl Twins {
    #[expect(clippy::print_stdout, reason = "the command's result")]
    pub(crate) fn run(self) -> ExitCode {
        let scenarios = if self.scenario.is_empty() {
            Scenario::ALL.to_vec()
        } else {
            self.scenario
        };
        let seeds = self.first_seed..self.first_seed.saturating_add(self.seeds);
        let jobs = seeds.flat_map(|seed| scenarios.iter().map(move |scenario| (*scenario, seed)));
        let done = work::each(
            jobs.collect(),
            |(scenario, seed)| twins::run(*scenario, *seed),
            |(scenario, seed), result| {
                if let Err(why) = result {
                    println!("lab twins --scenario {scenario} --first-seed {seed} --seeds 1\n  {why}");
                }
            },
        );
        let mut seen = Seen::default();
        let mut failed = 0;
        for (_, result) in &done {
            match result {
                Ok(one) => seen.add(one),
                Err(_) => failed += 1,
            }
        }
        for (operation, calls) in &seen.calls {
            println!("{calls:>8} {operation}");
        }
        println!(
            "{} runs, {} calls that could destroy something, {failed} failed",
            done.len(),
            seen.total()
        );
        ExitCode::from(u8::from(failed > 0))
    }
}
