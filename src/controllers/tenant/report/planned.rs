//! What the plan holds back, for the status.

use jiff::Timestamp;

use super::{TenantOutcome, aws_of, kept};
use crate::{
    api::{TenantPlan, TenantStatus},
    cloud::Operation,
    plan::preview::{Preview, Scope, foresee},
};

/// What is known of what is held back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Planned {
    /// AWS was not seen: what was said stays.
    Unknown,
    /// Nothing is.
    Nothing,
    /// This is.
    Held(Preview),
}

impl Planned {
    /// What this pass holds back, and what would follow from it.
    pub(super) fn of(outcome: &TenantOutcome, now: Timestamp) -> Self {
        let (Some(aws), Some((desired, _)), Some(plan)) = (aws_of(outcome), kept(outcome), &outcome.plan)
        else {
            return Self::Unknown;
        };
        if plan.held.is_empty() {
            return Self::Nothing;
        }
        let steps = foresee(desired, aws, plan, (Scope::Held, now));
        Preview::of(&desired.identity, aws, &steps).map_or(Self::Nothing, Self::Held)
    }

    /// How much it is, in words.
    pub(super) fn summary(&self) -> Option<String> {
        match self {
            Self::Held(preview) => Some(preview.summary()),
            Self::Unknown | Self::Nothing => None,
        }
    }

    /// Writes it into the status.
    pub(super) fn tell(&self, status: &mut TenantStatus, permitted: impl Fn(Operation) -> Option<bool>) {
        match self {
            Self::Unknown => {}
            Self::Nothing => status.plan = None,
            Self::Held(preview) => {
                let mut plan = preview.status(permitted);
                if let Some(before) = &status.plan {
                    keep_rights(&mut plan, before);
                }
                status.plan = Some(plan);
            }
        }
    }
}

/// What was said of a call stays until something else is known: after a restart nothing is for a while.
fn keep_rights(plan: &mut TenantPlan, before: &TenantPlan) {
    if plan.hash != before.hash {
        return;
    }
    for (item, old) in plan.items.iter_mut().zip(&before.items) {
        item.permitted = item.permitted.or(old.permitted);
    }
}
