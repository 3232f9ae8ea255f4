mod changes;
mod pace;

use std::{collections::BTreeSet, time::Duration};

use simaws::FaultKind;

use super::stage::{Stage, https_from, launch, new_group, our_tags, time_out};
use crate::cloud::{
    AccountId, Direction, ErrorKind, Impaired, InstanceId, InstanceState, Lane, MetadataOptions,
    NewSnapshotSet, Operation, Sites, SnapshotState, StatusCheck,
};

#[tokio::test]
async fn a_launch_is_encrypted_tagged_protected_and_keeps_every_volume() {
    let stage = Stage::new().await;
    let instance = stage.instance("web").await;
    assert_eq!(instance.state, InstanceState::Running);
    assert_eq!(instance.client_token.as_deref(), Some("token-web"));
    assert!(instance.metadata.tokens_required);
    assert_eq!(instance.metadata.hop_limit, 1);
    assert_eq!(instance.tags, our_tags("web"));
    let devices: Vec<_> = instance
        .volumes
        .iter()
        .map(|volume| volume.device.as_str())
        .collect();
    assert_eq!(devices.len(), 2, "the image's root volume and ours: {devices:?}");
    assert!(
        instance
            .volumes
            .iter()
            .all(|volume| !volume.delete_on_termination)
    );
    assert!(stage.cloud.is_protected(&instance.id).await.unwrap());
    let volumes = stage.cloud.list_volumes().await.unwrap().items;
    assert_eq!(volumes.len(), 2);
    for volume in volumes {
        assert!(volume.encrypted);
        assert_eq!(volume.attached_to.as_ref(), Some(&instance.id));
        assert_eq!(volume.tags, our_tags("web"));
    }
}

#[tokio::test]
async fn the_same_launch_again_is_the_same_instance_and_another_is_refused() {
    let stage = Stage::new().await;
    let group = stage.group("web").await;
    let mut order = launch("web", &group);
    let first = stage.cloud.launch(&order).await.unwrap();
    let second = stage.cloud.launch(&order).await.unwrap();
    assert_eq!(first.id, second.id);
    order.instance_type = "m6i.xlarge".to_owned();
    let error = stage.cloud.launch(&order).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::TokenReused);
    assert_eq!(stage.cloud.list_instances().await.unwrap().items.len(), 1);
    assert_eq!(
        stage.calls_of(Operation::DescribeImages),
        1,
        "an image never changes"
    );
}

#[tokio::test]
async fn a_launch_whose_answer_is_lost_says_so_and_is_found_by_its_token() {
    let stage = Stage::new().await;
    let group = stage.group("web").await;
    let order = launch("web", &group);
    stage.fault(Operation::RunInstances, FaultKind::Drop);
    let lost = time_out(&stage, Operation::RunInstances, stage.cloud.launch(&order)).await;
    let lost = lost.unwrap_err();
    assert_eq!((lost.kind, lost.code.as_str()), (ErrorKind::Lost, "Timeout"));
    let found = stage.cloud.find_launched(&order.token).await.unwrap();
    assert_eq!(found.len(), 1);
    let again = stage.cloud.launch(&order).await.unwrap();
    assert_eq!(again.id, found[0].id);
}

#[tokio::test]
async fn a_read_whose_answer_is_lost_is_only_transient() {
    let stage = Stage::new().await;
    stage.fault(Operation::DescribeInstances, FaultKind::Drop);
    let lost = time_out(&stage, Operation::DescribeInstances, stage.cloud.list_instances()).await;
    assert_eq!(lost.unwrap_err().kind, ErrorKind::Transient);
    assert_eq!(
        *stage.observed.lock().unwrap(),
        [(Operation::DescribeInstances, "transient")]
    );
}

#[tokio::test]
async fn an_answer_cut_short_is_an_error_never_a_part() {
    let stage = Stage::new().await;
    let group = stage.group("web").await;
    stage.fault(Operation::RunInstances, FaultKind::Truncate);
    let cut = stage.cloud.launch(&launch("web", &group)).await.unwrap_err();
    assert_eq!((cut.kind, cut.code.as_str()), (ErrorKind::Lost, "TruncatedBody"));
    stage.fault(Operation::DescribeInstances, FaultKind::Truncate);
    let cut = stage.cloud.list_instances().await.unwrap_err();
    assert_eq!(
        (cut.kind, cut.code.as_str()),
        (ErrorKind::Transient, "TruncatedBody")
    );
    assert_eq!(stage.cloud.list_instances().await.unwrap().items.len(), 1);
}

