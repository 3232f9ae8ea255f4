//! The operator's rights: everything it may do in Kubernetes is done here, and nothing else is granted.
//!
//! Every other test with an operator fails on a request that is forbidden, so what is used there is granted; that
//! this one story uses each verb granted makes the two sets equal.

use std::collections::BTreeSet;

use controlplane::User;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde_json::{Value, json};
use yagura::{
    api::{Backup, BackupPhase, Incident, IncidentPhase, IncidentStatus, Key, Tenant},
    cluster::Kind,
    plan::slot::backup_name,
};

use crate::support::{Env, eventually, with_operator};

const CLASS: &str = include_str!("../../examples/00-class.yaml");
const NAMESPACES: &str = include_str!("../../examples/10-namespaces.yaml");

/// A verb on a resource of a group, as `group/resource verb`.
type Verbs = BTreeSet<String>;

fn verb(group: &str, resource: &str, verb: &str) -> String {
    format!("{group}/{resource} {verb}")
}

fn strings(value: &Value) -> impl Iterator<Item = &str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str)
}

/// What `deploy/rbac.yaml` grants the operator.
fn granted() -> Verbs {
    let text = include_str!("../../deploy/rbac.yaml");
    let documents: Vec<Value> = serde_saphyr::from_multiple(text).unwrap();
    let roles = documents.iter().filter(|document| {
        let kind = document["kind"].as_str().unwrap_or_default();
        kind.ends_with("Role") && document["metadata"]["name"] == "yagura"
    });
    let mut verbs = Verbs::new();
    for rule in roles.flat_map(|role| role["rules"].as_array().into_iter().flatten()) {
        for group in strings(&rule["apiGroups"]) {
            for resource in strings(&rule["resources"]) {
                verbs.extend(strings(&rule["verbs"]).map(|name| verb(group, resource, name)));
            }
        }
    }
    verbs
}

/// What the operator's user did, as the API server's audit log has it.
fn used(env: &Env) -> Verbs {
    let entries = env.plane.audited(User::Operator);
    entries
        .filter(|entry| entry["objectRef"]["resource"].is_string())
        .map(|entry| {
            let object = &entry["objectRef"];
            let text = |name: &str| object[name].as_str().unwrap_or_default().to_owned();
            let resource = match text("subresource").as_str() {
                "" => text("resource"),
                part => format!("{}/{part}", text("resource")),
            };
            verb(&text("apiGroup"), &resource, entry["verb"].as_str().unwrap())
        })
        .collect()
}

fn key(name: &str) -> Key {
    Key::new("acme", name)
}

fn now() -> Timestamp {
    #[expect(
        clippy::disallowed_methods,
        reason = "the operator under test is a process in real time"
    )]
    Timestamp::now()
}

fn tenant(name: &str) -> String {
    format!(
        "{{apiVersion: yagura.dev/v1alpha1, kind: Tenant, metadata: {{name: {name}, namespace: acme}}, \
         spec: {{className: tokyo-standard, customer: acme, label: {name}-prod, plan: small, \
         application: {{name: jira, version: \"9.12.4\"}}}}}}"
    )
}

async fn until_ready(env: &Env, name: &str) -> String {
    env.until::<Tenant, _>(&key(name), "Ready", |tenant| {
        let status = tenant.status.as_ref()?;
        status.first_ready_at.as_ref()?;
        status.instance_id.clone()
    })
    .await
}

/// A policy for the next full minute that leaves time for what the test does before it; gives the minute.
fn schedule(env: &Env) -> Timestamp {
    let soon = now().saturating_add(SignedDuration::from_secs(70)).unwrap();
    let minute = jiff::TimestampRound::new()
        .smallest(jiff::Unit::Minute)
        .mode(jiff::RoundMode::Trunc);
    let slot = soon.round(minute).unwrap();
    let at = TimeZone::UTC.to_datetime(slot).strftime("%H:%M").to_string();
    env.apply(&format!(
        "{{apiVersion: yagura.dev/v1alpha1, kind: BackupPolicy, metadata: {{name: daily, namespace: acme}}, \
         spec: {{at: \"{at}\", timeZone: Etc/UTC}}}}"
    ));
    slot
}

