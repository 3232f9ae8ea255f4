//! `yagura plan` as people use it: a process of its own, their kubeconfig and credentials, the real API server and AWS
//! as far as it is simulated.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use controlplane::User;
use serde_json::Value;
use yagura::api::{Key, Tenant};

use crate::support::{Env, with_operator};

const CLASS: &str = include_str!("../../examples/00-class.yaml");
const NAMESPACES: &str = include_str!("../../examples/10-namespaces.yaml");
const JIRA: &str = include_str!("../../examples/20-acme-jira.yaml");

/// Whoever reviews: they may look at what a plan needs, and change nothing.
const REVIEWER: &str = "
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: plan}
rules:
  - {apiGroups: [yagura.dev], resources: [tenantclasses, tenants, accesspolicies, incidents], verbs: [list]}
  - {apiGroups: [''], resources: [namespaces], verbs: [list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: plan}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: plan}
subjects: [{kind: User, name: alice}]
";

/// The access key by which the reviewer's calls are told apart.
const KEY: &str = "reviewer";

async fn plan(env: &Env, user: User, folder: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_yagura"));
    command
        .args(["plan", "--cluster-id", "test", "-f"])
        .arg(folder)
        .args(more)
        .env("KUBECONFIG", env.plane.kubeconfig(user))
        .env("AWS_ENDPOINT_URL", env.sim.url())
        .env("AWS_REGION", "ap-northeast-1")
        .env("AWS_ACCESS_KEY_ID", KEY)
        .env("AWS_SECRET_ACCESS_KEY", KEY);
    tokio::task::spawn_blocking(move || command.output().expect("the command starts"))
        .await
        .expect("the command ends")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Nothing that the reviewer asked of AWS could change anything.
fn changed_nothing(env: &Env) {
    let reads = |operation: &str| operation.starts_with("Describe") || operation.starts_with("Get");
    let mut asked = 0;
    for call in env.sim.calls() {
        if call.access_key.as_deref() == Some(KEY) {
            asked += 1;
            assert!(!call.effect, "{call:#?}");
            assert!(call.dry_run || reads(&call.operation), "{call:#?}");
        }
    }
    assert!(asked > 0, "AWS was asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_planned_as_a_reviewer_wants_it_and_nothing_is_changed() {
    with_operator(async |env| {
        env.apply(CLASS);
        env.apply(NAMESPACES);
        env.apply(JIRA);
        env.apply(REVIEWER);
        let key = Key::new("acme", "acme-jira");
        let group = env
            .until::<Tenant, _>(&key, "Ready", |tenant| {
                let status = tenant.status.as_ref()?;
                status.first_ready_at.as_ref()?;
                status.security_group_id.clone()
            })
            .await;
        let dir = tempfile::tempdir().expect("a folder can be made");
        let write = |name: &str, text: &str| {
            fs::write(dir.path().join(name), text).expect("a file can be written");
        };

        // What is applied already changes nothing.
        write("jira.yaml", JIRA);
        let output = plan(&env, User::Alice, dir.path(), &[]).await;
        let (shown, told) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(0), "{shown}{told}");
        assert!(shown.starts_with("No changes for 1 Tenant"), "{shown}");

        // Another source, and a Tenant that is in no cluster yet.
        let moved = JIRA.replace("203.0.113.0/24", "198.51.100.0/24");
        assert_ne!(moved, JIRA, "the example has the range that this test changes");
        write("jira.yaml", &moved);
        let new = "apiVersion: yagura.dev/v1alpha1\nkind: Tenant\nmetadata: {name: wiki, namespace: acme}\nspec: \
                   {className: tokyo-standard, customer: acme, label: acme-wiki, plan: small, application: {name: jira, \
                   version: \"9.12.4\"}}\n";
        write("wiki.yaml", new);
        let output = plan(&env, User::Alice, dir.path(), &[]).await;
        let (shown, told) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(2), "{shown}{told}");
        for part in [
            "acme/acme-jira  label ".to_owned(),
            format!("+ rule tcp 443 from 198.51.100.0/24  on security group {group}"),
            format!("- rule tcp 443 from 203.0.113.0/24  on security group {group} (disruptive)"),
            "acme/wiki  label acme-wiki, customer acme, mode Enforce".to_owned(),
            "new: its uid".to_owned(),
            "+ instance acme-wiki: ".to_owned(),
            " for 2 of 2 Tenants, ".to_owned(),
        ] {
            assert!(shown.contains(&part), "{part:?} is not in:\n{shown}\n{told}");
        }

        let output = plan(&env, User::Alice, dir.path(), &["-o", "json"]).await;
        assert_eq!(output.status.code(), Some(2));
        let json: Value = serde_json::from_slice(&output.stdout).expect("the output is JSON alone");
        let jira = &json["tenants"][0];
        assert_eq!(jira["name"], "acme-jira");
        assert_eq!(jira["hash"].as_str().expect("there is one").len(), 64);
        let lost = jira["items"].as_array().expect("there are items").iter();
        let lost: Vec<_> = lost.filter(|item| item["disruptive"] == true).collect();
        assert!(!lost.is_empty(), "{json:#}");
        assert!(lost.iter().all(|item| item["op"] == "Remove" && item["permitted"] == true));
        changed_nothing(&env);

        refused(&env, dir.path(), new).await;
        changed_nothing(&env);
        env
    })
    .await;
}

/// What cannot be planned is said of each, and of the file that has it.
async fn refused(env: &Env, dir: &Path, new: &str) {
    let write = |name: &str, text: &str| fs::write(dir.join(name), text).expect("a file can be written");
    // A source inside the VPC is refused, and so is a plan that the class has not.
    write("jira.yaml", &JIRA.replace("203.0.113.0/24", "172.31.0.0/16"));
    write("wiki.yaml", &new.replace("plan: small", "plan: huge"));
    let output = plan(env, User::Alice, dir, &[]).await;
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{shown}");
    for part in [
        "CidrOverlapsVpc: spec.ingress.cidrs",
        "error: UnknownPlan: spec.plan",
    ] {
        assert!(shown.contains(part), "{part:?} is not in:\n{shown}");
    }

    // A file that cannot be read, and a user who may not look.
    write("wiki.yaml", &new.replace("plan: small, ", ""));
    let output = plan(env, User::Alice, dir, &[]).await;
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stderr);
    assert!(told.contains("wiki.yaml, document 1 (Tenant wiki): "), "{told}");
    write("wiki.yaml", new);
    let output = plan(env, User::Bob, dir, &[]).await;
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stderr);
    assert!(told.contains("you could not list namespaces"), "{told}");
}
