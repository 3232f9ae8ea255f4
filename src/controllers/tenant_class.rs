//! The TenantClass's controller: keeps what all Tenants of a class share, and says whether the class can be used.
//!
//! Deliberately absent: a finalizer. The quarantine group stays when its class goes; an instance may stand in it.

mod namespaces;
mod preflight;

use std::{collections::BTreeSet, sync::Arc};

use jiff::Timestamp;

pub use self::preflight::Rights;
use self::preflight::{Asking, Preflight};
use super::{
    Subnets,
    tenant::{change_rules, create_group},
};
use crate::{
    api::{ConditionType, Reason, TenantClass, TenantClassStatus},
    cloud::{Lane, NewGroup, Observed, Region, Subnet, SubnetId},
    cluster::{Cluster, Happened, Kind},
    engine::{
        Context, ControllerName, Failure, Identity, OutcomeOf, Pass, Reconciler, Refusal, Report, Resolved,
    },
    inventory::Effect,
    plan::{
        Plan,
        class::{ClassIdentity, ClassStep, QuarantineWorld, plan_quarantine, quarantine_name},
        tenant::needs_a_person,
    },
    report::{
        conditions::is_true,
        failure,
        standing::{Because, Conditions, Standing},
    },
    terms::Terms,
};

/// When to look again while AWS was not listed yet. The first conclusive sweep wakes every class anyway; this is for
/// the day on which listing fails for long.
const FIRST_SWEEP: std::time::Duration = std::time::Duration::from_secs(30);

/// Keeps what the Tenants of a class share.
#[derive(Debug)]
pub struct TenantClassReconciler {
    subnets: Arc<Subnets>,
    preflight: Preflight,
}

impl TenantClassReconciler {
    /// A reconciler that looks at subnets by way of `subnets`.
    pub fn new(subnets: Arc<Subnets>) -> Self {
        Self {
            subnets,
            preflight: Preflight::default(),
        }
    }
}

/// What a pass looks at.
#[derive(Clone, Debug)]
pub struct World {
    /// The terms that the class names.
    pub terms: Option<Arc<Terms>>,
    /// Its subnets; `None` for one that does not exist.
    pub subnets: Vec<(SubnetId, Option<Subnet>)>,
    /// Its quarantine group.
    pub quarantine: QuarantineWorld,
    /// How many Tenants name it.
    pub tenants: i32,
    /// What is known of the operator's rights there; `None` before anything was listed.
    pub rights: Option<Rights>,
}

/// The identity of a class's quarantine group.
pub fn identity_of(us: &Identity, class: &TenantClass) -> ClassIdentity {
    ClassIdentity {
        cluster: us.cluster_id.to_string(),
        cluster_uid: us.cluster_uid.clone(),
        name: class.metadata.name.clone().unwrap_or_default(),
        uid: class.metadata.uid.clone().unwrap_or_default(),
    }
}

impl<C: Cluster> Reconciler<C> for TenantClassReconciler {
    type Kind = TenantClass;
    type World = World;
    type Desired = NewGroup;
    type Step = ClassStep;

    const NAME: ControllerName = ControllerName::TenantClass;
    const FINALIZER: bool = false;

