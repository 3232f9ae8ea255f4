//! Engine EC2: snapshots that EC2 takes when it is told to.
//!
//! Here are the calls, and what this process remembers of them: a call whose end it saw need not be looked for.

mod look;

pub(super) use look::{found, made, target};

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;

use super::{
    Place, Scene,
    retire::{self, Keeping},
    status::{self, run_of, status_of},
};
use crate::{
    api::{Backup, BackupStatus, Reason, names::tags},
    aws::OPERATION_TIMEOUT,
    clock::{elapsed, later},
    cloud::{
        CloudError, ErrorKind, InstanceId, LockMode, NewSnapshotSet, Observed, Operation, SnapshotId, Tags,
    },
    cluster::{Cluster, Happened, Kind},
    engine::{Context, Failure, Pass, Report},
    governor::MAX_WAIT,
    inventory::Effect,
    plan::backup::{self as planner, Call, CallEnd, LockRule, LockStep, SWEEP, Step, UNTOLD, World},
};

/// From the record of an attempt to the begin of the wait for its call, at most: with that wait and the time a call
/// may take it stays well within [`planner::CALL_BOUND`], on which another operator counts.
const CALL_WITHIN: Duration = Duration::from_secs(20);

const _: () = assert!(
    CALL_WITHIN.as_secs() + MAX_WAIT.as_secs() + OPERATION_TIMEOUT.as_secs() < planner::CALL_BOUND.as_secs()
);

/// The engine.
#[derive(Debug, Default)]
pub(super) struct Ec2 {
    /// What this process did for each Backup, by its uid: until nothing is left of it.
    acts: Mutex<HashMap<String, Acts>>,
}

/// What this process did for one Backup.
#[derive(Clone, Debug, Default)]
struct Acts {
    /// The last call that asked for a set: until the run ends.
    call: Option<Call<()>>,
    /// When a lock was set last.
    locked_at: Option<Timestamp>,
    /// When a snapshot was deleted last.
    deleted_at: Option<Timestamp>,
    /// The snapshots that AWS refused to delete: when, and why.
    refused: BTreeMap<SnapshotId, (Timestamp, CloudError)>,
}

impl Ec2 {
    fn acts(&self) -> MutexGuard<'_, HashMap<String, Acts>> {
        self.acts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn acts_of(&self, uid: &str) -> Acts {
        self.acts().get(uid).cloned().unwrap_or_default()
    }

    fn note(&self, uid: &str, note: impl FnOnce(&mut Acts)) {
        note(self.acts().entry(uid.to_owned()).or_default());
    }

    fn remember(&self, uid: &str, call: Call<()>) {
        self.note(uid, |acts| acts.call = Some(call));
    }

    /// Looks at the instance and at what there is of the set.
    pub(super) async fn observe<C: Cluster>(
        &self,
        ctx: &Context<C>,
        backup: &Backup,
        (scene, keeping): (&Scene, &Keeping),
    ) -> Result<World, Failure> {
        let run = run_of(backup, scene);
        if run.ended.is_some() {
            self.forget(backup);
        }
        let acts = self.acts_of(backup.uid());
        let mut world = look::observe(ctx, backup, scene, acts.call.clone());
        if run.ended.is_some() {
            world.kept.fate = keeping.fate;
            world.kept.rule = lock_rule(backup, scene, keeping);
            world.kept.deleted_at = acts.deleted_at;
            world.kept.refused = acts
                .refused
                .iter()
                .map(|(id, (at, _))| (id.clone(), *at))
                .collect();
        }
        if planner::plan(&run, &world, ctx.now()).beside.wants_search {
            look::search(ctx, backup, scene, &mut world).await?;
        }
        Ok(world)
    }

