//! Takes one backup: records the attempt, asks AWS, watches the set until it is whole, and says so.
//!
//! The plan and its reasons are in [`plan::backup`](crate::plan::backup). Here are the calls, and what this process
//! remembers of them: a call whose end it saw need not be looked for.

mod look;
mod status;

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;

use crate::{
    api::{Backup, BackupStatus, Reason, Tenant, names::tags},
    aws::OPERATION_TIMEOUT,
    clock::elapsed,
    cloud::{CloudError, ErrorKind, InstanceId, Lane, NewSnapshotSet, Operation, Site, SnapshotId, Tags},
    cluster::{Cluster, Happened, Kind},
    engine::{Context, ControllerName, Failure, OutcomeOf, Pass, Reconciler, Refusal, Report, Resolved},
    governor::MAX_WAIT,
    inventory::Effect,
    plan::{
        Plan,
        backup::{self as planner, Call, CallEnd, Run, Step},
        tenant::TenantIdentity,
    },
};

use look::World;
use status::{run_of, status_of};

/// From the record of an attempt to the begin of the wait for its call, at most: with that wait and the time a call
/// may take it stays well within [`planner::CALL_BOUND`], on which another operator counts.
const CALL_WITHIN: Duration = Duration::from_secs(20);

const _: () = assert!(
    CALL_WITHIN.as_secs() + MAX_WAIT.as_secs() + OPERATION_TIMEOUT.as_secs() < planner::CALL_BOUND.as_secs()
);

/// The reconciler.
#[derive(Debug, Default)]
pub struct Backups {
    /// The last call of each Backup, by its uid: until the run ends.
    calls: Mutex<HashMap<String, Call>>,
}

impl Backups {
    fn calls(&self) -> MutexGuard<'_, HashMap<String, Call>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn call_of(&self, uid: &str) -> Option<Call> {
        self.calls().get(uid).cloned()
    }

    fn remember(&self, uid: &str, call: Call) {
        self.calls().insert(uid.to_owned(), call);
    }
}

impl<C: Cluster> Reconciler<C> for Backups {
    type Kind = Backup;
    type World = World;
    type Desired = Run;
    type Step = Step;

    const NAME: ControllerName = ControllerName::Backup;
    // Deleting a Backup deletes no snapshot, so there is nothing to hold it for.
    const FINALIZER: bool = false;

    fn lane(&self, _: &Backup) -> Lane {
        Lane::Backup
    }

    async fn observe(&self, ctx: &Context<C>, backup: &Backup) -> Result<World, Failure> {
        let run = run_of(backup);
        if run.ended.is_some() {
            self.calls().remove(backup.uid());
        }
        let mut world = look::observe(ctx, backup, self.call_of(backup.uid()));
        if planner::plan(&run, &world.seen, ctx.now()).wants_search {
            look::search(ctx, backup, &mut world).await?;
        }
        Ok(world)
    }

    fn resolve(&self, _: &Context<C>, backup: &Backup, world: &World) -> Resolved<Run> {
        let run = run_of(backup);
        // The Tenant may go when the run is under way or over, and a slot's run is then the past's; by hand it is a
        // slip.
        let is_begun = run.accepted.is_some() || run.ended.is_some();
        let is_lost = world.tenant.is_none() && !is_begun && run.slot.is_none();
        if is_lost {
            let name = &backup.spec.tenant_ref;
            return Resolved {
                desired: None,
                refusals: vec![Refusal {
                    reason: Reason::UnknownTenant,
                    message: format!("spec.tenantRef: there is no Tenant {name} in the namespace"),
                }],
            };
        }
        Resolved {
            desired: Some(run),
            refusals: Vec::new(),
        }
    }

    fn plan(&self, _: &Backup, run: &Run, world: &World, now: Timestamp) -> Plan<Step> {
        let planned = planner::plan(run, &world.seen, now);
        Plan {
            steps: planned.steps,
            waiting_for: Vec::new(),
            look_again: planned.look_again,
        }
    }

    async fn apply(&self, pass: &mut Pass<'_, C, Backup>, world: &World, step: &Step) -> Result<(), Failure> {
        let Some(place) = &world.place else {
            // Nothing is planned without it.
            return Err(defect("no class says in which account and region the Tenant is"));
        };
        match step {
            Step::RecordAttempt(attempt) => {
                let status = status::recorded(&pass.object, *attempt, pass.now);
                pass.write_ahead(status).await
            }
            Step::CreateSnapshots { n, instance } => self.create(pass, place, *n, instance).await,
            Step::Tag(ids) => tag(pass, place, world, ids).await,
        }
    }

    fn report(
        &self,
        ctx: &Context<C>,
        backup: &Backup,
        outcome: &OutcomeOf<Self, C>,
        now: Timestamp,
    ) -> Report<BackupStatus> {
        let (Ok(world), Some(resolved)) = (&outcome.world, &outcome.resolved) else {
            return Report::default();
        };
        let max_skew = look::max_skew(ctx, backup);
        if let Some(refusal) = resolved.refusals.first() {
            return status::refused(backup, refusal, now);
        }
        // As it is now: with what was recorded, and how the call ended.
        let mut seen = world.seen.clone();
        seen.call = self.call_of(backup.uid());
        let run = run_of(backup);
        let planned = planner::plan(&run, &seen, now);
        let trouble = seen.call.as_ref().and_then(|call| call.end.error());
        let mut report = status_of(backup, (&planned.outcome, trouble), max_skew, now);
        report.look_again = planned.look_again;
        report
    }
}

impl Backups {
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
    let found = world.seen.snapshots.present().into_iter().flatten();
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

/// Where a Tenant's resources are, and whose they are.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Place {
    site: Site,
    owner: Tags,
}

impl Place {
    fn of<C: Cluster>(ctx: &Context<C>, tenant: &Tenant, site: Site) -> Self {
        Self {
            site,
            owner: identity_of(ctx, tenant).tags(),
        }
    }
}

fn identity_of<C: Cluster>(ctx: &Context<C>, tenant: &Tenant) -> TenantIdentity {
    TenantIdentity {
        cluster: ctx.identity.cluster_id.to_string(),
        cluster_uid: ctx.identity.cluster_uid.clone(),
        tenant: tenant.key(),
        uid: tenant.uid().to_owned(),
        label: tenant.spec.label.to_string(),
        customer: tenant.spec.customer.clone(),
    }
}

/// The tags of a snapshot. The slot of a Backup made by hand is its start.
fn snapshot_tags<C: Cluster>(pass: &Pass<'_, C, Backup>, place: &Place, n: Option<u32>) -> Tags {
    let backup = &pass.object;
    let scheduled = backup.spec.scheduled_time.as_ref().map(|time| time.0);
    let slot = scheduled.or_else(|| run_of(backup).accepted).unwrap_or(pass.now);
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

#[cfg(test)]
mod tests;
