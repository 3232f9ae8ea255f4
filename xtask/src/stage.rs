//! The stage: control plane, simulated AWS and operator, started in order and ended in reverse.

use crate::failure::{Failure, Outcome};
use crate::{http, layers, repo, say, signals};
use controlplane::{ControlPlane, Patience, Process, User, free_port, pause, tail};
use serde_json::Value;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// simaws is up in milliseconds; a busy machine may take its time.
const SIMAWS_WITHIN: Duration = Duration::from_secs(30);

/// Leader election and the first inventory: seconds; a busy machine may take its time.
const OPERATOR_WITHIN: Duration = Duration::from_secs(90);

/// What of `deploy/` is applied, in this order. The Deployment itself is not: no kubelet would run it, so the
/// operator runs as a process with the Deployment's ServiceAccount.
const DEPLOY: [&str; 4] = ["namespace.yaml", "rbac.yaml", "admission.yaml", "lease.yaml"];

/// The region and the keys of people; the simulated AWS takes any.
pub(crate) const REGION: &str = "ap-northeast-1";
pub(crate) const KEY: &str = "test";

/// The operator's own key, so that the log of calls tells its calls from those of people.
pub(crate) const OPERATOR_KEY: &str = "operator";

/// The simulated AWS on a port of loopback.
#[derive(Debug)]
pub(crate) struct Simaws {
    process: Process,
    endpoint: String,
}

impl Simaws {
    pub(crate) fn start(dir: &Path) -> Outcome<Self> {
        let log = dir.join("simaws.log");
        let mut command = Command::new(repo::binary("simaws"));
        command.args(["--listen", "127.0.0.1:0"]);
        let mut process = Process::spawn("simaws", &mut command, &log)?;
        let mut endpoint = String::new();
        process.wait_until_ready(SIMAWS_WITHIN, || {
            let text = tail(&log, 20);
            let found = text
                .lines()
                .find_map(|line| line.strip_prefix("simaws listening on "));
            endpoint = found.ok_or("it has not said where it listens")?.trim().to_owned();
            Ok(())
        })?;
        Ok(Self { process, endpoint })
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    pub(crate) fn log_tail(&self) -> String {
        format!("the end of simaws' log:\n{}", tail(self.process.log(), 20))
    }
}

/// Everything that runs.
#[derive(Debug)]
pub(crate) struct Stage {
    // Fields drop in this order: nobody loses what it talks to before it is gone itself.
    operator: Process,
    operator_url: String,
    simaws: Simaws,
    plane: ControlPlane,
    kubectl: PathBuf,
    scratch: repo::Scratch,
}

impl Stage {
    /// Builds and starts all of it; `arguments` go to `yagura controller`.
    pub(crate) fn start(arguments: &[String]) -> Outcome<Self> {
        let binaries = layers::find_binaries()?;
        repo::build()?;
        let mut scratch = repo::Scratch::new("stage")?;
        let started = Self::start_in(&scratch, &binaries, arguments);
        if started.as_ref().is_err_and(|failure| !failure.is_interrupt()) {
            scratch.keep();
            say::step(format!("the logs are kept in {}", scratch.path().display()));
        }
        let (operator, operator_url, simaws, plane) = started?;
        Ok(Self {
            operator,
            operator_url,
            simaws,
            plane,
            kubectl: binaries.kubectl,
            scratch,
        })
    }

    fn start_in(
        scratch: &repo::Scratch,
        binaries: &controlplane::Binaries,
        arguments: &[String],
    ) -> Outcome<(Process, String, Simaws, ControlPlane)> {
        let dir = scratch.path();
        signals::check()?;
        let plane = ControlPlane::start(binaries, &dir.join("controlplane"))?;
        say::step(format!("etcd and kube-apiserver are ready: {}", plane.url()));
        let simaws = Simaws::start(dir)?;
        say::step(format!("the simulated AWS is ready: {}", simaws.endpoint()));
        install(&plane)?;
        say::step("CRDs, RBAC and admission policies are installed");
        signals::check()?;
        let port = free_port().ok_or_else(|| Failure::new("no free port on 127.0.0.1"))?;
        let url = format!("http://127.0.0.1:{port}");
        let mut command = operator_command(&plane, &simaws, dir);
        command
            .args(["--listen", &format!("127.0.0.1:{port}")])
            .args(arguments);
        let mut operator = Process::spawn("the operator", &mut command, &dir.join("operator.log"))?;
        wait_until_ready(&mut operator, &url)?;
        say::step(format!(
            "the operator is ready, as {}: {url}",
            User::Operator.username()
        ));
        Ok((operator, url, simaws, plane))
    }

    pub(crate) fn endpoint(&self) -> &str {
        self.simaws.endpoint()
    }

    pub(crate) fn operator_url(&self) -> &str {
        &self.operator_url
    }

    pub(crate) fn kubectl_path(&self) -> &Path {
        &self.kubectl
    }

    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.plane.kubeconfig(User::Admin)
    }

    /// kubectl as an administrator.
    pub(crate) fn kubectl(&self, args: &[&str]) -> Outcome<String> {
        Ok(self.plane.kubectl(User::Admin, args, None)?)
    }

