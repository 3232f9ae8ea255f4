//! Volumes and snapshots by the SDK.

use async_trait::async_trait;
use aws_sdk_ec2::{
    operation::create_snapshots::builders::CreateSnapshotsFluentBuilder,
    types::{
        CreateVolumePermission, CreateVolumePermissionModifications, Filter, ImageAttributeName,
        InstanceSpecification, LaunchPermission, LaunchPermissionModifications, LockState, PermissionGroup,
        ResourceType, SnapshotAttributeName,
    },
};
use aws_smithy_types::DateTime;
use jiff::Timestamp;

use super::{
    convert::{self, tag_specification},
    ec2::{Ec2, Page, all_pages, filter},
    sharing::{image_sharing, snapshot_sharing},
};
use crate::cloud::{
    AccountId, CloudError, Image, ImageId, Listed, LockMode, NewSnapshotSet, Operation, Recycled, Sharing,
    Snapshot, SnapshotId, SnapshotLock, StorageApi, Volume, VolumeId,
};

/// The largest page of DescribeVolumes that AWS has stated.
const VOLUME_PAGE: i32 = 500;

/// The largest page of DescribeSnapshots and DescribeLockedSnapshots.
const SNAPSHOT_PAGE: i32 = 1000;

/// How many values AWS takes in the filters of one call.
const FILTER_VALUES: usize = 200;

/// The largest page of DescribeImages.
const IMAGE_PAGE: i32 = 1000;

#[async_trait]
impl StorageApi for Ec2 {
    async fn list_volumes(&self) -> Result<Listed<Volume>, CloudError> {
        self.volumes(self.ours()).await
    }

    async fn find_volumes(&self, ids: &[VolumeId]) -> Result<Vec<Volume>, CloudError> {
        let mut found = Vec::new();
        // A filter without values would be refused, and with another meaning than none it would be worse.
        for ids in ids.chunks(FILTER_VALUES) {
            let ids = ids.iter().map(ToString::to_string).collect();
            let which = Filter::builder().name("volume-id").set_values(Some(ids));
            found.extend(self.volumes(which.build()).await?.items);
        }
        Ok(found)
    }

    async fn grow_volume(&self, id: &VolumeId, size_gib: i32) -> Result<(), CloudError> {
        let request = self.client.modify_volume().volume_id(id.as_str()).size(size_gib);
        self.call(Operation::ModifyVolume, request.send()).await?;
        Ok(())
    }

    async fn delete_volume(&self, id: &VolumeId) -> Result<(), CloudError> {
        let request = self.client.delete_volume().volume_id(id.as_str());
        self.call(Operation::DeleteVolume, request.send()).await?;
        Ok(())
    }

    async fn list_recycled_volumes(&self, ids: &[VolumeId]) -> Result<Vec<Recycled<VolumeId>>, CloudError> {
        self.recycled_volumes(ids).await
    }

    async fn list_snapshots(&self) -> Result<Listed<Snapshot>, CloudError> {
        let listed = self.snapshots(Some(self.ours()), None).await?;
        convert::each_of(Operation::DescribeSnapshots, listed, convert::snapshot)
    }

    async fn find_snapshots(&self, description: &str) -> Result<Vec<Snapshot>, CloudError> {
        let listed = self
            .snapshots(Some(filter("description", description)), None)
            .await?;
        convert::each(Operation::DescribeSnapshots, listed.items, convert::snapshot)
    }

    async fn create_snapshots(&self, set: &NewSnapshotSet) -> Result<Vec<Snapshot>, CloudError> {
        let operation = Operation::CreateSnapshots;
        let answer = self.call(operation, self.snapshots_request(set).send()).await?;
        convert::each(
            operation,
            answer.snapshots.unwrap_or_default(),
            convert::snapshot_info,
        )
    }

    async fn count_snapshots(&self) -> Result<u64, CloudError> {
        let listed = self.snapshots(None, None).await?;
        Ok(listed.items.len().try_into().unwrap_or(u64::MAX))
    }

