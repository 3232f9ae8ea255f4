//! What was deleted and is not gone, by the SDK.

use std::collections::BTreeSet;

use super::{
    convert,
    ec2::{Ec2, Page, all_pages},
};
use crate::cloud::{CloudError, Operation, Recycled, SnapshotId, VolumeId};

/// The largest page of ListSnapshotsInRecycleBin.
const SNAPSHOT_PAGE: i32 = 1000;

/// The largest page of ListVolumesInRecycleBin.
const VOLUME_PAGE: i32 = 500;

// AWS takes ids here, too, but does not say what it answers for one that is not in the bin: so everything is listed.
impl Ec2 {
    pub(super) async fn recycled_snapshots(
        &self,
        ids: &[SnapshotId],
    ) -> Result<Vec<Recycled<SnapshotId>>, CloudError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let operation = Operation::ListSnapshotsInRecycleBin;
        let listed = all_pages(operation, async |start| {
            let request = self.client.list_snapshots_in_recycle_bin();
            let request = request.max_results(SNAPSHOT_PAGE).set_next_token(start);
            let answer = self.call(operation, request.send()).await?;
            Ok(Page {
                items: answer.snapshots.unwrap_or_default(),
                next: answer.next_token,
            })
        });
        let found = convert::each_of(operation, listed.await?, convert::recycled_snapshot)?;
        Ok(among(ids, found.items))
    }

    pub(super) async fn recycled_volumes(
        &self,
        ids: &[VolumeId],
    ) -> Result<Vec<Recycled<VolumeId>>, CloudError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let operation = Operation::ListVolumesInRecycleBin;
        let listed = all_pages(operation, async |start| {
            let request = self.client.list_volumes_in_recycle_bin();
            let request = request.max_results(VOLUME_PAGE).set_next_token(start);
            let answer = self.call(operation, request.send()).await?;
            Ok(Page {
                items: answer.volumes.unwrap_or_default(),
                next: answer.next_token,
            })
        });
        let found = convert::each_of(operation, listed.await?, convert::recycled_volume)?;
        Ok(among(ids, found.items))
    }
}

/// The ones of these ids.
fn among<Id: Ord>(ids: &[Id], mut found: Vec<Recycled<Id>>) -> Vec<Recycled<Id>> {
    let ids: BTreeSet<_> = ids.iter().collect();
    found.retain(|one| ids.contains(&one.id));
    found
}
