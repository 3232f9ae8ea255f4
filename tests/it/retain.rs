//! Letting go: whatever deletes a Tenant, everything in AWS stays as it is but for one tag.

use controlplane::User;
use serde_json::Value;
use yagura::{
    api::{Key, Tenant},
    cluster::Kind,
};

use crate::support::{Env, eventually, with_operator};

const CLASS: &str = include_str!("../../examples/00-class.yaml");
const NAMESPACES: &str = include_str!("../../examples/10-namespaces.yaml");

const RELEASED: &str = "yagura.dev/released";

fn environment(namespace: &str, name: &str) -> String {
    format!(
        "{{apiVersion: yagura.dev/v1alpha1, kind: Tenant, metadata: {{name: {name}, namespace: {namespace}}}, \
         spec: {{className: tokyo-standard, customer: {namespace}, label: {name}-prod, plan: small, \
         application: {{name: jira, version: \"9.12.4\"}}}}}}\n---\n\
         {{apiVersion: yagura.dev/v1alpha1, kind: AccessPolicy, metadata: {{name: {name}, namespace: {namespace}}}, \
         spec: {{tenants: [{name}], ingress: {{cidrs: [203.0.113.0/24]}}}}}}"
    )
}

/// All of AWS without its clock and without the tag of what was released; and how many things carry that tag.
fn world(env: &Env) -> (Value, usize) {
    let mut state = env.sim.state(None, None);
    state.as_object_mut().unwrap().remove("now");
    let released = strip(&mut state);
    (state, released)
}

fn strip(value: &mut Value) -> usize {
    match value {
        Value::Object(fields) => {
            let own = fields.remove(RELEASED).map_or(0, |_| 1);
            own + fields.values_mut().map(strip).sum::<usize>()
        }
        Value::Array(items) => items.iter_mut().map(strip).sum(),
        _ => 0,
    }
}

/// What a deletion must leave as it was: two volumes, an instance and a group get the tag, and nothing else happens.
async fn retained(env: &Env, key: &Key, delete: impl AsyncFnOnce(&Env)) {
    let tenant = env.until_ready::<Tenant>(key).await;
    let status = tenant.status.clone().unwrap();
    // Repairs and volumes that are shown late are over once nothing happens any more.
    let (before, released) = world(env);
    let calls = env.sim.operator_effects().len();
    delete(env).await;
    let all = [
        vec![status.instance_id.unwrap(), status.security_group_id.unwrap()],
        status.volume_ids,
    ]
    .concat();
    let (after, now) = world(env);
    assert_eq!(after, before, "only the tag differs");
    assert_eq!(now - released, all.len());
    let calls: Vec<_> = env.sim.operator_effects().split_off(calls);
    for call in &calls {
        assert_eq!(call.operation, "CreateTags");
        let keys: Vec<_> = call
            .params
            .iter()
            .filter(|(name, _)| name.starts_with("Tag.") && name.ends_with(".Key"))
            .map(|(_, key)| key.as_str())
            .collect();
        assert_eq!(keys, [RELEASED]);
    }
    for id in &all {
        assert!(
            calls
                .iter()
                .any(|call| call.params.values().any(|value| value == id)),
            "{id} carries the tag"
        );
    }
}

async fn until_gone(env: &Env, args: &[&str]) {
    eventually(&format!("{args:?} is gone"), || async {
        match env.plane.kubectl_as(User::Admin, args, None) {
            Err(message) if message.contains("NotFound") || message.contains("not found") => Ok(()),
            other => Err(other),
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_a_tenant_its_namespace_or_the_crd_leaves_aws_as_it_is_but_for_a_tag() {
    with_operator(async |env| {
        env.apply(CLASS);
        env.apply(NAMESPACES);
        env.apply(&environment("acme", "single"));
        env.apply(&environment("globex", "whole"));
        env.apply(&environment("acme", "last"));
        let keys = [
            Key::new("acme", "single"),
            Key::new("globex", "whole"),
            Key::new("acme", "last"),
        ];
        for key in &keys {
            env.until_ready::<Tenant>(key).await;
        }

        let uid = env.object::<Tenant>(&keys[0]).await.unwrap().uid().to_owned();
        retained(&env, &keys[0], async |env| {
            env.plane
                .kubectl(&["-n", "acme", "delete", "tenant", "single", "--timeout=60s"]);
        })
        .await;
        env.event(&keys[0], "Released", RELEASED).await;
        // Its name comes back as somebody else: the instance that was let go is not taken again.
        env.apply(&environment("acme", "single"));
        let again = env
            .until_stalled::<Tenant>(&keys[0], &["single-prod", "i-"])
            .await;
        assert_ne!(again.uid(), uid);

        retained(&env, &keys[1], delete_namespace).await;
        retained(&env, &keys[2], delete_crd).await;
        // The others work on, and so does this kind once its CRD is back.
        let crds = format!("{}/crds", env!("CARGO_MANIFEST_DIR"));
        env.plane.kubectl(&["apply", "--server-side", "-f", &crds]);
        eventually("the CRD is served", || async {
            env.apply_as(User::Admin, &environment("acme", "new"))
        })
        .await;
        env.until_ready::<Tenant>(&Key::new("acme", "new")).await;
        assert_eq!(env.sim.effects("RunInstances").len(), 4);
        env
    })
    .await;
}

/// Deletes a namespace and, as the namespace controller of a whole cluster would, what is in it.
async fn delete_namespace(env: &Env) {
    env.plane.kubectl(&["delete", "ns", "globex", "--wait=false"]);
    for kind in [
        "accesspolicies",
        "backuppolicies",
        "backups",
        "incidents",
        "tenants",
        "events",
    ] {
        env.plane
            .kubectl(&["-n", "globex", "delete", kind, "--all", "--wait=false"]);
    }
    until_gone(env, &["-n", "globex", "get", "tenant", "whole"]).await;
}

async fn delete_crd(env: &Env) {
    let crd = "tenants.yagura.dev";
    env.plane.kubectl(&["delete", "crd", crd, "--wait=false"]);
    until_gone(env, &["get", "crd", crd]).await;
}
