//! Volumes and snapshots.

use aws_sdk_ec2::{operation::lock_snapshot::LockSnapshotOutput, types as sdk};
use aws_smithy_types::DateTime;
use jiff::Timestamp;

use super::{Unreadable, required, tags::tags};
use crate::cloud::{
    Image, ImageId, ImageState, InstanceId, LockMode, Recycled, Snapshot, SnapshotId, SnapshotLock,
    SnapshotState, Volume, VolumeId,
};

pub(in crate::aws) fn volume(volume: sdk::Volume) -> Result<Volume, Unreadable> {
    let id = required(volume.volume_id.clone(), "volumeId")?;
    read_volume(volume).map_err(|unreadable| unreadable.within(&id))
}

fn read_volume(volume: sdk::Volume) -> Result<Volume, Unreadable> {
    // While it is on its way off, a volume is still the instance's.
    let attachments = volume.attachments.unwrap_or_default().into_iter();
    let mut instances = attachments
        .filter(|attachment| attachment.state != Some(sdk::VolumeAttachmentState::Detached))
        .filter_map(|attachment| attachment.instance_id);
    Ok(Volume {
        id: VolumeId::new(required(volume.volume_id, "volumeId")?),
        encrypted: required(volume.encrypted, "encrypted")?,
        kms_key_id: volume.kms_key_id,
        size_gib: required(volume.size, "size")?,
        attached_to: instances.next().map(InstanceId::new),
        tags: tags(volume.tags)?,
    })
}

pub(in crate::aws) fn recycled_volume(
    volume: sdk::VolumeRecycleBinInfo,
) -> Result<Recycled<VolumeId>, Unreadable> {
    Ok(Recycled {
        id: VolumeId::new(required(volume.volume_id, "volumeId")?),
        until: leaves(volume.recycle_bin_exit_time)?,
    })
}

pub(in crate::aws) fn recycled_snapshot(
    snapshot: sdk::SnapshotRecycleBinInfo,
) -> Result<Recycled<SnapshotId>, Unreadable> {
    Ok(Recycled {
        id: SnapshotId::new(required(snapshot.snapshot_id, "snapshotId")?),
        until: leaves(snapshot.recycle_bin_exit_time)?,
    })
}

fn leaves(at: Option<DateTime>) -> Result<Timestamp, Unreadable> {
    instant(required(at, "recycleBinExitTime")?, "recycleBinExitTime")
}

pub(in crate::aws) fn snapshot(snapshot: sdk::Snapshot) -> Result<Snapshot, Unreadable> {
    let id = required(snapshot.snapshot_id.clone(), "snapshotId")?;
    read_snapshot(snapshot).map_err(|unreadable| unreadable.within(&id))
}

fn read_snapshot(snapshot: sdk::Snapshot) -> Result<Snapshot, Unreadable> {
    Ok(Snapshot {
        id: SnapshotId::new(required(snapshot.snapshot_id, "snapshotId")?),
        volume_id: VolumeId::new(required(snapshot.volume_id, "volumeId")?),
        state: state(snapshot.state)?,
        state_message: snapshot.state_message.filter(|message| !message.is_empty()),
        started_at: instant(required(snapshot.start_time, "startTime")?, "startTime")?,
        size_gib: required(snapshot.volume_size, "volumeSize")?,
        encrypted: required(snapshot.encrypted, "encrypted")?,
        kms_key_id: snapshot.kms_key_id,
        description: snapshot.description.unwrap_or_default(),
        tags: tags(snapshot.tags)?,
    })
}

/// What CreateSnapshots answers. It does not say the key; the next listing does.
pub(in crate::aws) fn snapshot_info(info: sdk::SnapshotInfo) -> Result<Snapshot, Unreadable> {
    snapshot(
        sdk::Snapshot::builder()
            .set_snapshot_id(info.snapshot_id)
            .set_volume_id(info.volume_id)
            .set_state(info.state)
            .set_start_time(info.start_time)
            .set_volume_size(info.volume_size)
            .set_encrypted(info.encrypted)
            .set_description(info.description)
            .set_tags(info.tags)
            .build(),
    )
}

fn state(state: Option<sdk::SnapshotState>) -> Result<SnapshotState, Unreadable> {
    match required(state, "status")? {
        sdk::SnapshotState::Pending => Ok(SnapshotState::Pending),
        // In or on its way out of the archive or the Recycle Bin it is whole.
        sdk::SnapshotState::Completed | sdk::SnapshotState::Recoverable | sdk::SnapshotState::Recovering => {
            Ok(SnapshotState::Completed)
        }
        sdk::SnapshotState::Error => Ok(SnapshotState::Error),
        other => Err(Unreadable::new(format!("unknown snapshot state {other}"))),
    }
}

pub(in crate::aws) fn snapshot_lock(lock: sdk::LockedSnapshotsInfo) -> Result<SnapshotLock, Unreadable> {
    read_lock(lock.snapshot_id, lock.lock_state, lock.lock_expires_on)
}

/// What LockSnapshot answers.
pub(in crate::aws) fn locked(answer: LockSnapshotOutput) -> Result<SnapshotLock, Unreadable> {
    read_lock(answer.snapshot_id, answer.lock_state, answer.lock_expires_on)
}

fn read_lock(
    id: Option<String>,
    state: Option<sdk::LockState>,
    until: Option<DateTime>,
) -> Result<SnapshotLock, Unreadable> {
    let id = required(id, "snapshotId")?;
    let mode = match required(state, "lockState").map_err(|unreadable| unreadable.within(&id))? {
        sdk::LockState::Governance => LockMode::Governance,
        // While it cools off it may still be removed, but what is prolonged must stay what it was meant to be.
        sdk::LockState::Compliance | sdk::LockState::ComplianceCooloff => LockMode::Compliance,
        other => return Err(Unreadable::new(format!("unknown lock state {other}")).within(&id)),
    };
    let until = until.map(|until| instant(until, "lockExpiresOn")).transpose()?;
    Ok(SnapshotLock {
        id: SnapshotId::new(id),
        mode,
        until,
    })
}

pub(in crate::aws) fn image(image: sdk::Image) -> Result<Image, Unreadable> {
    let id = required(image.image_id.clone(), "imageId")?;
    read_image(image).map_err(|unreadable| unreadable.within(&id))
}

fn read_image(image: sdk::Image) -> Result<Image, Unreadable> {
    let created = required(image.creation_date, "creationDate")?;
    let mappings = image.block_device_mappings.unwrap_or_default().into_iter();
    let snapshots = mappings.filter_map(|mapping| mapping.ebs?.snapshot_id);
    Ok(Image {
        id: ImageId::new(required(image.image_id, "imageId")?),
        state: match required(image.state, "imageState")? {
            sdk::ImageState::Pending => ImageState::Pending,
            sdk::ImageState::Available => ImageState::Available,
            _ => ImageState::Unusable,
        },
        created_at: created
            .parse()
            .map_err(|_| Unreadable::new(format!("creationDate {created:?} is no instant")))?,
        public: required(image.public, "isPublic")?,
        snapshots: snapshots.map(SnapshotId::new).collect(),
        tags: tags(image.tags)?,
    })
}

pub(in crate::aws) fn instant(time: DateTime, field: &str) -> Result<Timestamp, Unreadable> {
    let nanos = i32::try_from(time.subsec_nanos()).unwrap_or_default();
    Timestamp::new(time.secs(), nanos).map_err(|_| Unreadable::new(format!("{field} is out of range")))
}
