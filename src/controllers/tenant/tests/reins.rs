//! What a mode and a suspension keep the operator from.

use serde_json::json;

use super::{READY, group_of, instance_of, ready};
use crate::{
    api::{AccessPolicy, ConditionType, Key, Tenant, TenantClass, TenantPhase},
    cluster::Cluster,
    controllers::testing::{Env, class, policy, tenant},
};

/// The calls that changed something in AWS.
fn changes(env: &Env) -> Vec<String> {
    let calls = env.sim.calls().into_iter();
    calls
        .filter(|call| call.effect)
        .map(|call| call.operation.clone())
        .collect()
}

fn in_mode(env: &Env, mode: &str) {
    let mut tenant = tenant("jira");
    tenant["spec"]["mode"] = json!(mode);
    env.put::<Tenant>(tenant);
}

/// Somebody opens the environment's group and weakens its instance.
fn tamper(env: &Env) {
    env.someone(
        "AuthorizeSecurityGroupIngress",
        &[
            ("GroupId", &group_of(env)),
            ("IpPermissions.1.IpProtocol", "tcp"),
            ("IpPermissions.1.FromPort", "22"),
            ("IpPermissions.1.ToPort", "22"),
            ("IpPermissions.1.IpRanges.1.CidrIp", "0.0.0.0/0"),
        ],
    );
    env.someone(
        "ModifyInstanceMetadataOptions",
        &[("InstanceId", &instance_of(env)), ("HttpTokens", "optional")],
    );
}

#[tokio::test]
async fn mode_observe_makes_nothing_of_a_new_tenant() {
    let mut env = Env::new().await;
    env.class();
    env.put::<AccessPolicy>(policy("office", &["203.0.113.0/24"]));
    env.pass(10).await;
    let before = changes(&env).len();
    in_mode(&env, "Observe");
    env.pass(60).await;
    assert_eq!(changes(&env).len(), before, "{:?}", changes(&env));
    let status = env.tenant("jira").status.unwrap();
    assert_eq!(status.phase, Some(TenantPhase::Observing));
    assert_eq!((status.instance_id, status.launch), (None, None));
    assert_eq!(env.tenant_is("jira", ConditionType::Ready), "False Observing");

    in_mode(&env, "Enforce");
    env.pass(60).await;
    assert_eq!(env.tenant_is("jira", ConditionType::Ready), READY);
}

#[tokio::test]
async fn what_others_change_stays_in_mode_observe_and_is_told() {
    let mut env = ready().await;
    in_mode(&env, "Observe");
    env.pass(10).await;
    let before = changes(&env).len();
    tamper(&env);
    let (instance, group) = (instance_of(&env), group_of(&env));
    env.someone(
        "DeleteTags",
        &[("ResourceId.1", &instance), ("Tag.1.Key", "yagura.dev/label")],
    );
    env.pass(120).await;
    assert_eq!(changes(&env).len(), before + 3, "{:?}", changes(&env));
    assert_eq!(env.tenant_is("jira", ConditionType::Ready), "True Observing");
    assert_eq!(
        env.tenant_is("jira", ConditionType::FirewallReady),
        "False Observing"
    );
    assert_eq!(env.tenant_is("jira", ConditionType::Hardened), "False Observing");
    let status = env.tenant("jira").status.unwrap();
    assert_eq!(status.phase, Some(TenantPhase::Observing));
    assert_eq!(status.security_group_id, Some(group));

    in_mode(&env, "Enforce");
    env.pass(60).await;
    assert_eq!(env.tenant_is("jira", ConditionType::Ready), READY);
}

#[tokio::test]
async fn mode_protect_sets_tags_and_nothing_else() {
    let mut env = ready().await;
    in_mode(&env, "Protect");
    env.pass(10).await;
    let before = changes(&env).len();
    tamper(&env);
    let instance = instance_of(&env);
    env.someone(
        "DeleteTags",
        &[("ResourceId.1", &instance), ("Tag.1.Key", "yagura.dev/label")],
    );
    env.pass(120).await;
    let ours = changes(&env).split_off(before + 3);
    assert_eq!(ours, ["CreateTags"]);
    assert_eq!(env.tenant_is("jira", ConditionType::Ready), "True Protecting");
    assert_eq!(
        env.tenant_is("jira", ConditionType::FirewallReady),
        "False Protecting"
    );
}

#[tokio::test]
async fn a_suspended_tenant_is_looked_at_and_not_repaired() {
    let mut env = ready().await;
    let mut suspended = tenant("jira");
    suspended["spec"]["suspend"] = json!(true);
    suspended["spec"]["suspendReason"] = json!("the network team works on it");
    env.put::<Tenant>(suspended);
    env.pass(10).await;
    assert_eq!(env.tenant_is("jira", ConditionType::Suspended), "True Suspended");
    assert_eq!(env.tenant_is("jira", ConditionType::Ready), READY);
    let before = changes(&env).len();
    tamper(&env);
    env.pass(120).await;
    assert_eq!(changes(&env).len(), before + 2, "{:?}", changes(&env));
    assert_eq!(
        env.tenant_is("jira", ConditionType::FirewallReady),
        "False Suspended"
    );
    assert_eq!(env.tenant_is("jira", ConditionType::Ready), "False Suspended");

    env.put::<Tenant>(tenant("jira"));
    env.pass(60).await;
    assert_eq!(env.tenant_is("jira", ConditionType::Ready), READY);
    assert_eq!(
        env.tenant_is("jira", ConditionType::Suspended),
        "False NotSuspended"
    );
}

#[tokio::test]
async fn one_switch_of_a_class_suspends_all_its_tenants() {
    let mut env = ready().await;
    let mut class = class();
    class["spec"]["suspend"] = json!(true);
    class["spec"]["suspendReason"] = json!("the account is moved");
    env.put::<TenantClass>(class);
    tamper(&env);
    let before = changes(&env).len();
    env.pass(120).await;
    assert_eq!(changes(&env).len(), before, "{:?}", changes(&env));
    assert_eq!(env.tenant_is("jira", ConditionType::Suspended), "True Suspended");
    let status = env.tenant("jira").status.unwrap();
    let told = status
        .conditions
        .iter()
        .find(|condition| condition.type_ == "Suspended");
    assert!(told.unwrap().message.contains("the account is moved"));
}

#[tokio::test]
async fn a_tenant_that_is_deleted_in_mode_observe_or_suspended_leaves_aws_without_a_tag() {
    for (field, value) in [("mode", json!("Observe")), ("suspend", json!(true))] {
        let mut env = ready().await;
        let mut held = tenant("jira");
        held["spec"][field] = value;
        if field == "suspend" {
            held["spec"]["suspendReason"] = json!("the network team works on it");
        }
        env.put::<Tenant>(held);
        env.pass(10).await;
        let before = changes(&env);
        env.cluster.delete::<Tenant>(&Key::new("acme", "jira"));
        env.pass(10).await;
        assert_eq!(changes(&env), before, "{field}");
        assert!(env.cluster.cached::<Tenant>(&Key::new("acme", "jira")).is_none());
        assert!(env.events().contains("without a tag"), "{}", env.events());
    }
}