    /// Creates or changes objects, as `kubectl apply --server-side` does.
    pub(crate) fn apply(&self, manifest: &str) -> Outcome {
        apply(&self.plane, manifest)
    }

    /// What `kubectl get … -o json` gives.
    pub(crate) fn get(&self, args: &[&str]) -> Outcome<Value> {
        let text = self.kubectl(&[&["get", "-o", "json"], args].concat())?;
        serde_json::from_str(&text).map_err(Failure::of(format_args!("read the JSON of {}", args.join(" "))))
    }

    /// Asks `look` until it gives `Ok(Some)`. Fails when `limit` passes, with what was awaited, what was last seen
    /// and the end of the operator's log; fails at once when something has ended or a signal came.
    pub(crate) fn wait_for<T>(
        &mut self,
        awaited: &str,
        limit: Duration,
        mut look: impl FnMut(&Self) -> Outcome<Seen<T>>,
    ) -> Outcome<T> {
        let patience = Patience::new(limit);
        loop {
            self.expect_alive()?;
            let last = match look(self)? {
                Seen::Done(value) => return Ok(value),
                Seen::NotYet(last) => last,
            };
            if patience.is_over() {
                let log = tail(self.operator.log(), 20);
                return Err(Failure::new(format!(
                    "waited {} s for: {awaited}\nlast seen: {last}\nthe end of the operator's log:\n{log}",
                    patience.limit_seconds()
                )));
            }
            pause(Duration::from_millis(250));
        }
    }

    /// Fails when something has ended by itself, or a signal came.
    pub(crate) fn expect_alive(&mut self) -> Outcome {
        signals::check()?;
        self.operator.expect_alive()?;
        self.simaws.process.expect_alive()?;
        self.plane.expect_alive()?;
        Ok(())
    }

    /// Ends everything, the operator by SIGTERM so that it can give back its Lease.
    pub(crate) fn stop(mut self) {
        self.operator.terminate();
        drop(self);
        say::step("the operator, the simulated AWS and the control plane are ended");
    }

    /// Leaves the logs behind, for a look after a failure.
    pub(crate) fn keep_logs(&mut self) {
        self.scratch.keep();
        say::step(format!("the logs are kept in {}", self.scratch.path().display()));
    }
}

/// What a look gives: what was awaited, or what there is instead.
pub(crate) enum Seen<T> {
    Done(T),
    NotYet(String),
}

/// Not `Process::wait_until_ready`: a signal has to end this wait, which may be the longest.
fn wait_until_ready(operator: &mut Process, url: &str) -> Outcome {
    let patience = Patience::new(OPERATOR_WITHIN);
    loop {
        signals::check()?;
        operator.expect_alive()?;
        let last = match http::get(&format!("{url}/readyz")) {
            Ok((200, _)) => return Ok(()),
            Ok((status, body)) => format!("/readyz answered {status}: {body}"),
            Err(failure) => failure.to_string(),
        };
        if patience.is_over() {
            let (seconds, log) = (patience.limit_seconds(), tail(operator.log(), 20));
            let text =
                format!("the operator was not ready within {seconds} s: {last}\nthe end of its log:\n{log}");
            return Err(Failure::new(text));
        }
        pause(Duration::from_millis(100));
    }
}

fn apply(plane: &ControlPlane, manifest: &str) -> Outcome {
    plane.kubectl(
        User::Admin,
        &["apply", "--server-side", "-f", "-"],
        Some(manifest),
    )?;
    Ok(())
}

fn install(plane: &ControlPlane) -> Outcome {
    let root = repo::root();
    let kubectl = |args: &[&str]| plane.kubectl(User::Admin, args, None);
    let path = |path: PathBuf| path.display().to_string();
    kubectl(&["apply", "--server-side", "-f", &path(root.join("crds"))])?;
    // At once for all kinds: the first creation after a kind is established is slow, whichever kind it is.
    kubectl(&[
        "wait",
        "--for=condition=Established",
        "crd",
        "--all",
        "--timeout=60s",
    ])?;
    for name in DEPLOY {
        kubectl(&[
            "apply",
            "--server-side",
            "-f",
            &path(root.join("deploy").join(name)),
        ])?;
    }
    Ok(())
}

/// The operator with the rights of `deploy/` and an environment in which nothing of the caller's can lead it to the
/// real AWS.
fn operator_command(plane: &ControlPlane, simaws: &Simaws, dir: &Path) -> Command {
    let mut command = Command::new(repo::binary("yagura"));
    command
        .args(["controller", "--cluster-id", "demo", "--log-format", "human"])
        .env_clear()
        .env("HOME", dir)
        .env("KUBECONFIG", plane.kubeconfig(User::Operator))
        .env("AWS_ENDPOINT_URL", simaws.endpoint())
        .env("AWS_REGION", REGION)
        .env("AWS_ACCESS_KEY_ID", OPERATOR_KEY)
        .env("AWS_SECRET_ACCESS_KEY", OPERATOR_KEY)
        .env("AWS_EC2_METADATA_DISABLED", "true");
    for name in ["PATH", "RUST_LOG", "RUST_BACKTRACE"] {
        if let Some(value) = env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}
