//! The bars that are counts, ratios and memory: the lab at full size.

use crate::failure::{Failure, Outcome};
use crate::{repo, say};
use std::process::Command;

/// What every run measures.
const MEASURES: [&[&str]; 6] = [
    &["converge", "--groups", "1000"],
    &["converge", "--isolate", "--groups", "10000"],
    &["rest", "--tenants", "100,1000"],
    &["rest", "--tenants", "10000", "--minutes", "10"],
    &["memory", "--tenants", "1000"],
    &["memory", "--tenants", "10000"],
];

/// What a run with sweeps does besides; these take hours.
const SWEEPS: [&[&str]; 4] = [
    &["crash", "--seeds", "16"],
    &["faults"],
    &["stale", "--seeds", "10000"],
    &["twins"],
];

/// Runs one after another, also after one that misses its bar, and fails at the end where any did.
pub(crate) fn run(with_sweeps: bool) -> Outcome {
    repo::build()?;
    let sweeps = if with_sweeps { &SWEEPS[..] } else { &[] };
    let mut missed = Vec::new();
    for args in MEASURES.iter().chain(sweeps) {
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
    if missed.is_empty() {
        say::heading("every bar is held");
        Ok(())
    } else {
        Err(Failure::new(missed.join("\n")))
    }
}
