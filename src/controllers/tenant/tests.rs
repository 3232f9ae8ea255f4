mod apart;
mod change;
mod checks;
mod copies;
mod exceptions;
mod failing;
mod meanwhile;
mod planned;
mod reins;
mod sources;
mod sweep;
mod unexplained;

use serde_json::json;

use crate::{
    api::{AccessPolicy, ConditionType, Key, Tenant, TenantPhase, Verdict},
    cluster::{Kind, MemoryCluster},
    controllers::testing::{Env, policy, tenant},
    report::kstatus,
};

const READY: &str = "True Succeeded";

/// A class, a policy and one Tenant that is Ready.
async fn ready() -> Env {
    let mut env = Env::new().await;
    env.class();
    env.put::<AccessPolicy>(policy("office", &["203.0.113.0/24"]));
    env.put::<Tenant>(tenant("jira"));
    env.pass(30).await;
    assert_eq!(
        env.tenant_is("jira", ConditionType::Ready),
        READY,
        "{:#?}\n{}",
        env.tenant("jira").status,
        env.events()
    );
    env
}

fn instance_of(env: &Env) -> String {
    env.tenant("jira").status.unwrap().instance_id.unwrap()
}

fn group_of(env: &Env) -> String {
    env.tenant("jira").status.unwrap().security_group_id.unwrap()
}

fn writes(cluster: &MemoryCluster) -> u64 {
    cluster.writes()
}

#[tokio::test]
async fn a_tenant_becomes_ready_behind_its_own_firewall() {
    let env = ready().await;
    let status = env.tenant("jira").status.unwrap();
    assert_eq!(status.phase, Some(TenantPhase::Ready));
    assert_eq!(status.volume_ids.len(), 2);
    assert_eq!(status.access.unwrap().policy, "office");
    assert!(status.first_ready_at.is_some());
    assert_eq!(env.calls("RunInstances"), 1);
    assert!(
        env.events().contains("the environment is Ready"),
        "{}",
        env.events()
    );
    assert!(!env.events().contains("someone else"), "{}", env.events());
    assert_eq!(status.drift, None);
    let promises = status.promises.unwrap();
    let verdict = |id: &str| {
        promises
            .results
            .iter()
            .find(|result| result.id == id)
            .unwrap()
            .verdict
    };
    for id in ["P3", "P6", "P11", "P15", "P16", "P22"] {
        assert_eq!(verdict(id), Verdict::Pass, "{id}: {:#?}", promises.results);
    }
    assert_eq!(
        env.tenant_is("jira", ConditionType::Protected),
        "False NoBackupYet"
    );
}

#[tokio::test]
async fn at_rest_nothing_is_written_and_nothing_called_but_sweeps() {
    let mut env = ready().await;
    env.pass(60).await;
    let (before, calls) = (writes(&env.cluster), env.sim.calls().len());
    env.pass(600).await;
    assert_eq!(writes(&env.cluster), before, "{}", env.events());
    let since: Vec<_> = env.sim.calls().split_off(calls);
    let sweeps = [
        "DescribeInstances",
        "DescribeInstanceStatus",
        "DescribeVolumes",
        "DescribeSecurityGroups",
        "DescribeSnapshots",
        "DescribeLockedSnapshots",
        "DescribeImages",
    ];
    let others: Vec<_> = since
        .iter()
        .filter(|call| {
            !sweeps.contains(&call.operation.as_str()) && call.operation != "DescribeInstanceAttribute"
        })
        .collect();
    assert!(others.is_empty(), "{others:#?}");
}

#[tokio::test]
async fn every_tampering_is_undone_and_told() {
    let mut env = ready().await;
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
        "RevokeSecurityGroupIngress",
        &[
            ("GroupId", &group),
            ("IpPermissions.1.IpProtocol", "tcp"),
            ("IpPermissions.1.FromPort", "443"),
            ("IpPermissions.1.ToPort", "443"),
            ("IpPermissions.1.IpRanges.1.CidrIp", "203.0.113.0/24"),
        ],
    );
    env.someone(
        "ModifyInstanceMetadataOptions",
        &[("InstanceId", &instance), ("HttpTokens", "optional")],
    );
    env.someone(
        "ModifyInstanceAttribute",
        &[
            ("InstanceId", &instance),
            ("DisableApiTermination.Value", "false"),
        ],
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
    let events = env.events();
    for told in [
        "rule tcp 22 from 0.0.0.0/0 was added",
        "rule tcp 443 from 203.0.113.0/24",
        "were weakened to tokens optional",
        "termination protection",
        "tag yagura.dev/label",
    ] {
        assert!(events.contains(told), "{told} is missing:\n{events}");
    }
    assert_eq!(env.tenant_is("jira", ConditionType::Ready), READY);
    let status = env.tenant("jira").status.unwrap();
    assert_eq!(status.drift.unwrap().count, 5, "{events}");
    let view = env.ctx.inventories.of(&"ap-northeast-1".into()).view();
    let found = view.instance(&instance.as_str().into());
    assert!(found.present().unwrap().metadata.tokens_required);
    assert_eq!(
        view.group(&group.as_str().into()).present().unwrap().rules.len(),
        9
    );
}

