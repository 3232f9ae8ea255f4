//! Calls that keep failing: how often they are made again, and what the status says of them.

use std::time::Duration;

use simaws::{Effect, FaultKind, FaultSpec};

use super::*;
use crate::report::conditions::find_condition;

/// Everything that is declared, before anything was made of it.
async fn declared(fault: FaultSpec) -> Env {
    let env = Env::new().await;
    env.sim.add_fault(fault);
    env.class();
    env.put::<AccessPolicy>(policy("office", &["203.0.113.0/24"]));
    env.put::<Tenant>(tenant("jira"));
    env
}

/// How often it was called, in vain or not.
fn attempts(env: &Env, operation: &str) -> usize {
    let calls = env.sim.calls();
    let calls = calls.iter().filter(|call| !call.dry_run);
    calls.filter(|call| call.operation == operation).count()
}

fn ready_message(env: &Env) -> String {
    let status = env.tenant("jira").status.unwrap_or_default();
    let ready = find_condition(&status.conditions, ConditionType::Ready.as_str());
    ready.map(|ready| ready.message.clone()).unwrap_or_default()
}

#[tokio::test]
async fn a_launch_that_is_denied_is_asked_for_less_and_less_often() {
    let mut env = declared(FaultSpec::new("RunInstances", FaultKind::Deny).forever()).await;
    env.pass(600).await;
    let calls = attempts(&env, "RunInstances");
    assert!((2..=30).contains(&calls), "{calls}");
    assert!(
        ready_message(&env).contains("UnauthorizedOperation"),
        "{}",
        ready_message(&env)
    );
    env.sim.clear_faults();
    env.pass(450).await;
    assert_eq!(env.tenant_is("jira", ConditionType::Ready), READY);
}

#[tokio::test]
async fn a_picture_that_is_missing_is_told_with_the_call_that_fails() {
    let mut env = declared(FaultSpec::new("DescribeVolumes", FaultKind::Throttle).forever()).await;
    env.pass(60).await;
    let cause = "DescribeVolumes failed: RequestLimitExceeded";
    assert!(ready_message(&env).contains(cause), "{}", ready_message(&env));
    let class = env.cluster_class().status.unwrap();
    let ready = find_condition(&class.conditions, ConditionType::Ready.as_str()).unwrap();
    assert!(ready.message.contains(cause), "{}", ready.message);
}

#[tokio::test]
async fn a_release_that_fails_is_told_with_its_cause() {
    let mut env = ready().await;
    env.sim
        .add_fault(FaultSpec::new("CreateTags", FaultKind::Throttle).forever());
    env.cluster.delete::<Tenant>(&Key::new("acme", "jira"));
    env.pass(30).await;
    let cause = "CreateTags failed: RequestLimitExceeded";
    assert!(ready_message(&env).contains(cause), "{}", ready_message(&env));
}

#[tokio::test]
async fn a_group_that_is_there_and_not_shown_yet_is_not_asked_for_at_once_again() {
    let lost = FaultSpec::new("CreateSecurityGroup", FaultKind::Unavailable).striking(Effect::After);
    let mut env = declared(FaultSpec { times: 2, ..lost }).await;
    env.sim.set_describe_lag(Duration::from_secs(100));
    env.pass(30).await;
    // The class's group and the Tenant's.
    let calls = attempts(&env, "CreateSecurityGroup");
    assert!((2..=18).contains(&calls), "{calls}");
}
