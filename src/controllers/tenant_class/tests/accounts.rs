//! Classes that are kept in other accounts.

use serde_json::{Value, json};

use super::READY;
use crate::{
    api::{AccessPolicy, ConditionType, Key, Tenant, TenantClass},
    cloud::{Account, Site},
    cluster::Cluster,
    controllers::testing::{Env, class, policy, tenant},
    report::conditions::find_condition,
};

const ONE: &str = "222233334444";
const OTHER: &str = "333344445555";

fn role(account: &str) -> String {
    format!("arn:aws:iam::{account}:role/yagura")
}

fn class_in(name: &str, account: &str) -> Value {
    let mut object = class();
    object["metadata"]["name"] = json!(name);
    object["spec"]["account"] = json!({"roleArn": role(account), "externalId": "x1"});
    object
}

fn tenant_in(name: &str, class: &str) -> Value {
    let mut object = tenant(name);
    object["spec"]["className"] = json!(class);
    object
}

fn site(account: &str) -> Site {
    Site {
        account: Some(Account {
            role_arn: role(account),
            external_id: Some("x1".to_owned()),
        }),
        region: "ap-northeast-1".into(),
    }
}

/// The trust policy of the role in the other account asks for this external id from now on.
fn ask_for(env: &Env, external_id: &str) {
    env.sim.set_role(simaws::Role {
        arn: role(OTHER),
        external_id: Some(external_id.to_owned()),
        trusted_account: None,
    });
}

/// A policy for each: one is accepted once the networks of all its Tenants are known.
fn policies(env: &Env) {
    for name in ["jira", "wiki"] {
        let mut object = policy(name, &["203.0.113.0/24"]);
        object["spec"]["tenants"] = json!([name]);
        env.put::<AccessPolicy>(object);
    }
}

async fn two_accounts() -> Env {
    let env = Env::new().await;
    for (name, class, account) in [("jira", "one", ONE), ("wiki", "other", OTHER)] {
        env.put::<TenantClass>(class_in(class, account));
        env.put::<Tenant>(tenant_in(name, class));
    }
    policies(&env);
    env
}

fn class_is(env: &Env, name: &str, type_: ConditionType) -> String {
    env.condition::<TenantClass>(&Key::new("", name), type_)
}

fn entered(env: &Env) -> usize {
    let calls = env.sim.calls().into_iter();
    calls.filter(|call| call.operation == "AssumeRole").count()
}

#[tokio::test]
async fn two_classes_in_two_accounts_see_only_what_is_theirs() {
    let mut env = two_accounts().await;
    env.pass(120).await;
    let mut ids = Vec::new();
    for (name, class, account) in [("jira", "one", ONE), ("wiki", "other", OTHER)] {
        assert_eq!(
            class_is(&env, class, ConditionType::Ready),
            READY,
            "{}",
            env.events()
        );
        assert_eq!(
            env.tenant_is(name, ConditionType::Ready),
            "True Succeeded",
            "{}",
            env.events()
        );
        let view = env.ctx.inventories.of(&site(account)).view();
        let instances = view.instances().present().unwrap().clone();
        assert_eq!(instances.len(), 1, "{account}");
        let bound = env.tenant(name).status.unwrap().instance_id.unwrap();
        assert_eq!(instances[0].id.as_str(), bound);
        // The environment's own group and the class's quarantine group.
        assert_eq!(view.groups().present().unwrap().len(), 2, "{account}");
        ids.push(bound);
    }
    assert_ne!(ids[0], ids[1]);
    assert_eq!(entered(&env), 2, "once for each account");
    let calls = env.sim.calls();
    let acting = calls.iter().filter(|call| call.service == "ec2");
    assert!(
        acting
            .clone()
            .all(|call| [ONE, OTHER].contains(&call.account.as_str()))
    );
}

#[tokio::test]
async fn an_account_that_lets_nobody_in_is_told_and_the_others_go_on() {
    let mut env = Env::new().await;
    ask_for(&env, "x2");
    for (name, class, account) in [("jira", "one", ONE), ("wiki", "other", OTHER)] {
        env.put::<TenantClass>(class_in(class, account));
        env.put::<Tenant>(tenant_in(name, class));
    }
    policies(&env);
    env.pass(120).await;
    assert_eq!(
        class_is(&env, "one", ConditionType::Ready),
        READY,
        "{}",
        env.events()
    );
    assert_eq!(env.tenant_is("jira", ConditionType::Ready), "True Succeeded");

    assert_eq!(class_is(&env, "other", ConditionType::Stalled), "True Denied");
    assert_eq!(class_is(&env, "other", ConditionType::Permitted), "False Denied");
    let class = env.cluster.cached::<TenantClass>(&Key::new("", "other")).unwrap();
    let conditions = &class.status.as_ref().unwrap().conditions;
    for type_ in ["Stalled", "Permitted"] {
        let message = &find_condition(conditions, type_).unwrap().message;
        assert!(message.contains("sts:AssumeRole"), "{message}");
        assert!(message.contains(&role(OTHER)), "{message}");
    }
    // The Tenant waits and keeps trying; it is not given up.
    assert_eq!(env.tenant_is("wiki", ConditionType::Permitted), "False Denied");
    assert_eq!(env.tenant_is("wiki", ConditionType::Stalled), "");
    let calls = env.sim.calls();
    assert!(
        calls.iter().all(|call| call.account != OTHER),
        "nothing was touched there"
    );

    ask_for(&env, "x1");
    env.pass(900).await;
    assert_eq!(
        class_is(&env, "other", ConditionType::Ready),
        READY,
        "{}",
        env.events()
    );
    assert_eq!(env.tenant_is("wiki", ConditionType::Ready), "True Succeeded");
    assert_eq!(
        class_is(&env, "other", ConditionType::Permitted),
        "True Permitted"
    );
}

#[tokio::test]
async fn an_account_that_shuts_its_door_later_takes_nothing_from_its_environments() {
    let mut env = two_accounts().await;
    env.pass(120).await;
    let bound = env.tenant("wiki").status.unwrap().instance_id;
    ask_for(&env, "x2");
    let begin = env.sim.calls().last().unwrap().seq;
    // The session ends after an hour, and nothing can be looked at any more.
    env.skip(3500).await;
    env.pass(480).await;
    let view = env.ctx.inventories.of(&site(OTHER)).view();
    assert!(view.instances().is_unknown(), "nothing could be listed");
    assert_eq!(env.tenant("wiki").status.unwrap().instance_id, bound);
    assert_eq!(env.tenant_is("wiki", ConditionType::Stalled), "");
    assert_eq!(env.tenant_is("jira", ConditionType::Ready), "True Succeeded");
    let changed = env.sim.calls_since(begin).into_iter().filter(|call| call.effect);
    assert_eq!(changed.count(), 0);
    ask_for(&env, "x1");
    env.pass(900).await;
    assert_eq!(env.tenant_is("wiki", ConditionType::Ready), "True Succeeded");
}
