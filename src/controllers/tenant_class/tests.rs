mod accounts;
mod rights;

use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::json;

use crate::{
    api::{ConditionType, Key, Tenant, TenantClass},
    controllers::testing::{Env, class, faults, strike, tenant},
    inventory::View,
};

const READY: &str = "True Succeeded";

/// Calls that may fail, before or after their effect.
const FAILING: [&str; 5] = [
    "CreateSecurityGroup",
    "RevokeSecurityGroupEgress",
    "RevokeSecurityGroupIngress",
    "DescribeSecurityGroups",
    "DescribeSubnets",
];

/// How somebody puts rules into the group.
const MEDDLING: [&str; 2] = ["AuthorizeSecurityGroupIngress", "AuthorizeSecurityGroupEgress"];

fn is(env: &Env, type_: ConditionType) -> String {
    env.condition::<TenantClass>(&Key::new("", "tokyo"), type_)
}

/// Id and number of rules of the quarantine group.
fn quarantine(view: &View) -> (String, usize) {
    let groups = view.groups();
    let mut found = groups
        .present()
        .unwrap()
        .iter()
        .filter(|group| group.name.starts_with("yagura-quarantine-"));
    let group = found.next().unwrap();
    assert!(found.next().is_none());
    (group.id.to_string(), group.rules.len())
}

fn view(env: &Env) -> std::sync::Arc<View> {
    env.ctx.inventories.of(&"ap-northeast-1".into()).view()
}

#[tokio::test]
async fn a_class_gets_a_quarantine_group_without_any_rule() {
    let mut env = Env::new().await;
    env.class();
    env.put::<Tenant>(tenant("jira"));
    env.pass(20).await;
    assert_eq!(is(&env, ConditionType::Ready), READY, "{}", env.events());
    assert_eq!(quarantine(&view(&env)).1, 0);
    let class = env.cluster_class();
    assert_eq!(class.status.unwrap().tenants, Some(1));
    assert!(!env.events().contains("someone else"), "{}", env.events());
}

#[tokio::test]
async fn a_rule_in_the_quarantine_group_is_removed_and_told() {
    let mut env = Env::new().await;
    env.class();
    env.pass(20).await;
    let (group, _) = quarantine(&view(&env));
    for (action, port) in [
        ("AuthorizeSecurityGroupIngress", "22"),
        ("AuthorizeSecurityGroupEgress", "443"),
    ] {
        env.someone(
            action,
            &[
                ("GroupId", &group),
                ("IpPermissions.1.IpProtocol", "tcp"),
                ("IpPermissions.1.FromPort", port),
                ("IpPermissions.1.ToPort", port),
                ("IpPermissions.1.IpRanges.1.CidrIp", "0.0.0.0/0"),
            ],
        );
    }
    env.pass(20).await;
    assert_eq!(quarantine(&view(&env)), (group, 0));
    for rule in ["tcp 22 from 0.0.0.0/0", "tcp 443 to 0.0.0.0/0"] {
        assert!(env.events().contains(rule), "{}", env.events());
    }
    assert_eq!(is(&env, ConditionType::Ready), READY);
}

#[tokio::test]
async fn a_mistake_of_the_class_is_named_by_its_field() {
    for (field, value, reason) in [
        ("terms", json!("unheard-of"), "UnknownTerms"),
        ("region", json!("us-east-1"), "RegionNotInTerms"),
        (
            "network",
            json!({"subnetIds": ["subnet-00000000"]}),
            "InvalidSpec",
        ),
    ] {
        let mut env = Env::new().await;
        let mut object = class();
        object["spec"][field] = value;
        env.put::<TenantClass>(object);
        env.pass(20).await;
        assert_eq!(is(&env, ConditionType::Stalled), format!("True {reason}"));
        let status = env.cluster_class().status.unwrap();
        let ready = status
            .conditions
            .iter()
            .find(|condition| condition.type_ == "Ready")
            .unwrap();
        assert!(
            ready.message.contains(&format!("spec.{field}")),
            "{}",
            ready.message
        );
    }
}

#[tokio::test]
async fn a_group_of_the_quarantine_groups_name_that_is_not_ours_is_left_alone() {
    let mut env = Env::new().await;
    let class = env.class();
    let name = crate::plan::class::quarantine_name(class.metadata.uid.as_deref().unwrap());
    env.someone(
        "CreateSecurityGroup",
        &[
            ("GroupName", &name),
            ("GroupDescription", "x"),
            ("VpcId", "vpc-0123456789abcdef0"),
        ],
    );
    env.pass(20).await;
    assert_eq!(is(&env, ConditionType::Stalled), "True ForeignGroup");
    assert_eq!(env.calls("RevokeSecurityGroupEgress"), 0);
}

#[tokio::test]
async fn a_class_whose_subnet_does_not_exist_does_not_keep_asking_for_it() {
    let mut env = Env::new().await;
    let mut misspelt = class();
    misspelt["spec"]["network"]["subnetIds"] = json!(["subnet-00000000000000000"]);
    env.put::<TenantClass>(misspelt);
    env.pass(60).await;
    assert!(
        is(&env, ConditionType::Stalled).starts_with("True"),
        "{}",
        env.events()
    );
    let settled = env.calls("DescribeSubnets");
    env.pass(300).await;
    let asked = env.calls("DescribeSubnets") - settled;
    assert!(asked <= 1, "asked {asked} times in five minutes");
}

/// What somebody does to the quarantine group.
fn meddle(env: &Env, group: &str, action: &str, port: &str) {
    env.try_someone(
        action,
        &[
            ("GroupId", group),
            ("IpPermissions.1.IpProtocol", "tcp"),
            ("IpPermissions.1.FromPort", port),
            ("IpPermissions.1.ToPort", port),
            ("IpPermissions.1.IpRanges.1.CidrIp", "0.0.0.0/0"),
        ],
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Through the real adapters and the simulated AWS: whatever fails, whoever meddles, whenever the process ends.
    #[test]
    fn there_is_one_quarantine_group_and_it_comes_back_empty(
        first in faults(&FAILING),
        later in faults(&FAILING),
        meddling in vec((select(MEDDLING.to_vec()), select(vec!["22", "443", "5432"])), 0..4),
        restarts in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut env = Env::new().await;
            strike(&env, &first);
            env.class();
            env.pass(60).await;
            let (group, _) = quarantine(&view(&env));
            strike(&env, &later);
            for (action, port) in meddling {
                meddle(&env, &group, action, port);
            }
            if restarts {
                env.restart().await;
            }
            env.pass(120).await;
            prop_assert_eq!(quarantine(&view(&env)), (group, 0));
            prop_assert_eq!(is(&env, ConditionType::Ready), READY);
            let calls = env.calls("CreateSecurityGroup") + env.calls("RevokeSecurityGroupIngress");
            env.pass(60).await;
            let more = env.calls("CreateSecurityGroup") + env.calls("RevokeSecurityGroupIngress") - calls;
            prop_assert_eq!(more, 0, "what is as it should be is left alone");
            Ok(())
        })?;
    }
}
