//! The Recycle Bin: what was deleted while a rule kept such things, and can be had back until the rule's time is over.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::{Region, Snapshot, Tags, Volume, VolumeState, kind, world};
use crate::clock::later;
use crate::protocol::{ApiError, Listed};

/// What is in the bin.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct RecycleBin {
    #[serde(rename = "recycledSnapshots", serialize_with = "world::values")]
    pub(crate) snapshots: BTreeMap<String, Recycled<Snapshot>>,
    #[serde(rename = "recycledVolumes", serialize_with = "world::values")]
    pub(crate) volumes: BTreeMap<String, Recycled<Volume>>,
}

/// Something in the bin, as it was.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Recycled<T> {
    pub(crate) item: T,
    pub(crate) entered_at: Timestamp,
    pub(crate) leaves_at: Timestamp,
}

/// AWS knows no filters here, and lists what entered at once.
impl<T: Listed> Listed for Recycled<T> {
    const FILTERS: &'static [&'static str] = &[];

    fn tags(&self) -> &Tags {
        self.item.tags()
    }

    fn created_at(&self) -> Timestamp {
        self.item.created_at()
    }

    fn values(&self, _filter: &str, _region: &Region) -> Vec<String> {
        Vec::new()
    }
}

impl Region {
    /// Deletes a snapshot, into the bin where a rule keeps it; no rule keeps anything for no time.
    pub(crate) fn delete_snapshot(&mut self, id: &str, kept: Duration) {
        if let Some(item) = self.remove_snapshot(id)
            && let Some(recycled) = self.recycled(id, item, kept)
        {
            self.recycle_bin.snapshots.insert(id.to_owned(), recycled);
        }
    }

    /// Deletes a volume, into the bin where a rule keeps it.
    pub(crate) fn delete_volume(&mut self, id: &str, kept: Duration) {
        if let Some(item) = self.volumes.remove(id)
            && let Some(recycled) = self.recycled(id, item, kept)
        {
            self.recycle_bin.volumes.insert(id.to_owned(), recycled);
        }
    }

    fn recycled<T>(&mut self, id: &str, item: T, kept: Duration) -> Option<Recycled<T>> {
        if kept.is_zero() {
            return None;
        }
        let leaves_at = later(self.now, kept);
        self.schedule(id, leaves_at);
        Some(Recycled {
            item,
            entered_at: self.now,
            leaves_at,
        })
    }

    /// Gives a snapshot back from the bin.
    pub(crate) fn restore_snapshot(&mut self, id: &str) -> Result<&Snapshot, ApiError> {
        kind::SNAPSHOT.check(id)?;
        let found = self.recycle_bin.snapshots.remove(id);
        let found = found.ok_or_else(|| kind::SNAPSHOT.not_found(id))?;
        self.add_snapshot(found.item);
        self.snapshot(id)
    }

    /// Gives a volume back from the bin, attached to nothing.
    pub(crate) fn restore_volume(&mut self, id: &str) -> Result<(), ApiError> {
        kind::VOLUME.check(id)?;
        let found = self.recycle_bin.volumes.remove(id);
        let mut item = found.ok_or_else(|| kind::VOLUME.not_found(id))?.item;
        item.attachment = None;
        item.state = VolumeState::Available;
        self.volumes.insert(id.to_owned(), item);
        Ok(())
    }

    /// Lets what has been kept long enough go.
    pub(super) fn settle_recycled(&mut self, id: &str, at: Timestamp) {
        let bin = &mut self.recycle_bin;
        if bin.snapshots.get(id).is_some_and(|it| it.leaves_at == at) {
            bin.snapshots.remove(id);
        }
        if bin.volumes.get(id).is_some_and(|it| it.leaves_at == at) {
            bin.volumes.remove(id);
        }
    }
}
