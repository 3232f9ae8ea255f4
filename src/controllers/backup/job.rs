//! Engine AWSBackup: jobs of AWS Backup, one for each attempt.
//!
//! Here are the calls, and what this process remembers of them: the id of a job need not be asked for again, and what
//! AWS does not delete is asked for once a day.

mod look;

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;

use super::{
    Place, Scene,
    ec2::{not_ours, snapshot_tags},
    retire::Keeping,
    status::{self, run_of, status_of},
};
use crate::{
    api::{Backup, BackupStatus, Engine, Method, Reason, time},
    cloud::{
        BackupJobId, CloudError, ErrorKind, Image, ImageId, NewBackupJob, Observed, Operation, VaultName,
    },
    cluster::{Cluster, Happened, Kind},
    engine::{Context, Failure, Pass, Report},
    plan::{
        backup::{
            Attempt, Call, CallEnd, Outcome, call_end,
            job::{self as planner, Start, Step, Tried, World},
        },
        vault,
    },
};

pub(super) use look::{made, made_something};

/// The engine.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    /// The last call of each Backup, by its uid: until the run ends.
    calls: Mutex<HashMap<String, Call<BackupJobId>>>,
    /// The last deletion of what each made, by its uid: until it is gone.
    tried: Mutex<HashMap<String, Tried>>,
}

