//! Volumes and snapshots by the SDK.

use async_trait::async_trait;
use aws_sdk_ec2::{
    operation::create_snapshots::builders::CreateSnapshotsFluentBuilder,
    types::{Filter, InstanceSpecification, ResourceType},
};

use super::{
    convert::{self, tag_specification},
    ec2::{Ec2, Page, all_pages, filter},
};
use crate::cloud::{CloudError, Listed, NewSnapshotSet, Operation, Snapshot, StorageApi, Volume};

/// The largest page of DescribeVolumes that AWS has stated.
const VOLUME_PAGE: i32 = 500;

/// The largest page of DescribeSnapshots.
const SNAPSHOT_PAGE: i32 = 1000;

#[async_trait]
impl StorageApi for Ec2 {
    async fn list_volumes(&self) -> Result<Listed<Volume>, CloudError> {
        let operation = Operation::DescribeVolumes;
        let found = all_pages(operation, async |start| {
            let request = self.client.describe_volumes().filters(self.ours());
            let request = request.max_results(VOLUME_PAGE).set_next_token(start);
            let answer = self.call(operation, request.send()).await?;
            Ok(Page {
                items: answer.volumes.unwrap_or_default(),
                next: answer.next_token,
            })
        });
        convert::each_of(operation, found.await?, convert::volume)
    }

    async fn list_snapshots(&self) -> Result<Listed<Snapshot>, CloudError> {
        self.snapshots(self.ours()).await
    }

    async fn find_snapshots(&self, description: &str) -> Result<Vec<Snapshot>, CloudError> {
        Ok(self.snapshots(filter("description", description)).await?.items)
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

    async fn snapshots(&self, which: Filter) -> Result<Listed<Snapshot>, CloudError> {
        let operation = Operation::DescribeSnapshots;
        let found = all_pages(operation, async |start| {
            // Others' snapshots that are shared with us are not ours, whatever they are called.
            let request = self.client.describe_snapshots().owner_ids("self");
            let request = request.filters(which.clone());
            let request = request.max_results(SNAPSHOT_PAGE).set_next_token(start);
            let answer = self.call(operation, request.send()).await?;
            Ok(Page {
                items: answer.snapshots.unwrap_or_default(),
                next: answer.next_token,
            })
        });
        convert::each_of(operation, found.await?, convert::snapshot)
    }
}
