//! `lab week`.

use std::process::ExitCode;

use clap::Args;
use lab::{
    Engine,
    week::{Day, Event, Setup, Week as Lived, week},
};

use super::work;

/// Live through seven days: one slot each, with a volume that fails on one and outages over two.
///
/// What AWS truly holds is looked at every ten minutes of virtual time, and each call that deletes, locks or opens
/// something at the instant at which it is made.
#[derive(Args)]
pub(crate) struct Week {
    /// How many environments.
    #[arg(long, default_value_t = 100)]
    tenants: usize,
    /// What takes the copies: a run for each.
    #[arg(long, value_delimiter = ',', default_value = "ec2,awsbackup")]
    engine: Vec<Engine>,
    /// Let the operator live only in the hours around each slot.
    #[arg(long)]
    naps: bool,
    /// Decides every order and latency.
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

impl Week {
    #[expect(clippy::print_stdout, reason = "the command's result")]
    pub(crate) fn run(self) -> ExitCode {
        let setups = self.engine.iter().map(|engine| Setup {
            tenants: self.tenants,
            engine: *engine,
            naps: self.naps,
            seed: self.seed,
        });
        let done = work::each(
            setups.collect(),
            |setup| week(*setup),
            |setup, lived| match lived {
                Ok(lived) => print(lived),
                Err(error) => println!("{} Tenants, engine {:?}: {error}", setup.tenants, setup.engine),
            },
        );
        let are_good = done
            .iter()
            .all(|(_, lived)| lived.as_ref().is_ok_and(|lived| lived.wrong.is_empty()));
        ExitCode::from(u8::from(!are_good))
    }
}

#[expect(clippy::print_stdout, reason = "the command's result")]
fn print(lived: &Lived) {
    // The other engine's may end at the same time.
    let _whole = std::io::stdout().lock();
    let Setup { tenants, engine, .. } = lived.setup;
    println!("{tenants} Tenants, engine {engine:?}");
    println!(
        "day  in store      whole  failed sets  none  latest begun  told      good days held  locked longer"
    );
    for (number, day) in (1..).zip(&lived.days) {
        println!("{number:>3}  {}", row(day));
    }
    println!("what the Tenant whose volume failed said: {}", lived.told);
    let calls = lived.calls.iter();
    let calls: Vec<_> = calls
        .map(|(operation, count)| format!("{operation} {count}"))
        .collect();
    println!(
        "calls: {}; writes to Kubernetes: {}",
        calls.join(", "),
        lived.writes
    );
    for wrong in &lived.wrong {
        println!("WRONG: {wrong}");
    }
}

fn row(day: &Day) -> String {
    let event = match day.event {
        Event::Quiet => "nothing",
        Event::SickVolume => "sick volume",
        Event::ShortOutage => "outage",
        Event::LongOutage => "long outage",
    };
    let told = day.told_skew.map_or("-".to_owned(), |told| format!("{told} s"));
    format!(
        "{event:<12}  {:>5}  {:>11}  {:>4}  {:>10.1} s  {told:>8}  {:>6} to {:>5}  {:>13}",
        day.whole,
        day.failed,
        day.none,
        day.skew.as_secs_f64(),
        day.held.0,
        day.held.1,
        day.locked_longer,
    )
}
