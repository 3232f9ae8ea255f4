//! `lab crash`.

use std::process::ExitCode;

use clap::Args;
use lab::{
    Loss, Scenario,
    crash::{self, Plan},
};

use super::work;

/// Cut every scenario off at each of its effects, before and after it, and restart the operator.
///
/// An effect is a call to AWS that changes something, or a write to Kubernetes. After each run AWS's true state is
/// judged: no second instance, group or set, nothing without an owner after two sweeps, nothing destroyed, the firewall
/// exact, no originals of an isolation lost.
#[derive(Args)]
pub(crate) struct Crash {
    /// How many seeds to run each with: a seed decides the order of everything, latencies, and the lag of AWS.
    #[arg(long, default_value_t = 16)]
    seeds: u64,
    /// Only this scenario (may be given more than once).
    #[arg(long)]
    scenario: Vec<Scenario>,
    /// Lose only the one call each time: the operator lives on without its answer.
    #[arg(long)]
    lives: bool,
    /// How many operators act at once; the effects of the first are cut off.
    #[arg(long, default_value_t = 1)]
    operators: usize,
}

impl Crash {
    #[expect(clippy::print_stdout, reason = "the command's result")]
    pub(crate) fn run(self) -> ExitCode {
        let scenarios = if self.scenario.is_empty() {
            Scenario::ALL.to_vec()
        } else {
            self.scenario
        };
        let loss = if self.lives { Loss::Answer } else { Loss::Process };
        let plan = |scenario, seed| Plan {
            scenario,
            seed,
            loss,
            operators: self.operators,
        };
        let seeds = 0..self.seeds;
        let jobs = seeds.flat_map(|seed| scenarios.iter().map(move |scenario| plan(*scenario, seed)));
        let swept = work::each(
            jobs.collect(),
            |plan| crash::sweep(*plan, |_| true),
            |Plan { scenario, seed, .. }, result| match result {
                Ok(swept) => println!(
                    "{scenario:<16} seed {seed:>2}: {} effects, {} runs, {} failed",
                    swept.effects,
                    swept.runs,
                    swept.failed.len()
                ),
                Err(why) => println!("{scenario:<16} seed {seed:>2}: without a cut: {why}"),
            },
        );
        let (mut runs, mut failures) = (0, 0);
        for (Plan { scenario, seed, .. }, result) in &swept {
            match result {
                Ok(swept) => {
                    runs += swept.runs;
                    failures += swept.failed.len();
                    for failed in &swept.failed {
                        println!("lab run {}\n  at \"{}\": {}", failed.trial, failed.at, failed.why);
                    }
                }
                Err(why) => {
                    runs += 1;
                    failures += 1;
                    println!("lab run {scenario} --seed {seed}\n  {why}");
                }
            }
        }
        println!("{runs} runs, {failures} failed");
        ExitCode::from(u8::from(failures > 0))
    }
}
