//! Building the binaries with Go, from the versions that a `go.mod` and a `go.sum` pin: those in `go/` for the control
//! plane, those in `go-helm/` for Helm.
//!
//! The files are compiled in, so that building needs no path into the repository.

use crate::{Error, Patience, pause, tail};
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

/// A module of Go that does nothing but pin versions.
#[derive(Debug)]
pub(crate) struct Pins {
    go_mod: &'static str,
    go_sum: &'static str,
}

static CONTROL_PLANE: Pins = Pins {
    go_mod: include_str!("../go/go.mod"),
    go_sum: include_str!("../go/go.sum"),
};

/// Apart from the control plane: one module would force both to the same versions of what they share.
static HELM_PINS: Pins = Pins {
    go_mod: include_str!("../go-helm/go.mod"),
    go_sum: include_str!("../go-helm/go.sum"),
};

/// How often a build that prints nothing says that it is still at work.
const HEARTBEAT: Duration = Duration::from_secs(20);

/// One binary and how it is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recipe {
    pub(crate) binary: &'static str,
    package: &'static str,
    pins: &'static Pins,
    /// The module whose version in go.mod is the binary's.
    module: &'static str,
    /// Measured with an empty build cache, in this order, on two cores.
    usually: &'static str,
}

pub(crate) const ETCD: Recipe = Recipe {
    binary: "etcd",
    package: "go.etcd.io/etcd/server/v3",
    pins: &CONTROL_PLANE,
    module: "go.etcd.io/etcd/server/v3",
    usually: "1 min",
};
pub(crate) const KUBE_APISERVER: Recipe = Recipe {
    binary: "kube-apiserver",
    package: "k8s.io/kubernetes/cmd/kube-apiserver",
    pins: &CONTROL_PLANE,
    module: "k8s.io/kubernetes",
    usually: "5 min",
};
pub(crate) const KUBECTL: Recipe = Recipe {
    binary: "kubectl",
    package: "k8s.io/kubernetes/cmd/kubectl",
    pins: &CONTROL_PLANE,
    module: "k8s.io/kubernetes",
    usually: "1 min",
};
pub(crate) const HELM: Recipe = Recipe {
    binary: "helm",
    package: "helm.sh/helm/v4/cmd/helm",
    pins: &HELM_PINS,
    module: "helm.sh/helm/v4",
    usually: "2 min",
};

impl Recipe {
    /// The version go.mod pins, without the `v`.
    pub(crate) fn version(self) -> &'static str {
        pinned(self.pins.go_mod, self.module).unwrap_or("unknown")
    }

    /// The linker's flags: small binaries that know their version, as a release build's would.
    fn ldflags(self) -> String {
        let version = self.version();
        if self.binary == ETCD.binary {
            return "-s -w".to_owned();
        }
        if self.binary == HELM.binary {
            return format!("-s -w -X helm.sh/helm/v4/internal/version.version=v{version}");
        }
        let mut parts = version.split('.');
        let (major, minor) = (parts.next().unwrap_or("0"), parts.next().unwrap_or("0"));
        let at = "k8s.io/component-base/version";
        format!(
            "-s -w -X {at}.gitVersion=v{version} -X {at}.gitMajor={major} \
             -X {at}.gitMinor={minor} -X {at}.gitTreeState=clean"
        )
    }
}

/// What is built together and kept in one folder of the cache.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kit {
    ControlPlane,
    Helm,
}

impl Kit {
    /// Its folder in the cache.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ControlPlane => "controlplane",
            Self::Helm => "helm",
        }
    }

    /// Names what is built, so that a cache made from other versions is never taken for ours.
    pub(crate) fn cache_key(self) -> String {
        let (pins, versions) = match self {
            Self::ControlPlane => {
                let (server, etcd) = (KUBE_APISERVER.version(), ETCD.version());
                (&CONTROL_PLANE, format!("kubernetes-{server}-etcd-{etcd}"))
            }
            Self::Helm => (&HELM_PINS, format!("helm-{}", HELM.version())),
        };
        format!("{versions}-{:016x}", fnv1a(&[pins.go_mod, pins.go_sum]))
    }

    /// What else mends a missing Go.
    fn instead(self) -> &'static str {
        match self {
            Self::ControlPlane => "set KUBEBUILDER_ASSETS to a folder with etcd and kube-apiserver",
            Self::Helm => "put a helm 4 on the PATH",
        }
    }
}

