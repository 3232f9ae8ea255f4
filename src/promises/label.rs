//! P3 and P6: one label per environment, and never another.

use super::{Facts, facts::LabelFacts, fail, list, pass, unknown, unseen};
use crate::{cloud::Observed, promises::Finding};

/// P3: nobody else holds the label, in Kubernetes or in AWS.
pub(super) fn is_unique(facts: &Facts) -> Finding {
    let LabelFacts {
        tenant,
        value,
        holder,
        other_instances,
        ..
    } = &facts.label;
    match holder {
        None => return unknown("the register of labels is not known"),
        Some(holder) if holder != tenant => return fail(format!("label {value} is held by {holder}")),
        Some(_) => {}
    }
    if !facts.sees_aws() {
        return unseen();
    }
    match other_instances {
        None => unknown("it is not known which instances carry the label"),
        Some(others) if others.is_empty() => pass(format!("label {value} is held by this environment alone")),
        Some(others) => fail(format!("label {value} is also carried by {}", list(others))),
    }
}

/// P6: the instance still carries the label it was given.
pub(super) fn is_unchanged(facts: &Facts) -> Finding {
    let value = &facts.label.value;
    if !facts.sees_aws() {
        return unseen();
    }
    match (&facts.label.tag, &facts.metadata) {
        (Observed::Present(tag), _) if tag == value => pass(format!("the instance carries label {value}")),
        (Observed::Present(tag), _) => fail(format!("the instance carries label {tag} instead of {value}")),
        // Only an instance that was seen can have lost its label.
        (Observed::Absent, Observed::Present(_)) => fail("the instance carries no label"),
        (Observed::Absent | Observed::Unknown, _) => unknown("no instance with its label was seen"),
    }
}

#[cfg(test)]
mod tests;
