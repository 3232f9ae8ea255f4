//! The Tenant's controller: makes and keeps the environment, and says how it stands.
//!
//! Deliberately absent: isolating and reconnecting (an Incident's work), taking backups, judging policies. What
//! others found is read from their objects; this is the only writer of a Tenant's status.

mod access;
mod apply;
mod change;
mod copies;
mod foreign;
mod judge;
mod looking;
mod memory;
mod observe;
mod preview;
mod report;
mod resolve;
mod separated;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use ipnet::IpNet;
use jiff::Timestamp;

pub use self::access::{InForce, Origin, candidate};
use self::memory::Memory;
pub use self::preview::{Previewed, preview};
use self::report::RELEASE_PATIENCE;
pub(super) use self::{
    apply::{change_rules, create_group},
    resolve::identity_of,
};
use super::Subnets;
use crate::{
    api::{AccessPolicy, Mode, Reason, Tenant, TenantClass, TenantStatus},
    cloud::{Lane, Observed, Site, StatusCheck, Subnet, SubnetId},
    cluster::{Cluster, Kind},
    engine::{Context, ControllerName, Failure, OutcomeOf, Pass, Reconciler, Report, Resolved},
    plan::{
        Plan,
        tenant::{Claim, TenantDesired, TenantIdentity, TenantStep, TenantWorld, plan_release, plan_tenant},
    },
    terms::Terms,
};

/// Makes and keeps environments.
#[derive(Debug)]
pub struct TenantReconciler {
    subnets: Arc<Subnets>,
    memory: Memory,
}

impl TenantReconciler {
    /// A reconciler that begins at `started_at`: what an earlier process asked of AWS, it asked before.
    pub fn new(subnets: Arc<Subnets>, started_at: Timestamp) -> Self {
        Self {
            subnets,
            memory: Memory::new(started_at),
        }
    }
}

/// The objects that a Tenant refers to or that refer to it.
#[derive(Clone, Debug)]
pub struct References {
    /// Its class.
    pub class: Option<Arc<TenantClass>>,
    /// Whether the class allows its namespace.
    pub is_allowed: bool,
    /// The terms of its class.
    pub terms: Option<Arc<Terms>>,
    /// The AccessPolicies of its namespace.
    pub policies: Vec<Arc<AccessPolicy>>,
    /// Whether an Incident isolates it, or has not reconnected it yet.
    pub is_isolated: bool,
    /// Every Tenant that asks for its label, itself included.
    pub claims: Vec<Claim>,
}

/// What a pass looks at.
#[derive(Clone, Debug)]
pub struct World {
    /// The objects around it.
    pub references: References,
    /// Its site; `None` without a class.
    pub site: Option<Site>,
    /// The subnet of its next launch, and what is known of it; `None` when there is none of that id.
    pub subnet: Option<(SubnetId, Option<Subnet>)>,
    /// The address ranges of its VPC; `None` while they are not known.
    pub networks: Option<Vec<IpNet>>,
    /// What is known of it in AWS; `None` where nothing was looked at.
    pub aws: Option<TenantWorld>,
    /// The status checks of its instance that fail. They are told, and nothing is done to the instance.
    pub failing_checks: Observed<BTreeSet<StatusCheck>>,
}

/// What a Tenant asks for.
#[derive(Clone, Debug)]
pub enum Desired {
    /// An environment, behind the firewall that is in force.
    Kept(Box<TenantDesired>, InForce),
    /// To be let go.
    Released(TenantIdentity),
}

impl<C: Cluster> Reconciler<C> for TenantReconciler {
    type Kind = Tenant;
    type World = World;
    type Desired = Desired;
    type Step = TenantStep;

    const NAME: ControllerName = ControllerName::Tenant;
    const FINALIZER: bool = true;

    fn lane(&self, tenant: &Tenant) -> Lane {
        let status = tenant.status.as_ref();
        let is_bound = status.is_some_and(|status| status.instance_id.is_some());
        let is_seen = status.and_then(|status| status.observed_generation) == Some(tenant.generation());
        match is_bound && is_seen {
            true => Lane::Drift,
            // A first launch takes several passes, and a person waits for all of them.
            false => Lane::UserChange,
        }
    }
    const RELEASE_UNREADABLE_AFTER: Option<Duration> = Some(RELEASE_PATIENCE);

    async fn observe(&self, ctx: &Context<C>, object: &Tenant) -> Result<World, Failure> {
        observe::observe(self, ctx, object).await
    }

    fn resolve(&self, ctx: &Context<C>, object: &Tenant, world: &World) -> Resolved<Desired> {
        resolve::resolve(&ctx.identity, object, world)
    }

    fn plan(&self, tenant: &Tenant, desired: &Desired, world: &World, now: Timestamp) -> Plan<TenantStep> {
        if matches!(desired, Desired::Released(_)) && is_untouched(tenant, world) {
            return Plan::default();
        }
        let Some(aws) = &world.aws else {
            let mut plan = Plan::default();
            plan.wait(Reason::ViewStale, "what AWS holds is not known at the moment");
            return plan;
        };
        match desired {
            Desired::Kept(desired, _) => plan_tenant(desired, aws, now),
            Desired::Released(identity) => plan_release(identity, aws, now),
        }
    }

    async fn apply(
        &self,
        pass: &mut Pass<'_, C, Tenant>,
        world: &World,
        step: &TenantStep,
    ) -> Result<(), Failure> {
        apply::apply(self, pass, world, step).await
    }

    fn report(
        &self,
        ctx: &Context<C>,
        object: &Tenant,
        outcome: &OutcomeOf<Self, C>,
        now: Timestamp,
    ) -> Report<TenantStatus> {
        report::report(ctx, object, outcome, (&self.memory, now))
    }
}

/// Whether nothing may be written to AWS for it, not even the tag of a release.
fn is_untouched(tenant: &Tenant, world: &World) -> bool {
    let class = world.references.class.as_ref();
    tenant.mode() == Mode::Observe || class.is_some_and(|class| tenant.suspended(class).is_some())
}

#[cfg(test)]
mod tests;
