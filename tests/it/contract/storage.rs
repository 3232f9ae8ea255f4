//! What is guaranteed of volumes and snapshots.

use std::collections::BTreeSet;

use yagura::cloud::{ErrorKind, Instance, NewSnapshotSet, Snapshot, SnapshotId, SnapshotState};

use super::stand::Stand;
use crate::support::eventually;

/// An id that AWS takes and nobody has.
const NO_VOLUME: &str = "vol-0abcdef0123456789";

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

pub(super) async fn volumes_are_found_by_their_ids_whatever_their_tags_say(stand: &Stand) {
    let instance = stand.instance("found").await;
    let mut ids: Vec<_> = instance.volumes.iter().map(|volume| volume.id.clone()).collect();
    ids.sort_unstable();
    stand.untag(ids[0].as_str(), "yagura.dev/cluster").await;
    let mut asked = ids.clone();
    asked.push(NO_VOLUME.into());
    let mut found = stand.cloud.find_volumes(&asked).await.unwrap();
    found.sort_by(|one, other| one.id.cmp(&other.id));
    let found: Vec<_> = found.into_iter().map(|volume| volume.id).collect();
    assert_eq!(found, ids);
    assert_eq!(stand.cloud.find_volumes(&[]).await, Ok(Vec::new()));
}

pub(super) async fn a_volume_grows_and_does_not_shrink(stand: &Stand) {
    let instance = stand.instance("grown").await;
    let volume = instance.volumes.iter().find(|volume| volume.device == "/dev/sdf");
    let id = volume.unwrap().id.clone();
    let size = async || {
        let found = stand.cloud.find_volumes(std::slice::from_ref(&id)).await.unwrap();
        found[0].size_gib
    };
    let refused = stand.cloud.grow_volume(&id, 4).await;
    assert_eq!(refused.unwrap_err().kind, ErrorKind::InvalidSpec);
    assert_eq!(size().await, 8);
    stand.cloud.grow_volume(&id, 16).await.unwrap();
    assert_eq!(size().await, 16);
    let soon = stand.cloud.grow_volume(&id, 32).await;
    assert_eq!(soon.unwrap_err().kind, ErrorKind::IncorrectState);
    let nowhere = stand.cloud.grow_volume(&NO_VOLUME.into(), 16).await;
    assert_eq!(nowhere.unwrap_err().kind, ErrorKind::NotFound);
}

pub(super) async fn an_attached_volume_is_not_deleted_and_a_free_one_is_gone(stand: &Stand) {
    let instance = stand.instance("freed").await;
    let id = &instance.volumes[0].id;
    let refused = stand.cloud.delete_volume(id).await;
    assert_eq!(refused.unwrap_err().kind, ErrorKind::IncorrectState);
    stand.terminate(&instance).await;
    stand.cloud.delete_volume(id).await.unwrap();
    let again = stand.cloud.delete_volume(id).await;
    assert_eq!(again.unwrap_err().kind, ErrorKind::NotFound);
    let left = stand.cloud.find_volumes(std::slice::from_ref(id)).await;
    assert_eq!(left, Ok(Vec::new()));
}

pub(super) async fn what_the_recycle_bin_keeps_is_listed(stand: &Stand) {
    let instance = stand.instance("kept").await;
    let volume = instance.volumes[0].id.clone();
    let kept = stand.plain_snapshot("kept").await;
    let gone = stand.plain_snapshot("gone").await;
    stand.terminate(&instance).await;
    stand.cloud.delete_snapshot(&gone).await.unwrap();
    let rule = stand.keep_what_is_deleted();
    stand.cloud.delete_snapshot(&kept).await.unwrap();
    stand.cloud.delete_volume(&volume).await.unwrap();
    drop(rule);
    let snapshots = stand.cloud.list_recycled(&[kept.clone(), gone]).await.unwrap();
    assert_eq!(snapshots.iter().map(|one| &one.id).collect::<Vec<_>>(), [&kept]);
    let volumes = [volume.clone(), NO_VOLUME.into()];
    let volumes = stand.cloud.list_recycled_volumes(&volumes).await.unwrap();
    assert_eq!(volumes.iter().map(|one| &one.id).collect::<Vec<_>>(), [&volume]);
    assert!(volumes[0].until >= snapshots[0].until, "{volumes:?}");
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
