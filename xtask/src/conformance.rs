//! Does the simulated AWS behave as AWS says it does?
//!
//! The prober knows AWS's documented behaviour and nothing of this repository. It is not shipped with it: where
//! it is not at hand, the layer says so. What is left out of the simulation is listed with a reason, so
//! that the list is the whole truth: a check outside it has to work, and one inside it that works is taken out.

use crate::failure::{Failure, Outcome};
use crate::stage::Simaws;
use crate::{python, repo, say};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

/// Beside the repository; `YAGURA_PROBE` names another place.
const PROBE: &str = "../shared/probe/probe.py";

/// Group, check and reason, separated by tabs.
const EXEMPTIONS: &str = "tests/simaws/conformance.tsv";

/// The services that the operator calls.
const SERVICES: &str = "sts,ec2,backup";

type Check = (String, String);

pub(crate) fn run() -> Outcome {
    let probe = env::var_os("YAGURA_PROBE").map_or_else(|| repo::root().join(PROBE), PathBuf::from);
    if !probe.is_file() {
        // No failure in CI either: a plain clone does not have it and cannot get it.
        say::step(format!(
            "SKIPPED: no prober at {} (YAGURA_PROBE names another place)",
            probe.display()
        ));
        return Ok(());
    }
    let python = match python::interpreter() {
        Ok(python) => python,
        Err(reason) => return python::skip_or_fail(&reason),
    };
    let scratch = repo::Scratch::new("conformance")?;
    let simaws = Simaws::start(scratch.path())?;
    let json = scratch.path().join("probe.json");
    let mut command = Command::new(python);
    command
        .arg(&probe)
        .args(["--endpoint", simaws.endpoint(), "--name", "simaws", "--given"]);
    command.args(["--only", SERVICES, "--json"]).arg(&json);
    repo::run("the prober", &mut command).map_err(|failure| failure.with(&simaws.log_tail()))?;
    let text = fs::read_to_string(&json).map_err(Failure::of("read the prober's results"))?;
    let results = serde_json::from_str(&text).map_err(Failure::of("understand the prober's results"))?;
    let table = fs::read_to_string(repo::root().join(EXEMPTIONS))
        .map_err(Failure::of(format_args!("read {EXEMPTIONS}")))?;
    let (results, exemptions) = (read_results(&results), read_exemptions(&table)?);
    let works = results.values().filter(|(status, _)| status == "works").count();
    say::step(format!(
        "{works} of {} checks work, {} are exempt",
        results.len(),
        exemptions.len()
    ));
    judge(&results, &exemptions)
}

fn judge(results: &BTreeMap<Check, (String, String)>, exemptions: &BTreeMap<Check, String>) -> Outcome {
    let mut faults = Vec::new();
    for ((group, name), (status, detail)) in results {
        let is_exempt = exemptions.contains_key(&(group.clone(), name.clone()));
        match (status.as_str(), is_exempt) {
            ("works", true) => faults.push(format!(
                "works now, so take it out of {EXEMPTIONS}: {group}: {name}"
            )),
            ("works", false) | (_, true) => {}
            (status, false) => faults.push(format!("{status}: {group}: {name}: {detail}")),
        }
    }
    let unknown = exemptions.keys().filter(|check| !results.contains_key(*check));
    faults.extend(
        unknown.map(|(group, name)| format!("{EXEMPTIONS} names no check of the prober: {group}: {name}")),
    );
    if results.is_empty() {
        return Err(Failure::new("the prober checked nothing"));
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(Failure::new(faults.join("\n")))
    }
}

fn read_results(json: &Value) -> BTreeMap<Check, (String, String)> {
    let text = |check: &Value, key: &str| {
        check
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let checks = json
        .get("checks")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    checks
        .iter()
        .map(|check| {
            (
                (text(check, "group"), text(check, "name")),
                (text(check, "status"), text(check, "detail")),
            )
        })
        .collect()
}

fn read_exemptions(table: &str) -> Outcome<BTreeMap<Check, String>> {
    table
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| match line.split('\t').collect::<Vec<_>>()[..] {
            [group, name, reason] if !reason.trim().is_empty() => {
                Ok(((group.to_owned(), name.to_owned()), reason.to_owned()))
            }
            _ => Err(Failure::new(format!(
                "{EXEMPTIONS}: not group, check and reason with tabs between: {line}"
            ))),
        })
        .collect()
}

#[cfg(test)]
mod tests;