/// Puts an object in the way of a Tenant's slot, as only our own user may: the operator must look at what it finds.
async fn obstruct(env: &Env, tenant: &str, slot: Timestamp) {
    let object = json!({
        "apiVersion": "yagura.dev/v1alpha1", "kind": "Backup",
        "metadata": {"name": backup_name(tenant, slot), "namespace": "acme"},
        "spec": {"tenantRef": "nobody", "scheduledTime": slot.to_string()},
    });
    make(env, object).await;
}

/// Makes a Backup as our own user.
async fn make(env: &Env, object: serde_json::Value) {
    let backup: Backup = serde_json::from_value(object).unwrap();
    let backups = Backup::api(env.plane.client(User::Operator), "acme");
    backups
        .create(&kube::api::PostParams::default(), &backup)
        .await
        .unwrap();
}

/// A slot that was missed long ago: its object has nothing left, and goes.
async fn let_go_of_an_old_one(env: &Env, tenant: &str) {
    let long_ago = now().saturating_sub(SignedDuration::from_hours(24 * 20)).unwrap();
    let owner = env.object::<Tenant>(&key(tenant)).await.unwrap();
    let name = backup_name(tenant, long_ago);
    let object = json!({
        "apiVersion": "yagura.dev/v1alpha1", "kind": "Backup",
        "metadata": {"name": name, "namespace": "acme"},
        "spec": {
            "tenantRef": tenant, "tenantUID": owner.uid(), "scheduledTime": long_ago.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "reason": "Missed",
        },
    });
    make(env, object).await;
    env.until::<Backup, _>(&key(&name), "nothing left", |backup| {
        backup.status.as_ref()?.gone_at.as_ref().map(drop)
    })
    .await;
    let then = now().saturating_sub(SignedDuration::from_hours(24 * 15)).unwrap();
    let patch = json!({"status": {"goneAt": then.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()}}).to_string();
    env.plane.kubectl(&[
        "-n",
        "acme",
        "patch",
        "backup",
        &name,
        "--subresource=status",
        "--type",
        "merge",
        "-p",
        &patch,
    ]);
    eventually("the object is gone", || async {
        match env.object::<Backup>(&key(&name)).await {
            None => Ok(()),
            Some(found) => Err(found),
        }
    })
    .await;
}

fn file(env: &Env, name: &str, tenant: &str) {
    env.apply(&format!(
        "{{apiVersion: yagura.dev/v1alpha1, kind: Incident, metadata: {{name: {name}, namespace: acme}}, \
         spec: {{type: Security, tenantRefs: [{tenant}], detectedAt: \"{}\", summary: odd logins, \
         containment: Isolate}}}}",
        now().strftime("%Y-%m-%dT%H:%M:%SZ")
    ));
}

fn patch(env: &Env, incident: &str, patch: &Value) {
    let patch = json!({ "spec": patch }).to_string();
    env.plane.kubectl(&[
        "-n", "acme", "patch", "incident", incident, "--type", "merge", "-p", &patch,
    ]);
}

async fn until_incident(env: &Env, name: &str, what: &str, look: impl Fn(&IncidentStatus) -> bool) {
    env.until::<Incident, _>(&key(name), what, |incident| {
        incident.status.as_ref().filter(|status| look(status)).map(drop)
    })
    .await;
}

/// The interface of an instance, and the groups on it.
async fn interface(env: &Env, instance: &str) -> (String, Vec<String>) {
    let request = env.stranger.describe_instances().instance_ids(instance);
    let answer = request.send().await.unwrap();
    let interface = &answer.reservations()[0].instances()[0].network_interfaces()[0];
    let groups = interface.groups().iter().filter_map(|group| group.group_id());
    (
        interface.network_interface_id().unwrap().to_owned(),
        groups.map(str::to_owned).collect(),
    )
}

