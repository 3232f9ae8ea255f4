//! The bars that are counts, ratios and memory: the lab at full size.

use crate::failure::{Failure, Outcome};
use crate::{repo, say};
use std::process::Command;

/// What every run measures, at sizes that one can wait for.
const MEASURES: [&[&str]; 7] = [
    &["converge", "--groups", "1000"],
    &["converge", "--isolate", "--groups", "10000"],
    &["rest", "--tenants", "100,1000"],
    &["memory", "--tenants", "1000"],
    &["herd", "--tenants", "1000"],
    &["storm"],
    &["week", "--tenants", "10", "--naps"],
];

/// The same at the sizes that the bars are stated for.
const LARGE: [&[&str]; 4] = [
    &["rest", "--tenants", "10000", "--minutes", "10"],
    &["memory", "--tenants", "10000"],
    &["herd", "--tenants", "10000", "--period", "120"],
    &["week", "--tenants", "100"],
];

/// What is ours, which is most of what the lab runs: with some optimisation it is faster by more than the compiling takes.
/// The AWS SDK stays as it is.
const OPTIMISED: [&str; 3] = ["yagura", "lab", "simaws"];

/// What a run with sweeps does besides; these take hours.
const SWEEPS: [&[&str]; 6] = [
    &["crash", "--seeds", "16"],
    &["faults"],
    &["stale", "--seeds", "10000"],
    &["stale", "--seeds", "1000", "--scenario", "expiry"],
    &["stale", "--seeds", "1000", "--scenario", "job-expiry"],
    &["twins"],
];

/// The test that kills real processes, which takes too long for every run of the tests.
const KILLS: [&str; 8] = [
    "test",
    "--workspace",
    "--test",
    "it",
    "--",
    "--exact",
    "--nocapture",
    "kills::five_kills_during_a_slot_of_fifty_tenants_lose_none_and_take_none_twice",
];

/// Runs one after another, also after one that misses its bar, and fails at the end where any did.
pub(crate) fn run(is_large: bool, with_sweeps: bool) -> Outcome {
    build()?;
    let large = if is_large { &LARGE[..] } else { &[] };
    let sweeps = if with_sweeps { &SWEEPS[..] } else { &[] };
    let mut missed = Vec::new();
    for args in MEASURES.iter().chain(large).chain(sweeps) {
        let name = format!("lab {}", args.join(" "));
        say::heading(&name);
        let mut command = Command::new(repo::binary("lab"));
        command.args(*args);
        match repo::run(&name, &mut command) {
            Ok(()) => {}
            Err(failure) if failure.is_interrupt() => return Err(failure),
            Err(failure) => missed.push(failure.to_string()),
        }
    }
    if with_sweeps {
        say::heading("fifty kills during a slot");
        match repo::cargo(&KILLS, &[("YAGURA_KILLS", std::path::Path::new("1"))]) {
            Ok(()) => {}
            Err(failure) if failure.is_interrupt() => return Err(failure),
            Err(failure) => missed.push(failure.to_string()),
        }
    }
    if missed.is_empty() {
        say::heading("every bar is held");
        Ok(())
    } else {
        Err(Failure::new(missed.join("\n")))
    }
}

fn build() -> Outcome {
    say::step("cargo build --workspace --bins, our own crates optimised (some minutes the first time)");
    let options = OPTIMISED.map(|name| format!("profile.dev.package.{name}.opt-level=1"));
    let options = options.iter().flat_map(|option| ["--config", option]);
    let args: Vec<_> = ["build", "--workspace", "--bins"]
        .into_iter()
        .chain(options)
        .collect();
    repo::cargo(&args, &[])
}
