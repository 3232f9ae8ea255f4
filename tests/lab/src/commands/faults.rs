//! `lab faults`.

use std::{collections::BTreeSet, process::ExitCode};

use clap::Args;
use lab::{
    Scenario,
    faults::{self, Fault},
};

use super::work;

/// Let every fault stand on every operation for a while, lift it, and see that everything comes right.
///
/// A fault strikes each call of one operation: answers are lost, held, cut short, late or old, listings do not end or
/// repeat their pages, AWS throttles, refuses, or cannot be had. While it stands, no call is repeated more than once a
/// second, and a condition names the call and the cause; afterwards AWS's true state is judged as in `lab crash`.
#[derive(Args)]
pub(crate) struct Faults {
    /// How many seeds to run each with: a seed decides the order of everything, latencies, and the lag of AWS.
    #[arg(long, default_value_t = 1)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 0)]
    first_seed: u64,
    /// Only this operation, as AWS spells it (may be given more than once).
    #[arg(long)]
    operation: Vec<String>,
    /// Only this fault (may be given more than once).
    #[arg(long)]
    fault: Vec<Fault>,
    /// Only this scenario (may be given more than once).
    #[arg(long)]
    scenario: Vec<Scenario>,
}

impl Faults {
    #[expect(clippy::print_stdout, reason = "the command's result")]
    pub(crate) fn run(self) -> ExitCode {
        let seeds = self.first_seed..self.first_seed.saturating_add(self.seeds);
        let mut trials: Vec<_> = seeds.flat_map(faults::all).collect();
        trials.retain(|trial| {
            let operation = trial.operation.to_string();
            (self.operation.is_empty() || self.operation.contains(&operation))
                && (self.fault.is_empty() || self.fault.contains(&trial.fault))
                && (self.scenario.is_empty() || self.scenario.contains(&trial.scenario))
        });
        let done = work::each(trials, faults::Trial::run, |trial, result| match result {
            Ok(outcome) => {
                let told = outcome.told.as_ref();
                let told = told.map_or("nothing to tell".to_owned(), |(after, told)| {
                    format!("told after {} s: {told}", after.as_secs())
                });
                println!(
                    "{:<32} {:<14} {:<16} struck {:>3} ({} took effect, {} untrue), at most {:>2} in 10 s; {told}",
                    trial.operation.to_string(),
                    trial.fault.to_string(),
                    trial.scenario.to_string(),
                    outcome.fired,
                    outcome.effects,
                    outcome.untrue,
                    outcome.fastest,
                );
            }
            Err(why) => println!("lab faults {trial}\n  {why}"),
        });
        let pairs: BTreeSet<_> = done.iter().map(|(it, _)| (it.operation, it.fault)).collect();
        let failed = done.iter().filter(|(_, result)| result.is_err()).count();
        println!(
            "{} combinations of operation and fault, {} runs, {failed} failed",
            pairs.len(),
            done.len()
        );
        ExitCode::from(u8::from(failed > 0))
    }
}
