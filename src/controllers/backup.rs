//! Takes one backup: records the attempt, asks AWS, watches the set until it is whole, and says so.
//!
//! What every run has in common is here; how a set is taken, watched and kept is its engine's. The engine is settled
//! when the first attempt is recorded: a policy that changes it touches later runs only.

pub(super) mod brake;
mod ec2;
mod job;
mod retire;
mod scene;
mod status;

use std::time::Duration;

use jiff::Timestamp;

use self::{
    ec2::Ec2,
    job::Jobs,
    retire::Keeping,
    scene::{Place, Scene},
};
use crate::{
    api::{Backup, BackupStatus, Engine, Mode, Reason},
    clock::later,
    cloud::Lane,
    cluster::Cluster,
    engine::{Context, ControllerName, Failure, OutcomeOf, Pass, Reconciler, Refusal, Report, Resolved},
    plan::{
        Plan,
        backup::{self as planner, Run},
    },
};

use status::run_of;

/// How often a Backup is looked at whose Tenant is in mode Observe: a change of the mode wakes no Backup, and one that
/// waits is begun so much later.
const OBSERVED_LOOK: Duration = Duration::from_secs(5 * 60);

/// The reconciler.
#[derive(Debug, Default)]
pub struct Backups {
    ec2: Ec2,
    jobs: Jobs,
}

/// What is known around one run.
#[derive(Clone, Debug, PartialEq)]
pub struct World {
    /// What does not depend on the engine.
    scene: Scene,
    /// What becomes of the set when the run is over.
    keeping: Keeping,
    /// What the engine looked at.
    seen: Seen,
}

/// What an engine knows of a run.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Seen {
    /// Engine EC2.
    Ec2(Box<planner::World>),
    /// Engine AWSBackup.
    Job(Box<planner::job::World>),
}

/// One step, as the engine has it.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Of engine EC2.
    Ec2(planner::Step),
    /// Of engine AWSBackup.
    Job(planner::job::Step),
    /// Of none.
    Retire(retire::Step),
}

impl<C: Cluster> Reconciler<C> for Backups {
    type Kind = Backup;
    type World = World;
    type Desired = Run;
    type Step = Step;

    const NAME: ControllerName = ControllerName::Backup;
    // Deleting a Backup deletes no snapshot, so there is nothing to hold it for.
    const FINALIZER: bool = false;

    fn lane(&self, backup: &Backup) -> Lane {
        if retire::is_expiring(backup) {
            Lane::CleanUp
        } else {
            Lane::Backup
        }
    }

    async fn observe(&self, ctx: &Context<C>, backup: &Backup) -> Result<World, Failure> {
        let scene = scene::observe(ctx, backup);
        let keeping = retire::observe(ctx, backup, &scene);
        let seen = match scene.engine {
            Engine::EC2 => {
                let seen = self.ec2.observe(ctx, backup, (&scene, &keeping)).await?;
                Seen::Ec2(Box::new(seen))
            }
            Engine::AWSBackup => {
                let seen = self.jobs.observe(ctx, backup, (&scene, &keeping));
                Seen::Job(Box::new(seen))
            }
        };
        Ok(World { scene, keeping, seen })
    }

    fn resolve(&self, _: &Context<C>, backup: &Backup, world: &World) -> Resolved<Run> {
        let run = run_of(backup, &world.scene);
        // The Tenant may go when the run is under way or over, and a slot's run is then the past's; by hand it is a
        // slip.
        let is_begun = run.accepted.is_some() || run.ended.is_some();
        let is_lost = world.scene.tenant.is_none() && !is_begun && run.slot.is_none();
        // A slot's is held back, and missed in the end.
        let is_held = is_observed(&world.scene) && !is_begun && run.slot.is_none();
        let name = &backup.spec.tenant_ref;
        let refusal = if is_lost {
            Some(Refusal {
                reason: Reason::UnknownTenant,
                message: format!("spec.tenantRef: there is no Tenant {name} in the namespace"),
            })
        } else {
            is_held.then(|| Refusal {
                reason: Reason::Observing,
                message: format!(
                    "spec.tenantRef: Tenant {name} is in mode Observe, in which nothing is written to AWS; its spec.mode \
                     must be Protect or Enforce"
                ),
            })
        };
        Resolved {
            desired: refusal.is_none().then_some(run),
            refusals: refusal.into_iter().collect(),
        }
    }

