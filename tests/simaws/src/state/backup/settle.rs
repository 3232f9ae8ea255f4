//! What happens to jobs and recovery points as time passes.

use std::time::Duration;

use jiff::Timestamp;

use super::make::Made;
use super::{BackupDoom, BackupEnd, BackupJob, JobState, Lifecycle, PointStatus, RecoveryPoint};
use crate::clock::later;
use crate::draw::{hash, part_of};
use crate::state::{Region, Timings};

/// AWS lists jobs for so long.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

/// How long a job that is cancelled takes to end.
const ABORTING: Duration = Duration::from_secs(1);

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
            // What AWS Backup ends does not go into the Recycle Bin here.
            let _ = self.remove_snapshot(snapshot_id);
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
