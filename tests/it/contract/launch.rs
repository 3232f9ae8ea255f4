//! What is guaranteed of a launch.

use std::collections::BTreeSet;

use aws_sdk_ec2::types::Filter;
use simaws::FaultKind;
use yagura::cloud::{ErrorKind, InstanceState, MetadataOptions, Operation};

use super::stand::Stand;

pub(super) async fn the_same_again_gives_the_same_instance(stand: &Stand) {
    let order = stand.launch("same", &stand.group("same").await);
    let first = stand.cloud.launch(&order).await.unwrap();
    let second = stand.cloud.launch(&order).await.unwrap();
    assert_eq!(first.id, second.id);
    let found = stand.cloud.find_launched(&order.token).await.unwrap();
    assert_eq!(found.iter().map(|one| &one.id).collect::<Vec<_>>(), [&first.id]);
    assert_eq!(stand.listed_instances().await.unwrap().len(), 1);
}

pub(super) async fn a_token_with_other_parameters_is_refused(stand: &Stand) {
    let order = stand.launch("token", &stand.group("token").await);
    stand.cloud.launch(&order).await.unwrap();
    let mut others = [order.clone(), order.clone(), order];
    others[0].instance_type = "m6i.xlarge".to_owned();
    others[1].tags.insert("extra".to_owned(), String::new());
    others[2].volumes.clear();
    for other in others {
        let refused = stand.cloud.launch(&other).await.unwrap_err();
        assert_eq!(refused.kind, ErrorKind::TokenReused);
    }
    assert_eq!(stand.listed_instances().await.unwrap().len(), 1);
}

pub(super) async fn one_is_found_by_its_token_whatever_its_tags_say(stand: &Stand) {
    let instance = stand.instance("untagged").await;
    stand.instance("another").await;
    stand.untag(instance.id.as_str(), "yagura.dev/cluster").await;
    let token = stand.name("untagged");
    assert_eq!(instance.client_token.as_ref(), Some(&token));
    let found = stand.cloud.find_launched(&token).await.unwrap();
    assert_eq!(
        found.iter().map(|one| &one.id).collect::<Vec<_>>(),
        [&instance.id]
    );
    for other in ["nobody", "untag*"] {
        let found = stand.cloud.find_launched(&stand.name(other)).await;
        assert_eq!(found, Ok(Vec::new()), "{other:?} is not that token");
    }
}

pub(super) async fn the_instance_is_as_ordered(stand: &Stand) {
    let group = stand.group("ordered").await;
    let order = stand.launch("ordered", &group);
    let answer = stand.cloud.launch(&order).await.unwrap();
    let instance = stand.launched(&order).await;
    assert!(answer.state.is_live());
    assert_eq!(instance.state, InstanceState::Running);
    assert_eq!(instance.image_id, order.image_id);
    assert_eq!(instance.instance_type, order.instance_type);
    assert_eq!(instance.subnet_id.as_ref(), Some(&order.subnet_id));
    assert_eq!(instance.vpc_id.as_ref(), Some(&stand.vpc));
    assert_eq!(instance.tags, order.tags);
    assert!(instance.private_ip.is_some());
    assert_eq!(instance.interfaces.len(), 1);
    assert_eq!(instance.interfaces[0].groups, order.groups);
    let hardened = MetadataOptions {
        tokens_required: true,
        hop_limit: 1,
    };
    assert_eq!(instance.metadata, hardened);
}

pub(super) async fn the_instance_is_protected(stand: &Stand) {
    let instance = stand.instance("protected").await;
    assert_eq!(stand.cloud.is_protected(&instance.id).await, Ok(true));
}

pub(super) async fn the_volumes_outlive_the_instance(stand: &Stand) {
    let instance = stand.instance("outlived").await;
    let kept: BTreeSet<_> = instance
        .volumes
        .iter()
        .map(|volume| (volume.device.as_str(), volume.delete_on_termination))
        .collect();
    assert_eq!(kept, BTreeSet::from([("/dev/xvda", false), ("/dev/sdf", false)]));
}

