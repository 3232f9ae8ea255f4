//! Incidents end to end: kubectl, the API server, the operator as a process, and AWS over HTTP.

use std::collections::BTreeSet;

use controlplane::User;
use yagura::{
    api::{Incident, IncidentPhase, IncidentStatus, Key, Tenant},
    report::conditions::is_true,
};

use crate::support::{Env, eventually, with_operator};

const SETUP: [&str; 3] = [
    include_str!("../../examples/00-class.yaml"),
    include_str!("../../examples/10-namespaces.yaml"),
    include_str!("../../examples/20-acme-jira.yaml"),
];

fn key(name: &str) -> Key {
    Key::new("acme", name)
}

/// An environment that serves its customer; gives its instance.
async fn serve(env: &Env) -> String {
    for manifests in SETUP {
        env.apply(manifests);
    }
    env.until::<Tenant, _>(&key("acme-jira"), "Ready", |tenant| {
        let status = tenant.status.as_ref()?;
        is_true(&status.conditions, "Ready").then(|| status.instance_id.clone())?
    })
    .await
}

/// Files an Incident that isolates the environment.
pub(crate) fn file(env: &Env, name: &str) {
    env.apply(&format!(
        "{{apiVersion: yagura.dev/v1alpha1, kind: Incident, metadata: {{name: {name}, namespace: acme}}, \
         spec: {{type: Security, tenantRefs: [acme-jira], detectedAt: \"{}\", summary: odd logins, \
         containment: Isolate}}}}",
        "2031-01-01T00:00:00Z"
    ));
}

/// Changes what an Incident wants of its environment.
pub(crate) fn contain(env: &Env, name: &str, containment: &str) {
    let patch = format!("{{\"spec\":{{\"containment\":\"{containment}\"}}}}");
    env.plane.kubectl(&[
        "-n", "acme", "patch", "incident", name, "--type", "merge", "-p", &patch,
    ]);
}

/// Waits until the status of an Incident satisfies `look`.
pub(crate) async fn until_status(
    env: &Env,
    name: &str,
    what: &str,
    look: impl Fn(&IncidentStatus) -> bool,
) -> IncidentStatus {
    env.until::<Incident, _>(&key(name), what, |incident| {
        incident.status.clone().filter(|status| look(status))
    })
    .await
}

/// The interface of an instance and the groups on it, as AWS has them.
async fn interface(env: &Env, instance: &str) -> (String, BTreeSet<String>) {
    let answer = env
        .stranger
        .describe_instances()
        .instance_ids(instance)
        .send()
        .await
        .unwrap();
    let interface = &answer.reservations()[0].instances()[0].network_interfaces()[0];
    let groups = interface.groups().iter().filter_map(|group| group.group_id());
    (
        interface.network_interface_id().unwrap().to_owned(),
        groups.map(str::to_owned).collect(),
    )
}

async fn until_groups(env: &Env, instance: &str, wanted: &BTreeSet<String>) {
    eventually("the groups on the interface", || async {
        let (_, groups) = interface(env, instance).await;
        if groups == *wanted { Ok(()) } else { Err(groups) }
    })
    .await;
}

async fn is_empty(env: &Env, group: &str) -> bool {
    let answer = env
        .stranger
        .describe_security_groups()
        .group_ids(group)
        .send()
        .await
        .unwrap();
    let group = &answer.security_groups()[0];
    group.ip_permissions().is_empty() && group.ip_permissions_egress().is_empty()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_is_isolated_reconnected_and_the_incident_closed() {
    with_operator(async |env| {
        let instance = serve(&env).await;
        let (eni, connected) = interface(&env, &instance).await;
        file(&env, "logins");
        let status = until_status(&env, "logins", "contained", |status| {
            status.phase == Some(IncidentPhase::Contained) && is_true(&status.conditions, "Ready")
        })
        .await;
        let (_, isolated) = interface(&env, &instance).await;
        assert_eq!(isolated.len(), 1);
        assert!(isolated.is_disjoint(&connected));
        assert!(is_empty(&env, isolated.first().unwrap()).await);
        assert_eq!(status.isolated[0].network_interface_id, eni);
        assert_eq!(
            status.isolated[0]
                .security_group_ids
                .iter()
                .cloned()
                .collect::<BTreeSet<_>>(),
            connected
        );
        env.event(&key("logins"), "Isolated", &format!("isolated {instance}: {eni}"))
            .await;

        // While it stands isolated, what a person connects is cut off again.
        let groups = connected.iter().cloned().collect();
        let request = env
            .stranger
            .modify_network_interface_attribute()
            .network_interface_id(&eni);
        request.set_groups(Some(groups)).send().await.unwrap();
        until_groups(&env, &instance, &isolated).await;

        contain(&env, "logins", "None");
        until_status(&env, "logins", "reconnected", |status| {
            status.isolated.iter().all(|entry| entry.reconnected_at.is_some())
        })
        .await;
        until_groups(&env, &instance, &connected).await;
        env.event(
            &key("logins"),
            "Reconnected",
            &format!("reconnected {instance}: {eni}"),
        )
        .await;

        close(&env, "logins");
        until_status(&env, "logins", "Closed", |status| {
            status.phase == Some(IncidentPhase::Closed)
        })
        .await;
        env.plane
            .kubectl(&["-n", "acme", "delete", "incident", "logins", "--timeout=30s"]);
        env
    })
    .await;
}

/// Tells the customer, decides and closes, as a person does by hand.
fn close(env: &Env, name: &str) {
    let now = jiff_now();
    let by = "system:admin";
    let decision = format!("{{\"by\":\"{by}\",\"at\":\"{now}\",\"text\":\"done\"}}");
    let patch = format!(
        "[{{\"op\":\"add\",\"path\":\"/spec/notifications/-\",\"value\":{{\"tenant\":\"acme-jira\",\
         \"channel\":\"Phone\",\"by\":\"{by}\",\"to\":\"Mr. Tanaka\",\"at\":\"{now}\",\"result\":\"Reached\"}}}},\
         {{\"op\":\"add\",\"path\":\"/spec/impact\",\"value\":\"none\"}},\
         {{\"op\":\"add\",\"path\":\"/spec/countermeasure\",\"value\":\"account locked\"}},\
         {{\"op\":\"add\",\"path\":\"/spec/decisions\",\"value\":{{\"emergencyStop\":{{\"approved\":false,\
         \"by\":\"{by}\",\"at\":\"{now}\",\"text\":\"not needed\"}},\"recovery\":{decision},\
         \"verification\":{decision},\"prevention\":{decision}}}}},\
         {{\"op\":\"add\",\"path\":\"/spec/closed\",\"value\":true}}]"
    );
    env.plane.kubectl(&[
        "-n", "acme", "patch", "incident", name, "--type", "json", "-p", &patch,
    ]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incident_that_is_not_closed_cannot_be_deleted() {
    with_operator(async |env| {
        for manifests in SETUP {
            env.apply(manifests);
        }
        file(&env, "logins");
        until_status(&env, "logins", "a deadline", |status| status.notify_by.is_some()).await;
        let delete = ["-n", "acme", "delete", "incident", "logins"];
        let refused = env.plane.kubectl_as(User::Admin, &delete, None).unwrap_err();
        assert!(refused.contains("only when its phase is Closed"), "{refused}");
        env
    })
    .await;
}

#[expect(
    clippy::disallowed_methods,
    reason = "what a person writes down carries the time of the machine"
)]
fn jiff_now() -> String {
    let now = jiff::Timestamp::now();
    now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