#[tokio::test]
async fn a_listing_takes_every_page() {
    let stage = Stage::new().await;
    let stranger = stage.stranger();
    for number in 0..1001 {
        let new = new_group(&format!("group-{number}"));
        let request = stranger.create_security_group().group_name(&new.name);
        let request = request.description("made by a test").vpc_id(new.vpc_id.as_str());
        let kind = aws_sdk_ec2::types::ResourceType::SecurityGroup;
        let tags = super::convert::tag_specification(kind, &new.tags);
        request.tag_specifications(tags).send().await.unwrap();
    }
    let listed = stage.cloud.list_groups().await.unwrap();
    assert_eq!((listed.items.len(), listed.pages), (1001, 2));
    assert_eq!(stage.calls_of(Operation::DescribeSecurityGroups), 2);
}

#[tokio::test]
async fn only_instances_whose_checks_fail_are_listed_with_the_checks() {
    let stage = Stage::new().await;
    let sick = stage.instance("web").await;
    stage.instance("other").await;
    let none = stage.cloud.list_impaired().await.unwrap();
    assert_eq!((none.items.len(), none.pages), (0, 3));
    stage.sim.impair(sick.id.as_str(), simaws::StatusCheck::System);
    stage.sim.impair(sick.id.as_str(), simaws::StatusCheck::Ebs);
    let found = stage.cloud.list_impaired().await.unwrap().items;
    let checks = [StatusCheck::System, StatusCheck::AttachedEbs].into();
    assert_eq!(found, [Impaired { id: sick.id, checks }]);
    assert_eq!(stage.calls_of(Operation::DescribeInstanceStatus), 6);
}

#[tokio::test]
async fn a_listing_shows_ours_only_and_a_look_by_id_shows_anyones() {
    let stage = Stage::new().await;
    let instance = stage.instance("web").await;
    stage
        .untag(instance.id.as_str(), crate::api::names::tags::CLUSTER)
        .await;
    assert!(stage.cloud.list_instances().await.unwrap().items.is_empty());
    let found = stage.cloud.find_instance(&instance.id).await.unwrap().unwrap();
    assert_eq!(found.id, instance.id);
    let unknown = InstanceId::from("i-00000000000000000");
    assert_eq!(stage.cloud.find_instance(&unknown).await.unwrap(), None);
}

#[tokio::test]
async fn only_live_instances_are_found_by_label_and_only_with_that_very_label() {
    let stage = Stage::new().await;
    let instance = stage.instance("web").await;
    assert_eq!(stage.cloud.find_labelled("web").await.unwrap().len(), 1);
    assert!(stage.cloud.find_labelled("we*").await.unwrap().is_empty());
    stage.terminate(&instance.id).await;
    stage.advance(Duration::from_secs(120));
    assert!(stage.cloud.find_labelled("web").await.unwrap().is_empty());
    let gone = stage.cloud.list_instances().await.unwrap().items;
    assert_eq!(gone[0].state, InstanceState::Terminated);
}

#[tokio::test]
async fn a_new_group_comes_with_the_rule_that_aws_gives_it() {
    let stage = Stage::new().await;
    let group = stage.group("web").await;
    assert_eq!(group.rules.len(), 1);
    let rule = group.rules.iter().next().unwrap();
    assert_eq!(rule.direction, Direction::Egress);
    let taken = stage.cloud.create_group(&new_group("web")).await.unwrap_err();
    assert_eq!(taken.kind, ErrorKind::Duplicate);
    let found = stage.cloud.find_group_named(&group.vpc_id, "web").await.unwrap();
    assert_eq!(found.as_ref(), Some(&group));
    stage
        .cloud
        .revoke(&group.id, Direction::Egress, &group.rules)
        .await
        .unwrap();
    let found = stage.cloud.find_group(&group.id).await.unwrap().unwrap();
    assert!(found.rules.is_empty());
}

#[tokio::test]
async fn one_rule_that_exists_keeps_the_others_out() {
    let stage = Stage::new().await;
    let group = stage.group("web").await;
    let one = BTreeSet::from([https_from("198.51.100.0/24")]);
    let two = BTreeSet::from([https_from("198.51.100.0/24"), https_from("2001:db8::/32")]);
    let ingress = Direction::Ingress;
    stage.cloud.authorize(&group.id, ingress, &one).await.unwrap();
    let error = stage.cloud.authorize(&group.id, ingress, &two).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Duplicate);
    let found = stage.cloud.find_group(&group.id).await.unwrap().unwrap();
    let found: BTreeSet<_> = found
        .rules
        .into_iter()
        .filter(|rule| rule.direction == ingress)
        .collect();
    assert_eq!(found, one);
}

#[tokio::test]
async fn revoking_a_rule_that_is_missing_is_said_in_every_vpc() {
    let stage = Stage::new().await;
    let group = stage.group("web").await;
    let rules = BTreeSet::from([https_from("198.51.100.0/24")]);
    let error = stage
        .cloud
        .revoke(&group.id, Direction::Ingress, &rules)
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
}

