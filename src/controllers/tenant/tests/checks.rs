//! AWS's own checks of an instance: told, and nothing done about it.

use super::{READY, instance_of, ready};
use crate::api::{ConditionType, TenantPhase};

const FAILED: &str = "False StatusCheckFailed";

#[tokio::test]
async fn a_failing_status_check_is_told_until_it_passes_and_nothing_is_done_to_the_instance() {
    let mut env = ready().await;
    let instance = instance_of(&env);
    let calls = |env: &super::Env| env.sim.calls().iter().filter(|call| call.effect).count();
    let called = calls(&env);
    env.sim.impair(&instance, simaws::StatusCheck::System);
    env.pass(6).await;
    assert_eq!(env.tenant_is("jira", ConditionType::InstanceReady), FAILED);
    assert_eq!(env.tenant_is("jira", ConditionType::Ready), FAILED);
    assert_eq!(env.tenant_is("jira", ConditionType::Stalled), "");
    assert_eq!(
        env.tenant("jira").status.unwrap().phase,
        Some(TenantPhase::Degraded)
    );
    let told = format!("StatusCheckFailed: instance {instance} runs, but the system status check fails");
    let writes = env.cluster.writes();
    env.pass(20).await;
    assert_eq!(env.events().matches(&told).count(), 1, "{}", env.events());
    assert_eq!(env.cluster.writes(), writes, "it is told once");
    env.sim.heal(&instance, simaws::StatusCheck::System);
    env.pass(5).await;
    assert_eq!(
        env.tenant_is("jira", ConditionType::InstanceReady),
        FAILED,
        "not listed once is not yet well"
    );
    env.pass(6).await;
    assert_eq!(env.tenant_is("jira", ConditionType::Ready), READY);
    assert_eq!(env.events().matches("the environment is Ready").count(), 2);
    assert_eq!(calls(&env), called);
}

#[tokio::test]
async fn a_check_that_healed_while_the_operator_was_away_is_found_well() {
    let mut env = ready().await;
    let instance = instance_of(&env);
    env.sim.impair(&instance, simaws::StatusCheck::Instance);
    env.sim.impair(&instance, simaws::StatusCheck::Ebs);
    env.pass(6).await;
    let told = "the instance status check and the attached EBS status check fail";
    assert!(env.events().contains(told), "{}", env.events());
    env.sim.heal(&instance, simaws::StatusCheck::Instance);
    env.sim.heal(&instance, simaws::StatusCheck::Ebs);
    env.restart().await;
    env.settle().await;
    env.sweep().await;
    env.settle().await;
    assert_eq!(
        env.tenant_is("jira", ConditionType::InstanceReady),
        FAILED,
        "one listing proves nothing"
    );
    env.pass(10).await;
    assert_eq!(env.tenant_is("jira", ConditionType::Ready), READY);
}
