use serde_json::json;

use crate::{
    api::{AccessPolicy, ConditionType, Key, Tenant},
    controllers::testing::{Env, policy, tenant},
};

fn is(env: &Env, name: &str, type_: ConditionType) -> String {
    env.condition::<AccessPolicy>(&Key::new("acme", name), type_)
}

async fn two_policies() -> Env {
    let mut env = Env::new().await;
    env.class();
    env.put::<Tenant>(tenant("jira"));
    env.put::<AccessPolicy>(policy("all", &["203.0.113.0/24"]));
    env.pass(20).await;
    let mut named = policy("named", &["198.51.100.0/24"]);
    named["spec"]["tenants"] = json!(["jira"]);
    env.put::<AccessPolicy>(named);
    env.pass(20).await;
    env
}

#[tokio::test]
async fn the_policy_that_names_a_tenant_wins_and_the_loser_says_so() {
    let env = two_policies().await;
    assert_eq!(is(&env, "all", ConditionType::Conflict), "True Contested");
    assert_eq!(is(&env, "named", ConditionType::Conflict), "False NoConflict");
    assert_eq!(is(&env, "all", ConditionType::Stalled), "");
    let access = env.tenant("jira").status.unwrap().access.unwrap();
    assert_eq!(access.policy, "named");
    let all = env.policy("all").status.unwrap();
    assert_eq!(all.tenants.unwrap().contested, ["jira"]);
    assert_eq!(env.tenant_is("jira", ConditionType::Ready), "True Succeeded");
    assert_eq!(env.policy("named").status.unwrap().rules.unwrap().actual, 9);
}

#[tokio::test]
async fn a_source_inside_the_vpc_is_refused_and_everybody_is_not() {
    let mut env = Env::new().await;
    env.class();
    env.put::<Tenant>(tenant("jira"));
    env.put::<AccessPolicy>(policy("wide", &["0.0.0.0/0", "::/0"]));
    env.put::<AccessPolicy>(policy("inside", &["172.31.4.0/24"]));
    env.put::<AccessPolicy>(policy("around", &["172.16.0.0/12"]));
    env.pass(20).await;
    assert_eq!(is(&env, "wide", ConditionType::Ready), "True Succeeded");
    for name in ["inside", "around"] {
        assert_eq!(is(&env, name, ConditionType::Stalled), "True CidrOverlapsVpc");
        assert!(env.policy(name).status.unwrap().accepted.is_none());
    }
    assert!(
        env.events()
            .contains("172.31.0.0/16, the VPC of TenantClass tokyo"),
        "{}",
        env.events()
    );
}

#[tokio::test]
async fn a_broken_edit_keeps_what_was_accepted_and_a_mended_one_is_taken() {
    let mut env = two_policies().await;
    let mut broken = policy("named", &["172.31.4.0/24"]);
    broken["spec"]["tenants"] = json!(["jira"]);
    env.put::<AccessPolicy>(broken);
    env.pass(10).await;
    assert_eq!(is(&env, "named", ConditionType::Stalled), "True CidrOverlapsVpc");
    let status = env.policy("named").status.unwrap();
    assert_eq!(status.accepted.unwrap().generation, 1);
    assert_eq!(
        env.tenant("jira").status.unwrap().access.unwrap().cidrs,
        ["198.51.100.0/24".into()]
    );

    let mut mended = policy("named", &["192.0.2.0/24"]);
    mended["spec"]["tenants"] = json!(["jira"]);
    env.put::<AccessPolicy>(mended);
    env.pass(20).await;
    assert_eq!(is(&env, "named", ConditionType::Ready), "True Succeeded");
    assert_eq!(
        env.tenant("jira").status.unwrap().access.unwrap().cidrs,
        ["192.0.2.0/24".into()]
    );
}

#[tokio::test]
async fn a_mistake_takes_no_tenant_from_a_policy_that_was_accepted() {
    let mut env = Env::new().await;
    env.class();
    env.put::<Tenant>(tenant("jira"));
    env.put::<AccessPolicy>(policy("all", &["203.0.113.0/24"]));
    env.pass(20).await;
    let mut named = policy("named", &["172.31.4.0/24"]);
    named["spec"]["tenants"] = json!(["jira"]);
    env.put::<AccessPolicy>(named);
    env.pass(20).await;
    assert_eq!(env.tenant("jira").status.unwrap().access.unwrap().policy, "all");
    assert_eq!(is(&env, "named", ConditionType::Conflict), "True Contested");
    assert_eq!(env.tenant_is("jira", ConditionType::Ready), "True Succeeded");
}

#[tokio::test]
async fn tampering_with_a_rule_is_shown_on_the_policy() {
    let mut env = two_policies().await;
    let group = env.tenant("jira").status.unwrap().security_group_id.unwrap();
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
    env.pass(20).await;
    let status = env.policy("named").status.unwrap();
    assert!(
        status
            .last_tampering
            .unwrap()
            .rule
            .contains("tcp 22 from 0.0.0.0/0")
    );
    assert_eq!(status.rules.unwrap().unexpected, 0);
}

#[tokio::test]
async fn nothing_is_accepted_while_no_vpc_of_its_tenants_is_known() {
    let mut env = Env::new().await;
    env.put::<Tenant>(tenant("jira"));
    env.put::<AccessPolicy>(policy("inside", &["172.31.4.0/24"]));
    env.pass(10).await;
    assert_eq!(is(&env, "inside", ConditionType::Reconciling), "True Progressing");
    assert!(env.policy("inside").status.unwrap().accepted.is_none());
    env.class();
    env.pass(20).await;
    assert_eq!(is(&env, "inside", ConditionType::Stalled), "True CidrOverlapsVpc");
    assert!(env.policy("inside").status.unwrap().accepted.is_none());
}
