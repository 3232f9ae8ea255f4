//! P8, P9 and P42: customers are kept apart, an environment is nobody else's, and what is tried out is tried elsewhere.
//!
//! Judged by the isolation matrix, in which an environment was compared with all others, and by who can use its copies.
//! Deliberately absent: peerings and network ACLs. A peering lets nobody in whom no rule lets in, and every rule is
//! known; an ACL can only take away.

use super::{BreachFact, Facts, Finding, fail, idle, label, list, pass, unknown, unseen};
use crate::{
    api::{Environment, Verdict},
    cloud::Observed,
};

/// P8: nothing is shared with another customer or open to one, and no copy can be used by others.
pub(super) fn keeps_customers_apart(facts: &Facts) -> Finding {
    if !facts.sees_aws() {
        return unseen();
    }
    if let Some(broken) = broken(facts, |breach| breach.is_between_customers) {
        return broken;
    }
    let exposed = facts.backup.as_ref().map(|backup| &backup.exposed);
    if let Some(Observed::Present(exposed)) = exposed {
        return fail(format!("others can use copies: {}", list(exposed)));
    }
    if let Some(unknown) = not_known(facts) {
        return unknown;
    }
    match exposed {
        Some(Observed::Absent) => pass("nothing is shared with, or open to, another customer"),
        None | Some(Observed::Unknown | Observed::Present(_)) => {
            unknown("who can use each copy was not read yet")
        }
    }
}

/// P9: one live instance has the label, it carries no other, and nothing it is made of is another's too.
pub(super) fn shares_no_environment(facts: &Facts) -> Finding {
    if !facts.sees_aws() {
        return unseen();
    }
    if let Some(broken) = broken(facts, |breach| !breach.is_way_in) {
        return broken;
    }
    for finding in [label::is_unique(facts), label::is_unchanged(facts)] {
        if finding.0 != Verdict::Pass {
            return finding;
        }
    }
    if let Some(unknown) = not_compared(facts) {
        return unknown;
    }
    pass("the environment is one instance of its own")
}

/// P42: an environment for verification is a different instance, assigned to a worker, and shares nothing with production.
pub(super) fn verifies_elsewhere(facts: &Facts) -> Finding {
    let separation = &facts.separation;
    let is_verification = separation.environment == Environment::Verification;
    if is_verification && separation.assignee.is_none() {
        return fail("the environment is assigned to nobody");
    }
    if !facts.sees_aws() {
        return unseen();
    }
    if let Some(broken) = broken(facts, |breach| {
        breach.is_between_environments && !breach.is_way_in
    }) {
        return broken;
    }
    if let Some(unknown) = not_compared(facts) {
        return unknown;
    }
    match &separation.assignee {
        Some(assignee) if is_verification => pass(format!(
            "what it is made of is apart from production, and it is assigned to {assignee}"
        )),
        _ => idle("the environment is for production, and shares nothing with one for verification"),
    }
}

fn broken(facts: &Facts, is_meant: impl Fn(&BreachFact) -> bool) -> Option<Finding> {
    let breaches = facts.separation.breaches.iter();
    let texts: Vec<&str> = breaches
        .filter(|breach| is_meant(breach))
        .map(|breach| breach.text.as_str())
        .collect();
    (!texts.is_empty()).then(|| fail(list(texts)))
}

fn not_compared(facts: &Facts) -> Option<Finding> {
    if facts.metadata.present().is_none() {
        return Some(unknown("no instance was seen"));
    }
    let is_unknown = !facts.separation.is_compared;
    is_unknown.then(|| unknown("the environment was not compared with others yet"))
}

fn not_known(facts: &Facts) -> Option<Finding> {
    let unseen = &facts.separation.unseen;
    let of_groups =
        || (!unseen.is_empty()).then(|| unknown(format!("the rules of {} are not known", list(unseen))));
    not_compared(facts).or_else(of_groups)
}

#[cfg(test)]
mod tests;
