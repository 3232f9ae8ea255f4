//! Finding etcd, kube-apiserver, kubectl and Helm, or having them built.

use crate::go::{self, ETCD, HELM, KUBE_APISERVER, KUBECTL, Kit, Recipe};
use crate::{Error, cache_dir};
use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The oldest and the newest kube-apiserver from PATH that will do: older ones lack CEL functions that
/// our CRDs use, newer ones have not been tried.
const SERVER_MINORS: std::ops::RangeInclusive<u32> = 35..=37;

/// The three programs a control plane needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binaries {
    /// etcd 3.
    pub etcd: PathBuf,
    /// kube-apiserver 1.
    pub kube_apiserver: PathBuf,
    /// kubectl, at most one minor version away from the server.
    pub kubectl: PathBuf,
}

impl Binaries {
    /// The folder that holds all three, when one does: the value for `KUBEBUILDER_ASSETS`.
    #[must_use]
    pub fn dir(&self) -> Option<&Path> {
        let dir = self.etcd.parent()?;
        (self.kube_apiserver.parent() == Some(dir) && self.kubectl.parent() == Some(dir)).then_some(dir)
    }
}

/// Finds the three programs, or builds what is missing; each line for the person waiting goes to
/// `progress`.
///
/// The order: the folder `KUBEBUILDER_ASSETS` (taken as it is), `PATH` (when the versions suit), the cache,
/// and else Go builds the pinned versions into the cache. Any number of processes may call this at
/// once: one builds, the others wait for it.
///
/// # Errors
/// When `KUBEBUILDER_ASSETS` is incomplete, when Go is missing or too old, or when a build fails.
pub fn ensure_binaries(progress: &dyn Fn(&str)) -> Result<Binaries, Error> {
    let assets = env::var_os("KUBEBUILDER_ASSETS")
        .filter(|dir| !dir.is_empty())
        .map(PathBuf::from);
    if let Some(dir) = assets {
        return from_assets(&dir, progress);
    }
    let found = [from_path(ETCD), from_path(KUBE_APISERVER), from_path(KUBECTL)];
    let [etcd, kube_apiserver, kubectl] = found;
    // A server from PATH and an etcd of ours suit each other; the two kinds may be mixed.
    let missing: Vec<Recipe> = [
        (ETCD, &etcd),
        (KUBE_APISERVER, &kube_apiserver),
        (KUBECTL, &kubectl),
    ]
    .into_iter()
    .filter_map(|(recipe, found)| found.is_none().then_some(recipe))
    .collect();
    let cached = cached(Kit::ControlPlane, &missing, progress)?;
    Ok(Binaries {
        etcd: etcd.unwrap_or_else(|| cached.join(ETCD.binary)),
        kube_apiserver: kube_apiserver.unwrap_or_else(|| cached.join(KUBE_APISERVER.binary)),
        kubectl: kubectl.unwrap_or_else(|| cached.join(KUBECTL.binary)),
    })
}

/// Finds Helm or builds it, like [`ensure_binaries`]: `PATH` (a helm 4), the cache, and else Go.
///
/// # Errors
/// When Go is missing or too old, or when the build fails.
pub fn ensure_helm(progress: &dyn Fn(&str)) -> Result<PathBuf, Error> {
    match from_path(HELM) {
        Some(path) => Ok(path),
        None => Ok(cached(Kit::Helm, &[HELM], progress)?.join(HELM.binary)),
    }
}

fn from_assets(dir: &Path, progress: &dyn Fn(&str)) -> Result<Binaries, Error> {
    let named = |binary: &'static str| {
        let path = dir.join(binary);
        if path.is_file() {
            Ok(path)
        } else {
            Err(Error::AssetsIncomplete {
                dir: dir.to_owned(),
                binary,
            })
        }
    };
    let kubectl = match named(KUBECTL.binary) {
        Ok(path) => path,
        // Folders made for Go's envtest have it too, but the tests of others run without.
        Err(_) => cached(Kit::ControlPlane, &[KUBECTL], progress)?.join(KUBECTL.binary),
    };
    Ok(Binaries {
        etcd: named(ETCD.binary)?,
        kube_apiserver: named(KUBE_APISERVER.binary)?,
        kubectl,
    })
}

/// The first of its name on PATH, when its version suits.
fn from_path(recipe: Recipe) -> Option<PathBuf> {
    let path = env::split_paths(&env::var_os("PATH")?)
        .map(|dir| dir.join(recipe.binary))
        .find(|path| path.is_file())?;
    let args: &[&str] = match recipe.binary {
        "kubectl" => &["version", "--client"],
        "helm" => &["version", "--short"],
        _ => &["--version"],
    };
    let output = Command::new(&path)
        .args(args)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    suits(recipe.binary, &String::from_utf8_lossy(&output.stdout)).then_some(path)
}

/// Whether a program that prints `version_output` will do.
fn suits(binary: &str, version_output: &str) -> bool {
    let version = version_output
        .split_whitespace()
        .map(|word| word.trim_start_matches('v'))
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    let mut numbers = version
        .into_iter()
        .flat_map(|version| version.split('.'))
        .map(str::parse::<u32>);
    let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) else {
        return false;
    };
    match binary {
        // What Kubernetes 1.35 and later is released with.
        "etcd" => major == 3 && minor >= 6,
        // Server-side apply and `wait` in the form used here, and the skew kubectl itself supports.
        "kubectl" => major == 1 && (SERVER_MINORS.end() - 1..=SERVER_MINORS.end() + 1).contains(&minor),
        // Helm 3 renders the same, but what the tests prove is proven with one of the two.
        "helm" => major == 4,
        _ => major == 1 && SERVER_MINORS.contains(&minor),
    }
}

/// The cache folder, holding everything in `wanted`.
fn cached(kit: Kit, wanted: &[Recipe], progress: &dyn Fn(&str)) -> Result<PathBuf, Error> {
    let root = cache_dir()?.join(kit.name());
    let dir = root.join(kit.cache_key());
    if absent(wanted, &dir).is_empty() {
        return Ok(dir);
    }
    fs::create_dir_all(&dir).map_err(Error::io(format!("make {}", dir.display())))?;
    let lock = locked(&root, kit, progress)?;
    // Another process may have built them while we waited for the lock.
    let missing = absent(wanted, &dir);
    if !missing.is_empty() {
        go::check_go(kit, &missing)?;
        let work = root.join(format!("building-{}", std::process::id()));
        let result = missing
            .iter()
            .try_for_each(|recipe| go::build(*recipe, &work, &dir.join(recipe.binary), progress));
        // Left behind it would only take space; the next build makes its own.
        let _ = fs::remove_dir_all(&work);
        result?;
    }
    drop(lock);
    Ok(dir)
}

fn absent(wanted: &[Recipe], dir: &Path) -> Vec<Recipe> {
    wanted
        .iter()
        .copied()
        .filter(|recipe| !dir.join(recipe.binary).is_file())
        .collect()
}

/// Takes the lock under which the cache is filled. The system releases it when a process ends in any way.
fn locked(root: &Path, kit: Kit, progress: &dyn Fn(&str)) -> Result<File, Error> {
    let path = root.join("lock");
    let attempt = format!("lock {}", path.display());
    let file = File::create(&path).map_err(Error::io(&attempt))?;
    if file.try_lock().is_err() {
        progress(&format!(
            "another process is building ({}); waiting for it",
            kit.name()
        ));
        file.lock().map_err(Error::io(&attempt))?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests;
