//! Edges worth telling: what was made, repaired, refused, stopped, recovered. Never "still waiting".

use super::TenantOutcome;
use crate::{
    api::{ConditionType, Reason, TenantStatus},
    cloud::InstanceId,
    cluster::Happened,
    plan::tenant::TenantAction,
    report::conditions::{FALSE, find_condition, is_true},
    text::shortened,
};

/// The longest message that an event takes.
const MESSAGE_MAX: usize = 1000;

/// The reasons of `InstanceReady`, `Hardened`, `PlanApplied` and `Separated` that are somebody's doing and worth an event.
const TOLD: [Reason; 11] = [
    Reason::Vanished,
    Reason::StoppedByHand,
    Reason::Stopped,
    Reason::StatusCheckFailed,
    Reason::IsolatedByHand,
    Reason::Isolated,
    Reason::NoAccessPolicy,
    Reason::NoWindow,
    Reason::SharedWithOthers,
    Reason::OpenToOthers,
    Reason::CopiesShared,
];

/// The instance that this pass bound.
pub(super) fn bound(outcome: &TenantOutcome) -> Option<&InstanceId> {
    outcome.done.iter().find_map(|step| match &step.action {
        TenantAction::Bind(id) => Some(id),
        _ => None,
    })
}

/// One event per step that undid something, naming all of it.
pub(super) fn of_findings(outcome: &TenantOutcome) -> Vec<Happened> {
    let told = outcome.done.iter().filter_map(|step| {
        let reason = step.findings.first()?.reason;
        let messages: Vec<_> = step
            .findings
            .iter()
            .map(|finding| finding.message.as_str())
            .collect();
        Some(Happened::warning(
            reason,
            shortened(&messages.join("; "), MESSAGE_MAX),
        ))
    });
    let bound = bound(outcome).map(|id| Happened::normal(Reason::Launched, format!("instance {id} runs")));
    told.chain(bound).collect()
}

/// Edges between two statuses.
pub(super) fn of_edges(before: &TenantStatus, after: &TenantStatus) -> Vec<Happened> {
    let mut events = Vec::new();
    for type_ in [
        ConditionType::InstanceReady,
        ConditionType::FirewallReady,
        ConditionType::Hardened,
        ConditionType::PlanApplied,
        ConditionType::Separated,
        ConditionType::Stalled,
    ] {
        events.extend(turned_bad(type_, before, after));
    }
    let ready = ConditionType::Ready.as_str();
    if is_true(&after.conditions, ready) && !is_true(&before.conditions, ready) {
        events.push(Happened::normal(Reason::Succeeded, "the environment is Ready"));
    }
    let separated = ConditionType::Separated.as_str();
    let was_shared = find_condition(&before.conditions, separated).is_some_and(|old| old.status == FALSE);
    if was_shared && is_true(&after.conditions, separated) {
        let message = "nothing is shared with, or open to, another customer any more";
        events.push(Happened::normal(Reason::NothingShared, message));
    }
    // What two conditions say in the same words is one event.
    events.dedup();
    events
}

fn turned_bad(type_: ConditionType, before: &TenantStatus, after: &TenantStatus) -> Option<Happened> {
    let old = find_condition(&before.conditions, type_.as_str());
    let new = find_condition(&after.conditions, type_.as_str())?;
    if old.is_some_and(|old| old.reason == new.reason && old.status == new.status) {
        return None;
    }
    let is_stalled = type_ == ConditionType::Stalled;
    let reason = Reason::ALL
        .iter()
        .copied()
        .find(|reason| reason.as_str() == new.reason)?;
    let is_told = is_stalled || (new.status == FALSE && TOLD.contains(&reason));
    is_told.then(|| Happened::warning(reason, shortened(&new.message, MESSAGE_MAX)))
}
