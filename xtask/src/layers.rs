//! The layers of the tests, from the fastest to the one that needs the most.

use crate::failure::{Failure, Outcome};
use crate::stage::Simaws;
use crate::{charts, conformance, python, repo, say};
use controlplane::{Binaries, Patience, ensure_binaries};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// One layer of tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Layer {
    /// Pure and property tests and adapters on the simulated AWS in memory: no API server, no port.
    Unit,
    /// On a real etcd and kube-apiserver: admission rules, the operator in process and as a process. And what the
    /// door to AWS guarantees, on the simulated AWS and on moto.
    It,
    /// The Helm charts, linted and rendered by Helm and compared with `deploy/` and `crds/`.
    Charts,
    /// The simulated AWS under boto3, which shares no code with it or with the operator.
    Smoke,
    /// The simulated AWS under a prober of AWS's documented behaviour, where that prober is at hand.
    Conformance,
}

/// Names the interpreter to the tests, for they must not make an environment each.
const PYTHON: &str = "YAGURA_TEST_PYTHON";

/// Runs one layer or all, and says how long each took.
pub(crate) fn run(layer: Option<Layer>, filter: &[String]) -> Outcome {
    let mut took = Vec::new();
    let mut timed = |name: &'static str, work: &mut dyn FnMut() -> Outcome| -> Outcome {
        let patience = Patience::new(Duration::MAX);
        say::heading(name);
        work()?;
        took.push((name, patience.elapsed()));
        Ok(())
    };
    let wants = |one: Layer| layer.is_none_or(|layer| layer == one);
    let mut needs = Vec::new();
    if wants(Layer::It) {
        timed("control plane", &mut || {
            let dir = find_binaries()?.dir().map(Path::to_owned);
            needs.extend(dir.map(|dir| ("KUBEBUILDER_ASSETS", dir)));
            Ok(())
        })?;
        timed("test tools", &mut || match python::interpreter() {
            Ok(python) => {
                needs.push((PYTHON, python));
                Ok(())
            }
            Err(reason) => python::skip_or_fail(&format!("the contract suite on moto: {reason}")),
        })?;
    }
    match layer {
        None => timed("cargo test", &mut || cargo_test(&[], filter, &needs))?,
        Some(Layer::Unit) => timed("unit", &mut || cargo_test(&["--lib", "--bins"], filter, &[]))?,
        Some(Layer::It) => timed("it", &mut || cargo_test(&["--test", "*"], filter, &needs))?,
        Some(_) => {}
    }
    // A filter names tests of cargo; the layers below have none.
    if filter.is_empty() && wants(Layer::Charts) {
        timed("charts", &mut charts::run)?;
    }
    if filter.is_empty() && (wants(Layer::Smoke) || wants(Layer::Conformance)) {
        timed("build", &mut repo::build)?;
        if wants(Layer::Smoke) {
            timed("smoke", &mut smoke)?;
        }
        if wants(Layer::Conformance) {
            timed("conformance", &mut conformance::run)?;
        }
    }
    say::heading("all passed");
    for (name, duration) in took {
        say::block(format!("{name:<14} {:>12}", say::duration(duration)));
    }
    Ok(())
}

/// etcd, kube-apiserver and kubectl, built when they are not there.
pub(crate) fn find_binaries() -> Outcome<Binaries> {
    let binaries = ensure_binaries(&|line| say::step(line))?;
    say::step(format!("kube-apiserver: {}", binaries.kube_apiserver.display()));
    Ok(binaries)
}

fn cargo_test(selection: &[&str], filter: &[String], needs: &[(&str, PathBuf)]) -> Outcome {
    let mut args = vec!["test", "--workspace"];
    args.extend(selection);
    args.extend(filter.iter().map(String::as_str));
    let needs: Vec<(&str, &Path)> = needs.iter().map(|(name, path)| (*name, path.as_path())).collect();
    repo::cargo(&args, &needs)
}

fn smoke() -> Outcome {
    let python = match python::interpreter() {
        Ok(python) => python,
        Err(reason) => return python::skip_or_fail(&reason),
    };
    let scratch = repo::Scratch::new("smoke")?;
    let simaws = Simaws::start(scratch.path())?;
    let script = repo::root().join("tests/tools/boto3_smoke.py");
    let mut command = Command::new(python);
    command.arg(script).args(["--endpoint", simaws.endpoint()]);
    repo::run("the boto3 smoke test", &mut command)
        .map_err(|failure: Failure| failure.with(&simaws.log_tail()))
}
