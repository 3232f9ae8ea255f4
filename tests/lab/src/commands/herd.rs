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
    /// What takes the copies: a run for each.
    #[arg(long, value_delimiter = ',', default_value = "ec2,awsbackup")]
    engine: Vec<Engine>,
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
        println!("{HEAD}");
        let mut done = Vec::new();
        for engine in self.engine {
            let setup = Setup {
                tenants: self.tenants,
                engine,
                share: self.share,
                sweep_every: Duration::from_secs(self.period),
                seed: self.seed,
            };
            let herded = herd(setup);
            match &herded {
                Ok(herded) => println!("{}", row(herded)),
                Err(error) => println!("{:<9}  {error}", name(engine)),
            }
            done.push(herded);
        }
        let are_good = done
            .iter()
            .all(|herded| herded.as_ref().is_ok_and(|herded| herded.faults().is_empty()));
        for herded in done.iter().flatten() {
            print_rest(herded);
        }
        println!(
            "took {:.0} s of real time and at most {} MiB, AWS and Kubernetes included",
            begun.elapsed().as_secs_f64(),
            peak().unwrap_or_default() / 1024
        );
        ExitCode::from(u8::from(!are_good))
    }
}

/// The columns: seconds are after the slot, those of a set by AWS's own word.
const HEAD: &str = "engine     Tenants  share  throttled  missed  doubled    floor  last call  ratio  begun p50     p99     \
                    max  locked p50     p99     max  writes a Backup";

fn row(herded: &Herded) -> String {
    let Setup {
        tenants,
        engine,
        share,
        ..
    } = herded.setup;
    let (floor, last) = (herded.setup.floor(), herded.last_call);
    let Spread { p50, p99, max } = herded.lateness;
    let [p50, p99, max] = [p50, p99, max].map(|span| span.as_secs_f64());
    let locked = herded.protected.map_or(["-"; 3].map(str::to_owned), |spread| {
        [spread.p50, spread.p99, spread.max].map(|span| format!("{:.1}", span.as_secs_f64()))
    });
    let [locked_p50, locked_p99, locked_max] = locked;
    format!(
        "{:<9}  {tenants:>7}  {share:>5}  {:>9}  {:>6}  {:>7}  {:>7.1}  {:>9.1}  {:>5.3}  {p50:>9.1}  {p99:>6.1}  \
         {max:>6.1}  {locked_p50:>10}  {locked_p99:>6}  {locked_max:>6}  {:>15.2}",
        name(engine),
        herded.throttled,
        herded.missed,
        herded.doubled,
        floor.as_secs_f64(),
        last.as_secs_f64(),
        floor.div_duration_f64(last),
        herded.writes,
    )
}

fn name(engine: Engine) -> &'static str {
    match engine {
        Engine::Ec2 => "EC2",
        Engine::Awsbackup => "AWSBackup",
    }
}

/// What has no column.
#[expect(clippy::print_stdout, reason = "the command's result")]
fn print_rest(herded: &Herded) {
    let name = name(herded.setup.engine);
    let calls = herded.calls.iter();
    let calls: Vec<_> = calls
        .map(|(operation, count)| format!("{operation} {count}"))
        .collect();
    println!("{name}: calls from the slot on: {}", calls.join(", "));
    println!(
        "{name}: {} writes to Kubernetes in the ten minutes before it",
        herded.idle_writes
    );
    for fault in herded.faults() {
        println!("{name}: MISSED: {fault}");
    }
}

/// The most memory that this process had resident so far, in KiB.
fn peak() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}
