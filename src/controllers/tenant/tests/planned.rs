//! What a status says would be changed, and what is then changed.

use std::collections::BTreeSet;

use serde_json::json;

use super::{READY, group_of, instance_of, ready, writes};
use crate::{
    api::{AccessPolicy, ConditionType, PlanOp, PlannedChange, Tenant, TenantPlan},
    controllers::testing::{Env, policy, tenant},
    plan::firewall::describe,
    report::conditions::find_condition,
};

/// The calls of ours since then that changed something in AWS.
fn done_since(env: &Env, from: usize) -> BTreeSet<String> {
    let calls = env.sim.calls().split_off(from).into_iter();
    calls
        .filter(|call| call.effect)
        .map(|call| call.operation)
        .collect()
}

/// The call that an item announces.
fn call_of(item: &PlannedChange) -> &'static str {
    let what = item.from.iter().chain(&item.to).cloned().collect::<String>();
    let is_egress = what.contains(" to ");
    match (item.op, item.field.as_str()) {
        (PlanOp::Create, "securityGroup") => "CreateSecurityGroup",
        (PlanOp::Create, "instance") => "RunInstances",
        (PlanOp::Add, "rule") if is_egress => "AuthorizeSecurityGroupEgress",
        (PlanOp::Add, "rule") => "AuthorizeSecurityGroupIngress",
        (PlanOp::Remove, "rule") if is_egress => "RevokeSecurityGroupEgress",
        (PlanOp::Remove, "rule") => "RevokeSecurityGroupIngress",
        (_, "httpTokens" | "httpPutResponseHopLimit") => "ModifyInstanceMetadataOptions",
        (_, "terminationProtection" | "deleteOnTermination") => "ModifyInstanceAttribute",
        (_, "securityGroup") => "ModifyNetworkInterfaceAttribute",
        (_, field) if field.starts_with("tag ") => "CreateTags",
        other => panic!("{other:?} announces no call"),
    }
}

fn announced(plan: &TenantPlan) -> BTreeSet<String> {
    let calls = plan.items.iter().map(call_of);
    calls.map(str::to_owned).collect()
}

fn plan_of(env: &Env) -> TenantPlan {
    let status = env.tenant("jira").status.unwrap();
    status
        .plan
        .clone()
        .unwrap_or_else(|| panic!("no plan: {status:#?}"))
}

fn message_of(env: &Env, type_: ConditionType) -> String {
    let status = env.tenant("jira").status.unwrap();
    let condition = find_condition(&status.conditions, type_.as_str()).unwrap();
    condition.message.clone()
}

fn in_mode(env: &Env, mode: &str) {
    let mut tenant = tenant("jira");
    tenant["spec"]["mode"] = json!(mode);
    env.put::<Tenant>(tenant);
}

#[tokio::test]
async fn what_mode_observe_plans_for_a_new_tenant_is_what_enforce_then_does() {
    let mut env = Env::new().await;
    env.class();
    env.put::<AccessPolicy>(policy("office", &["203.0.113.0/24"]));
    in_mode(&env, "Observe");
    env.pass(60).await;
    let plan = plan_of(&env);
    assert_eq!(plan.more, None);
    assert!(plan.items.iter().all(|item| !item.disruptive), "{plan:#?}");
    let instance = plan.items.iter().find(|item| item.field == "instance").unwrap();
    assert!(instance.to.as_ref().unwrap().starts_with("m6i.large from ami-"));
    assert_eq!(instance.permitted, Some(true), "the class has asked AWS");
    let told = message_of(&env, ConditionType::Ready);
    assert!(
        told.contains(&format!("({} changes planned)", plan.items.len())),
        "{told}"
    );

    let from = env.sim.calls().len();
    in_mode(&env, "Enforce");
    env.pass(60).await;
    assert_eq!(env.tenant_is("jira", ConditionType::Ready), READY);
    let mut done = done_since(&env, from);
    // The allow-all rule that AWS gives a new group is part of making it.
    assert!(done.remove("RevokeSecurityGroupEgress"), "{done:?}");
    assert_eq!(done, announced(&plan));
    let view = env.ctx.inventories.of(&"ap-northeast-1".into()).view();
    let group = group_of(&env);
    let rules = view
        .group(&group.as_str().into())
        .present()
        .unwrap()
        .rules
        .clone();
    let planned = plan.items.iter().filter(|item| item.field == "rule");
    let planned: BTreeSet<_> = planned.filter_map(|item| item.to.clone()).collect();
    assert_eq!(planned, rules.iter().map(describe).collect());
    assert_eq!(env.tenant("jira").status.unwrap().plan, None);
}