/// An Incident isolates and lets go; then a person isolates another instance by hand, and the next Incident asks the
/// first one why.
async fn isolate_and_close(env: &Env, [web, mail]: [&str; 2]) {
    file(env, "logins", "web");
    until_incident(env, "logins", "contained", |status| {
        status.phase == Some(IncidentPhase::Contained)
    })
    .await;
    let (_, quarantine) = interface(env, web).await;
    patch(env, "logins", &json!({"containment": "None"}));
    until_incident(env, "logins", "reconnected", |status| {
        !status.isolated.is_empty() && status.isolated.iter().all(|entry| entry.reconnected_at.is_some())
    })
    .await;

    let (eni, _) = interface(env, mail).await;
    let request = env.stranger.modify_network_interface_attribute();
    let request = request.network_interface_id(eni).set_groups(Some(quarantine));
    request.send().await.unwrap();
    file(env, "again", "mail");
    eventually("the other Incident is read", || async {
        let used = used(env);
        let wanted = verb("yagura.dev", "incidents", "get");
        if used.contains(&wanted) { Ok(()) } else { Err(used) }
    })
    .await;

    let (by, at) = ("admin", now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    let decision = json!({"by": by, "at": at, "text": "done"});
    patch(
        env,
        "logins",
        &json!({
            "notifications": [{
                "tenant": "web", "channel": "Phone", "by": by, "to": "Mr. Tanaka", "at": at, "result": "Reached",
            }],
            "impact": "none",
            "countermeasure": "account locked",
            "decisions": {
                "emergencyStop": {"approved": false, "by": by, "at": at, "text": "not needed"},
                "recovery": decision, "verification": decision, "prevention": decision,
            },
            "closed": true,
        }),
    );
    until_incident(env, "logins", "Closed", |status| {
        status.phase == Some(IncidentPhase::Closed)
    })
    .await;
    let delete = ["-n", "acme", "delete", "incident", "logins", "--timeout=30s"];
    env.plane.kubectl(&delete);
}

/// The same stranger adds the same rule twice: the second event is counted in the first.
async fn tamper_twice(env: &Env, name: &str) {
    let tenant = env.object::<Tenant>(&key(name)).await.unwrap();
    let group = tenant.status.unwrap().security_group_id.unwrap();
    for times in 1..=2 {
        let request = env.stranger.authorize_security_group_ingress();
        let request = request
            .group_id(&group)
            .ip_protocol("tcp")
            .cidr_ip("198.51.100.7/32");
        request.from_port(22).to_port(22).send().await.unwrap();
        eventually("the rule is revoked", || async {
            let revoked = env.sim.effects("RevokeSecurityGroupIngress").len();
            if revoked == times { Ok(()) } else { Err(revoked) }
        })
        .await;
    }
    env.event(&key(name), "RuleRevoked", "tcp 22 from 198.51.100.7/32")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_uses_every_verb_it_is_granted_and_no_other() {
    with_operator(async |mut env| {
        env.apply(CLASS);
        env.apply(NAMESPACES);
        env.apply(
            "{apiVersion: yagura.dev/v1alpha1, kind: AccessPolicy, metadata: {name: office, namespace: acme}, \
             spec: {ingress: {cidrs: [203.0.113.0/24]}}}",
        );
        env.apply(&tenant("web"));
        env.apply(&tenant("mail"));
        let web = until_ready(&env, "web").await;
        let mail = until_ready(&env, "mail").await;
        let slot = schedule(&env);
        obstruct(&env, "web", slot).await;

        tamper_twice(&env, "mail").await;
        isolate_and_close(&env, [&web, &mail]).await;
        let_go_of_an_old_one(&env, "mail").await;
        // Another identity: it must take the Lease, not renew it.
        assert!(env.stop_operator("one"), "asked to end, it ends well");
        env.start_operator("two").await;

        let name = backup_name("mail", slot);
        env.until_within::<Backup, _>(
            std::time::Duration::from_secs(150),
            &key(&name),
            "Complete",
            |backup| (backup.status.as_ref()?.phase == Some(BackupPhase::Complete)).then_some(()),
        )
        .await;
        let delete = ["-n", "acme", "delete", "tenant", "web", "--timeout=60s"];
        env.plane.kubectl(&delete);

        let granted = granted();
        eventually("every verb granted is used", || async {
            let used = used(&env);
            let unused: Vec<_> = granted.difference(&used).cloned().collect();
            if unused.is_empty() { Ok(()) } else { Err(unused) }
        })
        .await;
        let used = used(&env);
        let surplus: Vec<_> = used.difference(&granted).collect();
        assert!(surplus.is_empty(), "used, but not granted: {surplus:#?}");
        for verb in &granted {
            assert!(!verb.contains("secrets") && !verb.contains('*'), "{verb}");
        }
        eprintln!("{} verbs granted, all used: {used:#?}", granted.len());
        env
    })
    .await;
}
