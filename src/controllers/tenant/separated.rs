//! Whether an environment is kept apart from others: its row of the isolation matrix, in words.

use crate::{
    api::{Condition, ConditionType, Reason, Tenant, TenantClass},
    cloud::Observed,
    cluster::{Cluster, Kind},
    engine::Context,
    promises::{BreachFact, Facts, SeparationFacts, list},
    report::{
        conditions::{FALSE, find_condition},
        standing::Because,
    },
};

/// What is known, in the judges' terms.
pub(super) fn facts<C: Cluster>(
    ctx: &Context<C>,
    tenant: &Tenant,
    class: Option<&TenantClass>,
) -> SeparationFacts {
    let mut facts = SeparationFacts {
        environment: tenant.spec.environment,
        assignee: tenant.spec.assignee.clone(),
        ..SeparationFacts::default()
    };
    let uid = tenant.uid();
    let Some(row) = class.and_then(|class| ctx.separation.row(&class.site(), uid)) else {
        return facts;
    };
    facts.is_compared = true;
    facts.unseen = row.unseen;
    let breaches = row.breaches.iter().map(|breach| BreachFact {
        text: breach.text.clone(),
        is_between_customers: breach.is_between_customers,
        is_between_environments: breach.is_between_environments,
        is_way_in: breach.thing.is_way_in(),
    });
    facts.breaches = breaches.collect();
    facts
}

/// The condition `Separated`; `None`: nobody knows, and what was said last is not taken back by that.
///
/// The first answer counts: what is broken is broken however old the look is.
pub(super) fn standing(facts: &Facts, before: &[Condition]) -> Option<(Option<bool>, Because)> {
    if let Some(because) = broken(facts) {
        return Some((Some(false), because));
    }
    let Some(because) = not_known(facts) else {
        let message = "nothing is shared with, or open to, another customer";
        return Some((Some(true), Because::new(Reason::NothingShared, message)));
    };
    let condition = find_condition(before, ConditionType::Separated.as_str());
    let was_broken = condition.is_some_and(|condition| condition.status == FALSE);
    (!was_broken).then_some((None, because))
}

fn broken(facts: &Facts) -> Option<Because> {
    let breaches = &facts.separation.breaches;
    if !breaches.is_empty() {
        let reason = match breaches.iter().any(|breach| !breach.is_way_in) {
            true => Reason::SharedWithOthers,
            false => Reason::OpenToOthers,
        };
        let texts = breaches.iter().map(|breach| breach.text.as_str());
        return Some(Because::new(reason, list(texts)));
    }
    let exposed = facts.backup.as_ref()?.exposed.present()?;
    let message = format!("others can use copies: {}", list(exposed));
    Some(Because::new(Reason::CopiesShared, message))
}

fn not_known(facts: &Facts) -> Option<Because> {
    let separation = &facts.separation;
    if !facts.sees_aws() || facts.metadata.is_unknown() {
        let message = "what AWS holds is not known at the moment";
        return Some(Because::new(Reason::ViewStale, message));
    }
    if !separation.is_compared {
        let message = "the environment was not compared with others yet";
        return Some(Because::new(Reason::NotKnown, message));
    }
    if !separation.unseen.is_empty() {
        let message = format!("the rules of {} are not known", list(&separation.unseen));
        return Some(Because::new(Reason::NotKnown, message));
    }
    match facts.backup.as_ref().map(|backup| &backup.exposed) {
        Some(Observed::Absent | Observed::Present(_)) => None,
        Some(Observed::Unknown) | None => {
            let message = "who can use each copy was not read yet";
            Some(Because::new(Reason::NotKnown, message))
        }
    }
}

#[cfg(test)]
mod tests;
