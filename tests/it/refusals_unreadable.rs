//! Stored objects that do not fit the operator's types, as a changed CRD leaves them behind: told about, left alone,
//! and nobody else's trouble.

use controlplane::User;
use serde_json::{Value, json};
use yagura::api::{AccessPolicy, ConditionType, Key, Tenant};

use crate::support::{Env, eventually, with_operator};

const CLASS: &str = include_str!("../../examples/00-class.yaml");
const NAMESPACES: &str = include_str!("../../examples/10-namespaces.yaml");

fn key(name: &str) -> Key {
    Key::new("acme", name)
}

fn tenant(name: &str, label: &str) -> String {
    format!(
        "{{apiVersion: yagura.dev/v1alpha1, kind: Tenant, metadata: {{name: {name}, namespace: acme}}, \
         spec: {{className: tokyo-standard, customer: acme, label: {label}, plan: small, \
         application: {{name: jira, version: \"9.12.4\"}}}}}}"
    )
}

fn policy(cidrs: &str) -> String {
    format!(
        "{{apiVersion: yagura.dev/v1alpha1, kind: AccessPolicy, metadata: {{name: office, namespace: acme}}, \
         spec: {{tenants: [web], ingress: {{cidrs: {cidrs}}}}}}}"
    )
}

/// A CRD whose specs may hold anything, until it is put back.
struct Loosened(Value);

impl Loosened {
    fn new(env: &Env, crd: &str) -> Self {
        let stored = env.plane.kubectl(&["get", "crd", crd, "-o", "json"]);
        let mut stored: Value = serde_json::from_str(&stored).unwrap();
        // Put over whatever is there, not over this version of it.
        stored["metadata"]
            .as_object_mut()
            .unwrap()
            .remove("resourceVersion");
        let mut loose = stored.clone();
        let schema = &mut loose["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        schema["properties"]["spec"] =
            json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        schema.as_object_mut().unwrap().remove("x-kubernetes-validations");
        replace(env, &loose);
        Self(stored)
    }

    fn restore(self, env: &Env) {
        replace(env, &self.0);
    }
}

fn replace(env: &Env, crd: &Value) {
    env.plane
        .kubectl_as(User::Admin, &["replace", "-f", "-"], Some(&crd.to_string()))
        .unwrap();
}

/// Stores what the CRD as shipped refuses. A changed schema is served after a moment.
async fn store(env: &Env, manifest: &str) {
    eventually("the loosened schema takes it", || async {
        let args = ["apply", "--validate=false", "-f", "-"];
        env.plane.kubectl_as(User::Admin, &args, Some(manifest))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_object_is_told_about_and_never_stops_the_others() {
    with_operator(async |mut env| {
        env.apply(CLASS);
        env.apply(NAMESPACES);
        env.apply(&tenant("web", "web-prod"));
        env.apply(&policy("[203.0.113.0/24]"));
        env.until_ready::<AccessPolicy>(&key("office")).await;
        let web = env.until_ready::<Tenant>(&key("web")).await;
        let group = web.status.unwrap().security_group_id.unwrap();

        let loosened =
            ["tenants.yagura.dev", "accesspolicies.yagura.dev"].map(|crd| (crd, Loosened::new(&env, crd)));
        store(&env, &tenant("broken", "5")).await;
        store(&env, &policy("7")).await;
        for (_, crd) in loosened {
            crd.restore(&env);
        }
        env.event(&key("broken"), "Unreadable", "kubectl edit").await;
        env.event(&key("office"), "Unreadable", "kubectl edit").await;

        // The policy is as good as vanished: what it said stays in force.
        until_vanished(&env, &group).await;
        others_go_on(&env, "more").await;
        // A restart lists them all: the unreadable ones fail no list.
        env.kill_operator("one");
        env.start_operator("one").await;
        others_go_on(&env, "still-more").await;
        until_vanished(&env, &group).await;
        assert_eq!(env.sim.effects("RunInstances").len(), 3);

        // Corrected by what `kubectl edit` sends, or made anew, they are objects like any other.
        env.plane
            .kubectl(&["-n", "acme", "delete", "tenant", "broken", "--timeout=30s"]);
        env.apply(&tenant("broken", "mended"));
        correct(
            &env,
            "accesspolicy",
            "office",
            r#"{"spec":{"ingress":{"cidrs":["198.51.100.0/24"]}}}"#,
        );
        env.until::<Tenant, _>(&key("broken"), "an instance", |tenant| {
            tenant.status.as_ref()?.instance_id.clone()
        })
        .await;
        env.until_ready::<AccessPolicy>(&key("office")).await;
        eventually("the corrected policy is in force", || async {
            let found = env.ingress(&group);
            if found.contains("443 198.51.100.0/24") && found.len() == 1 {
                Ok(())
            } else {
                Err(found)
            }
        })
        .await;
        env
    })
    .await;
}

fn correct(env: &Env, kind: &str, name: &str, patch: &str) {
    env.plane
        .kubectl(&["-n", "acme", "patch", kind, name, "--type", "merge", "-p", patch]);
}

async fn until_vanished(env: &Env, group: &str) {
    env.until::<Tenant, _>(&key("web"), "NoAccessPolicy", |tenant| {
        let all = &tenant.status.as_ref()?.conditions;
        let firewall = all
            .iter()
            .find(|one| one.type_ == ConditionType::FirewallReady.as_str())?;
        (firewall.reason == "NoAccessPolicy").then_some(())
    })
    .await;
    let found = env.ingress(group);
    assert!(
        found.contains("443 203.0.113.0/24") && found.len() == 1,
        "{found:?}"
    );
}

/// A new Tenant beside the unreadable one gets its instance.
async fn others_go_on(env: &Env, name: &str) {
    let args = ["apply", "-f", "-"];
    eventually("the schema is strict again", || async {
        let refused = env
            .plane
            .kubectl_as(User::Admin, &args, Some(&tenant("refused", "6")));
        match refused {
            Err(message) if message.contains("spec.label") => Ok(()),
            other => Err(other),
        }
    })
    .await;
    env.apply(&tenant(name, name));
    env.until::<Tenant, _>(&key(name), "an instance", |tenant| {
        tenant.status.as_ref()?.instance_id.clone()
    })
    .await;
}