impl Jobs {
    fn calls(&self) -> MutexGuard<'_, HashMap<String, Call<BackupJobId>>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tried(&self) -> MutexGuard<'_, HashMap<String, Tried>> {
        self.tried.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn call_of(&self, uid: &str) -> Option<Call<BackupJobId>> {
        self.calls().get(uid).cloned()
    }

    fn remember(&self, uid: &str, call: Call<BackupJobId>) {
        self.calls().insert(uid.to_owned(), call);
    }

    /// Looks at the instance, the vault, and what there is of the job.
    pub(super) fn observe<C: Cluster>(
        &self,
        ctx: &Context<C>,
        backup: &Backup,
        (scene, keeping): (&Scene, &Keeping),
    ) -> World {
        let run = run_of(backup, scene);
        let uid = backup.uid();
        if run.ended.is_some() {
            self.calls().remove(uid);
        }
        let mut world = look::observe(ctx, backup, (scene, &run), self.call_of(uid));
        if world.kept.is_gone {
            self.tried().remove(uid);
        }
        world.kept.fate = keeping.fate;
        world.kept.tried = self.tried().get(uid).cloned();
        world
    }

    /// Takes one step.
    pub(super) async fn apply<C: Cluster>(
        &self,
        pass: &mut Pass<'_, C, Backup>,
        scene: &Scene,
        step: &Step,
    ) -> Result<(), Failure> {
        let place = scene.placed()?;
        match step {
            Step::RecordAttempt(attempt, vault) => record(pass, place, *attempt, vault).await,
            Step::Start(start) => self.start(pass, place, start).await,
            Step::Delete { image, vault } => self.delete(pass, place, (image, vault)).await,
        }
    }

    /// What to say of the run.
    pub(super) fn report(
        &self,
        backup: &Backup,
        (scene, world, keeping): (&Scene, &World, &Keeping),
        (failed, now): (Option<&Failure>, Timestamp),
    ) -> Report<BackupStatus> {
        let run = run_of(backup, scene);
        // As it is now: with what was recorded, and how the call ended.
        let mut seen = world.clone();
        seen.call = self.call_of(backup.uid());
        let n = run.attempts.iter().map(|attempt| attempt.n).max();
        seen.recorded = look::recorded_vault(backup);
        seen.job = look::job_id(backup, n, seen.call.as_ref()).map(|id| {
            let known = world.job.as_ref().filter(|(known, _)| *known == id);
            let observed = known.map_or(Observed::Unknown, |(_, job)| job.clone());
            (id, observed)
        });
        let planned = planner::plan(&run, &seen, now);
        let trouble = seen.call.as_ref().and_then(|call| call.end.error());
        let mut report = status_of(backup, (&planned.outcome, trouble), scene.max_skew, now);
        report.look_again = planned.look_again;
        if run.ended.is_some() {
            let status = report.status.get_or_insert_with(|| status::started(backup));
            let failed = failed.filter(|failure| !status::is_waiting(failure));
            let told = failed.map(status::not_deleted).or(planned.beside.told);
            put_keeping(status, keeping, told, now);
            return report;
        }
        if let Some(status) = &mut report.status {
            put_job(status, &seen, n.is_some());
            if let (Outcome::Complete(_), Some(image)) = (&planned.outcome, &planned.beside.image) {
                put_image(status, (scene, &seen), image, now);
            }
        }
        report
    }

    /// Asks AWS to delete a recovery point that newer days replace.
    async fn delete<C: Cluster>(
        &self,
        pass: &mut Pass<'_, C, Backup>,
        place: &Place,
        (id, vault): (&ImageId, &VaultName),
    ) -> Result<(), Failure> {
        let inventory = pass.ctx.inventories.of(&place.site);
        // Once more, and of the newest view: what was handed to somebody else meanwhile is not ours to delete.
        let is_ours = matches!(inventory.view().image(id), Observed::Present(image)
            if look::is_ours(image, &pass.object, place));
        let arn = planner::recovery_point(id, &place.site.region);
        let answer = if is_ours {
            pass.cloud(&place.site).delete_recovery_point(vault, &arn).await
        } else {
            Err(not_ours(Operation::DeleteRecoveryPoint))
        };
        let refusal = match answer {
            Ok(()) => None,
            // It is gone already.
            Err(error) if error.kind == ErrorKind::NotFound => None,
            // That of one image is none of the others': they go on, and for it there is another day.
            Err(error) if is_refusal(&error) => {
                let message = format!("image {id} stays for another day: {error}");
                pass.happened(Happened::warning(Reason::VaultRefuses, message));
                Some(error)
            }
            Err(error) => return Err(error.into()),
        };
        // Listings tell whether it is gone: AWS may answer well and not delete.
        let at = pass.ctx.now();
        let mut tried = self.tried();
        // Of another image, in the same pass.
        let before = tried.get(pass.object.uid()).filter(|tried| tried.at >= pass.now);
        let refusal = refusal.or_else(|| before.and_then(|tried| tried.refusal.clone()));
        tried.insert(pass.object.uid().to_owned(), Tried { at, refusal });
        Ok(())
    }

    /// Asks for the job of an attempt that is recorded.
    async fn start<C: Cluster>(
        &self,
        pass: &mut Pass<'_, C, Backup>,
        place: &Place,
        start: &Start,
    ) -> Result<(), Failure> {
        let inventory = pass.ctx.inventories.of(&place.site);
        inventory.watch_jobs(look::since(pass.now));
        let job = NewBackupJob {
            token: token(&pass.object, start.n),
            instance_id: start.instance.clone(),
            vault: start.destination.vault.clone(),
            role_arn: start.destination.role_arn.clone(),
            tags: snapshot_tags(pass, place, Some(start.n)),
            start_within: start.within,
            delete_after_days: start.delete_after_days,
        };
        let answer = pass.cloud(&place.site).start_backup(&job).await;
        let (n, ended) = (start.n, pass.ctx.now());
        let uid = pass.object.uid();
        match answer {
            Ok(id) => {
                inventory.watch_job_for(look::owner(&pass.object), id.clone());
                let message = format!("AWS Backup has job {id} for it");
                self.remember(
                    uid,
                    Call {
                        n,
                        ended,
                        end: CallEnd::Answered(id),
                    },
                );
                pass.happened(Happened::normal(Reason::BackupStarted, message));
                Ok(())
            }
            Err(error) => {
                let end = call_end(error.clone(), n, self.call_of(uid).as_ref());
                self.remember(uid, Call { n, ended, end });
                Err(error.into())
            }
        }
    }
}

/// Writes an attempt down, once its call has its turn.
async fn record<C: Cluster>(
    pass: &mut Pass<'_, C, Backup>,
    place: &Place,
    attempt: Attempt,
    vault: &VaultName,
) -> Result<(), Failure> {
    pass.cloud(&place.site).book(Operation::StartBackupJob).await?;
    let mut status = status::recorded(&pass.object, Engine::AWSBackup, attempt, pass.now);
    status::change_method(&mut status, |method| {
        // The job of the attempt before is over.
        method.id = None;
        method.vault = Some(vault.to_string());
    });
    pass.write_ahead(status).await
}

fn token(backup: &Backup, n: u32) -> String {
    let slot = backup.spec.scheduled_time.as_ref().map(|time| time.0);
    let slot = slot.zip(backup.spec.tenant_uid.as_deref());
    planner::token(backup.uid(), slot, n)
}

/// Writes which job it is.
fn put_job(status: &mut BackupStatus, world: &World, has_attempts: bool) {
    if has_attempts && let Some((id, _)) = &world.job {
        status::change_method(status, |method| method.id = Some(id.to_string()));
    }
}

/// Writes what the job made, and how its vault keeps that.
fn put_image(status: &mut BackupStatus, (scene, world): (&Scene, &World), image: &Image, now: Timestamp) {
    // An object that was made again for an image was never asked.
    status.engine.get_or_insert(Engine::AWSBackup);
    let by_class = world
        .destination
        .as_ref()
        .map(|destination| destination.vault.clone());
    let vault = world.recorded.clone().or(by_class);
    let job = world.job.as_ref().and_then(|(_, job)| job.present());
    let arn = job.and_then(|job| job.recovery_point.clone());
    let built = || {
        let region = &scene.place.as_ref()?.site.region;
        Some(planner::recovery_point(&image.id, region))
    };
    status::change_method(status, |method| {
        method.vault = vault.as_ref().map(ToString::to_string);
        method.recovery_point_arn = arn.or_else(built);
    });
    let Observed::Present(vault) = vault.map_or(Observed::Unknown, |name| world.vault(&name)) else {
        return;
    };
    if let Some(until) = vault::kept_until(vault, image.created_at) {
        status.locked_until = Some(time(until));
        status.protected_at.get_or_insert(time(now));
    }
}

/// Writes how the vault keeps what the job made, and why it is there still when it was to go.
fn put_keeping(status: &mut BackupStatus, keeping: &Keeping, told: Option<String>, now: Timestamp) {
    if let Observed::Present(made) = &keeping.made
        && made.is_whole
    {
        match made.locked_until {
            Observed::Unknown => {}
            // Somebody took the lock from the vault.
            Observed::Absent => status.locked_until = None,
            Observed::Present(until) => {
                status.locked_until = Some(time(until));
                status.protected_at.get_or_insert(time(now));
            }
        }
    }
    if told.is_some() || status.gone_at.is_some() {
        status::change_method(status, |method| method.message = told);
    }
}

/// Whether AWS said that it does not delete a recovery point, for a reason that another day may cure.
fn is_refusal(error: &CloudError) -> bool {
    matches!(
        error.kind,
        ErrorKind::IncorrectState | ErrorKind::InvalidSpec | ErrorKind::Unexpected
    )
}

/// The method that this engine has.
pub(super) const METHOD: Method = Method::Snapshot;