#[tokio::test]
async fn an_instance_without_its_tags_is_found_and_tagged_again() {
    let mut env = ready().await;
    let instance = instance_of(&env);
    env.someone(
        "DeleteTags",
        &[
            ("ResourceId.1", &instance),
            ("Tag.1.Key", "yagura.dev/cluster"),
            ("Tag.2.Key", "yagura.dev/uid"),
        ],
    );
    env.pass(60).await;
    assert!(
        env.events()
            .contains(&format!("tag yagura.dev/cluster of {instance} was removed")),
        "{}",
        env.events()
    );
    let view = env.ctx.inventories.of(&"ap-northeast-1".into()).view();
    assert!(view.instance(&instance.as_str().into()).present().is_some());
    assert_eq!(env.tenant_is("jira", ConditionType::Ready), READY);
}

#[tokio::test]
async fn a_volume_without_our_tag_is_tagged_again_however_young_it_is() {
    for age in [0, 200] {
        let mut env = ready().await;
        env.pass(age).await;
        let volume = env.tenant("jira").status.unwrap().volume_ids.remove(0);
        let tag = [
            ("ResourceId.1", volume.as_str()),
            ("Tag.1.Key", "yagura.dev/cluster"),
        ];
        env.someone("DeleteTags", &tag);
        env.pass(30).await;
        assert!(
            env.events()
                .contains(&format!("tag yagura.dev/cluster of {volume} was removed")),
            "{}",
            env.events()
        );
        env.pass(200).await;
        // Once, and only what was found.
        assert_eq!(
            env.tenant("jira").status.unwrap().drift.unwrap().count,
            1,
            "{}",
            env.events()
        );
    }
}

#[tokio::test]
async fn a_rule_is_told_before_whatever_else_was_found_with_it() {
    let mut env = ready().await;
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
    let tag = [
        ("ResourceId.1", instance.as_str()),
        ("Tag.1.Key", "yagura.dev/label"),
    ];
    env.someone("DeleteTags", &tag);
    env.pass(30).await;
    let told = "rule tcp 22 from 0.0.0.0/0 was added";
    let tenant = env.tenant("jira").status.unwrap().last_tampering.unwrap();
    assert!(tenant.found.starts_with(told), "{tenant:?}");
    let policy = env.policy("office").status.unwrap().last_tampering.unwrap();
    assert!(policy.rule.starts_with(told), "{policy:?}");
}

#[tokio::test]
async fn a_foreign_group_is_taken_off() {
    let mut env = ready().await;
    let (instance, group) = (instance_of(&env), group_of(&env));
    let made = env.someone(
        "CreateSecurityGroup",
        &[
            ("GroupName", "backdoor"),
            ("GroupDescription", "x"),
            ("VpcId", "vpc-0123456789abcdef0"),
        ],
    );
    let foreign = made
        .split("<groupId>")
        .nth(1)
        .unwrap()
        .split('<')
        .next()
        .unwrap()
        .to_owned();
    let view = env.ctx.inventories.of(&"ap-northeast-1".into()).view();
    let eni = view
        .instance(&instance.as_str().into())
        .present()
        .unwrap()
        .interfaces[0]
        .id
        .to_string();
    env.someone(
        "ModifyNetworkInterfaceAttribute",
        &[
            ("NetworkInterfaceId", &eni),
            ("SecurityGroupId.1", &group),
            ("SecurityGroupId.2", &foreign),
        ],
    );
    env.pass(20).await;
    assert!(
        env.events()
            .contains(&format!("security group {foreign} on interface {eni}")),
        "{}",
        env.events()
    );
    let view = env.ctx.inventories.of(&"ap-northeast-1".into()).view();
    let groups = &view
        .instance(&instance.as_str().into())
        .present()
        .unwrap()
        .interfaces[0]
        .groups;
    assert_eq!(
        groups.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [group]
    );
}

