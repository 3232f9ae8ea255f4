//! What an Incident means for the Tenants it names, read from the object alone.
//!
//! While one holds a Tenant, whoever repairs that Tenant's groups yields.

use std::collections::BTreeSet;

use super::isolation::{Elsewhere, Held};
use crate::api::{
    ConditionType, Containment, Incident, IncidentPhase, IncidentStatus, IsolatedInterface, Key, Reason,
};

/// Whether an open Incident isolates this Tenant, or one that did has not finished undoing it.
pub fn is_isolated<'a>(incidents: impl IntoIterator<Item = &'a Incident>, tenant: &Key) -> bool {
    incidents
        .into_iter()
        .filter(|incident| is_beside(incident, tenant))
        .any(|incident| isolates(incident, &tenant.name) || has_left_to_undo(incident, &tenant.name))
}

/// What this Incident does to a Tenant, as another Incident of the namespace must know it.
pub fn elsewhere(incident: &Incident, tenant: &str) -> Elsewhere {
    Elsewhere {
        incident: incident.metadata.name.clone().unwrap_or_default(),
        isolates: isolates(incident, tenant),
        held: if is_closed(incident) {
            Vec::new()
        } else {
            recorded(incident)
                .filter(|entry| entry.tenant == tenant)
                .map(Held::from)
                .collect()
        },
    }
}

/// Whether the Incident is closed for good.
pub fn is_closed(incident: &Incident) -> bool {
    incident
        .status
        .as_ref()
        .is_some_and(|status| status.phase == Some(IncidentPhase::Closed))
}

/// Whether it wants this Tenant isolated. One that was refused from the start does not: it would stop the repair of
/// Tenants that it cannot isolate.
fn isolates(incident: &Incident, tenant: &str) -> bool {
    incident.spec.containment == Containment::Isolate
        && !incident.spec.closed
        && incident.spec.tenant_refs.iter().any(|named| named == tenant)
        && !incident.status.as_ref().is_some_and(was_refused)
}

/// Whether the operator refused it before it ever took effect: its clock never started.
fn was_refused(status: &IncidentStatus) -> bool {
    status.notify_by.is_none()
        && status.isolated.is_empty()
        && status.conditions.iter().any(|condition| {
            condition.type_ == ConditionType::Stalled.as_str()
                && condition.status == "True"
                && [Reason::UnknownTenant, Reason::SeveralCustomers]
                    .iter()
                    .any(|reason| reason.as_str() == condition.reason)
        })
}

fn has_left_to_undo(incident: &Incident, tenant: &str) -> bool {
    !is_closed(incident)
        && recorded(incident).any(|entry| entry.tenant == tenant && entry.reconnected_at.is_none())
}

fn is_beside(incident: &Incident, tenant: &Key) -> bool {
    incident.metadata.namespace.as_deref() == Some(tenant.namespace.as_str())
}

fn recorded(incident: &Incident) -> impl Iterator<Item = &IsolatedInterface> {
    incident.status.iter().flat_map(|status| &status.isolated)
}

impl From<&IsolatedInterface> for Held {
    fn from(entry: &IsolatedInterface) -> Self {
        Self {
            tenant: entry.tenant.clone(),
            instance: entry.instance_id.as_str().into(),
            interface: entry.network_interface_id.as_str().into(),
            originals: entry
                .security_group_ids
                .iter()
                .map(|id| id.as_str().into())
                .collect::<BTreeSet<_>>(),
            returned: entry.reconnected_at.is_some(),
        }
    }
}

#[cfg(test)]
mod tests;
