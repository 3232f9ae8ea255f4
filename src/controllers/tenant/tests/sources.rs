//! Sources inside the VPC, where other customers' environments stand: nothing lets them in.

use serde_json::json;

use super::{READY, group_of, ready};
use crate::{
    api::{AccessPolicy, ConditionType, Key, Tenant},
    controllers::testing::{Env, policy, tenant},
    plan::firewall::describe,
};

/// The rules that let something in, as AWS holds them.
fn ingress(env: &Env) -> Vec<String> {
    let view = env.ctx.inventories.of(&"ap-northeast-1".into()).view();
    let found = view.group(&group_of(env).as_str().into());
    let rules = found.present().unwrap().rules.iter().map(describe);
    rules.filter(|rule| rule.contains(" from ")).collect()
}

#[tokio::test]
async fn a_source_inside_the_vpc_is_kept_out_though_it_was_accepted_before_the_tenant_came() {
    let mut env = Env::new().await;
    env.class();
    env.put::<AccessPolicy>(policy("office", &["203.0.113.0/24", "172.31.0.0/16"]));
    env.pass(20).await;
    assert!(env.policy("office").status.unwrap().accepted.is_some());
    env.put::<Tenant>(tenant("jira"));
    env.pass(40).await;
    let key = Key::new("acme", "office");
    assert_eq!(
        env.condition::<AccessPolicy>(&key, ConditionType::Stalled),
        "True CidrOverlapsVpc"
    );
    assert_eq!(ingress(&env), ["tcp 443 from 203.0.113.0/24"]);
    assert_eq!(
        env.tenant_is("jira", ConditionType::FirewallReady),
        "False CidrOverlapsVpc"
    );
    let status = env.tenant("jira").status.unwrap();
    let told = status
        .conditions
        .iter()
        .find(|condition| condition.type_ == "FirewallReady")
        .unwrap();
    assert!(told.message.contains("172.31.0.0/16"), "{}", told.message);
    assert_eq!(status.access.unwrap().cidrs, ["203.0.113.0/24".into()]);

    env.put::<AccessPolicy>(policy("office", &["203.0.113.0/24"]));
    env.pass(20).await;
    assert_eq!(env.tenant_is("jira", ConditionType::Ready), READY);
    assert!(!env.events().contains("someone else"), "{}", env.events());
}

#[tokio::test]
async fn rules_are_kept_and_nothing_comes_to_them_while_the_ranges_of_the_vpc_are_not_known() {
    let mut env = ready().await;
    let fails =
        json!({"operation": "DescribeSubnets", "kind": "error", "times": 0, "code": "UnauthorizedOperation"});
    env.sim.add_fault(serde_json::from_value(fails).unwrap());
    env.restart().await;
    let group = group_of(&env);
    let change = |action: &str, port: &str, cidr: &str| {
        let params = [
            ("GroupId", group.as_str()),
            ("IpPermissions.1.IpProtocol", "tcp"),
            ("IpPermissions.1.FromPort", port),
            ("IpPermissions.1.ToPort", port),
            ("IpPermissions.1.IpRanges.1.CidrIp", cidr),
        ];
        env.someone(action, &params);
    };
    change("AuthorizeSecurityGroupIngress", "22", "0.0.0.0/0");
    change("RevokeSecurityGroupIngress", "443", "203.0.113.0/24");
    env.pass(30).await;
    assert_eq!(ingress(&env), ["tcp 443 from 203.0.113.0/24"]);
    assert_eq!(env.tenant_is("jira", ConditionType::Ready), READY);

    // The judge of the policy waits for its Tenants' VPC too.
    env.put::<AccessPolicy>(policy("office", &["172.31.4.0/24"]));
    env.pass(30).await;
    assert_eq!(ingress(&env), ["tcp 443 from 203.0.113.0/24"]);
    env.sim.clear_faults();
    env.pass(700).await;
    assert_eq!(ingress(&env), ["tcp 443 from 203.0.113.0/24"]);
    let key = Key::new("acme", "office");
    assert_eq!(
        env.condition::<AccessPolicy>(&key, ConditionType::Stalled),
        "True CidrOverlapsVpc"
    );
}

#[tokio::test]
async fn a_tenant_at_rest_looks_at_no_subnet_for_a_day() {
    let mut env = ready().await;
    let looks = |env: &Env| {
        let calls = env.sim.calls();
        let of = |call: &&simaws::Call| call.operation == "DescribeSubnets";
        calls.iter().filter(of).count()
    };
    let before = looks(&env);
    env.clock.advance(std::time::Duration::from_secs(20 * 60 * 60));
    env.put::<Tenant>(tenant("jira"));
    env.pass(10).await;
    assert_eq!(looks(&env), before);
}
