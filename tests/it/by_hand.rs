//! What people did at AWS in need, while nobody watched, is respected: said, and not undone.

use std::collections::BTreeSet;

use yagura::api::{Incident, IncidentPhase, Tenant, TenantPhase, TenantStatus};

use crate::{
    support::{Env, Truth, eventually, with_operator},
    tampering::{Stranger, key, sweeps, until_ready},
};

const CLASS: &str = include_str!("../../examples/00-class.yaml");
const NAMESPACES: &str = include_str!("../../examples/10-namespaces.yaml");

const POLICY: &str = "{apiVersion: yagura.dev/v1alpha1, kind: AccessPolicy, metadata: {name: office, namespace: acme}, \
                      spec: {ingress: {cidrs: [203.0.113.0/24]}}}";

fn tenant(name: &str) -> String {
    format!(
        "{{apiVersion: yagura.dev/v1alpha1, kind: Tenant, metadata: {{name: {name}, namespace: acme}}, spec: \
         {{className: tokyo-standard, customer: acme, label: {name}-prod, plan: small, application: {{name: jira, \
         version: \"9.12.4\"}}}}}}"
    )
}

async fn until_held(
    env: &Env,
    name: &str,
    (type_, reason): (&str, &str),
    phase: TenantPhase,
) -> TenantStatus {
    env.until::<Tenant, _>(&key(name), reason, |tenant| {
        let status = tenant.status.as_ref()?;
        let because = |wanted: &str| {
            status.conditions.iter().any(|one| {
                one.type_ == wanted
                    && one.status == "False"
                    && one.reason == reason
                    && !one.message.is_empty()
            })
        };
        (status.phase == Some(phase) && because(type_) && because("Ready")).then(|| status.clone())
    })
    .await
}

async fn until_groups(env: &Env, instance: &str, wanted: &BTreeSet<String>) {
    eventually("the groups on the interface", || async {
        let found = Truth::of(&env.sim).groups_on(instance);
        if found == *wanted { Ok(()) } else { Err(found) }
    })
    .await;
}

fn quarantine_of(env: &Env) -> String {
    Truth::of(&env.sim).group_named("yagura-quarantine-")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_did_while_the_operator_was_dead_is_said_and_not_undone() {
    with_operator(async |mut env| {
        env.apply(CLASS);
        env.apply(NAMESPACES);
        env.apply(POLICY);
        env.apply(&format!("{}\n---\n{}", tenant("cut"), tenant("halted")));
        let cut = until_ready(&env, "cut").await.instance_id.unwrap();
        let halted = until_ready(&env, "halted").await.instance_id.unwrap();
        let connected = Truth::of(&env.sim).groups_on(&cut);
        let quarantine = BTreeSet::from([quarantine_of(&env)]);

        env.kill_operator("one");
        let stranger = Stranger(env.stranger.clone());
        let interface = Truth::of(&env.sim).interface(&cut);
        stranger.puts_into(&interface, &[&quarantine_of(&env)]).await;
        stranger.stops(&halted).await;
        let before = env.sim.operator_effects().len();
        env.start_operator("one").await;

        until_held(&env, "cut", ("Hardened", "IsolatedByHand"), TenantPhase::Isolated).await;
        until_held(
            &env,
            "halted",
            ("InstanceReady", "StoppedByHand"),
            TenantPhase::Stopped,
        )
        .await;
        env.event(&key("cut"), "IsolatedByHand", &interface).await;
        env.event(&key("halted"), "StoppedByHand", &halted).await;
        sweeps(&env, 3).await;
        let truth = Truth::of(&env.sim);
        assert_eq!(truth.groups_on(&cut), quarantine);
        assert_eq!(truth.instance(&halted)["state"], "stopped");
        let since = env.sim.operator_effects().split_off(before);
        assert!(since.is_empty(), "the operator did something: {since:#?}");

        take_over(&env, &cut, &interface, &connected).await;
        stranger.starts(&halted).await;
        let status = until_ready(&env, "halted").await;
        assert_eq!((status.phase, status.drift), (Some(TenantPhase::Ready), None));
        env
    })
    .await;
}

/// An Incident takes over what a person isolated, and gives back what was connected before.
async fn take_over(env: &Env, instance: &str, interface: &str, connected: &BTreeSet<String>) {
    env.apply(
        "{apiVersion: yagura.dev/v1alpha1, kind: Incident, metadata: {name: logins, namespace: acme}, spec: {type: \
         Security, tenantRefs: [cut], detectedAt: \"2031-01-01T00:00:00Z\", summary: odd logins, containment: \
         Isolate}}",
    );
    let entries = env
        .until::<Incident, _>(&key("logins"), "contained", |incident| {
            let status = incident.status.as_ref()?;
            (status.phase == Some(IncidentPhase::Contained)).then(|| status.isolated.clone())
        })
        .await;
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].network_interface_id, interface);
    let recorded: BTreeSet<_> = entries[0].security_group_ids.iter().cloned().collect();
    assert_eq!(
        recorded, *connected,
        "what is connected again is its own firewall"
    );
    until_held(env, "cut", ("Hardened", "Isolated"), TenantPhase::Isolated).await;
    let patch = "{\"spec\":{\"containment\":\"None\"}}";
    let args = [
        "-n", "acme", "patch", "incident", "logins", "--type", "merge", "-p", patch,
    ];
    env.plane.kubectl(&args);
    until_groups(env, instance, connected).await;
    until_ready(env, "cut").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_isolated_a_person_connects_again() {
    with_operator(async |env| {
        env.apply(CLASS);
        env.apply(NAMESPACES);
        env.apply(POLICY);
        env.apply(&tenant("cut"));
        let instance = until_ready(&env, "cut").await.instance_id.unwrap();
        let interface = Truth::of(&env.sim).interface(&instance);
        let connected = Truth::of(&env.sim).groups_on(&instance);
        let own: Vec<_> = connected.iter().map(String::as_str).collect();

        // With the operator watching it is the same.
        let stranger = Stranger(env.stranger.clone());
        stranger.puts_into(&interface, &[&quarantine_of(&env)]).await;
        until_held(&env, "cut", ("Hardened", "IsolatedByHand"), TenantPhase::Isolated).await;
        env.event(&key("cut"), "IsolatedByHand", &interface).await;
        stranger.puts_into(&interface, &own).await;
        let status = until_ready(&env, "cut").await;
        assert_eq!((status.phase, status.drift), (Some(TenantPhase::Ready), None));
        let moves = env.sim.effects("ModifyNetworkInterfaceAttribute");
        let by_operator = moves
            .iter()
            .filter(|call| call.access_key.as_deref() == Some("operator"));
        assert_eq!(by_operator.count(), 0);
        env
    })
    .await;
}
