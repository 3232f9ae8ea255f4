//! The repository, its folders and its cargo.

use crate::failure::{Failure, Outcome};
use crate::{say, signals};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    // Cargo sets it for `cargo run`; the value from compile time serves a binary that is started by hand.
    let manifest = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    PathBuf::from(manifest)
        .parent()
        .map(Path::to_owned)
        .unwrap_or_default()
}

/// A binary of the workspace, as `cargo build --workspace` leaves it.
pub(crate) fn binary(name: &str) -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    target.join("debug").join(name)
}

/// Runs cargo in the root, its output going where ours goes.
pub(crate) fn cargo(args: &[&str], extra: &[(&str, &Path)]) -> Outcome {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(args);
    for (name, value) in extra {
        command.env(name, value);
    }
    run(&format!("cargo {}", args.join(" ")), &mut command)
}

/// Builds all of the workspace. Always all: built in part, the AWS SDK would get other features and compile
/// again for minutes.
pub(crate) fn build() -> Outcome {
    say::step(
        "cargo build --workspace (about 5 min from nothing on two cores, a second when nothing changed)",
    );
    cargo(&["build", "--workspace"], &[])
}

/// Runs a command in the root; a failure names it.
pub(crate) fn run(name: &str, command: &mut Command) -> Outcome {
    signals::check()?;
    let status = command
        .current_dir(root())
        .stdin(Stdio::null())
        .status()
        .map_err(Failure::of(format_args!("start {name}")))?;
    signals::check()?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure::new(format!("{name} failed ({status})")))
    }
}

/// Where a program is on PATH.
pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?)
        .map(|dir| dir.join(program))
        .find(|path| path.is_file())
}

/// Whether this run is CI, where a layer that cannot run is a failure.
pub(crate) fn is_ci() -> bool {
    env::var("CI").is_ok_and(|value| value == "true" || value == "1")
}

/// Every file below `dir`, sorted; build output and hidden folders are left out.
pub(crate) fn files(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
    let mut found: Vec<PathBuf> = entries
        .flatten()
        .flat_map(|entry| {
            let (path, name) = (entry.path(), entry.file_name());
            let is_hidden = name.to_string_lossy().starts_with('.') && name != ".ci";
            if is_hidden || name == "target" {
                Vec::new()
            } else if path.is_dir() {
                files(&path)
            } else {
                vec![path]
            }
        })
        .collect();
    found.sort();
    found
}

/// A folder for the files of one run, removed at the end unless it is kept.
#[derive(Debug)]
pub(crate) struct Scratch {
    path: PathBuf,
    keep: bool,
}

impl Scratch {
    pub(crate) fn new(purpose: &str) -> Outcome<Self> {
        let path = env::temp_dir().join(format!("yagura-{purpose}-{}", std::process::id()));
        fs::create_dir_all(&path).map_err(Failure::of(format_args!("make {}", path.display())))?;
        Ok(Self { path, keep: false })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves the folder there, for a look at the logs after a failure.
    pub(crate) fn keep(&mut self) {
        self.keep = true;
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !self.keep {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}
