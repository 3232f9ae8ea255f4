//! What happens to jobs and recovery points as time passes.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    BackupDoom, BackupEnd, BackupJob, JobState, Lifecycle, PointStatus, RecoveryPoint, ResourceKind,
};
use crate::clock::later;
use crate::draw::{hash, part_of};
use crate::state::{
    Image, ImageDevice, MOST_CONCURRENT, NewSnapshot, Region, Tags, Timings, VolumeAttachment, kind,
};

/// AWS lists jobs for so long.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

/// How long a job that is cancelled takes to end.
const ABORTING: Duration = Duration::from_secs(1);

/// The tag AWS Backup puts on what it makes, with the id of what that is of.
const SOURCE: &str = "aws:backup:source-resource";

/// The most tags a resource takes, AWS's own not counted.
const MOST_TAGS: usize = 50;

const GIB: u64 = 1 << 30;

/// What a job that ran has made.
struct Made {
    arn: String,
    image_id: Option<String>,
    snapshot_ids: Vec<String>,
    size_bytes: u64,
    key_arn: Option<String>,
}

impl Region {
    /// Adds a job, which waits for its start.
    pub(crate) fn begin_job(&mut self, mut job: BackupJob, timings: &Timings) {
        let spread = part_of(timings.backup_start_spread, hash(&format!("start/{}", job.id)));
        let lag = timings.backup_start + spread;
        job.starts_at = later(job.created_at, lag);
        let due = later(job.created_at, lag / 2);
        job.due = Some(due);
        self.schedule(&job.id, due);
        self.backup.add_job(job);
    }

    /// Cancels a job that has not ended; false when it has, or there is none.
    pub(crate) fn stop_job(&mut self, id: &str) -> bool {
        let now = self.now;
        let Some(job) = self.backup.jobs.get_mut(id) else {
            return false;
        };
        match job.state {
            JobState::Created | JobState::Pending => {
                self.end_job(id, now, (JobState::Aborted, Some("The job was stopped")));
            }
            JobState::Running => {
                let due = later(now, ABORTING);
                job.state = JobState::Aborting;
                job.due = Some(due);
                self.schedule(id, due);
            }
            _ => return false,
        }
        true
    }

    pub(in crate::state) fn settle_job(&mut self, id: &str, at: Timestamp, timings: &Timings) {
        let Some(job) = self.backup.jobs.get_mut(id).filter(|it| it.due == Some(at)) else {
            return;
        };
        job.due = None;
        match job.state {
            JobState::Created => {
                job.state = JobState::Pending;
                let due = job.starts_at;
                job.due = Some(due);
                self.schedule(id, due);
            }
            JobState::Pending if at >= job.start_by => {
                let text = "The backup job did not start before its start window ended";
                self.end_job(id, at, (JobState::Expired, Some(text)));
            }
            JobState::Pending => {
                let (arn, created_at, start_by) = (job.resource.arn.clone(), job.created_at, job.start_by);
                if self.backup.running.contains_key(&arn) {
                    job.due = Some(start_by);
                    self.backup.waiting.insert((arn, created_at, id.to_owned()));
                    self.schedule(id, start_by);
                } else {
                    self.run_job(id, at, timings);
                }
            }
            JobState::Running => self.finish_job(id, at, timings),
            JobState::Aborting => {
                self.undo_job(id);
                self.end_job(id, at, (JobState::Aborted, Some("The job was stopped")));
                self.run_next(id, at, timings);
            }
            JobState::Aborted
            | JobState::Completed
            | JobState::Failed
            | JobState::Expired
            | JobState::Partial => self.backup.remove_job(id),
        }
    }

    fn run_job(&mut self, id: &str, at: Timestamp, timings: &Timings) {
        let Some(mut job) = self.backup.jobs.get(id).cloned() else {
            return;
        };
        if job.doom.is_none() {
            job.doom = self.backup.dooms.get(&job.resource.id).cloned();
        }
        let doomed = job.doom.as_ref().filter(|doom| doom.state == BackupEnd::Expired);
        let refused = match doomed {
            Some(doom) => Err((JobState::Expired, doom.message.clone())),
            None => self
                .make(&job, at, timings)
                .map_err(|text| (JobState::Failed, text)),
        };
        match refused {
            Err((state, text)) => self.end_job(id, at, (state, Some(&text))),
            Ok(made) => {
                let due = later(at, timings.snapshot + timings.backup_finish);
                job.state = JobState::Running;
                job.initiated_at = Some(at);
                job.due = Some(due);
                job.size_bytes = Some(made.size_bytes);
                job.key_arn.clone_from(&made.key_arn);
                job.recovery_point_arn = Some(made.arn.clone());
                self.backup.add_point(point_of(&job, made, at));
                self.backup
                    .running
                    .insert(job.resource.arn.clone(), id.to_owned());
                self.backup.jobs.insert(id.to_owned(), job);
                self.schedule(id, due);
            }
        }
    }

