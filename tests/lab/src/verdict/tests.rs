use std::time::Duration;

use yagura::{
    api::{AccessPolicy, Tenant, TenantClass, names::tags},
    cluster::Cluster,
    report::conditions::is_true,
};

mod copies;

use super::*;
use crate::{Settings, objects, truth::Instance};

/// A world with one environment, its judge, and what stands in AWS.
fn stage() -> (World, Verdict, Truth) {
    let mut world = World::new(Settings::seeded(3)).unwrap();
    world.put::<TenantClass>(objects::class()).unwrap();
    world
        .put::<AccessPolicy>(objects::policy(&["203.0.113.0/24"]))
        .unwrap();
    world.put::<Tenant>(objects::tenant("jira")).unwrap();
    let is_ready = |world: &World| {
        let tenant = world.cluster.cached::<Tenant>(&objects::key("jira")).unwrap();
        let status = tenant.status.as_ref();
        status.is_some_and(|status| is_true(&status.conditions, "Ready"))
    };
    world
        .run_until("Ready", Duration::from_secs(600), is_ready)
        .unwrap();
    let verdict = Verdict::watch(&world, None);
    let truth = Truth::of(&world, None).unwrap();
    (world, verdict, truth)
}

fn arrives(verdict: &Verdict, action: &str, params: &[(&str, &str)]) -> Vec<String> {
    let params = params
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let call = Arrival {
        action: action.to_owned(),
        params: params.collect(),
    };
    let mut state = verdict.lock();
    state.seen.wrong.clear();
    state.arrives(&call);
    state.seen.wrong.clone()
}

fn instance(truth: &Truth) -> &Instance {
    truth.instances.first().unwrap()
}

#[test]
fn a_wanted_rule_may_not_be_revoked_and_an_unwanted_one_may() {
    let (world, verdict, truth) = stage();
    let uid = &instance(&truth).tags[tags::UID];
    let group = truth.groups(uid)[0].id.clone();
    let revoke = |cidr: &str| {
        let rule = [
            ("GroupId", group.as_str()),
            ("IpPermissions.1.IpProtocol", "tcp"),
            ("IpPermissions.1.FromPort", "443"),
            ("IpPermissions.1.ToPort", "443"),
            ("IpPermissions.1.IpRanges.1.CidrIp", cidr),
        ];
        arrives(&verdict, "RevokeSecurityGroupIngress", &rule)
    };
    assert_eq!(revoke("203.0.113.0/24").len(), 1);
    assert!(revoke("0.0.0.0/0").is_empty());
    // What was decided on before a person changed their mind may still come.
    world
        .put::<AccessPolicy>(objects::policy(&["192.0.2.0/26"]))
        .unwrap();
    assert!(revoke("203.0.113.0/24").is_empty());
    assert!(revoke("192.0.2.0/26").is_empty());
}

#[test]
fn nothing_may_be_made_twice() {
    let (_world, verdict, truth) = stage();
    let instance = instance(&truth);
    let launch = |token: &str| {
        let params = [
            ("ClientToken", token),
            ("TagSpecification.1.Tag.1.Key", tags::UID),
            ("TagSpecification.1.Tag.1.Value", &instance.tags[tags::UID]),
        ];
        arrives(&verdict, "RunInstances", &params)
    };
    assert!(launch(instance.client_token.as_ref().unwrap()).is_empty());
    assert_eq!(launch("another").len(), 1);
    let group = [
        ("GroupName", "another"),
        ("TagSpecification.1.Tag.1.Key", tags::UID),
        ("TagSpecification.1.Tag.1.Value", &instance.tags[tags::UID]),
    ];
    assert_eq!(arrives(&verdict, "CreateSecurityGroup", &group).len(), 1);
}

#[test]
fn nobody_may_be_isolated_without_an_incident_nor_put_into_another_group() {
    let (_world, verdict, truth) = stage();
    let instance = instance(&truth);
    let own = truth
        .interface(instance)
        .unwrap()
        .group_ids
        .first()
        .unwrap()
        .clone();
    let quarantine = truth
        .security_groups
        .iter()
        .find(|group| group.name.starts_with("yagura-quarantine-"));
    let put = |group: &str| {
        let params = [
            ("NetworkInterfaceId", instance.interface_ids[0].as_str()),
            ("SecurityGroupId.1", group),
        ];
        arrives(&verdict, "ModifyNetworkInterfaceAttribute", &params)
    };
    assert!(put(&own).is_empty());
    assert!(!put("sg-another").is_empty());
    assert_eq!(
        put(&quarantine.unwrap().id).len(),
        2,
        "nobody asks, and nothing is on record"
    );
}

#[test]
fn nothing_may_be_weakened_and_no_tag_of_somebody_else_be_overwritten() {
    let (world, verdict, truth) = stage();
    let id = instance(&truth).id.as_str();
    let weaken = [("InstanceId", id), ("DisableApiTermination.Value", "false")];
    assert_eq!(arrives(&verdict, "ModifyInstanceAttribute", &weaken).len(), 1);
    let strengthen = [("InstanceId", id), ("DisableApiTermination.Value", "true")];
    assert!(arrives(&verdict, "ModifyInstanceAttribute", &strengthen).is_empty());
    let tag = |id: &str, key: &str, value: &str| {
        let params = [("ResourceId.1", id), ("Tag.1.Key", key), ("Tag.1.Value", value)];
        arrives(&verdict, "CreateTags", &params)
    };
    assert!(tag(id, tags::CUSTOMER, "acme").is_empty());
    assert_eq!(tag(id, tags::CUSTOMER, "globex").len(), 1);
    assert_eq!(tag(id, tags::RELEASED, "now").len(), 1, "the Tenant stays");
    let made = [
        ("GroupName", "strangers"),
        ("GroupDescription", "by hand"),
        ("VpcId", simaws::DEFAULT_VPC_ID),
    ];
    world.someone("CreateSecurityGroup", &made).unwrap();
    let after = Truth::of(&world, None).unwrap();
    let strangers = after
        .security_groups
        .iter()
        .find(|group| group.name == "strangers");
    assert_eq!(tag(&strangers.unwrap().id, tags::CUSTOMER, "acme").len(), 1);
}