    /// Forgets what is of no use after the end.
    fn forget(&self, backup: &Backup) {
        let is_gone = backup
            .status
            .as_ref()
            .is_some_and(|status| status.gone_at.is_some());
        let mut acts = self.acts();
        if is_gone {
            acts.remove(backup.uid());
        } else if let Some(acts) = acts.get_mut(backup.uid()) {
            acts.call = None;
        }
    }

    /// Takes one step.
    pub(super) async fn apply<C: Cluster>(
        &self,
        pass: &mut Pass<'_, C, Backup>,
        (scene, world): (&Scene, &World),
        step: &Step,
    ) -> Result<(), Failure> {
        let place = scene.placed()?;
        match step {
            Step::RecordAttempt(attempt) => {
                // An attempt whose call is not made soon is of unknown outcome to everybody else: so the turn first.
                pass.cloud(&place.site).book(Operation::CreateSnapshots).await?;
                let status = status::recorded(&pass.object, scene.engine, *attempt, pass.now);
                pass.write_ahead(status).await
            }
            Step::CreateSnapshots { n, instance } => self.create(pass, place, *n, instance).await,
            Step::Tag(ids) => tag(pass, place, world, ids).await,
            Step::Lock(step) => self.lock(pass, place, step).await,
            Step::Delete(id) => self.delete(pass, place, id).await,
        }
    }

    /// What to say of the run.
    pub(super) fn report<C: Cluster>(
        &self,
        ctx: &Context<C>,
        backup: &Backup,
        (scene, world): (&Scene, &World),
        (failed, now): (Option<(&Step, &Failure)>, Timestamp),
    ) -> Report<BackupStatus> {
        let acts = self.acts_of(backup.uid());
        // As it is now: with what was recorded, and how the call ended.
        let mut seen = world.clone();
        seen.call.clone_from(&acts.call);
        let planned = planner::plan(&run_of(backup, scene), &seen, now);
        let trouble = seen.call.as_ref().and_then(|call| call.end.error());
        let mut report = status_of(backup, (&planned.outcome, trouble), scene.max_skew, now);
        report.look_again = planned.look_again.filter(|_| failed.is_none());
        if retire::is_complete(backup) && !retire::is_expiring(backup) {
            let read_back = read_back(ctx, scene, world, &acts, now);
            let locks = world.kept.locks(now);
            let awaited = locks.and_then(|locks| match locks.until {
                _ if !locks.steps.is_empty() => Some(SWEEP),
                Observed::Present(_) => Some(SWEEP),
                Observed::Unknown => Some(UNTOLD),
                // Where locks are over there is nothing to wait for.
                Observed::Absent => None,
            });
            if read_back.is_none()
                && let Some(awaited) = awaited
            {
                report.look_again = Some(later(now, awaited)).filter(|_| failed.is_none());
            }
            let status = report.status.get_or_insert_with(|| status::started(backup));
            status::put_locks(status, read_back, failed, now);
        } else if retire::is_expiring(backup) {
            let status = report.status.get_or_insert_with(|| status::started(backup));
            let refused = acts.refused.iter().map(|(id, (_, error))| (id, error));
            // One that AWS does not know is no news: the next sweeps tell.
            let refused = refused.filter(|(_, error)| error.kind != ErrorKind::NotFound);
            status::put_refusals(status, refused, failed.map(|(_, failure)| failure));
        }
        report
    }

    /// Locks a snapshot, unless somebody just locked it for as long: a listing of locks is minutes old, and a governance
    /// lock is shortened as easily as it is prolonged.
    async fn lock<C: Cluster>(
        &self,
        pass: &mut Pass<'_, C, Backup>,
        place: &Place,
        step: &LockStep,
    ) -> Result<(), Failure> {
        let cloud = pass.cloud(&place.site);
        let inventory = pass.ctx.inventories.of(&place.site);
        // Its turn first, so that nothing but the call itself is between the look and the lock.
        cloud.book(Operation::LockSnapshot).await?;
        let there = cloud.lock_of(&step.id).await?;
        let Some(mode) = step.over(there.as_ref()) else {
            if let Some(there) = there {
                inventory.record(Effect::Locked(there));
            }
            return Ok(());
        };
        let lock = cloud.lock_snapshot(&step.id, mode, step.until).await?;
        inventory.record(Effect::Locked(lock));
        let now = pass.ctx.now();
        self.note(pass.object.uid(), |acts| acts.locked_at = Some(now));
        if step.restores {
            let message = format!(
                "the lock of snapshot {} was removed or shortened and was put back",
                step.id
            );
            pass.happened(Happened::warning(Reason::LockRestored, message));
        }
        Ok(())
    }

