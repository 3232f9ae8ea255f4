//! Engine EC2: snapshots that EC2 takes when it is told to.
//!
//! Here are the calls, and what this process remembers of them: a call whose end it saw need not be looked for.

mod look;

pub(super) use look::{snapshots, target};

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;

use super::{
    Place, Scene,
    status::{self, run_of, status_of},
};
use crate::{
    api::{Backup, BackupStatus, Reason, names::tags},
    aws::OPERATION_TIMEOUT,
    clock::elapsed,
    cloud::{CloudError, ErrorKind, InstanceId, NewSnapshotSet, Operation, SnapshotId, Tags},
    cluster::{Cluster, Happened, Kind},
    engine::{Context, Failure, Pass, Report},
    governor::MAX_WAIT,
    inventory::Effect,
    plan::{
        Plan,
        backup::{self as planner, Call, CallEnd, Run, Step, World},
    },
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
    /// The last call of each Backup, by its uid: until the run ends.
    calls: Mutex<HashMap<String, Call>>,
}

impl Ec2 {
    fn calls(&self) -> MutexGuard<'_, HashMap<String, Call>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn call_of(&self, uid: &str) -> Option<Call> {
        self.calls().get(uid).cloned()
    }

    fn remember(&self, uid: &str, call: Call) {
        self.calls().insert(uid.to_owned(), call);
    }

    /// Looks at the instance and at what there is of the set.
    pub(super) async fn observe<C: Cluster>(
        &self,
        ctx: &Context<C>,
        backup: &Backup,
        scene: &Scene,
    ) -> Result<World, Failure> {
        let run = run_of(backup, scene);
        if run.ended.is_some() {
            self.calls().remove(backup.uid());
        }
        let mut world = look::observe(ctx, backup, scene, self.call_of(backup.uid()));
        if planner::plan(&run, &world, ctx.now()).wants_search {
            look::search(ctx, backup, scene, &mut world).await?;
        }
        Ok(world)
    }

    /// What to do now.
    pub(super) fn plan(run: &Run, world: &World, now: Timestamp) -> Plan<Step> {
        let planned = planner::plan(run, world, now);
        Plan {
            steps: planned.steps,
            waiting_for: Vec::new(),
            look_again: planned.look_again,
        }
    }

    /// Takes one step.
    pub(super) async fn apply<C: Cluster>(
        &self,
        pass: &mut Pass<'_, C, Backup>,
        (scene, world): (&Scene, &World),
        step: &Step,
    ) -> Result<(), Failure> {
        let Some(place) = &scene.place else {
            // Nothing is planned without it.
            return Err(defect("no class says in which account and region the Tenant is"));
        };
        match step {
            Step::RecordAttempt(attempt) => {
                let status = status::recorded(&pass.object, scene.engine, *attempt, pass.now);
                pass.write_ahead(status).await
            }
            Step::CreateSnapshots { n, instance } => self.create(pass, place, *n, instance).await,
            Step::Tag(ids) => tag(pass, place, world, ids).await,
        }
    }

    /// What to say of the run.
    pub(super) fn report(
        &self,
        backup: &Backup,
        (scene, world): (&Scene, &World),
        now: Timestamp,
    ) -> Report<BackupStatus> {
        // As it is now: with what was recorded, and how the call ended.
        let mut seen = world.clone();
        seen.call = self.call_of(backup.uid());
        let planned = planner::plan(&run_of(backup, scene), &seen, now);
        let trouble = seen.call.as_ref().and_then(|call| call.end.error());
        let mut report = status_of(backup, (&planned.outcome, trouble), scene.max_skew, now);
        report.look_again = planned.look_again;
        report
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
                        end: CallEnd::Answered,
                    },
                );
                let message = format!("AWS takes the snapshots {}", ids.join(", "));
                pass.happened(Happened::normal(Reason::BackupStarted, message));
                Ok(())
            }
            Err(error) => {
                let end = planner::call_end(error.clone(), n, self.call_of(uid).as_ref());
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

fn defect(message: &str) -> Failure {
    Failure::Cloud(CloudError {
        operation: Operation::CreateSnapshots,
        kind: ErrorKind::Defect,
        code: "Unplanned".to_owned(),
        message: message.to_owned(),
        turn_at: None,
    })
}
