//! Sources inside the VPC, where other customers' environments stand: nothing lets them in.

use super::{READY, group_of};
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