    /// Deletes a snapshot of a set that newer days replace.
    async fn delete<C: Cluster>(
        &self,
        pass: &mut Pass<'_, C, Backup>,
        place: &Place,
        id: &SnapshotId,
    ) -> Result<(), Failure> {
        let inventory = pass.ctx.inventories.of(&place.site);
        // Once more, and of the newest view: what was handed to somebody else meanwhile is not ours to delete.
        let is_ours = matches!(inventory.view().snapshot(id), Observed::Present(snapshot)
            if look::is_ours(snapshot, &pass.object, place));
        let uid = pass.object.uid().to_owned();
        if !is_ours {
            let error = not_ours(Operation::DeleteSnapshot);
            let now = pass.ctx.now();
            self.note(&uid, |acts| drop(acts.refused.insert(id.clone(), (now, error))));
            return Ok(());
        }
        let answer = pass.cloud(&place.site).delete_snapshot(id).await;
        let now = pass.ctx.now();
        match answer {
            Ok(()) => {
                inventory.record(Effect::Deleted(id.clone()));
                self.note(&uid, |acts| {
                    acts.deleted_at = Some(now);
                    acts.refused.remove(id);
                });
                Ok(())
            }
            // What AWS says of a snapshot that is locked, or in use by an image, is not worth telling apart: the lock
            // is read, and for the rest there is another day. The others of the set go on.
            Err(error) if is_refusal(&error) => {
                if error.kind != ErrorKind::NotFound {
                    let message = format!("snapshot {id} stays for another day: {error}");
                    pass.happened(Happened::warning(Reason::SnapshotInUse, message));
                }
                self.note(&uid, |acts| drop(acts.refused.insert(id.clone(), (now, error))));
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Takes the set of an attempt that was just recorded.
    async fn create<C: Cluster>(
        &self,
        pass: &mut Pass<'_, C, Backup>,
        place: &Place,
        n: u32,
        instance: &InstanceId,
    ) -> Result<(), Failure> {
        if elapsed(pass.now, pass.ctx.now()) > CALL_WITHIN {
            return Err(Failure::Blocked {
                reason: Reason::Progressing,
                message: "the record of the attempt is too old to act on it".to_owned(),
            });
        }
        let set = NewSnapshotSet {
            instance_id: instance.clone(),
            description: pass.object.uid().to_owned(),
            tags: snapshot_tags(pass, place, Some(n)),
        };
        let answer = pass.cloud(&place.site).create_snapshots(&set).await;
        let ended = pass.ctx.now();
        let uid = pass.object.uid();
        match answer {
            Ok(snapshots) => {
                let ids: Vec<_> = snapshots.iter().map(|snapshot| snapshot.id.to_string()).collect();
                let inventory = pass.ctx.inventories.of(&place.site);
                inventory.record(Effect::SnapshotsCreated(snapshots));
                self.remember(
                    uid,
                    Call {
                        n,
                        ended,
                        end: CallEnd::Answered(()),
                    },
                );
                let message = format!("AWS takes the snapshots {}", ids.join(", "));
                pass.happened(Happened::normal(Reason::BackupStarted, message));
                Ok(())
            }
            Err(error) => {
                let end = planner::call_end(error.clone(), n, self.acts_of(uid).call.as_ref());
                self.remember(uid, Call { n, ended, end });
                Err(error.into())
            }
        }
    }
}

/// Puts the tags of a run back.
async fn tag<C: Cluster>(
    pass: &mut Pass<'_, C, Backup>,
    place: &Place,
    world: &World,
    ids: &[SnapshotId],
) -> Result<(), Failure> {
    let tags = snapshot_tags(pass, place, None);
    let names: Vec<_> = ids.iter().map(ToString::to_string).collect();
    pass.cloud(&place.site).set_tags(&names, &tags).await?;
    let found = world.snapshots.present().into_iter().flatten();
    let tagged = found
        .filter(|snapshot| ids.contains(&snapshot.id))
        .map(|snapshot| {
            let mut snapshot = snapshot.clone();
            snapshot.tags.extend(tags.clone());
            snapshot
        });
    // Whole, since no sweep has shown them since their tags went: an edit would find nothing to change.
    pass.ctx
        .inventories
        .of(&place.site)
        .record(Effect::SnapshotsCreated(tagged.collect()));
    let message = format!(
        "tags of the snapshots {} were removed and were put back",
        names.join(", ")
    );
    pass.happened(Happened::warning(Reason::DriftRepaired, message));
    Ok(())
}

/// The tags of a snapshot. The slot of a Backup made by hand is its start.
pub(super) fn snapshot_tags<C: Cluster>(pass: &Pass<'_, C, Backup>, place: &Place, n: Option<u32>) -> Tags {
    let backup = &pass.object;
    let scheduled = backup.spec.scheduled_time.as_ref().map(|time| time.0);
    let slot = scheduled.or_else(|| status::accepted(backup)).unwrap_or(pass.now);
    let mut tags = place.owner.clone();
    tags.insert(tags::SLOT.to_owned(), crate::api::time(slot).0.to_string());
    tags.insert(tags::BACKUP.to_owned(), backup.key().to_string());
    if let Some(n) = n {
        tags.insert(tags::ATTEMPT.to_owned(), n.to_string());
    }
    tags
}

/// How the set of a run that is complete is to be locked.
fn lock_rule(backup: &Backup, scene: &Scene, keeping: &Keeping) -> Option<LockRule> {
    if !retire::is_complete(backup) || retire::is_expiring(backup) {
        return None;
    }
    let rules = scene.rules.as_ref()?;
    Some(LockRule {
        mode: match rules.lock_mode {
            crate::api::LockMode::Governance => LockMode::Governance,
            crate::api::LockMode::Compliance => LockMode::Compliance,
        },
        days: rules.lock_days,
        holds_until: keeping.holds_until,
    })
}

/// Until when all of the set is locked, as AWS says it; `None` while it did not say so since the last lock was set.
fn read_back<C: Cluster>(
    ctx: &Context<C>,
    scene: &Scene,
    world: &World,
    acts: &Acts,
    now: Timestamp,
) -> Option<Timestamp> {
    let place = scene.place.as_ref()?;
    let locks = world.kept.locks(now)?;
    let listed_at = ctx.inventories.of(&place.site).view().locks_listed_at()?;
    if acts.locked_at.is_some_and(|locked_at| listed_at <= locked_at) || !locks.steps.is_empty() {
        return None;
    }
    locks.until.present().copied()
}

/// Why we do not ask AWS to delete what was handed to somebody else.
pub(super) fn not_ours(operation: Operation) -> CloudError {
    CloudError {
        operation,
        kind: ErrorKind::IncorrectState,
        code: "NotOurs".to_owned(),
        message: "its tags say that it is somebody else's".to_owned(),
        turn_at: None,
    }
}

/// Whether AWS said that it does not delete a snapshot, for a reason that is the snapshot's.
fn is_refusal(error: &CloudError) -> bool {
    matches!(
        error.kind,
        ErrorKind::IncorrectState | ErrorKind::InvalidSpec | ErrorKind::Unexpected | ErrorKind::NotFound
    )
}
