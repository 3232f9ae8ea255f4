//! The contract with kstatus (Argo CD, Flux, `kubectl wait`), as a function that checks a status.
//!
//! Tools decide by these rules whether an object is current, in progress or failed. Stated here once and
//! checked on every status that tests can make, they are code and not folklore.

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::conditions::{FALSE, TRUE, UNKNOWN, find_condition, is_true};

/// The object is what its spec says.
pub const READY: &str = "Ready";
/// The operator is working on it.
pub const RECONCILING: &str = "Reconciling";
/// A person must act first.
pub const STALLED: &str = "Stalled";

/// What is wrong with a status: empty when it keeps the contract.
///
/// `generation` is the object's, `observed_generation` the one at the root of its status.
pub fn violations(
    generation: i64,
    observed_generation: Option<i64>,
    conditions: &[Condition],
) -> Vec<String> {
    let mut found = malformed(conditions);
    found.extend(generations(generation, observed_generation, conditions));
    found.extend(abnormal(conditions));
    found.extend(ready(generation, observed_generation, conditions));
    found
}

/// What is wrong with the first status ever written for an object.
///
/// Besides the contract it must not look settled by accident: an object without a condition counts as
/// current, so the first write says that work goes on, or that a person must act, or that it is done.
pub fn first_write_violations(
    generation: i64,
    observed_generation: Option<i64>,
    conditions: &[Condition],
) -> Vec<String> {
    let mut found = violations(generation, observed_generation, conditions);
    if ![RECONCILING, STALLED, READY]
        .iter()
        .any(|type_| is_true(conditions, type_))
    {
        found.push(format!(
            "the first status sets none of {RECONCILING}, {STALLED} and {READY}"
        ));
    }
    found
}

fn malformed(conditions: &[Condition]) -> Vec<String> {
    let mut found = Vec::new();
    let mut types = BTreeSet::new();
    for condition in conditions {
        let type_ = &condition.type_;
        if !types.insert(type_) {
            found.push(format!("{type_} is there twice"));
        }
        if ![TRUE, FALSE, UNKNOWN].contains(&condition.status.as_str()) {
            found.push(format!("{type_} has the status {:?}", condition.status));
        }
        if !is_reason(&condition.reason) {
            found.push(format!("{type_} has the reason {:?}", condition.reason));
        }
    }
    found
}

/// The API's rule for reasons, without the signs that only look like a sentence.
fn is_reason(reason: &str) -> bool {
    reason.starts_with(|first: char| first.is_ascii_uppercase())
        && reason.chars().all(|sign| sign.is_ascii_alphanumeric())
}

fn generations(generation: i64, observed: Option<i64>, conditions: &[Condition]) -> Vec<String> {
    let mut found = Vec::new();
    match observed {
        None => found.push("observedGeneration is missing".to_owned()),
        Some(observed) if observed > generation => {
            found.push(format!(
                "observedGeneration {observed} is ahead of generation {generation}"
            ));
        }
        Some(_) => {}
    }
    for condition in conditions {
        let type_ = &condition.type_;
        match condition.observed_generation {
            None => found.push(format!("{type_} lacks observedGeneration")),
            Some(seen) if Some(seen) > observed => {
                found.push(format!(
                    "{type_} was judged at generation {seen}, ahead of the status"
                ));
            }
            Some(_) => {}
        }
    }
    found
}

fn abnormal(conditions: &[Condition]) -> Vec<String> {
    let mut found = Vec::new();
    for type_ in [RECONCILING, STALLED] {
        if find_condition(conditions, type_).is_some_and(|condition| condition.status != TRUE) {
            found.push(format!("{type_} is present without being True"));
        }
    }
    if is_true(conditions, RECONCILING) && is_true(conditions, STALLED) {
        found.push(format!("{RECONCILING} and {STALLED} are both True"));
    }
    found
}

fn ready(generation: i64, observed: Option<i64>, conditions: &[Condition]) -> Vec<String> {
    let Some(ready) = find_condition(conditions, READY) else {
        return vec![format!("{READY} is missing")];
    };
    let mut found = Vec::new();
    if ready.status == TRUE && (observed != Some(generation) || ready.observed_generation != Some(generation))
    {
        found.push(format!(
            "{READY} is True for another generation than {generation}"
        ));
    }
    if is_true(conditions, STALLED) && ready.status != FALSE {
        found.push(format!("{READY} is {} while {STALLED} is True", ready.status));
    }
    found
}

#[cfg(test)]
mod tests;
