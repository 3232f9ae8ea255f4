//! Which firewall is in force for a Tenant.
//!
//! What was accepted last stays in force, whatever becomes of the policy: a mistake or a deletion opens nothing and
//! closes nothing.

use std::{collections::BTreeSet, sync::Arc};

use ipnet::IpNet;

use crate::{
    api::{AcceptedAccess, AccessPolicy, Cidr, ConditionType},
    plan::{
        firewall::overlapping,
        selection::{Candidate, winner},
    },
    report::conditions::is_true,
};

/// The firewall in force.
#[derive(Clone, Debug, PartialEq)]
pub struct InForce {
    /// What may reach the environment and what it may reach; nothing but the defaults if nothing was ever accepted.
    pub access: AcceptedAccess,
    /// How it came to be in force.
    pub origin: Origin,
    /// The sources that are kept out although they were accepted, each with the range of the VPC that it overlaps.
    pub overlaps: Vec<(Cidr, IpNet)>,
    /// The sources that are kept out until the ranges of the VPC are known.
    pub unjudged: Vec<Cidr>,
}

impl InForce {
    /// Keeps out every source inside the VPC of the environment, where other customers' environments stand. A
    /// policy may have been accepted before any Tenant of that VPC was for it, so its acceptance proves nothing here.
    ///
    /// While the ranges of the VPC are not known, what was in force `before` stays, and nothing comes to it but what
    /// holds every address: a source that turns out to be inside would have been let in meanwhile.
    pub(super) fn outside(mut self, networks: Option<&[IpNet]>, before: Option<&AcceptedAccess>) -> Self {
        let sources = std::mem::take(&mut self.access.cidrs);
        for source in sources {
            let was_in_force = || before.is_some_and(|before| before.cidrs.contains(&source));
            match networks.map(|networks| overlapping(&source, networks)) {
                Some(Some(network)) => self.overlaps.push((source, *network)),
                None if !source.is_any() && !was_in_force() => self.unjudged.push(source),
                Some(None) | None => self.access.cidrs.push(source),
            }
        }
        self
    }
}

/// How a firewall came to be in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A policy says so.
    Policy,
    /// A policy said so; what it says now cannot be accepted.
    LastAccepted,
    /// No policy that was ever accepted is for the Tenant.
    NoPolicy,
}

/// A policy as the choice between policies needs it.
pub fn candidate(policy: &AccessPolicy) -> Candidate {
    let accepted = policy.status.as_ref().and_then(|status| status.accepted.as_ref());
    let tenants = accepted.map_or(&policy.spec.tenants, |accepted| &accepted.spec.tenants);
    Candidate {
        name: policy.metadata.name.clone().unwrap_or_default(),
        created_at: policy
            .metadata
            .creation_timestamp
            .as_ref()
            .map(|time| time.0)
            .unwrap_or_default(),
        is_accepted: accepted.is_some(),
        tenants: tenants.iter().cloned().collect::<BTreeSet<_>>(),
    }
}

/// The firewall in force for a Tenant, from the policies of its namespace and from what was in force before.
pub(super) fn in_force(
    tenant: &str,
    policies: &[Arc<AccessPolicy>],
    before: Option<&AcceptedAccess>,
) -> InForce {
    let candidates: Vec<_> = policies.iter().map(|policy| candidate(policy)).collect();
    let chosen = winner(&candidates, tenant).and_then(|winner| {
        policies
            .iter()
            .find(|policy| policy.metadata.name.as_deref() == Some(&winner.name))
    });
    let accepted = chosen.and_then(|policy| {
        let status = policy.status.as_ref()?;
        Some((policy, status, status.accepted.as_ref()?))
    });
    match accepted {
        Some((policy, status, accepted)) => InForce {
            access: AcceptedAccess {
                policy: policy.metadata.name.clone().unwrap_or_default(),
                cidrs: accepted.spec.ingress.cidrs.clone(),
                ports: accepted.spec.ingress.ports.clone(),
                egress: accepted.spec.egress.clone(),
            },
            origin: if is_true(&status.conditions, ConditionType::Stalled.as_str()) {
                Origin::LastAccepted
            } else {
                Origin::Policy
            },
            overlaps: Vec::new(),
            unjudged: Vec::new(),
        },
        None => InForce {
            access: before.cloned().unwrap_or_default(),
            origin: Origin::NoPolicy,
            overlaps: Vec::new(),
            unjudged: Vec::new(),
        },
    }
}