pub(super) async fn the_volumes_are_encrypted_and_tagged(stand: &Stand) {
    let instance = stand.instance("encrypted").await;
    let volumes = stand.listed_volumes().await.unwrap();
    assert_eq!(volumes.len(), 2, "the image's root volume and ours");
    for volume in &volumes {
        assert!(volume.encrypted, "{volume:?}");
        assert!(volume.kms_key_id.is_some(), "{volume:?}");
        assert_eq!(volume.attached_to.as_ref(), Some(&instance.id));
        assert_eq!(volume.tags, stand.our_tags("encrypted"));
    }
    let ordered = instance.volumes.iter().find(|volume| volume.device == "/dev/sdf");
    let ordered = volumes.iter().find(|volume| volume.id == ordered.unwrap().id);
    assert_eq!(ordered.unwrap().size_gib, 8);
}

pub(super) async fn the_volumes_take_the_key_that_is_ordered(stand: &Stand) {
    let key = "arn:aws:kms:ap-northeast-1:111122223333:key/0abcdef0-1234-5678-9abc-def012345678";
    let mut order = stand.launch("key", &stand.group("key").await);
    order.kms_key_id = Some(key.to_owned());
    stand.launched(&order).await;
    let volumes = stand.listed_volumes().await.unwrap();
    let keys: Vec<_> = volumes
        .iter()
        .map(|volume| volume.kms_key_id.as_deref())
        .collect();
    assert_eq!(keys, [Some(key), Some(key)]);
}

pub(super) async fn the_images_own_volume_need_not_be_ordered(stand: &Stand) {
    let mut order = stand.launch("unordered", &stand.group("unordered").await);
    order.volumes.retain(|volume| volume.device == "/dev/sdf");
    let instance = stand.launched(&order).await;
    assert_eq!(instance.volumes.len(), 2, "the image's root volume and ours");
    assert!(
        instance
            .volumes
            .iter()
            .all(|volume| !volume.delete_on_termination)
    );
    let volumes = stand.listed_volumes().await.unwrap();
    assert_eq!(volumes.len(), 2);
    assert!(volumes.iter().all(|volume| volume.encrypted));
}

pub(super) async fn the_interface_is_tagged(stand: &Stand) {
    let instance = stand.instance("interface").await;
    let ours = Filter::builder()
        .name("tag:yagura.dev/label")
        .values(stand.name("interface"))
        .build();
    let request = stand.stranger.describe_network_interfaces().filters(ours);
    let found = request.send().await.unwrap().network_interfaces.unwrap();
    let found: Vec<_> = found
        .iter()
        .map(|interface| interface.network_interface_id().unwrap())
        .collect();
    assert_eq!(found, [instance.interfaces[0].id.as_str()]);
}

pub(super) async fn an_image_that_is_not_there_is_the_users_mistake(stand: &Stand) {
    let mut order = stand.launch("image", &stand.group("image").await);
    order.image_id = "ami-0abcdef0123456789".into();
    let refused = stand.cloud.launch(&order).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::InvalidSpec);
}

pub(super) async fn a_subnet_that_is_not_there_is_the_users_mistake(stand: &Stand) {
    let mut order = stand.launch("subnet", &stand.group("subnet").await);
    order.subnet_id = "subnet-0abcdef0123456789".into();
    let refused = stand.cloud.launch(&order).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::InvalidSpec);
}

pub(super) async fn a_lost_one_is_found_by_its_token(stand: &Stand) {
    let order = stand.launch("lost", &stand.group("lost").await);
    let operation = Operation::RunInstances;
    stand.fault(operation, FaultKind::Drop);
    let lost = stand.lost(operation, stand.cloud.launch(&order)).await;
    assert_eq!(lost.unwrap_err().kind, ErrorKind::Lost);
    let found = stand.cloud.find_launched(&order.token).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(stand.cloud.launch(&order).await.unwrap().id, found[0].id);
}
