//! `lab storm`.

use std::{process::ExitCode, time::Duration};

use clap::Args;
use lab::storm::{Setup, Storm, storm};

use super::work;

/// Let somebody change much of a fleet at AWS, and see that all is undone and all that could be seen is told.
///
/// Rules are added and removed, tags changed and taken off, metadata and protection weakened, volumes doomed, interfaces
/// put into other groups: at random times, of random environments.
#[derive(Args)]
pub(crate) struct StormArgs {
    /// How many environments.
    #[arg(long, default_value_t = 50)]
    tenants: usize,
    /// How many changes.
    #[arg(long, default_value_t = 200)]
    tamperings: usize,
    /// Over how many minutes of virtual time.
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// How many storms, each with a seed of its own.
    #[arg(long, default_value_t = 1)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

impl StormArgs {
    #[expect(clippy::print_stdout, reason = "the command's result")]
    pub(crate) fn run(self) -> ExitCode {
        let setups = (self.seed..self.seed.saturating_add(self.seeds)).map(|seed| Setup {
            tenants: self.tenants,
            tamperings: self.tamperings,
            span: Duration::from_secs(self.minutes * 60),
            seed,
        });
        println!("seed  done  seen  told  calm after  wrong");
        let done = work::each(
            setups.collect(),
            |setup| storm(*setup),
            |setup, result| match result {
                Ok(storm) => print(setup, storm),
                Err(error) => println!("{:>4}  {error}", setup.seed),
            },
        );
        let is_good = |storm: &Storm| storm.wrong.is_empty() && storm.seen > 0;
        let are_good = done.iter().all(|(_, result)| result.as_ref().is_ok_and(is_good));
        ExitCode::from(u8::from(!are_good))
    }
}

#[expect(clippy::print_stdout, reason = "the command's result")]
fn print(setup: &Setup, storm: &Storm) {
    println!(
        "{:>4}  {:>4}  {:>4}  {:>4}  {:>8} s  {:>5}",
        setup.seed,
        storm.done.values().sum::<usize>(),
        storm.seen,
        storm.told,
        storm.calm_after.as_secs(),
        storm.wrong.len()
    );
    let counts = |counts: &mut dyn Iterator<Item = String>| counts.collect::<Vec<_>>().join(", ");
    println!(
        "      {}",
        counts(&mut storm.done.iter().map(|(kind, count)| format!("{kind} {count}")))
    );
    println!(
        "      {}",
        counts(&mut storm.calls.iter().map(|(call, count)| format!("{call} {count}")))
    );
    for wrong in &storm.wrong {
        println!("      WRONG: {wrong}");
    }
}