#[tokio::test]
async fn what_a_person_does_while_the_operator_is_dead_is_respected() {
    let mut env = ready().await;
    let instance = instance_of(&env);
    let view = env.ctx.inventories.of(&"ap-northeast-1".into()).view();
    let eni = view
        .instance(&instance.as_str().into())
        .present()
        .unwrap()
        .interfaces[0]
        .id
        .to_string();
    let groups = view.groups();
    let quarantine = groups
        .present()
        .unwrap()
        .iter()
        .find(|group| group.name.starts_with("yagura-quarantine-"))
        .unwrap()
        .id
        .to_string();
    env.someone(
        "ModifyNetworkInterfaceAttribute",
        &[("NetworkInterfaceId", &eni), ("SecurityGroupId.1", &quarantine)],
    );
    env.restart().await;
    env.pass(30).await;
    assert_eq!(
        env.tenant_is("jira", ConditionType::Hardened),
        "False IsolatedByHand"
    );
    assert_eq!(
        env.tenant("jira").status.unwrap().phase,
        Some(TenantPhase::Isolated)
    );
    assert_eq!(env.calls("ModifyNetworkInterfaceAttribute"), 1);

    env.someone("StopInstances", &[("InstanceId.1", &instance)]);
    env.restart().await;
    env.pass(30).await;
    assert_eq!(
        env.tenant_is("jira", ConditionType::InstanceReady),
        "False StoppedByHand"
    );
    assert_eq!(env.calls("StartInstances"), 0);
}

#[tokio::test]
async fn a_vanished_instance_is_not_replaced() {
    let mut env = ready().await;
    let instance = instance_of(&env);
    env.someone(
        "ModifyInstanceAttribute",
        &[
            ("InstanceId", &instance),
            ("DisableApiTermination.Value", "false"),
        ],
    );
    env.someone("TerminateInstances", &[("InstanceId.1", &instance)]);
    env.pass(4000).await;
    assert_eq!(
        env.tenant_is("jira", ConditionType::InstanceReady),
        "False Vanished"
    );
    assert_eq!(
        env.tenant("jira").status.unwrap().phase,
        Some(TenantPhase::Degraded)
    );
    assert_eq!(env.calls("RunInstances"), 1);
}

#[tokio::test]
async fn a_lost_answer_makes_no_second_instance_even_over_a_restart() {
    let mut env = Env::new().await;
    env.class();
    env.put::<AccessPolicy>(policy("office", &["203.0.113.0/24"]));
    env.put::<Tenant>(tenant("jira"));
    let fault: simaws::FaultSpec = serde_json::from_value(json!({
        "operation": "RunInstances", "kind": "error", "effect": "after", "code": "InternalError", "status": 500,
    }))
    .unwrap();
    env.sim.add_fault(fault);
    env.pass(12).await;
    env.restart().await;
    env.pass(40).await;
    assert_eq!(
        env.tenant_is("jira", ConditionType::Ready),
        READY,
        "{}",
        env.events()
    );
    assert_eq!(env.calls("RunInstances"), 1);
    assert_eq!(env.tenant("jira").status.unwrap().launch.unwrap().incarnation, 1);
}

