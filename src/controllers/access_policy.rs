//! The AccessPolicy's controller: judges the spec, publishes what was accepted last, and counts what is in force.
//!
//! Deliberately absent: any call that changes AWS. The Tenant's controller makes the groups what this accepts.

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    sync::Arc,
};

use ipnet::IpNet;
use jiff::Timestamp;

use super::{Subnets, tenant::candidate};
use crate::{
    api::{
        AcceptedAccessPolicy, AccessPolicy, AccessPolicyStatus, Key, Reason, RuleTampering, Tenant,
        TenantClass, Time,
    },
    cloud::{Lane, Observed, Rule},
    cluster::{Cluster, Kind},
    engine::{Context, ControllerName, Failure, OutcomeOf, Pass, Reconciler, Refusal, Report, Resolved},
    plan::{
        Plan,
        firewall::overlapping,
        selection::{Share, share_of},
    },
};

mod report;

/// Judges who may reach what.
#[derive(Debug)]
pub struct AccessPolicyReconciler {
    subnets: Arc<Subnets>,
}

impl AccessPolicyReconciler {
    /// A reconciler that looks at subnets by way of `subnets`.
    pub fn new(subnets: Arc<Subnets>) -> Self {
        Self { subnets }
    }
}

/// What a pass looks at.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// Which Tenants the policy is in force for, and which another one won.
    pub share: Share,
    /// The address ranges of the VPCs in which its Tenants stand, by class; of every class that could be looked at.
    pub networks: BTreeMap<String, Vec<IpNet>>,
    /// Whether it is for Tenants, and the VPC of none of them is known.
    pub is_blind: bool,
    /// The rules of the groups of the Tenants it is in force for.
    pub groups: Vec<Observed<BTreeSet<Rule>>>,
    /// The last rule that was found changed in one of those groups.
    pub tampering: Option<RuleTampering>,
}

/// What is in force from now on.
#[derive(Clone, Debug)]
pub struct Accepted(pub Option<AcceptedAccessPolicy>);

impl<C: Cluster> Reconciler<C> for AccessPolicyReconciler {
    type Kind = AccessPolicy;
    type World = World;
    type Desired = Accepted;
    type Step = Infallible;

    const NAME: ControllerName = ControllerName::AccessPolicy;
    const FINALIZER: bool = false;

    async fn observe(&self, ctx: &Context<C>, policy: &AccessPolicy) -> Result<World, Failure> {
        let key = policy.key();
        let tenants = ctx.cluster.cached_in::<Tenant>(&key.namespace);
        let policies = ctx.cluster.cached_in::<AccessPolicy>(&key.namespace);
        let candidates: Vec<_> = policies.iter().map(|policy| candidate(policy)).collect();
        let names = tenants.iter().map(|tenant| tenant.key().name).collect();
        let share = share_of(&key.name, &candidates, &names);
        let matched: Vec<_> = tenants
            .iter()
            .filter(|tenant| share.matched.contains(&tenant.key().name))
            .collect();
        let named = &policy.spec.tenants;
        let asked_for = tenants
            .iter()
            .filter(|tenant| named.is_empty() || named.contains(&tenant.key().name));
        let asked_for: Vec<_> = asked_for.map(Arc::as_ref).collect();
        let networks = self.networks(ctx, &asked_for).await?;
        Ok(World {
            is_blind: !asked_for.is_empty() && networks.is_empty(),
            networks,
            groups: matched.iter().map(|tenant| group_rules(ctx, tenant)).collect(),
            tampering: matched
                .iter()
                .filter_map(|tenant| tampering(tenant))
                .max_by_key(|t| t.at.0),
            share,
        })
    }

    fn resolve(&self, _: &Context<C>, policy: &AccessPolicy, world: &World) -> Resolved<Accepted> {
        let refusals = overlaps(policy, world);
        // For no Tenant at all it is accepted all the same: a Tenant lets nothing in from inside its own VPC.
        let accepted = if refusals.is_empty() && !world.is_blind {
            Some(AcceptedAccessPolicy {
                generation: policy.generation(),
                spec: policy.spec.clone(),
            })
        } else {
            // A mistake opens nothing and closes nothing.
            policy.status.as_ref().and_then(|status| status.accepted.clone())
        };
        Resolved {
            desired: Some(Accepted(accepted)),
            refusals,
        }
    }

