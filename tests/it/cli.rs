//! `yagura backup now` as people use it: a process of its own, their kubeconfig, the real API server.

use std::process::{Command, Output};

use controlplane::User;
use yagura::api::{Backup, BackupPhase, Key, Tenant};

use crate::support::{Env, Plane, with_operator};

const CLASS: &str = include_str!("../../examples/00-class.yaml");
const NAMESPACES: &str = include_str!("../../examples/10-namespaces.yaml");

/// What Alice may do: ask for backups and look at them, in one namespace.
const ALICE: &str = "
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: backups, namespace: acme}
rules:
  - {apiGroups: [yagura.dev], resources: [tenants], verbs: [get, list]}
  - {apiGroups: [yagura.dev], resources: [backups], verbs: [create, get, list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: alice, namespace: acme}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: backups}
subjects: [{kind: User, name: alice}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: look, namespace: acme}
rules:
  - {apiGroups: [yagura.dev], resources: [tenants], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: bob, namespace: acme}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: look}
subjects: [{kind: User, name: bob}]
";

/// Runs the command as this user. As a kubectl plugin it is the same file under another name.
async fn backup_now(plane: &Plane, user: User, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_yagura"));
    command
        .args(["backup", "now"])
        .args(args)
        .env("KUBECONFIG", plane.kubeconfig(user));
    tokio::task::spawn_blocking(move || command.output().expect("the command starts"))
        .await
        .expect("the command ends")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What a failed command said, with its exit code.
fn complaint(output: &Output) -> (Option<i32>, String) {
    assert!(output.stdout.is_empty(), "{}", text(&output.stdout));
    (output.status.code(), text(&output.stderr))
}

async fn serve(env: &Env) {
    env.apply(CLASS);
    env.apply(NAMESPACES);
    env.apply(ALICE);
    env.apply(
        "{apiVersion: yagura.dev/v1alpha1, kind: Tenant, metadata: {name: jira, namespace: acme}, spec: {className: \
         tokyo-standard, customer: acme, label: jira-prod, plan: small, application: {name: jira, version: \
         \"9.12.4\"}}}",
    );
    env.until::<Tenant, _>(&Key::new("acme", "jira"), "an instance", |tenant| {
        tenant.status.as_ref()?.instance_id.clone()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_by_hand_is_asked_for_followed_and_shown() {
    with_operator(async |env| {
        serve(&env).await;
        let args = [
            "jira",
            "-n",
            "acme",
            "--reason",
            "before upgrade",
            "--wait",
            "--timeout",
            "3m",
            "-o",
            "json",
        ];
        let output = backup_now(&env.plane, User::Alice, &args).await;
        let told = text(&output.stderr);
        assert!(output.status.success(), "{told}");
        let shown: Backup = serde_json::from_slice(&output.stdout).expect("the output is the object alone");
        let status = shown.status.as_ref().expect("it ended");
        assert_eq!(status.phase, Some(BackupPhase::Complete));
        assert_eq!(shown.spec.reason.as_deref(), Some("before upgrade"));
        let name = shown.metadata.name.clone().expect("it has a name");
        for part in [
            format!("backups.yagura.dev/{name} asked for, in namespace acme"),
            "Complete, 2 snapshots".to_owned(),
        ] {
            assert!(told.contains(&part), "{part:?} is not in:\n{told}");
        }
        // By the user's own rights, and not by the operator's.
        let by_alice = env
            .plane
            .audited(User::Alice)
            .filter(|entry| entry["verb"] == "create");
        let made: Vec<_> = by_alice
            .map(|entry| entry["objectRef"]["resource"].clone())
            .collect();
        assert!(made.contains(&"backups".into()), "{made:?}");

        let output = backup_now(
            &env.plane,
            User::Alice,
            &["jira", "-n", "acme", "--reason", "again"],
        )
        .await;
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert!(
            text(&output.stdout).starts_with("backups.yagura.dev/jira-"),
            "{output:?}"
        );
        env
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_cannot_succeed_says_why() {
    with_operator(async |env| {
        serve(&env).await;
        let run = async |user, args: &[&str]| complaint(&backup_now(&env.plane, user, args).await);

        let (code, said) = run(User::Alice, &["jria", "-n", "acme", "--reason", "x"]).await;
        assert_eq!(code, Some(1), "{said}");
        let wanted = "there is no Tenant jria in namespace acme; there are: jira";
        assert!(said.contains(wanted), "{said}");

        let (code, said) = run(User::Bob, &["jira", "-n", "acme", "--reason", "x"]).await;
        assert_eq!(code, Some(1), "{said}");
        let wanted = "you may not create backups.yagura.dev in namespace acme";
        assert!(said.contains(wanted), "{said}");

        let (code, said) = run(User::Bob, &["jira", "-n", "globex", "--reason", "x"]).await;
        assert_eq!(code, Some(1), "{said}");
        let wanted = "you may not get tenants.yagura.dev in namespace globex";
        assert!(said.contains(wanted), "{said}");

        // Of a Tenant without an instance nothing can be taken: the wait ends, and the Backup goes on.
        env.apply(
            "{apiVersion: yagura.dev/v1alpha1, kind: Tenant, metadata: {name: nowhere, namespace: acme}, spec: \
             {className: missing, customer: acme, label: nowhere-prod, plan: small, application: {name: jira, version: \
             \"9.12.4\"}}}",
        );
        let args = ["nowhere", "-n", "acme", "--reason", "x", "--wait", "--timeout", "3s"];
        let (code, said) = run(User::Alice, &args).await;
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("did not end within the time given"), "{said}");

        let mut lost = Command::new(env!("CARGO_BIN_EXE_yagura"));
        lost.args(["backup", "now", "jira", "--reason", "x"])
            .env("KUBECONFIG", "/nonexistent");
        let (code, said) = complaint(&lost.output().expect("the command starts"));
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("finding the cluster"), "{said}");
        env
    })
    .await;
}