    fn plan(&self, backup: &Backup, run: &Run, world: &World, now: Timestamp) -> Plan<Step> {
        let mut plan = match &world.seen {
            Seen::Ec2(seen) => Plan::from(planner::plan(run, seen, now)).map(Step::Ec2),
            Seen::Job(seen) => Plan::from(planner::job::plan(run, seen, now)).map(Step::Job),
        };
        if run.ended.is_some() {
            let (step, look_again) = retire::plan(backup, &world.scene, &world.keeping, now);
            // One thing after another: a set that lacks a tag or a lock is looked at again first.
            plan.steps
                .extend(step.filter(|_| plan.steps.is_empty()).map(Step::Retire));
            if let Some(at) = look_again {
                plan.look_again_at(at);
            }
        }
        if is_observed(&world.scene) {
            plan.hold_all();
            // Nothing comes of what is held back, and no more than this is lost when the mode changes.
            plan.look_again = Some(later(now, OBSERVED_LOOK));
        }
        plan
    }

    async fn apply(&self, pass: &mut Pass<'_, C, Backup>, world: &World, step: &Step) -> Result<(), Failure> {
        match (step, &world.seen) {
            (Step::Ec2(step), Seen::Ec2(seen)) => self.ec2.apply(pass, (&world.scene, &**seen), step).await,
            (Step::Job(step), _) => self.jobs.apply(pass, &world.scene, step).await,
            (Step::Retire(step), _) => retire::apply(pass, &world.scene, *step).await,
            // A plan has the steps of the engine that it was made for.
            (Step::Ec2(_), Seen::Job(_)) => Ok(()),
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
        if let Some(refusal) = resolved.refusals.first() {
            return status::refused(backup, refusal, now);
        }
        // Others come first: nothing was asked, nothing changed, and the engine knows when to come again.
        if let Some((step, failure)) = &outcome.failed
            && is_record(step)
            && failure.turn_at().is_some()
        {
            return Report::default();
        }
        // It is deleted, or somebody else changed it.
        if outcome.done.contains(&Step::Retire(retire::Step::Forget)) {
            return Report::default();
        }
        let failed = outcome.failed.as_ref();
        let mut report = match &world.seen {
            Seen::Ec2(seen) => {
                let failed = failed.and_then(|(step, failure)| match step {
                    Step::Ec2(step) => Some((step, failure)),
                    Step::Job(_) | Step::Retire(_) => None,
                });
                self.ec2
                    .report(ctx, backup, (&world.scene, &**seen), (failed, now))
            }
            Seen::Job(seen) => {
                let failed =
                    failed.and_then(|(step, failure)| matches!(step, Step::Job(_)).then_some(failure));
                let world = (&world.scene, &**seen, &world.keeping);
                self.jobs.report(backup, world, (failed, now))
            }
        };
        if is_observed(&world.scene) {
            report.look_again = None;
        }
        let status = report.status.get_or_insert_with(|| status::started(backup));
        retire::amend(backup, status, &world.scene, &world.keeping);
        let returned = retire::tell_return(backup, status, &world.keeping, now);
        report.events.extend(returned);
        report
    }
}

/// Whether its Tenant's mode lets the operator only look.
fn is_observed(scene: &Scene) -> bool {
    let tenant = scene.tenant.as_ref();
    tenant.is_some_and(|tenant| tenant.mode() == Mode::Observe)
}

/// Whether a step is to write down that AWS is about to be asked.
fn is_record(step: &Step) -> bool {
    matches!(
        step,
        Step::Ec2(planner::Step::RecordAttempt(_)) | Step::Job(planner::job::Step::RecordAttempt(..))
    )
}

#[cfg(test)]
mod tests;