/// Fails, saying how to mend it, unless a Go new enough for go.mod is there.
pub(crate) fn check_go(kit: Kit, missing: &[Recipe]) -> Result<(), Error> {
    let needed = missing
        .first()
        .and_then(|recipe| pinned(recipe.pins.go_mod, "go"))
        .unwrap_or("1.26");
    let complain = |found: String| Error::Go {
        missing: missing
            .iter()
            .map(|recipe| recipe.binary)
            .collect::<Vec<_>>()
            .join(", "),
        needed: needed.to_owned(),
        found,
        instead: kit.instead(),
    };
    // Outside of any module, so that no go.mod of the current folder has a say.
    let output = go(Path::new("/"))
        .args(["env", "GOVERSION"])
        .output()
        .map_err(|_| complain("no `go` is on the PATH".to_owned()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let found = text.trim().trim_start_matches("go");
    let numbers = |version: &str| -> Vec<u32> {
        version
            .split(|c: char| !c.is_ascii_digit())
            .take(2)
            .filter_map(|part| part.parse().ok())
            .collect()
    };
    if numbers(found) < numbers(needed) {
        return Err(complain(format!("the `go` on the PATH is {found}")));
    }
    Ok(())
}

/// Builds one binary in `work` and moves it to `target` in one step, so that nobody ever sees half of it.
pub(crate) fn build(
    recipe: Recipe,
    work: &Path,
    target: &Path,
    progress: &dyn Fn(&str),
) -> Result<(), Error> {
    let Recipe { binary, usually, .. } = recipe;
    progress(&format!(
        "building {binary} {} with Go: usually about {usually} on two cores, once; then it is kept in {}",
        recipe.version(),
        target.parent().unwrap_or(target).display()
    ));
    prepare(recipe.pins, work)?;
    let (log, built) = (work.join(format!("{binary}.log")), work.join(binary));
    let out = File::create(&log).map_err(Error::io(format!("write {}", log.display())))?;
    let err = out
        .try_clone()
        .map_err(Error::io(format!("write {}", log.display())))?;
    let mut child = go(work)
        .args(["build", "-trimpath", "-ldflags", &recipe.ldflags(), "-o"])
        .arg(&built)
        .arg(recipe.package)
        .stdout(out)
        .stderr(err)
        .spawn()
        .map_err(Error::io("start go"))?;
    let patience = Patience::new(Duration::MAX);
    let status = watch(binary, &patience, progress, || child.try_wait())?;
    if !status.success() {
        return Err(Error::Build {
            binary,
            output: tail(&log, 40),
        });
    }
    fs::rename(&built, target).map_err(Error::io(format!("move {binary} into the cache")))?;
    progress(&format!("built {binary} in {}", spell(patience.elapsed())));
    Ok(())
}

fn prepare(pins: &Pins, work: &Path) -> Result<(), Error> {
    let attempt = format!("prepare {}", work.display());
    fs::create_dir_all(work)
        .and_then(|()| fs::write(work.join("go.mod"), pins.go_mod))
        .and_then(|()| fs::write(work.join("go.sum"), pins.go_sum))
        .map_err(Error::io(attempt))
}

fn watch(
    binary: &str,
    patience: &Patience,
    progress: &dyn Fn(&str),
    mut look: impl FnMut() -> std::io::Result<Option<ExitStatus>>,
) -> Result<ExitStatus, Error> {
    let mut said = Duration::ZERO;
    loop {
        if let Some(status) = look().map_err(Error::io("wait for go"))? {
            return Ok(status);
        }
        pause(Duration::from_millis(200));
        let elapsed = patience.elapsed();
        if elapsed >= said + HEARTBEAT {
            said = elapsed;
            progress(&format!("still building {binary}, {} so far", spell(elapsed)));
        }
    }
}

/// Go with the settings that make its output depend on go.mod and go.sum alone.
fn go(dir: &Path) -> Command {
    let mut command = Command::new("go");
    command
        .current_dir(dir)
        .env("CGO_ENABLED", "0")
        .env("GOTOOLCHAIN", "local")
        .env("GOFLAGS", "-buildvcs=false")
        .env("GOWORK", "off")
        .stdin(Stdio::null());
    command
}

/// The version go.mod gives for a module (or for `go` itself).
fn pinned<'a>(go_mod: &'a str, module: &str) -> Option<&'a str> {
    go_mod.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        let version = (words.next()? == module).then(|| words.next())??;
        version
            .starts_with(|c: char| c == 'v' || c.is_ascii_digit())
            .then(|| version.trim_start_matches('v'))
    })
}

/// FNV-1a: enough to tell one set of pinned versions from another, with no dependency.
fn fnv1a(texts: &[&str]) -> u64 {
    texts
        .iter()
        .flat_map(|text| text.bytes())
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
}

fn spell(elapsed: Duration) -> String {
    match elapsed.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests;
