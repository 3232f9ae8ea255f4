//! What is guaranteed of locks, of sharing, and of images.

use std::{collections::BTreeSet, time::Duration};

use aws_sdk_ec2::types::{
    CreateVolumePermission, CreateVolumePermissionModifications, LaunchPermission,
    LaunchPermissionModifications, PermissionGroup, ResourceType, SnapshotAttributeName,
};
use jiff::Timestamp;
use yagura::{
    clock::{Clock, SystemClock, later},
    cloud::{ErrorKind, Image, ImageId, ImageState, LockMode, Sharing, SnapshotId, SnapshotLock},
};

use super::stand::{Stand, tagged};
use crate::support::eventually;

/// An account that is not ours.
const STRANGER: &str = "444455556666";

/// Ids that AWS takes and nobody has.
const NO_SNAPSHOT: &str = "snap-0abcdef0123456789";
const NO_IMAGE: &str = "ami-0abcdef0123456789";

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// AWS keeps whole seconds.
fn in_days(days: u32) -> Timestamp {
    let now = SystemClock.now();
    later(Timestamp::from_second(now.as_second()).unwrap(), DAY * days)
}

pub(super) async fn a_lock_is_read_back_and_prolonged(stand: &Stand) {
    let locked = stand.plain_snapshot("locked").await;
    stand.plain_snapshot("free").await;
    for until in [in_days(4), in_days(6)] {
        let lock = SnapshotLock {
            id: locked.clone(),
            mode: LockMode::Governance,
            until: Some(until),
        };
        let answer = stand.cloud.lock_snapshot(&locked, lock.mode, until).await;
        assert_eq!(answer, Ok(lock.clone()));
        assert_eq!(lock_of(stand, &locked).await, Some(lock));
    }
    // A part of a second more is a whole one more, not one less.
    let until = later(in_days(7), Duration::from_millis(1));
    let lock = stand
        .cloud
        .lock_snapshot(&locked, LockMode::Governance, until)
        .await
        .unwrap();
    assert!(lock.until.unwrap() >= until, "{lock:?}");
    assert_eq!(lock_of(stand, &locked).await, Some(lock));
}

pub(super) async fn what_is_not_locked_has_no_lock(stand: &Stand) {
    let free = stand.plain_snapshot("free").await;
    assert_eq!(lock_of(stand, &free).await, None);
}

async fn lock_of(stand: &Stand, id: &SnapshotId) -> Option<SnapshotLock> {
    let listed = stand.cloud.list_locks().await.unwrap();
    let listed = listed.items.into_iter().find(|lock| lock.id == *id);
    assert_eq!(stand.cloud.lock_of(id).await.as_ref(), Ok(&listed));
    listed
}

pub(super) async fn a_locked_one_is_not_deleted_and_a_free_one_is_gone(stand: &Stand) {
    let (locked, free) = (
        stand.plain_snapshot("locked").await,
        stand.plain_snapshot("free").await,
    );
    let until = in_days(4);
    let lock = stand.cloud.lock_snapshot(&locked, LockMode::Governance, until);
    lock.await.unwrap();
    stand.cloud.delete_snapshot(&locked).await.unwrap_err();
    stand.cloud.delete_snapshot(&free).await.unwrap();
    let again = stand.cloud.delete_snapshot(&free).await.unwrap_err();
    assert_eq!(again.kind, ErrorKind::NotFound, "{again}");
    let listed = stand.listed_snapshots().await.unwrap();
    let listed: Vec<_> = listed.iter().map(|one| &one.id).collect();
    assert_eq!(listed, [&locked]);
}

pub(super) async fn one_that_an_image_holds_is_not_deleted(stand: &Stand) {
    let image = stand.image("held").await;
    let id = stand.whole_image(&image).await.snapshots.pop_first().unwrap();
    let refused = stand.cloud.delete_snapshot(&id).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::IncorrectState, "{refused}");
}

pub(super) async fn every_snapshot_of_the_account_is_counted(stand: &Stand) {
    let before = stand.cloud.count_snapshots().await.unwrap();
    let instance = stand.instance("counted").await.id;
    stand
        .snapshots(&instance, "theirs", &stand.their_tags("theirs"))
        .await;
    assert_eq!(stand.cloud.count_snapshots().await, Ok(before + 2));
}

pub(super) async fn a_shared_snapshot_is_seen_and_closed(stand: &Stand) {
    let id = stand.plain_snapshot("shared").await;
    let closed = stand.cloud.sharing_of_snapshot(&id).await.unwrap();
    assert!(closed.is_private(), "{closed:?}");
    assert_eq!(stand.cloud.unshare_snapshot(&id, &closed).await, Ok(()));
    let somebody = CreateVolumePermission::builder().user_id(STRANGER).build();
    open_snapshot(stand, &id, somebody).await;
    let open = stand.cloud.sharing_of_snapshot(&id).await.unwrap();
    assert_eq!(open, named());
    for _ in 0..2 {
        assert_eq!(stand.cloud.unshare_snapshot(&id, &open).await, Ok(()));
        let closed = stand.cloud.sharing_of_snapshot(&id).await.unwrap();
        assert!(closed.is_private(), "{closed:?}");
    }
}

pub(super) async fn a_public_snapshot_is_listed_until_it_is_closed(stand: &Stand) {
    let (id, private) = (
        stand.plain_snapshot("public").await,
        stand.plain_snapshot("private").await,
    );
    let everybody = CreateVolumePermission::builder().group(PermissionGroup::All);
    open_snapshot(stand, &id, everybody.build()).await;
    open_snapshot(
        stand,
        &private,
        CreateVolumePermission::builder().user_id(STRANGER).build(),
    )
    .await;
    let listed = stand.cloud.list_public_snapshots().await.unwrap().items;
    let listed: Vec<_> = listed.iter().map(|one| &one.id).collect();
    assert_eq!(listed, [&id]);
    let open = stand.cloud.sharing_of_snapshot(&id).await.unwrap();
    assert!(open.public && open.accounts.is_empty(), "{open:?}");
    stand.cloud.unshare_snapshot(&id, &open).await.unwrap();
    let listed = stand.cloud.list_public_snapshots().await.unwrap().items;
    assert!(listed.is_empty(), "{listed:?}");
}