    async fn list_locks(&self) -> Result<Listed<SnapshotLock>, CloudError> {
        let operation = Operation::DescribeLockedSnapshots;
        let found = all_pages(operation, async |start| {
            let request = self.client.describe_locked_snapshots();
            let request = request.max_results(SNAPSHOT_PAGE).set_next_token(start);
            let answer = self.call(operation, request.send()).await?;
            let mut items = answer.snapshots.unwrap_or_default();
            // AWS lists a lock that has ended for a while; it locks nothing.
            items.retain(|lock| lock.lock_state != Some(LockState::Expired));
            Ok(Page {
                items,
                next: answer.next_token,
            })
        });
        convert::each_of(operation, found.await?, convert::snapshot_lock)
    }

    async fn lock_of(&self, id: &SnapshotId) -> Result<Option<SnapshotLock>, CloudError> {
        let operation = Operation::DescribeLockedSnapshots;
        let request = self.client.describe_locked_snapshots().snapshot_ids(id.as_str());
        let answer = self.call(operation, request.send()).await?;
        let mut items = answer.snapshots.unwrap_or_default();
        items.retain(|lock| lock.lock_state != Some(LockState::Expired));
        let locks = convert::each(operation, items, convert::snapshot_lock)?;
        Ok(locks.into_iter().find(|lock| lock.id == *id))
    }

    async fn lock_snapshot(
        &self,
        id: &SnapshotId,
        mode: LockMode,
        until: Timestamp,
    ) -> Result<SnapshotLock, CloudError> {
        let operation = Operation::LockSnapshot;
        let request = self.client.lock_snapshot().snapshot_id(id.as_str());
        let request = request
            .lock_mode(match mode {
                LockMode::Governance => aws_sdk_ec2::types::LockMode::Governance,
                LockMode::Compliance => aws_sdk_ec2::types::LockMode::Compliance,
            })
            // A date rather than a number of days: those count from the completion, and a failure cancels the lock.
            .expiration_date(DateTime::from_secs(whole_seconds(until)));
        let answer = self.call(operation, request.send()).await?;
        convert::locked(answer).map_err(|unreadable| unreadable.of(operation))
    }

    async fn delete_snapshot(&self, id: &SnapshotId) -> Result<(), CloudError> {
        let request = self.client.delete_snapshot().snapshot_id(id.as_str());
        self.call(Operation::DeleteSnapshot, request.send()).await?;
        Ok(())
    }

    async fn list_recycled(&self, ids: &[SnapshotId]) -> Result<Vec<Recycled<SnapshotId>>, CloudError> {
        self.recycled_snapshots(ids).await
    }

    async fn list_public_snapshots(&self) -> Result<Listed<Snapshot>, CloudError> {
        let listed = self.snapshots(Some(self.ours()), Some("all")).await?;
        convert::each_of(Operation::DescribeSnapshots, listed, convert::snapshot)
    }

    async fn sharing_of_snapshot(&self, id: &SnapshotId) -> Result<Sharing, CloudError> {
        let request = self.client.describe_snapshot_attribute().snapshot_id(id.as_str());
        let request = request.attribute(SnapshotAttributeName::CreateVolumePermission);
        let answer = self
            .call(Operation::DescribeSnapshotAttribute, request.send())
            .await?;
        Ok(snapshot_sharing(
            answer.create_volume_permissions.unwrap_or_default(),
        ))
    }

    async fn unshare_snapshot(&self, id: &SnapshotId, from: &Sharing) -> Result<(), CloudError> {
        if from.is_private() {
            return Ok(());
        }
        let mut removed = CreateVolumePermissionModifications::builder();
        if from.public {
            let everybody = CreateVolumePermission::builder().group(PermissionGroup::All);
            removed = removed.remove(everybody.build());
        }
        for account in &from.accounts {
            removed = removed.remove(
                CreateVolumePermission::builder()
                    .user_id(account.as_str())
                    .build(),
            );
        }
        let request = self.client.modify_snapshot_attribute().snapshot_id(id.as_str());
        let request = request
            .attribute(SnapshotAttributeName::CreateVolumePermission)
            .create_volume_permission(removed.build());
        self.call(Operation::ModifySnapshotAttribute, request.send())
            .await?;
        Ok(())
    }

