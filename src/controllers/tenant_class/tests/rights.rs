//! Which rights are asked for, when, and what is told of them.

use serde_json::json;

use super::is;
use crate::{
    api::{AccessPolicy, Condition, ConditionType, Key, Tenant, TenantClass},
    controllers::testing::{Env, class, policy, tenant},
    report::conditions::find_condition,
};

const PERMITTED: &str = "True Permitted";
const DENIED: &str = "False Denied";

/// Every question so far, by operation.
fn asked(env: &Env) -> Vec<String> {
    let calls = env.sim.calls().into_iter().filter(|call| call.dry_run);
    calls.map(|call| call.operation).collect()
}

fn permitted(conditions: &[Condition]) -> Condition {
    find_condition(conditions, ConditionType::Permitted.as_str())
        .unwrap()
        .clone()
}

fn of_class(env: &Env) -> Condition {
    permitted(&env.cluster_class().status.unwrap().conditions)
}

fn of_tenant(env: &Env) -> Condition {
    permitted(&env.tenant("jira").status.unwrap().conditions)
}

/// A class with one environment that everything is permitted for but these actions.
async fn env(denied: &[&str]) -> Env {
    let mut env = Env::new().await;
    for action in denied {
        env.sim.deny(*action);
    }
    env.class();
    env.put::<AccessPolicy>(policy("office", &["203.0.113.0/24"]));
    env.put::<Tenant>(tenant("jira"));
    env.pass(120).await;
    env
}

#[tokio::test]
async fn every_right_is_asked_for_once_and_then_no_more() {
    let mut env = env(&[]).await;
    assert_eq!(is(&env, ConditionType::Permitted), PERMITTED, "{}", env.events());
    assert_eq!(env.tenant_is("jira", ConditionType::Permitted), PERMITTED);
    let rest =
        "ec2:DeleteSnapshot, ec2:DescribeSnapshotAttribute, ec2:LockSnapshot, ec2:ModifySnapshotAttribute";
    assert_eq!(
        of_tenant(&env).message,
        format!("what could be asked for is permitted; not known yet: {rest}")
    );
    let mut first = asked(&env);
    first.sort();
    let mut each = first.clone();
    each.dedup();
    assert_eq!(first, each, "asked twice");
    assert_eq!(each.len(), 32);
    env.pass(1200).await;
    assert_eq!(asked(&env).len(), 32, "at rest nothing is asked for");

    // The first backup brings what the rest is asked about; another process asks for everything again.
    let instance = env.tenant("jira").status.unwrap().instance_id.unwrap();
    let uid = env.tenant("jira").metadata.uid.unwrap();
    env.someone(
        "CreateSnapshots",
        &[
            ("InstanceSpecification.InstanceId", &instance),
            ("TagSpecification.1.ResourceType", "snapshot"),
            ("TagSpecification.1.Tag.1.Key", "yagura.dev/cluster"),
            ("TagSpecification.1.Tag.1.Value", "test"),
            ("TagSpecification.1.Tag.2.Key", "yagura.dev/uid"),
            ("TagSpecification.1.Tag.2.Value", &uid),
            ("TagSpecification.1.Tag.3.Key", "yagura.dev/backup"),
            ("TagSpecification.1.Tag.3.Value", "acme/jira-1"),
        ],
    );
    env.restart().await;
    env.pass(120).await;
    assert_eq!(
        of_tenant(&env).message,
        "every call that the operator makes is permitted"
    );
    assert_eq!(asked(&env).len(), 32 + 36);
}

#[tokio::test]
async fn a_class_without_tenants_says_what_it_does_not_know_yet() {
    let mut env = Env::new().await;
    env.class();
    env.pass(60).await;
    let known = of_class(&env);
    assert_eq!(known.status, "True");
    assert!(
        known
            .message
            .contains("not known yet: ec2:CreateSnapshots, ec2:CreateTags"),
        "{}",
        known.message
    );
}

#[tokio::test]
async fn a_missing_right_is_named_and_takes_nothing_from_what_works() {
    let mut env = env(&["ec2:CreateSnapshots"]).await;
    assert_eq!(is(&env, ConditionType::Permitted), DENIED);
    assert_eq!(is(&env, ConditionType::Ready), super::READY);
    assert_eq!(env.tenant_is("jira", ConditionType::Ready), "True Succeeded");
    for told in [of_class(&env), of_tenant(&env)] {
        assert_eq!((told.status.as_str(), told.reason.as_str()), ("False", "Denied"));
        assert!(
            told.message.contains("lacks ec2:CreateSnapshots;"),
            "{}",
            told.message
        );
    }
    assert!(
        env.events().contains("TenantClass tokyo Denied"),
        "{}",
        env.events()
    );

    env.sim.permit_all();
    env.pass(450).await;
    assert_eq!(is(&env, ConditionType::Permitted), PERMITTED);
    assert_eq!(env.tenant_is("jira", ConditionType::Permitted), PERMITTED);
    assert!(
        env.events().contains("TenantClass tokyo Permitted"),
        "{}",
        env.events()
    );
}