    /// Makes the snapshots and the image of a job; the reason when that is not possible.
    fn make(&mut self, job: &BackupJob, at: Timestamp, timings: &Timings) -> Result<Made, String> {
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
            shared_with: std::collections::BTreeSet::new(),
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

    fn finish_job(&mut self, id: &str, at: Timestamp, timings: &Timings) {
        let Some(job) = self.backup.jobs.get(id) else {
            return;
        };
        let (arn, doom) = (job.recovery_point_arn.clone(), job.doom.clone());
        let (state, text) = match &doom {
            None => (JobState::Completed, None),
            Some(BackupDoom { state, message }) => {
                let state = match state {
                    BackupEnd::Failed => JobState::Failed,
                    BackupEnd::Aborted => JobState::Aborted,
                    BackupEnd::Expired => JobState::Expired,
                    BackupEnd::Partial => JobState::Partial,
                };
                (state, Some(message.as_str()))
            }
        };
        let status = match state {
            JobState::Completed => Some(PointStatus::Completed),
            JobState::Partial => Some(PointStatus::Partial),
            _ => None,
        };
        match (status, arn) {
            (Some(status), Some(arn)) => self.complete_point(&arn, (status, text), at),
            _ => self.undo_job(id),
        }
        self.end_job(id, at, (state, text));
        self.run_next(id, at, timings);
    }

    fn complete_point(&mut self, arn: &str, (status, text): (PointStatus, Option<&str>), at: Timestamp) {
        let Some(point) = self.backup.points.get_mut(arn) else {
            return;
        };
        point.status = status;
        point.status_message = text.map(ToOwned::to_owned);
        point.completed_at = Some(at);
        self.schedule_expiry(arn);
    }

    /// Takes away what a job has made.
    fn undo_job(&mut self, id: &str) {
        let Some(job) = self.backup.jobs.get_mut(id) else {
            return;
        };
        if let Some(arn) = job.recovery_point_arn.take() {
            self.drop_point(&arn);
        }
    }

    fn end_job(&mut self, id: &str, at: Timestamp, (state, text): (JobState, Option<&str>)) {
        let gone = later(at, KEPT);
        let Some(job) = self.backup.jobs.get_mut(id) else {
            return;
        };
        job.state = state;
        job.status_message = text.map(ToOwned::to_owned);
        job.completed_at = Some(at);
        job.due = Some(gone);
        let arn = job.resource.arn.clone();
        self.backup
            .waiting
            .remove(&(arn.clone(), job.created_at, id.to_owned()));
        if self.backup.running.get(&arn).is_some_and(|running| running == id) {
            self.backup.running.remove(&arn);
        }
        self.schedule(id, gone);
    }

    /// Runs the jobs that waited for the end of this one, until one of them really runs.
    fn run_next(&mut self, id: &str, at: Timestamp, timings: &Timings) {
        let Some(arn) = self.backup.jobs.get(id).map(|job| job.resource.arn.clone()) else {
            return;
        };
        while !self.backup.running.contains_key(&arn)
            && let Some(next) = self.backup.next_waiting(&arn)
        {
            self.run_job(&next, at, timings);
        }
    }

    /// Notes when a recovery point expires by its lifecycle, if it does.
    fn schedule_expiry(&mut self, arn: &str) {
        let Some(point) = self.backup.points.get_mut(arn) else {
            return;
        };
        let due = point.expires_at();
        point.due = due;
        if let Some(due) = due {
            self.schedule(arn, due);
        }
    }

    /// Changes how long a recovery point is kept.
    pub(crate) fn set_lifecycle(&mut self, arn: &str, lifecycle: Option<Lifecycle>) {
        if let Some(point) = self.backup.points.get_mut(arn) {
            point.lifecycle = lifecycle;
        }
        self.schedule_expiry(arn);
    }

    /// Begins to delete a recovery point, which takes a moment.
    pub(crate) fn delete_point(&mut self, arn: &str, timings: &Timings) {
        let due = later(self.now, timings.recovery_point_deletion);
        if let Some(point) = self.backup.points.get_mut(arn) {
            point.status = PointStatus::Deleting;
            point.due = Some(due);
            self.schedule(arn, due);
        }
    }

    pub(in crate::state) fn settle_point(&mut self, arn: &str, at: Timestamp) {
        let Some(point) = self.backup.points.get_mut(arn).filter(|it| it.due == Some(at)) else {
            return;
        };
        point.due = None;
        let mut snapshots = point.snapshot_ids.iter();
        if snapshots.any(|id| self.snapshots.get(id).is_some_and(|it| it.is_locked(at))) {
            point.status = PointStatus::Expired;
            point.status_message = Some("A snapshot of the recovery point is locked".to_owned());
        } else {
            self.drop_point(arn);
        }
    }

    /// Removes a recovery point with its image and snapshots.
    fn drop_point(&mut self, arn: &str) {
        let Some(point) = self.backup.remove_point(arn) else {
            return;
        };
        if let Some(image_id) = &point.image_id {
            self.remove_image(image_id);
        }
        for snapshot_id in &point.snapshot_ids {
            self.remove_snapshot(snapshot_id);
        }
    }
}

fn point_of(job: &BackupJob, made: Made, at: Timestamp) -> RecoveryPoint {
    RecoveryPoint {
        arn: made.arn,
        vault: job.vault.clone(),
        vault_arn: job.vault_arn.clone(),
        resource: job.resource.clone(),
        role_arn: job.role_arn.clone(),
        status: PointStatus::Creating,
        status_message: None,
        lifecycle: job.lifecycle.clone(),
        image_id: made.image_id,
        snapshot_ids: made.snapshot_ids,
        size_bytes: made.size_bytes,
        key_arn: made.key_arn,
        due: None,
        created_at: at,
        completed_at: None,
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
