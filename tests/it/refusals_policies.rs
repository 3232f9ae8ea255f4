//! Policies that contradict each other, turn into nonsense, or vanish: nobody's protection changes by it.

use std::collections::BTreeSet;

use controlplane::User;
use yagura::{
    api::{AccessPolicy, BackupPolicy, Condition, ConditionType, Key, Tenant},
    report::conditions::find_condition,
};

use crate::support::{Env, eventually, with_operator};

const CLASS: &str = include_str!("../../examples/00-class.yaml");
const NAMESPACES: &str = include_str!("../../examples/10-namespaces.yaml");

/// What changes a firewall.
const CHANGES: [&str; 4] = [
    "AuthorizeSecurityGroupIngress",
    "AuthorizeSecurityGroupEgress",
    "RevokeSecurityGroupIngress",
    "RevokeSecurityGroupEgress",
];

fn key(name: &str) -> Key {
    Key::new("acme", name)
}

/// Environments that are Ready but for a policy.
async fn serve(env: &Env, names: &[&str]) {
    env.apply(CLASS);
    env.apply(NAMESPACES);
    for name in names {
        env.apply(&format!(
            "{{apiVersion: yagura.dev/v1alpha1, kind: Tenant, metadata: {{name: {name}, namespace: acme}}, \
             spec: {{className: tokyo-standard, customer: acme, label: {name}-prod, plan: small, \
             application: {{name: jira, version: \"9.12.4\"}}}}}}"
        ));
    }
    for name in names {
        env.until::<Tenant, _>(&key(name), "an instance", |tenant| {
            let status = tenant.status.as_ref()?;
            condition(&status.conditions, ConditionType::InstanceReady).filter(|one| one.status == "True")
        })
        .await;
    }
}

fn condition(conditions: &[Condition], type_: ConditionType) -> Option<Condition> {
    find_condition(conditions, type_.as_str()).cloned()
}

fn access(env: &Env, name: &str, tenants: &str, cidrs: &str) {
    env.apply(&format!(
        "{{apiVersion: yagura.dev/v1alpha1, kind: AccessPolicy, metadata: {{name: {name}, namespace: acme}}, \
         spec: {{{tenants} ingress: {{cidrs: [{cidrs}]}}}}}}"
    ));
}

fn backup(env: &Env, name: &str, spec: &str) {
    env.apply(&format!(
        "{{apiVersion: yagura.dev/v1alpha1, kind: BackupPolicy, metadata: {{name: {name}, namespace: acme}}, \
         spec: {{{spec}}}}}"
    ));
}

async fn group_of(env: &Env, tenant: &str) -> String {
    env.until::<Tenant, _>(&key(tenant), "a security group", |tenant| {
        tenant.status.as_ref()?.security_group_id.clone()
    })
    .await
}

async fn until_open_to(env: &Env, tenant: &str, sources: &[&str]) {
    let group = group_of(env, tenant).await;
    let wanted: BTreeSet<_> = sources.iter().map(|source| format!("443 {source}")).collect();
    eventually(&format!("{tenant} is open to {sources:?}"), || async {
        let found = env.ingress(&group);
        if found == wanted { Ok(()) } else { Err(found) }
    })
    .await;
}

/// How often a firewall was changed.
fn changes(env: &Env) -> usize {
    CHANGES
        .iter()
        .map(|operation| env.sim.effects(operation).len())
        .sum()
}

async fn until_firewall(env: &Env, tenant: &str, status: &str, reason: &str) {
    let what = format!("FirewallReady {status} {reason}");
    env.until::<Tenant, _>(&key(tenant), &what, |tenant| {
        let all = &tenant.status.as_ref()?.conditions;
        let firewall = condition(all, ConditionType::FirewallReady)?;
        (firewall.status == status && firewall.reason == reason).then_some(())
    })
    .await;
}

/// Objects are older or younger by whole seconds.
async fn another_second() {
    #[expect(
        clippy::disallowed_methods,
        reason = "the API server dates objects by the machine's clock"
    )]
    let now = || jiff::Timestamp::now().as_second();
    let start = now();
    eventually("another second", || async {
        if now() > start { Ok(()) } else { Err(()) }
    })
    .await;
}

