//! Test tools that come from PyPI, in one virtual environment outside the repository.

use crate::failure::{Failure, Outcome};
use crate::{repo, say};
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Pinned, so that a run today and one next year test the same.
const REQUIREMENTS: &str = "tests/tools/requirements.txt";

/// The Python of the environment, made when it is not there; the reason when it cannot be had.
pub(crate) fn interpreter() -> Result<PathBuf, String> {
    let dir = environment()?;
    let python = dir.join("bin/python");
    if is_complete(&dir) {
        return Ok(python);
    }
    let lock = File::create(dir.with_extension("lock")).map_err(|error| format!("no lock file: {error}"))?;
    lock.lock().map_err(|error| format!("no lock: {error}"))?;
    if !is_complete(&dir) {
        make(&dir, &python)?;
    }
    Ok(python)
}

/// A program of the environment, when the environment can be had.
pub(crate) fn tool(program: &str) -> Option<PathBuf> {
    let path = interpreter().ok()?.with_file_name(program);
    path.is_file().then_some(path)
}

/// At home a layer whose tools are missing is skipped, so that it can be read; in CI that is a failure.
pub(crate) fn skip_or_fail(reason: &str) -> Outcome {
    if repo::is_ci() {
        return Err(Failure::new(format!("{reason} (in CI nothing is skipped)")));
    }
    say::step(format!("SKIPPED: {reason}"));
    Ok(())
}

fn environment() -> Result<PathBuf, String> {
    let path = repo::root().join(REQUIREMENTS);
    let text = fs::read_to_string(&path).map_err(|error| format!("{REQUIREMENTS}: {error}"))?;
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    let cache = controlplane::cache_dir().map_err(|error| error.to_string())?;
    Ok(cache.join(format!("python-{:016x}", hasher.finish())))
}

fn make(dir: &Path, python: &Path) -> Result<(), String> {
    if repo::on_path("python3").is_none() {
        return Err("python3 is not installed".to_owned());
    }
    say::step(format!("making a Python environment in {} (once)", dir.display()));
    let step = |name: &str, command: &mut Command| -> Result<(), String> {
        let output = command.output().map_err(|error| format!("{name}: {error}"))?;
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let last = text
            .lines()
            .rev()
            .find(|line| !line.trim().is_empty())
            .unwrap_or("it failed")
            .to_owned();
        if output.status.success() {
            Ok(())
        } else {
            Err(format!("{name}: {last}"))
        }
    };
    let venv = "python3 -m venv (on Debian it needs the package python3-venv)";
    step(
        venv,
        Command::new("python3").args(["-m", "venv", "--clear"]).arg(dir),
    )?;
    let requirements = repo::root().join(REQUIREMENTS);
    let pip = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--requirement",
    ];
    step("pip install", Command::new(python).args(pip).arg(requirements))?;
    fs::write(dir.join("complete"), "").map_err(|error| format!("mark the environment: {error}"))
}

/// Written last: an environment whose making was cut off is made again.
fn is_complete(dir: &Path) -> bool {
    dir.join("complete").is_file()
}
