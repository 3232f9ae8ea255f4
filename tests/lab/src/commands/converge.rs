//! `lab converge`.

use std::process::ExitCode;

use clap::Args;
use lab::converge::{Converged, Setup, converge, isolate};

use super::work;

/// The least part of what the share permits that must be made.
const BAR: f64 = 0.95;

/// The same for groups whose rules are exact: the last one's rules come some seconds after it.
const EXACT_BAR: f64 = 0.9;

/// The longest that an isolation may take, in seconds of virtual time.
const ISOLATION_BAR: f64 = 2.0;

/// The set-ups of a run that names none: share, and what another client takes.
const SETUPS: [(f64, f64); 3] = [(0.8, 0.0), (1.0, 0.0), (0.8, 0.1)];

/// How many seeds an isolation is timed with.
const ISOLATIONS: u64 = 8;

/// Declare many environments at once under AWS's default limits, and restart the operator midway.
///
/// The simulated AWS counts calls at their arrival, 20 to 300 ms after they were sent. What is measured is how many
/// security groups are made and become exact, of those that the operator's share permits, while there is an operator. With --isolate:
/// how long an Incident takes to isolate an environment while all the others wait.
#[derive(Args)]
pub(crate) struct Converge {
    /// How many environments.
    #[arg(long, default_value_t = 1000)]
    groups: usize,
    /// Which part of AWS's limits the operator takes; 0.8, 1.0, and 0.8 beside another client when not given.
    #[arg(long)]
    share: Option<f64>,
    /// Which part of every bucket's refill somebody else takes.
    #[arg(long, default_value_t = 0.0, requires = "share")]
    other_client: f64,
    /// Decides every order and latency.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Time an isolation behind that many environments instead.
    #[arg(long, conflicts_with_all = ["share", "other_client"])]
    isolate: bool,
}

impl Converge {
    #[expect(clippy::print_stdout, reason = "the command's result")]
    pub(crate) fn run(self) -> ExitCode {
        if self.isolate {
            return self.run_isolation();
        }
        let setups = match self.share {
            Some(share) => vec![(share, self.other_client)],
            None => SETUPS.to_vec(),
        };
        let setups = setups.into_iter().map(|(share, other_client)| Setup {
            groups: self.groups,
            share,
            other_client,
            seed: self.seed,
        });
        println!(
            "share  other  groups  throttled  made in  ratio  exact in  ratio  downtime  launched by then"
        );
        let done = work::each(
            setups.collect(),
            |setup| converge(*setup),
            |setup, result| match result {
                Ok(converged) => println!("{}", row(converged)),
                Err(error) => println!("{:>5}  {:>5}  {error}", setup.share, setup.other_client),
            },
        );
        let is_good = |converged: &Converged| {
            let is_fast = converged.made_ratio() >= BAR && converged.exact_ratio() >= EXACT_BAR;
            converged.throttled == 0 && is_fast
        };
        let are_good = done.iter().all(|(_, result)| result.as_ref().is_ok_and(is_good));
        println!("bar: nothing throttled, at least {BAR} made and {EXACT_BAR} exact");
        ExitCode::from(u8::from(!are_good))
    }

    #[expect(clippy::print_stdout, reason = "the command's result")]
    fn run_isolation(&self) -> ExitCode {
        println!("backlog  groups made before  isolated after  throttled");
        let seeds = (self.seed..self.seed + ISOLATIONS).collect();
        let done = work::each(
            seeds,
            |seed| isolate(self.groups, *seed),
            |seed, result| match result {
                Ok(isolated) => println!(
                    "{:>7}  {:>18}  {:>12.2} s  {:>9}",
                    isolated.backlog,
                    isolated.made,
                    isolated.took.as_secs_f64(),
                    isolated.throttled
                ),
                Err(error) => println!("seed {seed}: {error}"),
            },
        );
        let are_good = done.iter().all(|(_, result)| {
            let is_good = |isolated: &lab::converge::Isolated| isolated.took.as_secs_f64() <= ISOLATION_BAR;
            result.as_ref().is_ok_and(is_good)
        });
        println!("bar: {ISOLATION_BAR} s");
        ExitCode::from(u8::from(!are_good))
    }
}

fn row(converged: &Converged) -> String {
    let Converged {
        setup,
        throttled,
        made_in,
        exact_in,
        downtime,
        launched,
    } = converged;
    format!(
        "{:>5}  {:>5}  {:>6}  {throttled:>9}  {:>5.0} s  {:>5.3}  {:>6.0} s  {:>5.3}  {:>6.1} s  {launched:>16}",
        setup.share,
        setup.other_client,
        setup.groups,
        made_in.as_secs_f64(),
        converged.made_ratio(),
        exact_in.as_secs_f64(),
        converged.exact_ratio(),
        downtime.as_secs_f64(),
    )
}