#[tokio::test]
async fn what_others_change_while_suspended_is_planned_and_then_undone() {
    let mut env = ready().await;
    let mut suspended = tenant("jira");
    suspended["spec"]["suspend"] = json!(true);
    suspended["spec"]["suspendReason"] = json!("a migration");
    env.put::<Tenant>(suspended);
    env.pass(10).await;
    assert_eq!(
        env.tenant("jira").status.unwrap().plan,
        None,
        "nothing is held back"
    );
    let (instance, group) = (instance_of(&env), group_of(&env));
    env.someone(
        "AuthorizeSecurityGroupIngress",
        &[
            ("GroupId", &group),
            ("IpPermissions.1.IpProtocol", "tcp"),
            ("IpPermissions.1.FromPort", "22"),
            ("IpPermissions.1.ToPort", "22"),
            ("IpPermissions.1.IpRanges.1.CidrIp", "0.0.0.0/0"),
        ],
    );
    env.someone(
        "ModifyInstanceMetadataOptions",
        &[("InstanceId", &instance), ("HttpTokens", "optional")],
    );
    env.someone(
        "CreateTags",
        &[
            ("ResourceId.1", &instance),
            ("Tag.1.Key", "yagura.dev/label"),
            ("Tag.1.Value", "mine"),
        ],
    );
    env.pass(60).await;
    let plan = plan_of(&env);
    let line = |item: &PlannedChange| {
        (
            item.op,
            item.resource.clone(),
            item.field.clone(),
            item.disruptive,
        )
    };
    let lines: Vec<_> = plan.items.iter().map(line).collect();
    let expected = [
        (PlanOp::Change, instance.clone(), "httpTokens".to_owned(), true),
        (
            PlanOp::Change,
            instance.clone(),
            "tag yagura.dev/label".to_owned(),
            false,
        ),
        (PlanOp::Remove, group.clone(), "rule".to_owned(), true),
    ];
    assert_eq!(lines, expected);
    let told = message_of(&env, ConditionType::Hardened);
    assert!(told.contains("(3 changes planned, 2 disruptive)"), "{told}");

    // At rest the plan is written once.
    let before = writes(&env.cluster);
    env.pass(600).await;
    assert_eq!(writes(&env.cluster), before, "{}", env.events());
    assert_eq!(plan_of(&env).hash, plan.hash);

    let from = env.sim.calls().len();
    env.put::<Tenant>(tenant("jira"));
    env.pass(60).await;
    assert_eq!(done_since(&env, from), announced(&plan));
    assert_eq!(env.tenant("jira").status.unwrap().plan, None);
    assert_eq!(env.tenant_is("jira", ConditionType::Ready), READY);
}

#[tokio::test]
async fn what_was_permitted_is_not_forgotten_by_a_restart() {
    let mut env = Env::new().await;
    env.class();
    env.put::<AccessPolicy>(policy("office", &["203.0.113.0/24"]));
    in_mode(&env, "Observe");
    env.pass(60).await;
    let plan = plan_of(&env);
    env.restart().await;
    for seconds in [1, 4, 60] {
        env.pass(seconds).await;
        assert_eq!(plan_of(&env), plan);
    }
}
