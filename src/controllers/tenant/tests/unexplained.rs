//! Answers that are in nobody's table.

use serde_json::json;

use super::{READY, instance_of, ready};
use crate::{
    api::{Condition, ConditionType},
    controllers::testing::Env,
    report::conditions::find_condition,
};

const CODE: &str = "NobodyKnowsThisCode";

/// Somebody weakens the metadata options, and setting them back is refused with this code from now on.
fn refuse_the_repair(env: &Env, code: &str) {
    let id = instance_of(env);
    env.someone(
        "ModifyInstanceMetadataOptions",
        &[
            ("InstanceId", &id),
            ("HttpTokens", "optional"),
            ("HttpPutResponseHopLimit", "2"),
        ],
    );
    let fault = json!({
        "operation": "ModifyInstanceMetadataOptions", "kind": "error", "times": 0, "code": code, "status": 400,
    });
    env.sim.add_fault(serde_json::from_value(fault).unwrap());
}

fn tries(env: &Env) -> usize {
    let calls = env.sim.calls().into_iter();
    let refused =
        calls.filter(|call| call.operation == "ModifyInstanceMetadataOptions" && call.status == 400);
    refused.count()
}

fn condition(env: &Env, type_: ConditionType) -> Option<Condition> {
    let status = env.tenant("jira").status.unwrap();
    find_condition(&status.conditions, type_.as_str()).cloned()
}

#[tokio::test]
async fn an_unknown_code_is_tried_ten_times_and_then_shown_to_a_person() {
    let mut env = ready().await;
    refuse_the_repair(&env, CODE);
    let mut waited = 0;
    while condition(&env, ConditionType::Stalled).is_none() {
        assert!(waited < 3600, "{} tries, and still not told", tries(&env));
        env.pass(5).await;
        waited += 5;
    }
    // Ten as if it would pass, the one that was enough, and at most one more when its status came back.
    assert!((11..=12).contains(&tries(&env)), "{} tries", tries(&env));
    let stalled = condition(&env, ConditionType::Stalled).unwrap();
    assert_eq!(stalled.reason, "UnexpectedResponse");
    for named in [CODE, "ModifyInstanceMetadataOptions", "ten times in a row"] {
        assert!(stalled.message.contains(named), "{}", stalled.message);
    }
    assert!(env.events().contains(CODE), "{}", env.events());

    // From now on at the pace of what waits for a person.
    let before = tries(&env);
    env.pass(840).await;
    let more = tries(&env) - before;
    assert!((1..=3).contains(&more), "{more} tries in 14 minutes");

    env.sim.clear_faults();
    env.pass(450).await;
    assert_eq!(
        env.tenant_is("jira", ConditionType::Ready),
        READY,
        "{}",
        env.events()
    );
    assert_eq!(condition(&env, ConditionType::Stalled), None);
}

#[tokio::test]
async fn before_that_it_is_only_work_in_progress() {
    let mut env = ready().await;
    refuse_the_repair(&env, CODE);
    env.pass(15).await;
    assert!(tries(&env) > 1);
    assert_eq!(condition(&env, ConditionType::Stalled), None);
    let working = condition(&env, ConditionType::Reconciling).unwrap();
    assert_eq!(working.reason, "UnexpectedResponse");
    assert!(working.message.contains(CODE), "{}", working.message);
    env.sim.clear_faults();
    env.pass(60).await;
    assert_eq!(env.tenant_is("jira", ConditionType::Ready), READY);
}

#[tokio::test]
async fn a_known_code_in_between_starts_the_count_anew() {
    let mut env = ready().await;
    refuse_the_repair(&env, CODE);
    while tries(&env) < 8 {
        env.pass(5).await;
    }
    env.sim.clear_faults();
    refuse_the_repair(&env, "IncorrectInstanceState");
    let before = tries(&env);
    while tries(&env) == before {
        env.pass(5).await;
    }
    env.sim.clear_faults();
    refuse_the_repair(&env, CODE);
    let before = tries(&env);
    while tries(&env) < before + 8 {
        env.pass(5).await;
    }
    assert_eq!(condition(&env, ConditionType::Stalled), None);
}
