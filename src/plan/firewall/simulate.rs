//! What AWS would hold after a step: the planner author's own model.

use std::collections::BTreeSet;

use super::{RuleChange, RuleStep};
use crate::cloud::Rule;

/// The rules of a group after `step`.
pub(crate) fn simulate(mut rules: BTreeSet<Rule>, step: &RuleStep) -> BTreeSet<Rule> {
    match step.change {
        RuleChange::Authorize => rules.extend(step.rules.iter().cloned()),
        RuleChange::Revoke => rules.retain(|rule| !step.rules.contains(rule)),
    }
    rules
}