    async fn observe(&self, ctx: &Context<C>, class: &TenantClass) -> Result<World, Failure> {
        let site = class.site();
        let inventory = ctx.inventories.of(&site);
        let cloud = ctx.inventories.cloud(&site, Reconciler::<C>::lane(self, class));
        let mut subnets = Vec::new();
        for id in &class.spec.network.subnet_ids {
            let id = SubnetId::from(id.as_str());
            let found = self.subnets.find(&*cloud, &site, &id, ctx.now()).await?;
            subnets.push((id, found));
        }
        let vpc = subnets
            .iter()
            .find_map(|(_, subnet)| subnet.as_ref())
            .map(|subnet| &subnet.vpc_id);
        let group = match vpc {
            Some(vpc) if inventory.has_swept() => {
                let name = quarantine_name(class.uid());
                let view = inventory.view();
                match view.group_named(vpc, &name) {
                    Observed::Present(group) => Observed::Present(group.clone()),
                    Observed::Unknown | Observed::Absent => {
                        let found = cloud.find_group_named(vpc, &name).await?;
                        if let Some(group) = &found {
                            inventory.record(Effect::SeenGroup(group.clone()));
                        }
                        found.map_or(Observed::Absent, Observed::Present)
                    }
                }
            }
            Some(_) | None => Observed::Unknown,
        };
        let tenants = preflight::tenants_of(ctx, class);
        let mut world = World {
            terms: ctx.terms.find(&class.spec.terms),
            subnets,
            quarantine: QuarantineWorld {
                group,
                was_empty: class
                    .status
                    .as_ref()
                    .is_some_and(|status| is_true(&status.conditions, ConditionType::Ready.as_str())),
            },
            tenants: i32::try_from(tenants.len()).unwrap_or(i32::MAX),
            rights: None,
        };
        if inventory.has_swept() {
            let view = inventory.view();
            let asking = Asking {
                class,
                ground: preflight::ground_of(ctx, class, (&world, &tenants), &view),
                demand: preflight::demand_of(
                    tenants.iter().map(Arc::as_ref),
                    &preflight::denied_backups(ctx, &tenants),
                ),
                now: ctx.now(),
            };
            let cloud = ctx.inventories.cloud(&site, Lane::CleanUp);
            let rights = self.preflight.ask(&*cloud, &asking).await?;
            ctx.permissions.note(class.uid(), &rights.answers);
            world.rights = Some(rights);
        }
        Ok(world)
    }

    fn resolve(&self, ctx: &Context<C>, class: &TenantClass, world: &World) -> Resolved<NewGroup> {
        let known: Vec<_> = world
            .subnets
            .iter()
            .filter_map(|(_, subnet)| subnet.as_ref())
            .collect();
        let desired = known
            .first()
            .map(|subnet| identity_of(&ctx.identity, class).quarantine(&subnet.vpc_id));
        Resolved {
            desired,
            refusals: mistakes(class, world),
        }
    }

    fn plan(&self, _: &TenantClass, desired: &NewGroup, world: &World, _: Timestamp) -> Plan<ClassStep> {
        plan_quarantine(desired, &world.quarantine)
    }

    async fn apply(
        &self,
        pass: &mut Pass<'_, C, TenantClass>,
        _: &World,
        step: &ClassStep,
    ) -> Result<(), Failure> {
        let site = pass.object.site();
        let cloud = pass.cloud(&site);
        let inventory = pass.ctx.inventories.of(&site);
        match step {
            ClassStep::CreateGroup(group) => create_group(&*cloud, &inventory, group).await,
            ClassStep::ChangeRules { group, change, .. } => {
                change_rules(&*cloud, &inventory, group, change).await
            }
            ClassStep::SetTags { group, tags, .. } => {
                cloud.set_tags(&[group.to_string()], tags).await?;
                inventory.record(Effect::Tagged {
                    id: group.to_string(),
                    tags: tags.clone(),
                });
                Ok(())
            }
        }
    }

    fn report(
        &self,
        ctx: &Context<C>,
        class: &TenantClass,
        outcome: &OutcomeOf<Self, C>,
        now: Timestamp,
    ) -> Report<TenantClassStatus> {
        let mut status = class.status.clone().unwrap_or_default();
        let mut conditions = Conditions::over(&status.conditions, class.generation(), now);
        let rights = outcome
            .world
            .as_ref()
            .ok()
            .and_then(|world| world.rights.as_ref());
        if let Some(verdict) = preflight::verdict_of(rights, failure_of::<C>(outcome)) {
            preflight::tell(&mut conditions, &verdict);
        }
        super::backup::brake::show(ctx, class, &mut conditions, now);
        namespaces::show(ctx, class, &mut conditions);
        let before = status.clone();
        let trouble = ctx.inventories.of(&class.site()).trouble();
        let standing = standing::<C>(outcome).with_trouble(trouble);
        status.conditions = conditions.settle(&standing);
        status.observed_generation = Some(class.generation());
        if let Ok(world) = &outcome.world {
            status.tenants = Some(world.tenants);
        }
        let findings = outcome.done.iter().flat_map(|step| match step {
            ClassStep::CreateGroup(_) => &[],
            ClassStep::ChangeRules { findings, .. } | ClassStep::SetTags { findings, .. } => {
                findings.as_slice()
            }
        });
        let told = findings.map(|finding| Happened::warning(finding.reason, finding.message.clone()));
        let braked = super::backup::brake::edges(&before, &status);
        let events = told
            .chain(preflight::edges(&before, &status))
            .chain(braked)
            .chain(namespaces::edges(&before, &status))
            .collect();
        // Without any subnet there is nothing to wait for: that is the user's to mend.
        let waits = matches!(&outcome.world, Ok(world)
            if world.quarantine.group.is_unknown() && world.subnets.iter().any(|(_, subnet)| subnet.is_some()));
        let first_sweep = waits.then(|| crate::clock::later(now, FIRST_SWEEP));
        let asks_again = rights.and_then(|rights| rights.look_again);
        Report {
            status: Some(status),
            events,
            look_again: first_sweep.into_iter().chain(asks_again).min(),
            release: false,
        }
    }
}

