//! Generated files: written by the operator's own binary, from the types that the operator uses.

use crate::failure::{Failure, Outcome};
use crate::{repo, say};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Files in which the generator writes only parts: it has to find the rest there.
const PARTLY_GENERATED: [&str; 4] = ["deploy", "docs", "charts", "README.md"];

/// Folders that hold generated files only: what is not written anew should not be there.
const FULLY_GENERATED: &str = "crds";

/// Writes the generated files into the repository.
pub(crate) fn write() -> Outcome {
    repo::build()?;
    generate(&repo::root())?;
    say::step("generated files are written");
    Ok(())
}

/// Fails, naming the files, when a generated file is not what the code says. Needs a built workspace.
pub(crate) fn check() -> Outcome {
    let scratch = repo::Scratch::new("generate")?;
    let root = repo::root();
    for name in PARTLY_GENERATED {
        for path in files(&root.join(name)) {
            copy(&path, &root, scratch.path())?;
        }
    }
    generate(scratch.path())?;
    let crds = repo::files(&scratch.path().join(FULLY_GENERATED));
    if crds.is_empty() {
        return Err(Failure::new(format!(
            "`yagura generate` wrote nothing to {FULLY_GENERATED}/"
        )));
    }
    let stale = stale(&root, scratch.path());
    if stale.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "stale generated files: {}; mend with: cargo xtask gen",
        stale.join(", ")
    )))
}

fn generate(dir: &Path) -> Outcome {
    let mut command = Command::new(repo::binary("yagura"));
    command.arg("generate").arg("--dir").arg(dir);
    repo::run("yagura generate", &mut command)
}

/// The files, by their path in the repository, that differ between the repository and what was generated.
fn stale(root: &Path, generated: &Path) -> Vec<String> {
    let relative = |base: &Path, path: &Path| path.strip_prefix(base).map(Path::to_owned).ok();
    let mut names: Vec<PathBuf> = repo::files(generated)
        .iter()
        .filter_map(|path| relative(generated, path))
        .collect();
    names.extend(
        repo::files(&root.join(FULLY_GENERATED))
            .iter()
            .filter_map(|path| relative(root, path)),
    );
    names.sort();
    names.dedup();
    names
        .into_iter()
        .filter(|name| fs::read(root.join(name)).ok() != fs::read(generated.join(name)).ok())
        .map(|name| name.display().to_string())
        .collect()
}

fn files(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        vec![path.to_owned()]
    } else {
        repo::files(path)
    }
}

fn copy(path: &Path, from: &Path, to: &Path) -> Outcome {
    let Ok(name) = path.strip_prefix(from) else {
        return Ok(());
    };
    let target = to.join(name);
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent).map_err(Failure::of(format_args!("make {}", parent.display())))?;
    }
    fs::copy(path, &target).map_err(Failure::of(format_args!("copy {}", path.display())))?;
    Ok(())
}

#[cfg(test)]
mod tests;
