//! Volumes and snapshots.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;

use super::{Region, SnapshotLock, Tags, kind};
use crate::protocol::{ApiError, Listed, timestamp};

/// Where a volume is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum VolumeState {
    Creating,
    Available,
    InUse,
}

impl VolumeState {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Creating => "creating",
            Self::Available => "available",
            Self::InUse => "in-use",
        }
    }
}

/// What a volume is asked to be.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VolumeSpec {
    pub(crate) size: u32,
    pub(crate) volume_type: String,
    pub(crate) iops: Option<u32>,
    pub(crate) throughput: Option<u32>,
    pub(crate) encrypted: bool,
    pub(crate) kms_key_id: Option<String>,
    pub(crate) snapshot_id: Option<String>,
}

/// A block storage volume.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Volume {
    pub(crate) id: String,
    #[serde(flatten)]
    pub(crate) spec: VolumeSpec,
    pub(crate) zone: String,
    pub(crate) state: VolumeState,
    /// When the present state ends by itself.
    pub(crate) due: Option<Timestamp>,
    pub(crate) attachment: Option<VolumeAttachment>,
    pub(crate) modification: Option<Modification>,
    pub(crate) tags: Tags,
    pub(crate) created_at: Timestamp,
}

/// That a volume belongs to an instance.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VolumeAttachment {
    pub(crate) instance_id: String,
    pub(crate) device: String,
    pub(crate) delete_on_termination: bool,
    pub(crate) attached_at: Timestamp,
}

/// A change of a volume's size or type.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Modification {
    pub(crate) before: VolumeSpec,
    pub(crate) after: VolumeSpec,
    pub(crate) started_at: Timestamp,
    pub(crate) completed_at: Timestamp,
}

impl Listed for Volume {
    const FILTERS: &'static [&'static str] = &[
        "attachment.delete-on-termination",
        "attachment.device",
        "attachment.instance-id",
        "attachment.status",
        "availability-zone",
        "create-time",
        "encrypted",
        "size",
        "snapshot-id",
        "status",
        "volume-id",
        "volume-type",
    ];

    fn tags(&self) -> &Tags {
        &self.tags
    }

    fn created_at(&self) -> Timestamp {
        self.created_at
    }

    fn values(&self, filter: &str, _region: &Region) -> Vec<String> {
        let attachment = self.attachment.as_ref();
        vec![match filter {
            "attachment.instance-id" => return attachment.iter().map(|it| it.instance_id.clone()).collect(),
            "attachment.device" => return attachment.iter().map(|it| it.device.clone()).collect(),
            "attachment.status" => return attachment.iter().map(|_| "attached".to_owned()).collect(),
            "attachment.delete-on-termination" => {
                return attachment
                    .iter()
                    .map(|it| it.delete_on_termination.to_string())
                    .collect();
            }
            "snapshot-id" => return self.spec.snapshot_id.iter().cloned().collect(),
            "availability-zone" => self.zone.clone(),
            "create-time" => timestamp(self.created_at),
            "encrypted" => self.spec.encrypted.to_string(),
            "size" => self.spec.size.to_string(),
            "status" => self.state.name().to_owned(),
            "volume-type" => self.spec.volume_type.clone(),
            _ => self.id.clone(),
        }]
    }
}

/// Where a snapshot is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SnapshotState {
    Pending,
    Completed,
    Error,
}

impl SnapshotState {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Completed => "completed",
            Self::Error => "error",
        }
    }
}

/// A snapshot of a volume.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Snapshot {
    pub(crate) id: String,
    pub(crate) owner: String,
    pub(crate) volume_id: String,
    pub(crate) volume_size: u32,
    pub(crate) description: String,
    pub(crate) encrypted: bool,
    pub(crate) kms_key_id: Option<String>,
    pub(crate) state: SnapshotState,
    /// When the present state ends by itself.
    pub(crate) due: Option<Timestamp>,
    /// Made to fail: it will not complete.
    pub(crate) doomed: bool,
    pub(crate) started_at: Timestamp,
    pub(crate) completed_at: Option<Timestamp>,
    /// Accounts that may make volumes of it.
    pub(crate) shared_with: BTreeSet<String>,
    pub(crate) is_public: bool,
    pub(crate) lock: Option<SnapshotLock>,
    /// AWS Backup's: EC2 does not delete it.
    pub(crate) by_backup: bool,
    pub(crate) tags: Tags,
}

/// AWS's fixed limit of snapshots at a time for one volume of the usual types.
pub(crate) const MOST_CONCURRENT: usize = 5;

/// What a snapshot is asked to be.
pub(crate) struct NewSnapshot<'a> {
    pub(crate) volume_id: &'a str,
    pub(crate) description: &'a str,
    pub(crate) tags: Tags,
    /// When it completes.
    pub(crate) due: Timestamp,
    pub(crate) doomed: bool,
}

impl Region {
    /// A snapshot of a volume that begins now; not yet in the region.
    pub(crate) fn new_snapshot(&mut self, asked: NewSnapshot<'_>) -> Result<Snapshot, ApiError> {
        let spec = self.volume(asked.volume_id)?.spec.clone();
        Ok(Snapshot {
            id: self.ids.id(kind::SNAPSHOT.prefix),
            owner: self.account.clone(),
            volume_id: asked.volume_id.to_owned(),
            volume_size: spec.size,
            description: asked.description.to_owned(),
            encrypted: spec.encrypted,
            kms_key_id: spec.kms_key_id,
            state: SnapshotState::Pending,
            due: Some(asked.due),
            doomed: asked.doomed,
            started_at: self.now,
            completed_at: None,
            shared_with: BTreeSet::new(),
            is_public: false,
            lock: None,
            by_backup: false,
            tags: asked.tags,
        })
    }
}

impl Snapshot {
    /// Whether a lock keeps it from being deleted.
    pub(crate) fn is_locked(&self, now: Timestamp) -> bool {
        self.lock.as_ref().is_some_and(|lock| lock.is_held(now))
    }

    /// How much of it is written at `now`, in percent.
    pub(crate) fn progress(&self, now: Timestamp) -> u8 {
        let Some(due) = self.due else {
            return if self.state == SnapshotState::Completed {
                100
            } else {
                0
            };
        };
        let whole = due.duration_since(self.started_at).as_millis().max(1);
        let done = now.duration_since(self.started_at).as_millis().clamp(0, whole);
        u8::try_from(done * 100 / whole).unwrap_or(100).min(99)
    }
}

impl Listed for Snapshot {
    const FILTERS: &'static [&'static str] = &[
        "description",
        "encrypted",
        "owner-id",
        "progress",
        "snapshot-id",
        "start-time",
        "status",
        "storage-tier",
        "volume-id",
        "volume-size",
    ];

    fn tags(&self) -> &Tags {
        &self.tags
    }

    fn created_at(&self) -> Timestamp {
        self.started_at
    }

    fn values(&self, filter: &str, region: &Region) -> Vec<String> {
        vec![match filter {
            "description" => self.description.clone(),
            "encrypted" => self.encrypted.to_string(),
            "owner-id" => self.owner.clone(),
            "progress" => format!("{}%", self.progress(region.now)),
            "start-time" => timestamp(self.started_at),
            "status" => self.state.name().to_owned(),
            "storage-tier" => "standard".to_owned(),
            "volume-id" => self.volume_id.clone(),
            "volume-size" => self.volume_size.to_string(),
            _ => self.id.clone(),
        }]
    }
}
