//! `lab rest`.

use std::{process::ExitCode, time::Duration};

use clap::Args;
use lab::rest::{Rested, rest};

use super::work;

/// Count what installations take that have nothing to do.
///
/// Each environment has one instance with two volumes, a group of its own, and one backup. Once nothing is written any
/// more, calls to AWS and writes to Kubernetes are counted for a while.
#[derive(Args)]
pub(crate) struct Rest {
    /// How many environments, one installation each.
    #[arg(long, value_delimiter = ',', default_value = "100,1000")]
    tenants: Vec<usize>,
    /// For how many minutes of virtual time.
    #[arg(long, default_value_t = 30)]
    minutes: u64,
    /// Decides every order and latency.
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

impl Rest {
    #[expect(clippy::print_stdout, reason = "the command's result")]
    pub(crate) fn run(self) -> ExitCode {
        let span = Duration::from_secs(self.minutes * 60);
        let done = work::each(
            self.tenants,
            |tenants| rest(*tenants, span, self.seed),
            |tenants, result| match result {
                Ok(rested) => print(rested),
                Err(error) => println!("{tenants} Tenants: {error}"),
            },
        );
        let is_quiet = |rested: &Rested| rested.excess().is_empty();
        let are_quiet = done.iter().all(|(_, result)| result.as_ref().is_ok_and(is_quiet));
        ExitCode::from(u8::from(!are_quiet))
    }
}

#[expect(clippy::print_stdout, reason = "the command's result")]
fn print(rested: &Rested) {
    println!(
        "{} Tenants, {} min at rest",
        rested.tenants,
        rested.span.as_secs() / 60
    );
    println!("  listing             items   page  pages  period  calls  per 30 s");
    for row in &rested.rows {
        let per_sweep = row.calls as f64 * 30.0 / rested.span.as_secs_f64();
        println!(
            "  {:<16} {:>7}  {:>5}  {:>5}  {:>4} s  {:>5}  {per_sweep:>8.1}",
            row.kind.as_str(),
            row.items,
            row.page,
            row.pages,
            row.period.as_secs(),
            row.calls,
        );
    }
    println!(
        "  calls a sweep: {:.1}, bar {:.0}; readings of protection: {} ({:.2} a second), of sharing: {} ({:.2}); other \
         calls: {}; writes to Kubernetes: {}",
        rested.calls_per_sweep(),
        rested.bar(),
        rested.rotation,
        rested.rotation as f64 / rested.span.as_secs_f64(),
        rested.sharing,
        rested.sharing as f64 / rested.span.as_secs_f64(),
        rested.others.values().sum::<usize>(),
        rested.writes,
    );
    for excess in rested.excess() {
        println!("  TOO MUCH: {excess}");
    }
}
