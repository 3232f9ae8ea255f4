//! Mistakes in a Tenant, end to end: each is named with its field, and nothing is done in AWS for it.

use yagura::{
    api::{Key, Tenant},
    cluster::Kind,
};

use crate::support::{Env, with_operator};

const CLASS: &str = include_str!("../../examples/00-class.yaml");
const NAMESPACES: &str = include_str!("../../examples/10-namespaces.yaml");

/// A Tenant that could be made: each test spoils one field.
fn tenant(namespace: &str, name: &str) -> String {
    format!(
        "{{apiVersion: yagura.dev/v1alpha1, kind: Tenant, metadata: {{name: {name}, namespace: {namespace}}}, \
         spec: {{className: tokyo-standard, customer: {namespace}, label: {name}-prod, plan: small, \
         application: {{name: jira, version: \"9.12.4\"}}}}}}"
    )
}

/// A mistake, and what its message names.
struct Mistake {
    namespace: &'static str,
    name: &'static str,
    right: &'static str,
    wrong: &'static str,
    reason: &'static str,
    names: &'static [&'static str],
}

const MISTAKES: [Mistake; 6] = [
    Mistake {
        namespace: "globex",
        name: "copy",
        right: "label: copy-prod",
        wrong: "label: WEB-Prod",
        reason: "DuplicateLabel",
        names: &["spec.label", "acme/web"],
    },
    Mistake {
        namespace: "acme",
        name: "classless",
        right: "className: tokyo-standard",
        wrong: "className: tokyo-later",
        reason: "UnknownClass",
        names: &["spec.className", "tokyo-later"],
    },
    Mistake {
        namespace: "umbrella",
        name: "stranger",
        right: "plan: small",
        wrong: "plan: small",
        reason: "NamespaceNotAllowed",
        names: &["spec.className", "umbrella", "allowedNamespaces"],
    },
    Mistake {
        namespace: "acme",
        name: "huge",
        right: "plan: small",
        wrong: "plan: huge",
        reason: "UnknownPlan",
        names: &["spec.plan", "huge", "small, standard"],
    },
    Mistake {
        namespace: "acme",
        name: "old",
        right: "9.12.4",
        wrong: "1.0.0",
        reason: "UnknownVersion",
        names: &["spec.application.version", "1.0.0", "9.12.4"],
    },
    Mistake {
        namespace: "acme",
        name: "wiki",
        right: "name: jira",
        wrong: "name: wiki",
        reason: "UnknownApplication",
        names: &["spec.application.name", "wiki", "confluence, jira"],
    },
];

impl Mistake {
    fn key(&self) -> Key {
        Key::new(self.namespace, self.name)
    }

    fn manifest(&self) -> String {
        let right = tenant(self.namespace, self.name);
        assert!(right.contains(self.right));
        right.replace(self.right, self.wrong)
    }
}

/// Calls by the operator that changed something for the object with this uid.
fn effects(env: &Env, uid: &str) -> Vec<String> {
    let calls = env.sim.operator_effects().into_iter();
    calls
        .filter(|call| call.params.values().any(|value| value.contains(uid)))
        .map(|call| call.operation)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_with_a_mistake_is_stalled_by_its_field_and_nothing_is_made_for_it() {
    with_operator(async |env| {
        env.apply(CLASS);
        env.apply(NAMESPACES);
        env.apply("{apiVersion: v1, kind: Namespace, metadata: {name: umbrella}}");
        for namespace in ["acme", "umbrella"] {
            env.apply(&format!(
                "{{apiVersion: yagura.dev/v1alpha1, kind: AccessPolicy, metadata: {{name: office, \
                 namespace: {namespace}}}, spec: {{ingress: {{cidrs: [203.0.113.0/24]}}}}}}"
            ));
        }
        env.apply(&tenant("acme", "web"));
        let web = env.until_ready::<Tenant>(&Key::new("acme", "web")).await;
        for mistake in &MISTAKES {
            env.apply(&mistake.manifest());
        }
        for mistake in &MISTAKES {
            let refused = env.until_stalled::<Tenant>(&mistake.key(), mistake.names).await;
            env.event(&mistake.key(), mistake.reason, mistake.names[0]).await;
            let status = refused.status.as_ref().unwrap();
            assert_eq!((&status.launch, &status.instance_id), (&None, &None));
            // Each part says the same, and none that it is being made.
            for condition in &status.conditions {
                let is_part =
                    ["InstanceReady", "FirewallReady", "Hardened"].contains(&condition.type_.as_str());
                assert!(!is_part || condition.reason == mistake.reason, "{condition:?}");
            }
            assert_eq!(
                effects(&env, refused.uid()),
                Vec::<String>::new(),
                "{}",
                mistake.name
            );
        }
        // The search for effects finds those that there are.
        let made = effects(&env, web.uid());
        assert!(
            made.iter().any(|operation| operation == "RunInstances"),
            "{made:?}"
        );

        a_class_that_appears_or_changes_lets_its_tenants_go_on(&env).await;
        for mistake in MISTAKES
            .iter()
            .filter(|one| !["classless", "stranger"].contains(&one.name))
        {
            let refused = env.until_stalled::<Tenant>(&mistake.key(), mistake.names).await;
            assert_eq!(
                effects(&env, refused.uid()),
                Vec::<String>::new(),
                "{}",
                mistake.name
            );
        }
        assert_eq!(env.sim.effects("RunInstances").len(), 3);
        env
    })
    .await;
}

async fn a_class_that_appears_or_changes_lets_its_tenants_go_on(env: &Env) {
    env.apply(&CLASS.replace("name: tokyo-standard", "name: tokyo-later"));
    env.apply(&CLASS.replace("names: [acme, globex]", "names: [acme, globex, umbrella]"));
    for key in [Key::new("acme", "classless"), Key::new("umbrella", "stranger")] {
        let tenant = env.until_ready::<Tenant>(&key).await;
        assert!(tenant.status.unwrap().instance_id.is_some());
    }
}
