use serde_json::json;

use crate::{
    api::{ConditionType, Key, Tenant, TenantClass},
    controllers::testing::{Env, class, tenant},
    inventory::View,
};

const READY: &str = "True Succeeded";

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