fn mistakes(class: &TenantClass, world: &World) -> Vec<Refusal> {
    let refusal = |reason, message| Refusal { reason, message };
    let mut found = Vec::new();
    let region = class.site().region;
    match &world.terms {
        None => found.push(refusal(
            Reason::UnknownTerms,
            format!("spec.terms: no terms are named {}", class.spec.terms),
        )),
        Some(terms) if !terms.regions.contains(&region) => {
            let regions: Vec<_> = terms.regions.iter().map(Region::as_str).collect();
            found.push(refusal(
                Reason::RegionNotInTerms,
                format!(
                    "spec.region: the terms {} allow {} only, not {region}",
                    terms.name,
                    regions.join(", ")
                ),
            ));
        }
        Some(_) => {}
    }
    for (id, subnet) in &world.subnets {
        if subnet.is_none() {
            found.push(refusal(
                Reason::InvalidSpec,
                format!("spec.network.subnetIds: {id} does not exist in {region}"),
            ));
        }
    }
    let vpcs: BTreeSet<_> = world
        .subnets
        .iter()
        .filter_map(|(_, subnet)| subnet.as_ref())
        .map(|subnet| subnet.vpc_id.as_str())
        .collect();
    if vpcs.len() > 1 {
        let vpcs: Vec<_> = vpcs.into_iter().collect();
        found.push(refusal(
            Reason::InvalidSpec,
            format!(
                "spec.network.subnetIds: all must be of one VPC, these are of {}",
                vpcs.join(", ")
            ),
        ));
    }
    found
}

fn failure_of<C: Cluster>(outcome: &OutcomeOf<TenantClassReconciler, C>) -> Option<&Failure> {
    match (&outcome.world, &outcome.failed) {
        (Err(failure), _) | (_, Some((_, failure))) => Some(failure),
        (Ok(_), None) => None,
    }
}

fn standing<C: Cluster>(outcome: &OutcomeOf<TenantClassReconciler, C>) -> Standing {
    let refusals: Vec<_> = outcome
        .resolved
        .iter()
        .flat_map(|resolved| &resolved.refusals)
        .collect();
    if let Some(first) = refusals.first() {
        let messages: Vec<_> = refusals.iter().map(|refusal| refusal.message.as_str()).collect();
        return Standing::Stalled(Because::new(first.reason, messages.join("; ")));
    }
    if let Some(failure) = failure_of::<C>(outcome) {
        let because = Because::new(failure::reason_of(failure), failure.to_string());
        return if failure::needs_a_person(failure) {
            Standing::Stalled(because)
        } else {
            Standing::Working(because)
        };
    }
    let waiting = outcome.plan.iter().flat_map(|plan| &plan.waiting_for).next();
    if let Some(waiting) = waiting {
        let because = Because::new(waiting.reason, waiting.message.clone());
        return if needs_a_person(waiting.reason) {
            Standing::Stalled(because)
        } else {
            Standing::Working(because)
        };
    }
    let makes = |step: &ClassStep| matches!(step, ClassStep::CreateGroup(_));
    if outcome.done.iter().any(makes) {
        return Standing::Working(Because::new(
            Reason::GroupChanging,
            "the quarantine group is being made",
        ));
    }
    Standing::Ready(Because::new(
        Reason::Succeeded,
        "the class can be used, and its quarantine group is there and empty",
    ))
}

#[cfg(test)]
mod tests;