async fn open_snapshot(stand: &Stand, id: &SnapshotId, to: CreateVolumePermission) {
    let add = CreateVolumePermissionModifications::builder().add(to).build();
    let request = stand
        .stranger
        .modify_snapshot_attribute()
        .snapshot_id(id.as_str());
    let request = request.attribute(SnapshotAttributeName::CreateVolumePermission);
    request.create_volume_permission(add).send().await.unwrap();
}

fn named() -> Sharing {
    Sharing {
        public: false,
        accounts: BTreeSet::from([STRANGER.into()]),
    }
}

pub(super) async fn images_of_ours_are_listed_and_no_others(stand: &Stand) {
    let ours = stand.image("ours").await;
    let theirs = stand.image("theirs").await;
    stand.untag(theirs.as_str(), "yagura.dev/cluster").await;
    let listed = stand.cloud.list_images().await.unwrap().items;
    let listed: Vec<_> = listed.iter().map(|image| &image.id).collect();
    assert_eq!(listed, [&ours]);
    let image = stand.whole_image(&ours).await;
    assert_eq!((image.state, image.public), (ImageState::Available, false));
    assert_eq!(image.snapshots.len(), 2);
    assert_eq!(image.tags, stand.our_tags("ours"));
}

pub(super) async fn a_shared_image_is_seen_and_closed(stand: &Stand) {
    let id = stand.image("shared").await;
    let closed = stand.cloud.sharing_of_image(&id).await.unwrap();
    assert!(closed.is_private(), "{closed:?}");
    assert_eq!(stand.cloud.unshare_image(&id, &closed).await, Ok(()));
    let add =
        LaunchPermissionModifications::builder().add(LaunchPermission::builder().user_id(STRANGER).build());
    let request = stand.stranger.modify_image_attribute().image_id(id.as_str());
    request.launch_permission(add.build()).send().await.unwrap();
    let open = stand.cloud.sharing_of_image(&id).await.unwrap();
    assert_eq!(open, named());
    for _ in 0..2 {
        assert_eq!(stand.cloud.unshare_image(&id, &open).await, Ok(()));
        assert!(stand.cloud.sharing_of_image(&id).await.unwrap().is_private());
    }
}

pub(super) async fn what_is_not_there_is_not_found(stand: &Stand) {
    let (snapshot, image) = (SnapshotId::from(NO_SNAPSHOT), ImageId::from(NO_IMAGE));
    let cloud = &stand.cloud;
    let errors = [
        cloud.delete_snapshot(&snapshot).await.unwrap_err(),
        cloud.sharing_of_snapshot(&snapshot).await.unwrap_err(),
        cloud.unshare_snapshot(&snapshot, &named()).await.unwrap_err(),
        cloud.lock_of(&snapshot).await.unwrap_err(),
        cloud
            .lock_snapshot(&snapshot, LockMode::Governance, in_days(4))
            .await
            .unwrap_err(),
        cloud.sharing_of_image(&image).await.unwrap_err(),
        cloud.unshare_image(&image, &named()).await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind, ErrorKind::NotFound, "{error}");
    }
}

impl Stand {
    /// A whole snapshot of ours of a volume without encryption: only such a one can be opened to everybody.
    pub(super) async fn plain_snapshot(&self, part: &str) -> SnapshotId {
        let subnets = self.stranger.describe_subnets().subnet_ids(self.subnet.as_str());
        let subnets = subnets.send().await.unwrap().subnets.unwrap();
        let zone = subnets[0].availability_zone.clone().unwrap();
        let volume = self.stranger.create_volume().availability_zone(zone).size(1);
        let volume = volume.send().await.unwrap().volume_id.unwrap();
        let id = eventually("the volume is there", || async {
            let request = self.stranger.create_snapshot().volume_id(&volume);
            let tags = tagged(ResourceType::Snapshot, &self.our_tags(part));
            let made = request.tag_specifications(tags).send().await;
            made.map(|made| SnapshotId::new(made.snapshot_id.unwrap()))
        })
        .await;
        eventually("the snapshot is whole", || async {
            let listed = self.listed_snapshots().await.unwrap();
            let found = listed.into_iter().find(|one| one.id == id);
            match found.as_ref().map(|one| one.state) {
                Some(yagura::cloud::SnapshotState::Completed) => Ok(()),
                _ => Err(found),
            }
        })
        .await;
        id
    }

    /// The image, once it is whole.
    pub(super) async fn whole_image(&self, id: &ImageId) -> Image {
        eventually("the image is whole", || async {
            let listed = self.cloud.list_images().await.unwrap().items;
            let found = listed.into_iter().find(|image| image.id == *id);
            found
                .clone()
                .filter(|image| image.state == ImageState::Available)
                .ok_or(found)
        })
        .await
    }

    /// An image of ours of an instance of its own.
    pub(super) async fn image(&self, part: &str) -> ImageId {
        let instance = self.instance(part).await;
        let request = self.stranger.create_image().instance_id(instance.id.as_str());
        let request = request.name(self.name(part)).no_reboot(true);
        let tags = tagged(ResourceType::Image, &self.our_tags(part));
        let made = request.tag_specifications(tags).send().await.unwrap();
        ImageId::new(made.image_id.unwrap())
    }
}
