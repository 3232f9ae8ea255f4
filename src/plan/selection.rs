//! Which policy is in force for which Tenant, where several are for it.
//!
//! One rule for every kind of policy: an accepted one beats one that never was, so that a new mistake takes no
//! protection away; then one that names the Tenant beats one for all; then the older, then the name.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

/// A policy as far as the choice needs it. All candidates are of one namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Whether it has an accepted spec, the present one or an earlier one.
    pub is_accepted: bool,
    /// The Tenants it names, in the spec that is in force; empty: every Tenant.
    pub tenants: BTreeSet<String>,
}

impl Candidate {
    /// Whether it is for this Tenant.
    pub fn is_for(&self, tenant: &str) -> bool {
        self.tenants.is_empty() || self.tenants.contains(tenant)
    }

    /// The smaller, the stronger.
    fn rank(&self) -> (bool, bool, Timestamp, &str) {
        (
            !self.is_accepted,
            self.tenants.is_empty(),
            self.created_at,
            &self.name,
        )
    }
}

/// The policy in force for a Tenant; `None` when none is for it.
pub fn winner<'a>(candidates: &'a [Candidate], tenant: &str) -> Option<&'a Candidate> {
    candidates
        .iter()
        .filter(|candidate| candidate.is_for(tenant))
        .min_by_key(|candidate| candidate.rank())
}

/// What one policy is in force for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// The Tenants it is in force for.
    pub matched: BTreeSet<String>,
    /// The Tenants it is for, but that another policy won; with the winner.
    pub contested: BTreeMap<String, String>,
}

/// What the policy of this name is in force for.
pub fn share_of(policy: &str, candidates: &[Candidate], tenants: &BTreeSet<String>) -> Share {
    let mut share = Share::default();
    let Some(own) = candidates.iter().find(|candidate| candidate.name == policy) else {
        return share;
    };
    for tenant in tenants.iter().filter(|tenant| own.is_for(tenant)) {
        match winner(candidates, tenant) {
            Some(winner) if winner.name != policy => {
                share.contested.insert(tenant.clone(), winner.name.clone());
            }
            Some(_) | None => {
                share.matched.insert(tenant.clone());
            }
        }
    }
    share
}

#[cfg(test)]
mod tests;
