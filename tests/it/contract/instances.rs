//! What is guaranteed of instances that are there.

use std::collections::BTreeSet;

use aws_sdk_ec2::error::ProvideErrorMetadata;
use yagura::cloud::{ErrorKind, Instance, InstanceId, InstanceState, MetadataOptions, StatusCheck};

use super::stand::Stand;

/// An id that AWS takes and nobody has.
const NOWHERE: &str = "i-0abcdef0123456789";

pub(super) async fn ours_are_listed_and_no_others(stand: &Stand) {
    let (one, two) = (stand.instance("one").await, stand.instance("two").await);
    let mut theirs = stand.launch("theirs", &stand.group("theirs").await);
    theirs.tags = stand.their_tags("theirs");
    stand.cloud.launch(&theirs).await.unwrap();
    let untagged = stand.instance("untagged").await;
    stand.untag(untagged.id.as_str(), "yagura.dev/cluster").await;
    let listed = stand.listed_instances().await.unwrap();
    let listed: BTreeSet<_> = listed.into_iter().map(|instance| instance.id).collect();
    assert_eq!(listed, BTreeSet::from([one.id, two.id]));
}

pub(super) async fn what_fails_is_listed_and_nothing_else(stand: &Stand) {
    let (fails, _) = (stand.instance("fails").await, stand.instance("works").await);
    stand.impair(&fails);
    let listed = stand.cloud.list_impaired().await.unwrap();
    let listed: Vec<_> = listed.items.iter().map(|one| (&one.id, &one.checks)).collect();
    assert_eq!(listed, [(&fails.id, &BTreeSet::from([StatusCheck::System]))]);
}

pub(super) async fn one_is_found_by_its_id_whatever_its_tags_say(stand: &Stand) {
    let instance = stand.instance("untagged").await;
    stand.untag(instance.id.as_str(), "yagura.dev/cluster").await;
    let found = stand.cloud.find_instance(&instance.id).await.unwrap();
    assert_eq!(found.unwrap().id, instance.id);
    let nowhere = stand.cloud.find_instance(&NOWHERE.into()).await;
    assert_eq!(nowhere, Ok(None));
}

pub(super) async fn a_terminated_one_is_listed_but_has_its_label_no_more(stand: &Stand) {
    let instance = stand.instance("gone").await;
    let label = stand.name("gone");
    let labelled = stand.cloud.find_labelled(&label).await.unwrap();
    assert_eq!(labelled.len(), 1);
    stand.terminate(&instance).await;
    let listed = stand.listed_instances().await.unwrap();
    let listed: Vec<_> = listed.iter().map(|one| (&one.id, one.state)).collect();
    assert_eq!(listed, [(&instance.id, InstanceState::Terminated)]);
    assert_eq!(stand.cloud.find_labelled(&label).await, Ok(Vec::new()));
}

pub(super) async fn a_label_is_found_in_every_installation_and_stands_for_itself(stand: &Stand) {
    let mut theirs = stand.launch("web", &stand.group("web").await);
    theirs.tags = stand.their_tags("web");
    let theirs = stand.launched(&theirs).await;
    let found = stand.cloud.find_labelled(&stand.name("web")).await.unwrap();
    assert_eq!(found.iter().map(|one| &one.id).collect::<Vec<_>>(), [&theirs.id]);
    for pattern in ["we*", "we?", "WEB", ""] {
        let found = stand.cloud.find_labelled(&stand.name(pattern)).await;
        assert_eq!(found, Ok(Vec::new()), "{pattern:?} is not that label");
    }
}

pub(super) async fn any_tag_finds_live_ones_whoever_owns_them(stand: &Stand) {
    let key = stand.name("key");
    let mut order = stand.launch("theirs", &stand.group("theirs").await);
    order.tags = [(key.clone(), "acme".to_owned())].into();
    let theirs = stand.launched(&order).await;
    stand.instance("another").await;
    let find = async |value| stand.cloud.find_tagged(&key, value).await.unwrap();
    let ids = |found: &[Instance]| -> Vec<_> { found.iter().map(|one| one.id.clone()).collect() };
    let expected = std::slice::from_ref(&theirs.id);
    assert_eq!(ids(&find("acme").await), expected);
    for other in ["ac*", "ACME", ""] {
        assert_eq!(find(other).await, [], "{other:?} is not that value");
    }
    let having = async || stand.cloud.list_having(&key).await.unwrap().items;
    assert_eq!(ids(&having().await), expected);
    stand.terminate(&theirs).await;
    assert_eq!((find("acme").await, having().await), (Vec::new(), Vec::new()));
}

pub(super) async fn a_protected_one_is_not_terminated(stand: &Stand) {
    let instance = stand.instance("protected").await;
    stand.unprotect(&instance).await;
    assert_eq!(stand.cloud.is_protected(&instance.id).await, Ok(false));
    for _ in 0..2 {
        stand.cloud.protect(&instance.id).await.unwrap();
        assert_eq!(stand.cloud.is_protected(&instance.id).await, Ok(true));
    }
    let request = stand.stranger.terminate_instances();
    let refused = request.instance_ids(instance.id.as_str()).send().await;
    assert_eq!(refused.unwrap_err().code(), Some("OperationNotPermitted"));
    assert_eq!(stand.look(&instance).await.state, InstanceState::Running);
}

pub(super) async fn metadata_options_can_be_set_twice(stand: &Stand) {
    let instance = stand.instance("metadata").await;
    let weak = MetadataOptions {
        tokens_required: false,
        hop_limit: 3,
    };
    for options in [weak, weak, instance.metadata] {
        stand
            .cloud
            .set_metadata_options(&instance.id, options)
            .await
            .unwrap();
        assert_eq!(stand.look(&instance).await.metadata, options);
    }
}

pub(super) async fn volumes_can_be_kept_twice(stand: &Stand) {
    let instance = stand.instance("kept").await;
    stand.let_volumes_go(&instance).await;
    let goes = |volumes: &[yagura::cloud::AttachedVolume]| -> Vec<bool> {
        volumes
            .iter()
            .map(|volume| volume.delete_on_termination)
            .collect()
    };
    assert_eq!(goes(&stand.look(&instance).await.volumes), [true, true]);
    for _ in 0..2 {
        stand
            .cloud
            .keep_volumes(&instance.id, &instance.volumes)
            .await
            .unwrap();
        assert_eq!(goes(&stand.look(&instance).await.volumes), [false, false]);
    }
}

pub(super) async fn what_names_none_is_not_found(stand: &Stand) {
    let volumes = stand.instance("some").await.volumes;
    let (cloud, id) = (&stand.cloud, InstanceId::from(NOWHERE));
    let options = MetadataOptions {
        tokens_required: true,
        hop_limit: 1,
    };
    let refused = [
        cloud.is_protected(&id).await.map(drop),
        cloud.protect(&id).await,
        cloud.set_metadata_options(&id, options).await,
        cloud.keep_volumes(&id, &volumes).await,
    ];
    let kinds = refused.map(|refused| refused.unwrap_err().kind);
    assert_eq!(kinds, [ErrorKind::NotFound; 4]);
}
