//! What has to hold before a commit, the cheap things first.

use crate::failure::{Failure, Outcome};
use crate::{generate, python, repo, say};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Longer files are two things in one; they are split before they grow further.
const LONGEST_FILE: usize = 600;

/// Folders with Rust sources.
const SOURCES: [&str; 3] = ["src", "tests", "xtask"];

/// Runs every check and stops at the first that fails.
pub(crate) fn run() -> Outcome {
    say::step("format");
    repo::cargo(&["fmt", "--all", "--check"], &[])
        .map_err(|failure| failure.with("mend with: cargo fmt --all"))?;
    say::step(format!("no source file over {LONGEST_FILE} lines"));
    check_lengths()?;
    say::step("spelling (typos)");
    tool("typos", &[])?;
    say::step("shell scripts (shellcheck)");
    check_shell()?;
    say::step("licences, advisories, sources of dependencies (cargo deny)");
    check_dependencies()?;
    say::step("lints (cargo clippy; 3 min from nothing on two cores)");
    repo::cargo(
        &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"],
        &[],
    )?;
    repo::build()?;
    say::step("generated files are fresh");
    generate::check()?;
    say::step("all checks passed");
    Ok(())
}

fn check_lengths() -> Outcome {
    let root = repo::root();
    let too_long: Vec<String> = SOURCES
        .iter()
        .flat_map(|dir| repo::files(&root.join(dir)))
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .filter_map(|path| {
            let lines = fs::read_to_string(&path).ok()?.lines().count();
            let name = path.strip_prefix(&root).unwrap_or(&path).display().to_string();
            (lines > LONGEST_FILE).then(|| format!("{name} ({lines} lines)"))
        })
        .collect();
    if too_long.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "over {LONGEST_FILE} lines, to be split: {}",
        too_long.join(", ")
    )))
}

fn check_shell() -> Outcome {
    let root = repo::root();
    let scripts: Vec<PathBuf> = repo::files(&root)
        .into_iter()
        .filter(|path| is_shell(path))
        .collect();
    let names: Vec<&str> = scripts.iter().filter_map(|path| path.to_str()).collect();
    tool("shellcheck", &names)
}

/// By its first line, so that scripts without an extension count too.
fn is_shell(path: &Path) -> bool {
    /// A script is smaller; what is larger is not read only to see that it is none.
    const LARGEST: u64 = 256 * 1024;
    let is_small = fs::metadata(path).is_ok_and(|metadata| metadata.len() < LARGEST);
    let first = if is_small {
        fs::read_to_string(path).unwrap_or_default()
    } else {
        String::new()
    };
    let first = first.lines().next().unwrap_or_default();
    first.starts_with("#!") && (first.ends_with("sh") || first.contains("bash"))
}

/// Runs a tool from PATH, or from the Python environment of the test tools; says so when neither has it.
fn tool(program: &str, args: &[&str]) -> Outcome {
    let Some(path) = repo::on_path(program).or_else(|| python::tool(program)) else {
        return python::skip_or_fail(&format!("{program} is not installed"));
    };
    repo::run(program, Command::new(path).args(args))
}

/// cargo-deny takes minutes to build, so it is used where it is installed and never fetched.
fn check_dependencies() -> Outcome {
    if repo::on_path("cargo-deny").is_none() {
        say::step("SKIPPED: cargo-deny is not installed (cargo install --locked cargo-deny)");
        return Ok(());
    }
    repo::cargo(&["deny", "check"], &[])
}
