//! What is guaranteed of volumes and snapshots.

use std::collections::BTreeSet;

use yagura::cloud::{Instance, NewSnapshotSet, Snapshot, SnapshotId, SnapshotState};

use super::stand::Stand;
use crate::support::eventually;

pub(super) async fn volumes_of_ours_are_listed_and_no_others(stand: &Stand) {
    let ours = stand.instance("ours").await;
    let mut theirs = stand.launch("theirs", &stand.group("theirs").await);
    theirs.tags = stand.their_tags("theirs");
    stand.cloud.launch(&theirs).await.unwrap();
    let untagged = stand.instance("untagged").await;
    for volume in &untagged.volumes {
        stand.untag(volume.id.as_str(), "yagura.dev/cluster").await;
    }
    let listed = stand.listed_volumes().await.unwrap();
    let listed: BTreeSet<_> = listed.iter().map(|volume| &volume.id).collect();
    assert_eq!(listed, ours.volumes.iter().map(|volume| &volume.id).collect());
}

pub(super) async fn a_set_holds_every_volume(stand: &Stand) {
    let instance = stand.instance("whole").await;
    let made = snapshot(stand, &instance, "whole").await;
    let of: BTreeSet<_> = made.iter().map(|one| &one.volume_id).collect();
    assert_eq!(of, instance.volumes.iter().map(|volume| &volume.id).collect());
    assert_eq!(made.len(), 2, "the root volume's and the other's");
    let found = found(stand, "whole").await;
    assert_eq!(ids(&found), ids(&made));
    let sizes: BTreeSet<_> = found.iter().map(|one| one.size_gib).collect();
    assert!(sizes.contains(&8), "{sizes:?}");
}

pub(super) async fn a_set_is_pending_then_listed_as_completed(stand: &Stand) {
    let instance = stand.instance("pending").await;
    let made = snapshot(stand, &instance, "pending").await;
    assert!(
        made.iter().all(|one| one.state == SnapshotState::Pending),
        "{made:?}"
    );
    let listed = eventually("the snapshots are completed", || async {
        let listed = stand.listed_snapshots().await.unwrap();
        if listed.iter().all(|one| one.state == SnapshotState::Completed) {
            Ok(listed)
        } else {
            Err(listed)
        }
    })
    .await;
    assert_eq!(ids(&listed), ids(&made));
}

pub(super) async fn a_set_is_encrypted_and_tagged(stand: &Stand) {
    let instance = stand.instance("encrypted").await;
    snapshot(stand, &instance, "encrypted").await;
    for one in found(stand, "encrypted").await {
        assert!(one.encrypted && one.kms_key_id.is_some(), "{one:?}");
        assert_eq!(one.tags, stand.our_tags("encrypted"));
    }
}

pub(super) async fn a_set_is_made_as_often_as_it_is_ordered(stand: &Stand) {
    let instance = stand.instance("again").await;
    let mut made = snapshot(stand, &instance, "again").await;
    made.extend(snapshot(stand, &instance, "again").await);
    assert_eq!(ids(&made).len(), 4);
    assert_eq!(ids(&found(stand, "again").await), ids(&made));
}

pub(super) async fn snapshots_are_found_by_their_description_whatever_their_tags_say(stand: &Stand) {
    let instance = stand.instance("instance").await.id;
    let tags = stand.our_tags("found");
    let made = stand.snapshots(&instance, "found", &tags).await;
    stand.snapshots(&instance, "another", &tags).await;
    for id in &made {
        stand.untag(id.as_str(), "yagura.dev/cluster").await;
    }
    assert_eq!(ids(&found(stand, "found").await), made);
    assert_eq!(found(stand, "fou*").await, []);
}

pub(super) async fn snapshots_of_ours_are_listed_and_no_others(stand: &Stand) {
    let instance = stand.instance("instance").await.id;
    let ours = stand.snapshots(&instance, "ours", &stand.our_tags("ours")).await;
    let theirs = stand.their_tags("theirs");
    stand.snapshots(&instance, "theirs", &theirs).await;
    let listed = stand.listed_snapshots().await.unwrap();
    assert_eq!(ids(&listed), ours);
}

async fn snapshot(stand: &Stand, instance: &Instance, part: &str) -> Vec<Snapshot> {
    let order = new_set(stand, instance, part);
    stand.cloud.create_snapshots(&order).await.unwrap()
}

fn new_set(stand: &Stand, instance: &Instance, part: &str) -> NewSnapshotSet {
    NewSnapshotSet {
        instance_id: instance.id.clone(),
        description: stand.name(part),
        tags: stand.our_tags(part),
    }
}

async fn found(stand: &Stand, part: &str) -> Vec<Snapshot> {
    stand.cloud.find_snapshots(&stand.name(part)).await.unwrap()
}

fn ids(snapshots: &[Snapshot]) -> BTreeSet<SnapshotId> {
    snapshots.iter().map(|one| one.id.clone()).collect()
}
