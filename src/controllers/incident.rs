//! The Incident's part of a pass: the clock, the isolation, and what it says of both.
//!
//! Deliberately absent: ending connections that were open before the isolation. Nothing here looks into an instance,
//! so `ConnectionsCut` is not known.

mod act;
mod deadline;
mod look;
mod tell;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;

use crate::{
    api::{Containment, Incident, NotificationChannel, Reason},
    clock::later,
    cloud::Lane,
    cluster::Cluster,
    engine::{
        Context, ControllerName, Failure, OutcomeOf, Pass, Reconciler, Refusal, Report, Resolved, StatusOf,
    },
    plan::{
        Plan,
        incident::{
            hold,
            isolation::{self, Intent, Step, Waiting},
        },
    },
};

/// How soon to look again at what changes by itself: AWS's answers, and the Tenant's own group.
const SOON: Duration = Duration::from_secs(10);

/// The controller of Incidents.
#[derive(Clone, Copy, Debug, Default)]
pub struct IncidentReconciler;

/// What is known around an Incident.
#[derive(Debug)]
pub struct IncidentWorld {
    /// The Tenants that it names and that exist.
    tenants: BTreeMap<String, TenantFacts>,
    /// What every named Tenant's customer was promised; the strictest known terms where the Tenant's are not.
    notice: BTreeMap<String, NoticeTerms>,
    /// The interfaces.
    isolation: isolation::World,
}

/// What an Incident asks of one of its Tenants.
#[derive(Debug)]
struct TenantFacts {
    customer: String,
    class: String,
    has_class: bool,
}

/// What the terms say about telling a customer.
#[derive(Clone, Debug, PartialEq, Eq)]
struct NoticeTerms {
    within: Duration,
    channels: BTreeSet<NotificationChannel>,
}

/// What an Incident comes to.
#[derive(Debug)]
pub struct IncidentDesired {
    intent: Intent,
    /// The shortest time that any of the Tenants' terms gives.
    within: Option<Duration>,
    /// The channels that count, by Tenant.
    channels: BTreeMap<String, BTreeSet<NotificationChannel>>,
}

impl<C: Cluster> Reconciler<C> for IncidentReconciler {
    type Kind = Incident;
    type World = IncidentWorld;
    type Desired = IncidentDesired;
    type Step = Step;

    const NAME: ControllerName = ControllerName::Incident;
    const FINALIZER: bool = true;

    fn lane(&self, _: &Incident) -> Lane {
        Lane::Contain
    }

    async fn observe(&self, ctx: &Context<C>, incident: &Incident) -> Result<IncidentWorld, Failure> {
        look::observe(ctx, incident).await
    }

    fn resolve(
        &self,
        _: &Context<C>,
        incident: &Incident,
        world: &IncidentWorld,
    ) -> Resolved<IncidentDesired> {
        resolve(incident, world)
    }

    fn plan(
        &self,
        _: &Incident,
        desired: &IncidentDesired,
        world: &IncidentWorld,
        now: Timestamp,
    ) -> Plan<Step> {
        let plan = isolation::plan(desired.intent, &world.isolation);
        // Another Incident, or the status of a Tenant, wakes this one when it changes.
        let changes_by_itself = |waiting: &Waiting| {
            !matches!(
                waiting,
                Waiting::Elsewhere { .. } | Waiting::ForeignInstance { .. }
            )
        };
        let look_again = plan
            .waiting_for
            .iter()
            .any(changes_by_itself)
            .then(|| later(now, SOON));
        Plan {
            steps: plan.steps,
            held: Vec::new(),
            waiting_for: plan.waiting_for.into_iter().map(Into::into).collect(),
            look_again,
        }
    }

    async fn apply(
        &self,
        pass: &mut Pass<'_, C, Incident>,
        world: &IncidentWorld,
        step: &Step,
    ) -> Result<(), Failure> {
        act::apply(pass, world, step).await
    }

    fn report(
        &self,
        _: &Context<C>,
        incident: &Incident,
        outcome: &OutcomeOf<Self, C>,
        now: Timestamp,
    ) -> Report<StatusOf<Self, C>> {
        tell::report(incident, outcome, now)
    }
}

/// What the Incident wants of interfaces.
fn intent(incident: &Incident) -> Intent {
    if hold::is_closed(incident) {
        return Intent::LeaveAlone;
    }
    match incident.spec.containment {
        Containment::Isolate if !incident.spec.closed => Intent::Isolate,
        Containment::Isolate | Containment::None => Intent::Undo,
    }
}

/// Whether the Incident ever took effect: from then on nothing of its Tenants' fate makes it a mistake.
fn was_accepted(incident: &Incident) -> bool {
    incident
        .status
        .as_ref()
        .is_some_and(|status| status.notify_by.is_some() || !status.isolated.is_empty())
}

fn resolve(incident: &Incident, world: &IncidentWorld) -> Resolved<IncidentDesired> {
    let mistakes = if was_accepted(incident) {
        Vec::new()
    } else {
        mistakes(incident, world)
    };
    if !mistakes.is_empty() {
        return Resolved {
            desired: None,
            refusals: mistakes,
        };
    }
    let intent = intent(incident);
    Resolved {
        refusals: if intent == Intent::Isolate {
            unplaced(world)
        } else {
            Vec::new()
        },
        desired: Some(IncidentDesired {
            intent,
            within: world.notice.values().map(|terms| terms.within).min(),
            channels: world
                .notice
                .iter()
                .map(|(tenant, terms)| (tenant.clone(), terms.channels.clone()))
                .collect(),
        }),
    }
}

/// What is wrong with `tenantRefs`.
fn mistakes(incident: &Incident, world: &IncidentWorld) -> Vec<Refusal> {
    let unknown: Vec<_> = incident
        .spec
        .tenant_refs
        .iter()
        .filter(|name| !world.tenants.contains_key(*name))
        .map(String::as_str)
        .collect();
    let mut mistakes = Vec::new();
    if !unknown.is_empty() {
        mistakes.push(Refusal {
            reason: Reason::UnknownTenant,
            message: format!(
                "spec.tenantRefs: this namespace has no Tenant {}",
                unknown.join(", ")
            ),
        });
    }
    let customers: BTreeSet<_> = world
        .tenants
        .values()
        .map(|tenant| tenant.customer.as_str())
        .collect();
    if customers.len() > 1 {
        let customers: Vec<_> = customers.into_iter().collect();
        mistakes.push(Refusal {
            reason: Reason::SeveralCustomers,
            message: format!(
                "spec.tenantRefs: the Tenants belong to several customers ({}): file one Incident for each customer",
                customers.join(", ")
            ),
        });
    }
    mistakes
}

/// Tenants of which nobody can say in which region they stand.
fn unplaced(world: &IncidentWorld) -> Vec<Refusal> {
    let without_class = world.tenants.iter().filter(|(_, tenant)| !tenant.has_class);
    without_class
        .map(|(name, tenant)| Refusal {
            reason: Reason::UnknownClass,
            message: format!(
                "spec.tenantRefs: Tenant {name} cannot be isolated, because its TenantClass {} does not exist",
                tenant.class
            ),
        })
        .collect()
}

#[cfg(test)]
mod tests;
