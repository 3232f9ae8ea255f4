//! The control plane starts, answers each user as it should, and leaves nothing running.

#![cfg(test)]

use controlplane::{Binaries, ControlPlane, Error, Process, User, ensure_binaries};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs};

/// A folder of its own, removed at the end.
struct Dir(PathBuf);

impl Dir {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("controlplane-test-{}-{count}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn binaries() -> Binaries {
    ensure_binaries(&|_| ()).unwrap()
}

fn is_running(id: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    // A zombie has ended; its parent has not asked yet.
    !stat.is_empty()
        && !stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .trim_start()
            .starts_with('Z')
}

const NAMESPACE: &str = r#"{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "acme"}}"#;

#[test]
fn a_namespace_is_applied_and_read_and_nothing_is_left_running() {
    let dir = Dir::new();
    let plane = ControlPlane::start(&binaries(), &dir.0).unwrap();
    plane
        .kubectl(
            User::Admin,
            &["apply", "--server-side", "-f", "-"],
            Some(NAMESPACE),
        )
        .unwrap();
    let name = plane
        .kubectl(User::Admin, &["get", "namespace", "acme", "-o", "name"], None)
        .unwrap();
    assert_eq!(name.trim(), "namespace/acme");

    let refused = plane
        .kubectl(User::Alice, &["get", "namespaces"], None)
        .unwrap_err();
    assert!(
        matches!(&refused, Error::Kubectl { stderr, .. } if stderr.contains("User \"alice\" cannot list"))
    );
    let whoami = plane
        .kubectl(User::Operator, &["auth", "whoami", "-o", "json"], None)
        .unwrap();
    assert!(
        whoami.contains("\"system:serviceaccount:yagura-system:yagura\""),
        "{whoami}"
    );
    assert!(
        whoami.contains("\"system:serviceaccounts:yagura-system\""),
        "{whoami}"
    );

    let audit = fs::read_to_string(plane.audit_log()).unwrap();
    assert!(
        audit
            .lines()
            .any(|line| line.contains("\"verb\":\"list\"") && line.contains("\"alice\""))
    );

    let ids = plane.process_ids();
    assert!(ids.into_iter().all(is_running));
    drop(plane);
    assert!(
        !ids.into_iter().any(is_running),
        "etcd or kube-apiserver outlived the control plane"
    );
}

#[test]
fn two_run_side_by_side_and_share_nothing() {
    let (binaries, one, two) = (binaries(), Dir::new(), Dir::new());
    let first = ControlPlane::start(&binaries, &one.0).unwrap();
    let second = ControlPlane::start(&binaries, &two.0).unwrap();
    assert_ne!(first.url(), second.url());
    first
        .kubectl(User::Admin, &["create", "namespace", "acme"], None)
        .unwrap();
    let names = second
        .kubectl(User::Admin, &["get", "namespaces", "-o", "name"], None)
        .unwrap();
    assert!(!names.contains("acme"), "{names}");
}

#[test]
fn a_process_that_ends_by_itself_is_reported_with_its_log() {
    let dir = Dir::new();
    let mut command = Command::new("sh");
    command.args(["-c", "echo out of memory; exit 3"]);
    let mut process = Process::spawn("thing", &mut command, &dir.0.join("log")).unwrap();
    let error = process
        .wait_until_ready(std::time::Duration::from_secs(10), || Err("not yet".to_owned()))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("thing ended by itself (exit status: 3)"),
        "{error}"
    );
    assert!(error.contains("out of memory"), "{error}");
}

#[test]
fn a_child_ends_even_when_its_parent_is_killed() {
    let dir = Dir::new();
    // This very test binary, as a parent that starts a child and is then killed with no chance to clean up.
    let me = env::current_exe().unwrap();
    let mut parent = Command::new(me);
    parent
        .args(["--exact", "parent_of_a_long_sleep", "--nocapture"])
        .env("SLEEPER_DIR", &dir.0);
    let mut parent = Process::spawn("parent", &mut parent, &dir.0.join("parent.log")).unwrap();
    let sleeper = |dir: &Path| {
        fs::read_to_string(dir.join("pid"))
            .ok()
            .and_then(|id| id.parse::<u32>().ok())
    };
    let second = std::time::Duration::from_secs(1);
    parent
        .wait_until_ready(10 * second, || {
            sleeper(&dir.0).map(drop).ok_or("no pid yet".to_owned())
        })
        .unwrap();
    let id = sleeper(&dir.0).unwrap();
    assert!(is_running(id));
    parent.kill();
    let patience = controlplane::Patience::new(10 * second);
    while is_running(id) {
        assert!(!patience.is_over(), "the sleeper outlived its parent");
        controlplane::pause(second / 20);
    }
}

/// Not a test by itself: the parent in the test above.
#[test]
fn parent_of_a_long_sleep() {
    let Some(dir) = env::var_os("SLEEPER_DIR").map(PathBuf::from) else {
        return;
    };
    let child = Process::spawn("sleeper", Command::new("sleep").arg("600"), &dir.join("log")).unwrap();
    fs::write(dir.join("pid.new"), child.id().to_string()).unwrap();
    fs::rename(dir.join("pid.new"), dir.join("pid")).unwrap();
    controlplane::pause(std::time::Duration::from_secs(600));
}