    fn plan(&self, _: &AccessPolicy, _: &Accepted, _: &World, _: Timestamp) -> Plan<Infallible> {
        Plan::default()
    }

    async fn apply(
        &self,
        _: &mut Pass<'_, C, AccessPolicy>,
        _: &World,
        step: &Infallible,
    ) -> Result<(), Failure> {
        match *step {}
    }

    fn report(
        &self,
        _: &Context<C>,
        policy: &AccessPolicy,
        outcome: &OutcomeOf<Self, C>,
        now: Timestamp,
    ) -> Report<AccessPolicyStatus> {
        report::report(policy, outcome, now)
    }
}

fn class_of<C: Cluster>(ctx: &Context<C>, tenant: &Tenant) -> Option<Arc<TenantClass>> {
    ctx.cluster
        .cached::<TenantClass>(&Key::new("", &tenant.spec.class_name))
}

impl AccessPolicyReconciler {
    async fn networks<C: Cluster>(
        &self,
        ctx: &Context<C>,
        tenants: &[&Tenant],
    ) -> Result<BTreeMap<String, Vec<IpNet>>, Failure> {
        let mut networks = BTreeMap::new();
        for tenant in tenants {
            if networks.contains_key(&tenant.spec.class_name) {
                continue;
            }
            let Some(class) = class_of(ctx, tenant) else {
                continue;
            };
            let site = class.site();
            let cloud = ctx.inventories.cloud(&site, Lane::UserChange);
            let mut cidrs: Vec<IpNet> = Vec::new();
            for id in &class.spec.network.subnet_ids {
                let id = id.as_str().into();
                let found = self.subnets.find(&*cloud, &site, &id, ctx.now()).await?;
                cidrs.extend(found.into_iter().flat_map(|subnet| subnet.vpc_cidrs));
            }
            if cidrs.is_empty() {
                continue;
            }
            cidrs.sort();
            cidrs.dedup();
            networks.insert(tenant.spec.class_name.clone(), cidrs);
        }
        Ok(networks)
    }
}

fn group_rules<C: Cluster>(ctx: &Context<C>, tenant: &Tenant) -> Observed<BTreeSet<Rule>> {
    let status = tenant.status.as_ref();
    let id = status.and_then(|status| status.security_group_id.as_deref());
    let (Some(id), Some(class)) = (id, class_of(ctx, tenant)) else {
        return Observed::Absent;
    };
    let view = ctx.inventories.of(&class.site()).view();
    view.group(&id.into()).map(|group| group.rules.clone())
}

/// The Tenant's last tampering, if it was with a rule.
fn tampering(tenant: &Tenant) -> Option<RuleTampering> {
    let last = tenant.status.as_ref()?.last_tampering.as_ref()?;
    // Findings about rules begin so; nothing else does.
    let rule = last
        .found
        .starts_with("rule ")
        .then(|| last.found.chars().take(512).collect())?;
    Some(RuleTampering {
        at: Time(last.at.0),
        rule,
        by: None,
    })
}

/// Sources inside the VPC would let environments of other customers in. Everybody, written out, is another matter:
/// it says what it does.
fn overlaps(policy: &AccessPolicy, world: &World) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    for cidr in &policy.spec.ingress.cidrs {
        for (class, networks) in &world.networks {
            if let Some(network) = overlapping(cidr, networks) {
                refusals.push(Refusal {
                    reason: Reason::CidrOverlapsVpc,
                    message: format!(
                        "spec.ingress.cidrs: {cidr} overlaps {network}, the VPC of TenantClass {class}, where other \
                         environments stand"
                    ),
                });
            }
        }
    }
    refusals
}

#[cfg(test)]
mod tests;