    async fn list_images(&self) -> Result<Listed<Image>, CloudError> {
        let operation = Operation::DescribeImages;
        let found = all_pages(operation, async |start| {
            let request = self.client.describe_images().owners("self").filters(self.ours());
            // One that somebody disabled is there all the same.
            let request = request.include_disabled(true);
            let request = request.max_results(IMAGE_PAGE).set_next_token(start);
            let answer = self.call(operation, request.send()).await?;
            Ok(Page {
                items: answer.images.unwrap_or_default(),
                next: answer.next_token,
            })
        });
        convert::each_of(operation, found.await?, convert::image)
    }

    async fn sharing_of_image(&self, id: &ImageId) -> Result<Sharing, CloudError> {
        let request = self.client.describe_image_attribute().image_id(id.as_str());
        let request = request.attribute(ImageAttributeName::LaunchPermission);
        let answer = self
            .call(Operation::DescribeImageAttribute, request.send())
            .await?;
        Ok(image_sharing(answer.launch_permissions.unwrap_or_default()))
    }

    async fn unshare_image(&self, id: &ImageId, from: &Sharing) -> Result<(), CloudError> {
        if from.is_private() {
            return Ok(());
        }
        let mut removed = LaunchPermissionModifications::builder();
        if from.public {
            let everybody = LaunchPermission::builder().group(PermissionGroup::All);
            removed = removed.remove(everybody.build());
        }
        for account in &from.accounts {
            removed = removed.remove(launch_permission(account));
        }
        let request = self.client.modify_image_attribute().image_id(id.as_str());
        let request = request.launch_permission(removed.build());
        self.call(Operation::ModifyImageAttribute, request.send()).await?;
        Ok(())
    }
}

/// The first whole second that is not before this: AWS keeps no parts of one, and a lock must not end too early.
fn whole_seconds(at: Timestamp) -> i64 {
    at.as_second() + i64::from(at.subsec_nanosecond() > 0)
}

/// The permission of an account, or of what else an image can be opened to, which has an ARN.
fn launch_permission(account: &AccountId) -> LaunchPermission {
    let permission = LaunchPermission::builder();
    let permission = match account.as_str() {
        arn if arn.contains(":organization/") => permission.organization_arn(arn),
        arn if arn.contains(":ou/") => permission.organizational_unit_arn(arn),
        id => permission.user_id(id),
    };
    permission.build()
}

impl Ec2 {
    /// The request that takes snapshots, which a question for the right to do so sends, too.
    pub(super) fn snapshots_request(&self, set: &NewSnapshotSet) -> CreateSnapshotsFluentBuilder {
        let instance = InstanceSpecification::builder()
            .instance_id(set.instance_id.as_str())
            .exclude_boot_volume(false)
            .build();
        self.client
            .create_snapshots()
            .instance_specification(instance)
            .description(&set.description)
            .tag_specifications(tag_specification(ResourceType::Snapshot, &set.tags))
    }

    async fn volumes(&self, which: Filter) -> Result<Listed<Volume>, CloudError> {
        let operation = Operation::DescribeVolumes;
        let found = all_pages(operation, async |start| {
            let request = self.client.describe_volumes().filters(which.clone());
            let request = request.max_results(VOLUME_PAGE).set_next_token(start);
            let answer = self.call(operation, request.send()).await?;
            Ok(Page {
                items: answer.volumes.unwrap_or_default(),
                next: answer.next_token,
            })
        });
        convert::each_of(operation, found.await?, convert::volume)
    }

    /// Snapshots of our account: of all, those that this picks out and that these may use.
    async fn snapshots(
        &self,
        which: Option<Filter>,
        usable_by: Option<&str>,
    ) -> Result<Listed<aws_sdk_ec2::types::Snapshot>, CloudError> {
        let operation = Operation::DescribeSnapshots;
        all_pages(operation, async |start| {
            // Others' snapshots that are shared with us are not ours, whatever they are called.
            let request = self.client.describe_snapshots().owner_ids("self");
            let request = request.set_filters(which.clone().map(|which| vec![which]));
            let usable_by = usable_by.map(|usable_by| vec![usable_by.to_owned()]);
            let request = request.set_restorable_by_user_ids(usable_by);
            let request = request.max_results(SNAPSHOT_PAGE).set_next_token(start);
            let answer = self.call(operation, request.send()).await?;
            Ok(Page {
                items: answer.snapshots.unwrap_or_default(),
                next: answer.next_token,
            })
        })
        .await
    }
}