async fn until_contested(env: &Env, kind: &str, name: &str, parts: &[&str]) {
    let look = |all: &[Condition]| {
        let conflict = condition(all, ConditionType::Conflict)?;
        let lists = parts.iter().all(|part| conflict.message.contains(part));
        let holds = conflict.status == "True";
        (lists && holds != parts.is_empty()).then_some(())
    };
    let what = format!("Conflict over {parts:?}");
    match kind {
        "AccessPolicy" => {
            env.until::<AccessPolicy, _>(&key(name), &what, |policy| {
                look(&policy.status.as_ref()?.conditions)
            })
            .await;
        }
        _ => {
            env.until::<BackupPolicy, _>(&key(name), &what, |policy| {
                look(&policy.status.as_ref()?.conditions)
            })
            .await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_policies_the_naming_then_the_older_wins_and_the_loser_says_where_it_lost() {
    with_operator(async |env| {
        serve(&env, &["one", "two"]).await;
        access(&env, "z-older", "", "192.0.2.0/24");
        backup(&env, "z-older", "at: \"01:00\"");
        env.until_ready::<AccessPolicy>(&key("z-older")).await;
        env.until_ready::<BackupPolicy>(&key("z-older")).await;
        until_open_to(&env, "one", &["192.0.2.0/24"]).await;
        until_open_to(&env, "two", &["192.0.2.0/24"]).await;
        another_second().await;

        // A younger one changes nothing, though its name comes first.
        let before = changes(&env);
        access(&env, "a-younger", "", "198.51.100.0/24");
        backup(&env, "a-younger", "at: \"02:00\"");
        let both = ["one (by z-older)", "two (by z-older)"];
        for kind in ["AccessPolicy", "BackupPolicy"] {
            until_contested(&env, kind, "a-younger", &both).await;
            until_contested(&env, kind, "z-older", &[]).await;
        }
        env.event(&key("a-younger"), "Contested", "one (by z-older)")
            .await;
        // Nor does one that was never accepted, though it names a Tenant.
        access(&env, "nonsense", "tenants: [one],", "172.31.0.0/24");
        backup(&env, "nonsense", "tenants: [one], timeZone: Mars/Olympus");
        let parts = ["spec.ingress.cidrs", "172.31.0.0/24", "172.31.0.0/16"];
        env.until_stalled::<AccessPolicy>(&key("nonsense"), &parts).await;
        env.until_stalled::<BackupPolicy>(&key("nonsense"), &["spec.timeZone", "Mars/Olympus"])
            .await;
        for kind in ["AccessPolicy", "BackupPolicy"] {
            until_contested(&env, kind, "nonsense", &["one (by z-older)"]).await;
        }
        assert_eq!(changes(&env), before);

        // One that names a Tenant wins that Tenant, and that one only.
        access(&env, "named", "tenants: [one],", "203.0.113.0/24");
        backup(&env, "named", "tenants: [one], at: \"03:00\"");
        until_open_to(&env, "one", &["203.0.113.0/24"]).await;
        until_open_to(&env, "two", &["192.0.2.0/24"]).await;
        for kind in ["AccessPolicy", "BackupPolicy"] {
            until_contested(&env, kind, "z-older", &["one (by named)"]).await;
            until_contested(&env, kind, "a-younger", &["one (by named)", "two (by z-older)"]).await;
            until_contested(&env, kind, "named", &[]).await;
        }
        // Neither winner nor loser stalls, and neither does a Tenant.
        for name in ["named", "z-older", "a-younger"] {
            env.until_ready::<AccessPolicy>(&key(name)).await;
            let policy = env.until_ready::<BackupPolicy>(&key(name)).await;
            let counts = policy.status.unwrap().tenants.unwrap();
            assert_eq!(counts.matched, i32::from(name != "a-younger"), "{name}");
        }
        for name in ["one", "two"] {
            env.until_ready::<Tenant>(&key(name)).await;
        }
        env
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_turns_into_nonsense_or_vanishes_leaves_the_last_accepted_one_in_force() {
    with_operator(async |mut env| {
        serve(&env, &["web"]).await;
        access(&env, "office", "", "203.0.113.0/24");
        backup(&env, "daily", "at: \"03:15\", retention: {goodDays: 5}");
        let daily = env.until_ready::<BackupPolicy>(&key("daily")).await;
        until_open_to(&env, "web", &["203.0.113.0/24"]).await;
        env.until_ready::<Tenant>(&key("web")).await;
        let before = changes(&env);

        access(&env, "office", "", "203.0.113.0/24, 172.31.7.0/24");
        let parts = ["spec.ingress.cidrs", "172.31.7.0/24 overlaps 172.31.0.0/16"];
        env.until_stalled::<AccessPolicy>(&key("office"), &parts).await;
        env.event(&key("office"), "CidrOverlapsVpc", "spec.ingress.cidrs")
            .await;
        until_firewall(&env, "web", "True", "LastAcceptedInForce").await;
        env.until_ready::<Tenant>(&key("web")).await;
        backup(&env, "daily", "at: \"03:15\", timeZone: Mars/Olympus");
        unchanged(&env, &daily, &["spec.timeZone", "Mars/Olympus"]).await;
        backup(&env, "daily", "at: \"04:45\", retention: {goodDays: 2}");
        unchanged(&env, &daily, &["spec.retention.goodDays", "3"]).await;

        // What is in force outlives the process.
        env.kill_operator("one");
        env.start_operator("one").await;
        unchanged(&env, &daily, &["spec.retention.goodDays", "3"]).await;
        until_firewall(&env, "web", "True", "LastAcceptedInForce").await;

        env.plane
            .kubectl(&["-n", "acme", "delete", "accesspolicy", "office"]);
        until_firewall(&env, "web", "False", "NoAccessPolicy").await;
        env.event(&key("web"), "NoAccessPolicy", "what office said stays in force")
            .await;
        until_open_to(&env, "web", &["203.0.113.0/24"]).await;
        assert_eq!(changes(&env), before);
        a_deleted_crd_is_a_vanished_policy(&env).await;
        env
    })
    .await;
}

async fn unchanged(env: &Env, daily: &BackupPolicy, parts: &[&str]) {
    let stalled = env.until_stalled::<BackupPolicy>(&key("daily"), parts).await;
    let (before, after) = (daily.status.clone().unwrap(), stalled.status.unwrap());
    assert_eq!(after.accepted, before.accepted);
    assert_eq!(after.effective, before.effective);
    assert_eq!(after.next_run_time, before.next_run_time);
}

async fn a_deleted_crd_is_a_vanished_policy(env: &Env) {
    // Closing is written out.
    access(env, "office", "", "");
    until_open_to(env, "web", &[]).await;
    until_firewall(env, "web", "True", "GroupExact").await;
    access(env, "office", "", "198.51.100.0/24");
    until_open_to(env, "web", &["198.51.100.0/24"]).await;
    until_firewall(env, "web", "True", "GroupExact").await;

    let before = changes(env);
    env.plane.kubectl(&[
        "delete",
        "crd",
        "accesspolicies.yagura.dev",
        "backuppolicies.yagura.dev",
    ]);
    until_firewall(env, "web", "False", "NoAccessPolicy").await;
    until_open_to(env, "web", &["198.51.100.0/24"]).await;
    assert_eq!(changes(env), before);

    // The watches come back by themselves with the CRDs.
    let crds = format!("{}/crds", env!("CARGO_MANIFEST_DIR"));
    env.plane.kubectl(&["apply", "--server-side", "-f", &crds]);
    eventually("the CRD is served", || async {
        env.plane
            .kubectl_as(User::Admin, &["-n", "acme", "get", "accesspolicies"], None)
    })
    .await;
    access(env, "again", "", "203.0.113.0/24");
    until_open_to(env, "web", &["203.0.113.0/24"]).await;
    env.until_ready::<Tenant>(&key("web")).await;
}
