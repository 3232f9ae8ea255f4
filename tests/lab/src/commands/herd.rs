//! `lab herd`.

use std::{
    fs,
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::Args;
use lab::{
    Engine,
    herd::{Herded, Setup, Spread, herd},
};

/// Let the daily slot come for many environments at once, under AWS's default limits.
///
/// All of them stand and are Ready; at 00:30 in Tokyo each is due. The simulated AWS counts calls at their arrival, 20
/// to 300 ms after they were sent. What is measured is when AWS takes the last call, against the soonest that its
/// limits permit, and how late it began each set by its own word.
#[derive(Args)]
pub(crate) struct Herd {
    /// How many environments.
    #[arg(long, default_value_t = 10_000)]
    tenants: usize,
    /// What takes the copies.
    #[arg(long, default_value = "ec2")]
    engine: Engine,
    /// Which part of AWS's limits the operator takes.
    #[arg(long, default_value_t = 1.0)]
    share: f64,
    /// How often everything in AWS is listed, in seconds, at most every five minutes: most of the time that a run takes.
    #[arg(long, default_value_t = 30)]
    period: u64,
    /// Decides every order and latency.
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

impl Herd {
    #[expect(clippy::print_stdout, reason = "the command's result")]
    pub(crate) fn run(self) -> ExitCode {
        #[expect(
            clippy::disallowed_methods,
            reason = "how long the run takes whoever waits for it"
        )]
        let begun = Instant::now();
        let setup = Setup {
            tenants: self.tenants,
            engine: self.engine,
            share: self.share,
            sweep_every: Duration::from_secs(self.period),
            seed: self.seed,
        };
        match herd(setup) {
            Ok(herded) => {
                print(&herded);
                println!(
                    "  took {:.0} s of real time and at most {} MiB, AWS and Kubernetes included",
                    begun.elapsed().as_secs_f64(),
                    peak().unwrap_or_default() / 1024
                );
                ExitCode::from(u8::from(!herded.faults().is_empty()))
            }
            Err(error) => {
                println!("{error}");
                ExitCode::FAILURE
            }
        }
    }
}

#[expect(clippy::print_stdout, reason = "the command's result")]
fn print(herded: &Herded) {
    let Setup {
        tenants,
        engine,
        share,
        ..
    } = herded.setup;
    let seconds = |span: Duration| span.as_secs_f64();
    println!("{tenants} Tenants due at 00:30, engine {engine:?}, share {share}");
    println!(
        "  last call accepted after {:.1} s: floor {:.1} s, bar {:.1} s; throttled {}; missed {}; more than one set {}",
        seconds(herded.last_call),
        seconds(herded.setup.floor()),
        seconds(herded.setup.bar()),
        herded.throttled,
        herded.missed,
        herded.doubled,
    );
    println!("  begun by AWS's word: {}", row(&herded.lateness));
    if let Some(protected) = &herded.protected {
        println!("  seen to be locked:   {}", row(protected));
    }
    println!(
        "  writes to Kubernetes: {:.2} a Backup; {} in the ten minutes before it",
        herded.writes, herded.idle_writes
    );
    let calls = herded.calls.iter();
    let calls: Vec<_> = calls
        .map(|(operation, count)| format!("{operation} {count}"))
        .collect();
    println!("  calls from the slot on: {}", calls.join(", "));
    for fault in herded.faults() {
        println!("  MISSED: {fault}");
    }
}

fn row(spread: &Spread) -> String {
    let Spread { p50, p99, max } = spread;
    let [p50, p99, max] = [p50, p99, max].map(Duration::as_secs_f64);
    format!("p50 {p50:.1} s, p99 {p99:.1} s, max {max:.1} s after the slot")
}

/// The most memory that this process had resident so far, in KiB.
fn peak() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}