#[tokio::test]
async fn mistakes_are_named_by_field_and_change_nothing_in_aws() {
    let mut env = Env::new().await;
    env.class();
    let wrong = [
        ("plan", json!({"plan": "huge"}), "UnknownPlan", "spec.plan"),
        (
            "class",
            json!({"className": "osaka"}),
            "UnknownClass",
            "spec.className",
        ),
        (
            "version",
            json!({"application": {"name": "jira", "version": "1"}}),
            "UnknownVersion",
            "spec.application.version",
        ),
        (
            "application",
            json!({"application": {"name": "wiki", "version": "1"}}),
            "UnknownApplication",
            "spec.application.name",
        ),
    ];
    for (name, change, ..) in &wrong {
        let mut object = tenant(name);
        for (field, value) in change.as_object().unwrap() {
            object["spec"][field] = value.clone();
        }
        env.put::<Tenant>(object);
    }
    let mut elsewhere = tenant("elsewhere");
    elsewhere["metadata"]["namespace"] = "globex".into();
    env.put::<Tenant>(elsewhere);
    env.pass(30).await;
    for (name, _, reason, field) in &wrong {
        assert_eq!(
            env.tenant_is(name, ConditionType::Stalled),
            format!("True {reason}")
        );
        let status = env.tenant(name).status.unwrap();
        let ready = status
            .conditions
            .iter()
            .find(|condition| condition.type_ == "Ready")
            .unwrap();
        assert!(ready.message.contains(field), "{}", ready.message);
    }
    let elsewhere = env.condition::<Tenant>(&Key::new("globex", "elsewhere"), ConditionType::Stalled);
    assert_eq!(elsewhere, "True NamespaceNotAllowed");
    assert_eq!(env.calls("RunInstances"), 0);
    // The class's own quarantine group.
    assert_eq!(env.calls("CreateSecurityGroup"), 1);
}

#[tokio::test]
async fn of_two_tenants_with_one_label_the_one_in_aws_keeps_it() {
    let mut env = ready().await;
    let mut twin = tenant("a-twin");
    twin["spec"]["label"] = "JIRA-prod".into();
    env.put::<Tenant>(twin);
    env.pass(20).await;
    assert_eq!(
        env.tenant_is("a-twin", ConditionType::Stalled),
        "True DuplicateLabel"
    );
    assert_eq!(env.tenant_is("jira", ConditionType::Ready), READY);
    assert_eq!(env.calls("RunInstances"), 1);
}

#[tokio::test]
async fn a_policy_that_vanishes_or_breaks_leaves_the_last_accepted_rules() {
    let mut env = ready().await;
    let rules = |env: &Env| {
        let view = env.ctx.inventories.of(&"ap-northeast-1".into()).view();
        view.group(&group_of(env).as_str().into())
            .present()
            .unwrap()
            .rules
            .clone()
    };
    let before = rules(&env);
    env.put::<AccessPolicy>(policy("office", &["172.31.1.0/24"]));
    env.pass(20).await;
    let policy_key = Key::new("acme", "office");
    assert_eq!(
        env.condition::<AccessPolicy>(&policy_key, ConditionType::Stalled),
        "True CidrOverlapsVpc"
    );
    assert_eq!(
        env.tenant_is("jira", ConditionType::FirewallReady),
        "True LastAcceptedInForce"
    );
    assert_eq!(rules(&env), before);

    env.cluster.delete::<AccessPolicy>(&policy_key);
    env.pass(20).await;
    assert_eq!(
        env.tenant_is("jira", ConditionType::FirewallReady),
        "False NoAccessPolicy"
    );
    assert_eq!(rules(&env), before);

    env.put::<AccessPolicy>(policy("office", &["198.51.100.0/24"]));
    env.pass(20).await;
    assert_eq!(env.tenant_is("jira", ConditionType::Ready), READY);
    assert_ne!(rules(&env), before);
    assert!(!env.events().contains("someone else"), "{}", env.events());
}

#[tokio::test]
async fn a_deleted_tenant_leaves_aws_as_it_is_but_for_one_tag() {
    let mut env = ready().await;
    let instance = instance_of(&env);
    let before = env.sim.calls().len();
    env.cluster.delete::<Tenant>(&Key::new("acme", "jira"));
    env.pass(60).await;
    assert_eq!(env.tenant_is("jira", ConditionType::Ready), "gone");
    let changes: Vec<_> = env
        .sim
        .calls()
        .split_off(before)
        .into_iter()
        .filter(|call| !call.operation.starts_with("Describe"))
        .collect();
    assert_eq!(changes.len(), 1, "{changes:#?}");
    let view = env.ctx.inventories.of(&"ap-northeast-1".into()).view();
    let found = view.instance(&instance.as_str().into());
    assert!(found.present().unwrap().tags.contains_key("yagura.dev/released"));
}

#[tokio::test]
async fn every_status_keeps_the_kstatus_contract() {
    let env = ready().await;
    let object = env.tenant("jira");
    let status = object.status.clone().unwrap();
    assert_eq!(
        kstatus::violations(
            object.generation(),
            status.observed_generation,
            &status.conditions
        ),
        Vec::<String>::new()
    );
    assert_eq!(env.policy("office").status.unwrap().rules.unwrap().desired, 9);
}