#[tokio::test]
async fn a_snapshot_set_holds_every_volume_of_its_instance() {
    let stage = Stage::new().await;
    let instance = stage.instance("web").await;
    let order = NewSnapshotSet {
        instance_id: instance.id.clone(),
        description: "uid-of-the-backup".to_owned(),
        tags: our_tags("web"),
    };
    let made = stage.cloud.create_snapshots(&order).await.unwrap();
    let volumes: BTreeSet<_> = instance.volumes.iter().map(|volume| &volume.id).collect();
    assert_eq!(
        made.iter().map(|one| &one.volume_id).collect::<BTreeSet<_>>(),
        volumes
    );
    assert!(
        made.iter()
            .all(|one| one.state == SnapshotState::Pending && one.encrypted)
    );
    stage.advance(Duration::from_secs(24 * 60 * 60));
    let found = stage.cloud.find_snapshots("uid-of-the-backup").await.unwrap();
    let listed = stage.cloud.list_snapshots().await.unwrap().items;
    assert_eq!(found, listed);
    assert!(
        found
            .iter()
            .all(|one| one.state == SnapshotState::Completed && one.tags == our_tags("web"))
    );
}

#[tokio::test]
async fn every_attribute_that_is_kept_can_be_set() {
    let stage = Stage::new().await;
    let instance = stage.instance("web").await;
    let weak = MetadataOptions {
        tokens_required: false,
        hop_limit: 3,
    };
    let interface = &instance.interfaces[0];
    let other = stage.group("other").await;
    let groups = BTreeSet::from([other.id]);
    let cloud = &stage.cloud;
    cloud.set_metadata_options(&instance.id, weak).await.unwrap();
    cloud.set_interface_groups(&interface.id, &groups).await.unwrap();
    stage.weaken(&instance).await;
    assert!(!cloud.is_protected(&instance.id).await.unwrap());
    let found = cloud.find_instance(&instance.id).await.unwrap().unwrap();
    assert!(found.volumes.iter().all(|volume| volume.delete_on_termination));
    cloud.keep_volumes(&instance.id, &found.volumes).await.unwrap();
    cloud.protect(&instance.id).await.unwrap();
    let ids = [instance.id.to_string()];
    let tags = [("extra".to_owned(), String::new())].into();
    cloud.set_tags(&ids, &tags).await.unwrap();
    let found = cloud.find_instance(&instance.id).await.unwrap().unwrap();
    assert_eq!(found.metadata, weak);
    assert!(found.volumes.iter().all(|volume| !volume.delete_on_termination));
    assert_eq!(found.interfaces[0].groups, groups);
    assert_eq!(found.tags.get("extra").map(String::as_str), Some(""));
    assert!(cloud.is_protected(&instance.id).await.unwrap());
}

#[tokio::test]
async fn a_subnet_is_found_with_the_ranges_of_its_vpc() {
    let stage = Stage::new().await;
    let subnet = stage
        .cloud
        .find_subnet(&simaws::DEFAULT_SUBNET_ID.into())
        .await
        .unwrap();
    let subnet = subnet.unwrap();
    assert_eq!(subnet.vpc_id.as_str(), simaws::DEFAULT_VPC_ID);
    assert_eq!(subnet.vpc_cidrs, ["172.31.0.0/16".parse().unwrap()]);
    let unknown = "subnet-00000000000000000".into();
    assert_eq!(stage.cloud.find_subnet(&unknown).await.unwrap(), None);
}

#[tokio::test]
async fn failures_are_told_apart() {
    let stage = Stage::new().await;
    let group = stage.group("web").await;
    let order = launch("web", &group);
    let operation = Operation::RunInstances;
    let cases = [
        ("RequestLimitExceeded", 503, ErrorKind::Throttled),
        ("InsufficientInstanceCapacity", 500, ErrorKind::Exhausted),
        ("UnauthorizedOperation", 403, ErrorKind::Denied),
        ("InternalError", 500, ErrorKind::Lost),
        ("SomethingNew", 400, ErrorKind::Unexpected),
    ];
    for (code, status, kind) in cases {
        stage.error(operation, code, status);
        let error = stage.cloud.launch(&order).await.unwrap_err();
        assert_eq!((error.kind, error.code.as_str()), (kind, code));
    }
    assert_eq!(
        stage.calls_of(operation),
        cases.len(),
        "the SDK repeats nothing by itself"
    );
    stage.error(Operation::DescribeVolumes, "InternalError", 500);
    let error = stage.cloud.list_volumes().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Transient);
}

#[tokio::test]
async fn aws_is_told_who_calls_and_by_our_clock() {
    let stage = Stage::new().await;
    assert_eq!(
        stage.regions.identity().await,
        Ok(AccountId::from("111122223333"))
    );
    let elsewhere = stage.regions.door(&"eu-central-1".into(), Lane::Drift);
    elsewhere.list_groups().await.unwrap();
    let calls = stage.sim.calls();
    assert!(
        calls.iter().all(|call| call.user_agent.contains("app/yagura")),
        "{calls:?}"
    );
    assert_eq!(calls.last().unwrap().region, "eu-central-1");
}
