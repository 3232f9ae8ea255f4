//! A pass that ends with its plan: the same looks, the same judgement and the same planner as the operator's, and
//! nothing is done.

use std::collections::BTreeMap;

use super::{Desired, TenantReconciler, World};
use crate::{
    api::{Reason, Tenant},
    cloud::{CloudError, Lane, Observed, Operation, Permission, Site},
    cluster::Cluster,
    engine::{Context, Failure, Reconciler, Refusal},
    plan::{
        Plan, Waiting,
        preview::{Preview, Scope, foresee, probes},
        tenant::{Reins, TenantStep},
    },
};

/// What would be done for a Tenant.
#[derive(Clone, Debug)]
pub struct Previewed {
    /// The user's mistakes; any makes the Tenant Stalled.
    pub refusals: Vec<Refusal>,
    /// What the plan waits for.
    pub waiting_for: Vec<Waiting>,
    /// Every change in AWS, those that a mode or a suspension holds back included; `None` where there is none.
    pub preview: Option<Preview>,
    /// Those of the changes that wait for the maintenance window.
    pub postponed: Option<Preview>,
    /// The steps behind the changes.
    pub steps: Vec<TenantStep>,
    /// Where its environment stands; `None` without a class.
    pub site: Option<Site>,
}

/// Plans one Tenant as the operator would.
///
/// # Errors
/// Where Kubernetes or AWS could not be looked at.
pub async fn preview<C: Cluster>(
    reconciler: &TenantReconciler,
    ctx: &Context<C>,
    tenant: &Tenant,
) -> Result<Previewed, Failure> {
    let mut world = Reconciler::<C>::observe(reconciler, ctx, tenant).await?;
    look_at_protection(reconciler, ctx, tenant, &mut world).await?;
    let resolved = Reconciler::<C>::resolve(reconciler, ctx, tenant, &world);
    let now = ctx.now();
    let (plan, steps, preview, postponed) = match &resolved.desired {
        None => (Plan::default(), Vec::new(), None, None),
        Some(desired) => {
            let plan = Reconciler::<C>::plan(reconciler, tenant, desired, &world, now);
            let steps = match (desired, &world.aws) {
                (Desired::Kept(desired, _), Some(aws)) => foresee(desired, aws, &plan, (Scope::All, now)),
                (Desired::Kept(..), None) | (Desired::Released(_), _) => plan.steps.clone(),
            };
            let identity = match desired {
                Desired::Kept(desired, _) => &desired.identity,
                Desired::Released(identity) => identity,
            };
            let preview = world
                .aws
                .as_ref()
                .and_then(|aws| Preview::of(identity, aws, &steps));
            let postponed = match (desired, &world.aws) {
                // Nothing else holds anything back in mode Enforce.
                (Desired::Kept(desired, _), Some(aws)) if desired.reins == Reins::Enforce => {
                    Preview::of(identity, aws, &plan.held)
                }
                _ => None,
            };
            (plan, steps, preview, postponed)
        }
    };
    Ok(Previewed {
        refusals: resolved.refusals,
        waiting_for: plan.waiting_for,
        preview,
        postponed,
        steps,
        site: world.site,
    })
}

/// The operator reads in rotation whether instances are protected. Who looks once asks for this one.
async fn look_at_protection<C: Cluster>(
    reconciler: &TenantReconciler,
    ctx: &Context<C>,
    tenant: &Tenant,
    world: &mut World,
) -> Result<(), Failure> {
    let (Some(site), Some(aws)) = (&world.site, &mut world.aws) else {
        return Ok(());
    };
    let Observed::Present(instance) = &aws.instance else {
        return Ok(());
    };
    if aws.protected.is_unknown() && instance.state.is_live() {
        let lane = Reconciler::<C>::lane(reconciler, tenant);
        let found = ctx
            .inventories
            .cloud(site, lane)
            .is_protected(&instance.id)
            .await?;
        aws.protected = Observed::Present(found);
    }
    Ok(())
}

impl Previewed {
    /// Asks AWS, by DryRuns, whether the calls of the plan are permitted to whoever asks.
    ///
    /// Where one was not answered, the error comes with what was answered until then.
    pub async fn permissions<C: Cluster>(
        &self,
        ctx: &Context<C>,
    ) -> (BTreeMap<Operation, bool>, Option<CloudError>) {
        let mut answers = BTreeMap::new();
        let Some(site) = &self.site else {
            return (answers, None);
        };
        let cloud = ctx.inventories.cloud(site, Lane::CleanUp);
        for probe in probes(&self.steps) {
            let is_permitted = match cloud.permission(&probe).await {
                Ok(Permission::Permitted) => true,
                Ok(Permission::Denied) => false,
                Ok(Permission::NotKnown) => continue,
                Err(error) => return (answers, Some(error)),
            };
            // One refusal is enough to stop the plan.
            *answers.entry(probe.operation()).or_insert(true) &= is_permitted;
        }
        (answers, None)
    }

    /// What keeps the plan from being whole: AWS was not seen.
    pub fn blind_spots(&self) -> impl Iterator<Item = &Waiting> {
        let is_blind = |waiting: &&Waiting| waiting.reason == Reason::ViewStale;
        self.waiting_for.iter().filter(is_blind)
    }
}