#[tokio::test]
async fn a_step_is_tried_whatever_was_answered_and_names_the_right_it_lacked() {
    let mut env = env(&["ec2:RunInstances"]).await;
    let tried = env.sim.calls().into_iter();
    let tried = tried.filter(|call| call.operation == "RunInstances" && !call.dry_run);
    assert!(tried.count() > 0);
    assert_eq!(env.tenant_is("jira", ConditionType::Stalled), "True Denied");
    assert_eq!(env.tenant_is("jira", ConditionType::Permitted), DENIED);
    let stalled = env.tenant("jira").status.unwrap().conditions;
    let stalled = find_condition(&stalled, "Stalled").unwrap();
    for message in [&stalled.message, &of_tenant(&env).message] {
        assert!(message.contains("lacks ec2:RunInstances"), "{message}");
    }
    env.sim.permit_all();
    env.pass(900).await;
    assert_eq!(env.tenant_is("jira", ConditionType::Ready), "True Succeeded");
    assert_eq!(env.tenant_is("jira", ConditionType::Permitted), PERMITTED);
}

#[tokio::test]
async fn a_right_that_is_taken_away_shows_once_a_step_needs_it() {
    let mut env = env(&[]).await;
    env.pass(450).await;
    env.sim.deny("ec2:ModifyInstanceMetadataOptions");
    env.pass(60).await;
    assert_eq!(is(&env, ConditionType::Permitted), PERMITTED, "nobody needed it");
    let id = env.tenant("jira").status.unwrap().instance_id.unwrap();
    env.sim.permit_all();
    env.someone(
        "ModifyInstanceMetadataOptions",
        &[
            ("InstanceId", &id),
            ("HttpTokens", "optional"),
            ("HttpPutResponseHopLimit", "2"),
        ],
    );
    env.sim.deny("ec2:ModifyInstanceMetadataOptions");
    env.pass(60).await;
    assert_eq!(env.tenant_is("jira", ConditionType::Permitted), DENIED);
    assert_eq!(is(&env, ConditionType::Permitted), DENIED);
    assert!(
        of_class(&env)
            .message
            .contains("lacks ec2:ModifyInstanceMetadataOptions;")
    );
    env.sim.permit_all();
    env.pass(900).await;
    assert_eq!(env.tenant_is("jira", ConditionType::Ready), "True Succeeded");
    assert_eq!(is(&env, ConditionType::Permitted), PERMITTED);
}

#[tokio::test]
async fn a_changed_class_and_another_process_ask_again_and_tell_nothing_new() {
    let mut env = env(&[]).await;
    let before = of_class(&env);
    let count = asked(&env).len();
    env.restart().await;
    env.pass(60).await;
    assert_eq!(asked(&env).len(), 2 * count);
    assert_eq!(of_class(&env), before);

    let mut object = class();
    object["spec"]["plans"]["small"] = json!({"instanceType": "t3.medium"});
    env.put::<TenantClass>(object);
    env.pass(60).await;
    assert_eq!(asked(&env).len(), 3 * count);
    assert_eq!(is(&env, ConditionType::Permitted), PERMITTED);
}

#[tokio::test]
async fn questions_stop_for_a_while_where_aws_asks_to_slow_down() {
    let mut env = Env::new().await;
    let throttle = json!({"operation": "*", "kind": "error", "dryRun": true, "times": 0});
    env.sim.add_fault(serde_json::from_value(throttle).unwrap());
    env.class();
    env.pass(240).await;
    assert_eq!(asked(&env).len(), 1, "the first answer was enough");
    assert_eq!(is(&env, ConditionType::Permitted), "Unknown NotKnown");
    assert_eq!(is(&env, ConditionType::Ready), super::READY);
    env.sim.clear_faults();
    env.pass(120).await;
    assert_eq!(is(&env, ConditionType::Permitted), PERMITTED);
}

#[tokio::test]
async fn a_tenant_of_another_class_is_told_nothing() {
    let mut env = env(&["ec2:CreateSnapshots"]).await;
    let mut other = tenant("wiki");
    other["spec"]["className"] = json!("nowhere");
    env.put::<Tenant>(other);
    env.pass(60).await;
    let key = Key::new("acme", "wiki");
    assert_eq!(env.condition::<Tenant>(&key, ConditionType::Permitted), "");
}
