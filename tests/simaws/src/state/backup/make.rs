//! What a job makes in EC2: an image and snapshots that are AWS Backup's.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{BackupJob, ResourceKind};
use crate::clock::later;
use crate::state::{
    Image, ImageDevice, MOST_CONCURRENT, NewSnapshot, Region, Tags, Timings, VolumeAttachment, kind,
};

/// The tag AWS Backup puts on what it makes, with the id of what that is of.
const SOURCE: &str = "aws:backup:source-resource";

/// The most tags a resource takes, AWS's own not counted.
const MOST_TAGS: usize = 50;

const GIB: u64 = 1 << 30;

/// What a job that ran has made.
pub(super) struct Made {
    pub(super) arn: String,
    pub(super) image_id: Option<String>,
    pub(super) snapshot_ids: Vec<String>,
    pub(super) size_bytes: u64,
    pub(super) key_arn: Option<String>,
}

impl Region {
    /// Makes the snapshots and the image of a job; the reason when that is not possible.
    pub(super) fn make(&mut self, job: &BackupJob, at: Timestamp, timings: &Timings) -> Result<Made, String> {
        let Some(vault) = self.backup.vaults.get(&job.vault) else {
            return Err(format!("Backup vault {} does not exist", job.vault));
        };
        let lifecycle = job.lifecycle.clone().unwrap_or_default();
        if let Some(text) = vault.lock.as_ref().and_then(|lock| lock.refusal(&lifecycle)) {
            return Err(text);
        }
        match job.resource.kind {
            ResourceKind::Instance => self.make_image(job, at, timings),
            ResourceKind::Volume => {
                let id = &job.resource.id;
                let text = "This snapshot is created by the AWS Backup service.";
                let tags = self.volumes.get(id).map(|volume| volume.tags.clone());
                let tags = merged(tags.unwrap_or_default(), &job.tags, id);
                let (snapshot_id, size, key_arn) =
                    self.make_snapshot((id, text), tags, later(at, timings.snapshot))?;
                Ok(Made {
                    arn: format!("arn:aws:ec2:{}::snapshot/{snapshot_id}", self.name),
                    image_id: None,
                    snapshot_ids: vec![snapshot_id],
                    size_bytes: size,
                    key_arn,
                })
            }
        }
    }

    fn make_image(&mut self, job: &BackupJob, at: Timestamp, timings: &Timings) -> Result<Made, String> {
        let id = &job.resource.id;
        let found = self.instances.get(id).filter(|it| !it.state.is_ending());
        let Some(instance) = found.cloned() else {
            return Err(format!("The instance {id} does not exist or has ended"));
        };
        if let Some(volume) = instance
            .volumes
            .values()
            .find(|volume| !self.takes_snapshot(volume))
        {
            return Err(format!("No snapshot of volume {volume} can be taken now"));
        }
        let image_id = self.ids.id(kind::IMAGE.prefix);
        let text = format!("Created by CreateImage({id}) for {image_id}");
        let due = later(at, timings.snapshot);
        let (mut devices, mut snapshot_ids, mut size_bytes, mut key_arn) = (Vec::new(), Vec::new(), 0, None);
        for (name, volume_id) in &instance.volumes {
            let tags = self.volumes.get(volume_id).map(|volume| volume.tags.clone());
            let tags = merged(tags.unwrap_or_default(), &Tags::new(), volume_id);
            let (snapshot_id, size, key) = self.make_snapshot((volume_id, &text), tags, due)?;
            size_bytes += size;
            key_arn = key_arn.or(key);
            devices.extend(self.device(name, volume_id, &snapshot_id));
            snapshot_ids.push(snapshot_id);
        }
        let arn = format!("arn:aws:ec2:{}::image/{image_id}", self.name);
        self.add_image(Image {
            id: image_id.clone(),
            name: format!("AwsBackup_{id}_{}", job.id),
            description: "This image is created by the AWS Backup service.".to_owned(),
            owner: self.account.clone(),
            owner_alias: None,
            architecture: instance.architecture,
            root_device_name: instance.root_device_name,
            devices,
            is_public: false,
            shared_with: BTreeSet::new(),
            by_backup: true,
            tags: merged(instance.tags, &job.tags, id),
            created_at: at,
        });
        Ok(Made {
            arn,
            image_id: Some(image_id),
            snapshot_ids,
            size_bytes,
            key_arn,
        })
    }

    fn device(&self, name: &str, volume_id: &str, snapshot_id: &str) -> Option<ImageDevice> {
        let volume = self.volumes.get(volume_id)?;
        let attachment: Option<&VolumeAttachment> = volume.attachment.as_ref();
        Some(ImageDevice {
            name: name.to_owned(),
            snapshot_id: Some(snapshot_id.to_owned()),
            size: volume.spec.size,
            volume_type: volume.spec.volume_type.clone(),
            encrypted: volume.spec.encrypted,
            delete_on_termination: attachment.is_none_or(|it| it.delete_on_termination),
        })
    }

    /// Whether a volume is there and not busy with as many snapshots as it takes.
    fn takes_snapshot(&self, volume_id: &str) -> bool {
        self.volumes.contains_key(volume_id) && self.pending_snapshots(volume_id) < MOST_CONCURRENT
    }

    /// Begins a snapshot for AWS Backup; gives its id, its size and its key.
    fn make_snapshot(
        &mut self,
        (volume_id, description): (&str, &str),
        tags: Tags,
        due: Timestamp,
    ) -> Result<(String, u64, Option<String>), String> {
        let snapshot = NewSnapshot {
            volume_id,
            description,
            tags,
            due,
            doomed: false,
        };
        let refused = || format!("No snapshot of volume {volume_id} can be taken now");
        if !self.takes_snapshot(volume_id) {
            return Err(refused());
        }
        let mut snapshot = self.new_snapshot(snapshot).map_err(|_| refused())?;
        snapshot.by_backup = true;
        let made = (
            snapshot.id.clone(),
            u64::from(snapshot.volume_size) * GIB,
            snapshot.kms_key_id.clone(),
        );
        self.add_snapshot(snapshot);
        Ok(made)
    }
}

/// The tags of the source and those that were asked for, which come first when there are too many.
fn merged(source: Tags, asked: &Tags, source_id: &str) -> Tags {
    let mut tags = asked.clone();
    for (key, value) in source {
        if tags.len() < MOST_TAGS && !key.starts_with("aws:") {
            tags.entry(key).or_insert(value);
        }
    }
    tags.insert(SOURCE.to_owned(), source_id.to_owned());
    tags
}
