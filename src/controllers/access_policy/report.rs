//! Saying what a policy has in force, and for whom.

use std::time::Duration;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::{Accepted, World};
use crate::{
    api::{
        AcceptedAccess, AcceptedAccessPolicy, AccessPolicy, AccessPolicyStatus, ConditionType,
        MatchedTenants, Reason, RuleCounts,
    },
    clock::later,
    cloud::Observed,
    cluster::{Happened, Kind},
    engine::{Outcome, Report},
    plan::{
        firewall::{describe, desired_rules},
        selection::Share,
    },
    report::{
        conditions::is_true,
        failure,
        standing::{Because, Conditions, Standing},
    },
    text::hexadecimal,
};

/// How soon to look again for subnets, whose appearance nothing tells.
const BLIND_FOR: Duration = Duration::from_secs(5 * 60);

/// How many names a list in a status holds.
const NAMES_MAX: usize = 256;

/// What to say.
pub(super) fn report(
    policy: &AccessPolicy,
    outcome: &Outcome<World, Accepted, std::convert::Infallible>,
    now: Timestamp,
) -> Report<AccessPolicyStatus> {
    let before = policy.status.clone().unwrap_or_default();
    let mut status = before.clone();
    status.observed_generation = Some(policy.generation());
    let mut conditions = Conditions::over(&before.conditions, policy.generation(), now);
    let standing = match (&outcome.world, &outcome.resolved) {
        (Ok(world), Some(resolved)) => {
            if let Some(Accepted(accepted)) = &resolved.desired {
                status.accepted.clone_from(accepted);
            }
            take_facts(&mut status, world);
            let (holds, because) = conflict(&world.share);
            conditions.set(ConditionType::Conflict, Some(holds), &because);
            let messages: Vec<_> = resolved
                .refusals
                .iter()
                .map(|refusal| refusal.message.as_str())
                .collect();
            match resolved.refusals.first() {
                Some(first) => Standing::Stalled(Because::new(
                    first.reason,
                    in_force(&status, &messages.join("; ")),
                )),
                None if waits(&status, world, policy) => Standing::Working(Because::new(
                    Reason::Progressing,
                    in_force(
                        &status,
                        "to be judged once the TenantClass of its Tenants and its subnets are found",
                    ),
                )),
                None => ready(&world.share),
            }
        }
        (Err(failure), _) => {
            Standing::Unknown(Because::new(failure::reason_of(failure), failure.to_string()))
        }
        (Ok(_), None) => Standing::Unknown(Because::new(Reason::Progressing, "not looked at yet")),
    };
    status.conditions = conditions.settle(&standing);
    let is_blind = outcome
        .world
        .as_ref()
        .is_ok_and(|world| waits(&status, world, policy));
    Report {
        events: edges(&before, &status, &standing),
        status: Some(status),
        look_again: is_blind.then(|| later(now, BLIND_FOR)),
        release: false,
    }
}

/// Whether what it says now waits to be judged.
fn waits(status: &AccessPolicyStatus, world: &World, policy: &AccessPolicy) -> bool {
    let accepted = status.accepted.as_ref().map(|accepted| accepted.generation);
    world.is_blind && accepted != Some(policy.generation())
}

fn in_force(status: &AccessPolicyStatus, mistakes: &str) -> String {
    match &status.accepted {
        Some(accepted) => format!("{mistakes}; generation {} stays in force", accepted.generation),
        None => mistakes.to_owned(),
    }
}

fn ready(share: &Share) -> Standing {
    Standing::Ready(if share.matched.is_empty() {
        Because::new(Reason::NoTenants, "accepted, and in force for no Tenant")
    } else {
        Because::new(Reason::Succeeded, "accepted and in force")
    })
}

fn conflict(share: &Share) -> (bool, Because) {
    if share.contested.is_empty() {
        return (
            false,
            Because::new(Reason::NoConflict, "no other policy is in force for its Tenants"),
        );
    }
    let lost: Vec<_> = share
        .contested
        .iter()
        .take(NAMES_MAX)
        .map(|(tenant, winner)| format!("{tenant} (by {winner})"))
        .collect();
    let message = format!("another AccessPolicy is in force for {}", lost.join(", "));
    (true, Because::new(Reason::Contested, message))
}

fn take_facts(status: &mut AccessPolicyStatus, world: &World) {
    let names = |names: &mut dyn Iterator<Item = &String>| names.take(NAMES_MAX).cloned().collect();
    status.tenants = Some(MatchedTenants {
        matched: names(&mut world.share.matched.iter()),
        contested: names(&mut world.share.contested.keys()),
    });
    if let Some(tampering) = &world.tampering {
        status.last_tampering = Some(tampering.clone());
    }
    let Some(accepted) = &status.accepted else { return };
    let rules = desired_rules(&access_of(accepted));
    let mut text = String::new();
    for rule in &rules {
        text.push_str(&describe(rule));
        text.push('\n');
    }
    status.rule_set_hash = Some(hexadecimal(&Sha256::digest(text.as_bytes())));
    // While a group is not known, the last figures stand.
    if world.groups.iter().any(Observed::is_unknown) {
        return;
    }
    let groups: Vec<_> = world.groups.iter().filter_map(Observed::present).collect();
    let count = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
    status.rules = Some(RuleCounts {
        desired: count(rules.len().saturating_mul(world.share.matched.len())),
        actual: count(groups.iter().map(|group| group.len()).sum()),
        unexpected: count(groups.iter().map(|group| group.difference(&rules).count()).sum()),
    });
}

fn access_of(accepted: &AcceptedAccessPolicy) -> AcceptedAccess {
    AcceptedAccess {
        policy: String::new(),
        cidrs: accepted.spec.ingress.cidrs.clone(),
        ports: accepted.spec.ingress.ports.clone(),
        egress: accepted.spec.egress.clone(),
    }
}

/// Edges: refused, contested, accepted again.
fn edges(before: &AccessPolicyStatus, after: &AccessPolicyStatus, standing: &Standing) -> Vec<Happened> {
    let turned = |type_: ConditionType| {
        let holds = |status: &AccessPolicyStatus| is_true(&status.conditions, type_.as_str());
        (holds(before), holds(after))
    };
    let mut events = Vec::new();
    if let (Standing::Stalled(because), (false, true)) = (standing, turned(ConditionType::Stalled)) {
        events.push(Happened::warning(because.reason, because.message.clone()));
    }
    if let (Standing::Ready(because), (true, false)) = (standing, turned(ConditionType::Stalled)) {
        events.push(Happened::normal(because.reason, because.message.clone()));
    }
    let conflict = after
        .conditions
        .iter()
        .find(|condition| condition.type_ == ConditionType::Conflict.as_str());
    if let (Some(conflict), (false, true)) = (conflict, turned(ConditionType::Conflict)) {
        events.push(Happened::warning(Reason::Contested, conflict.message.clone()));
    }
    events
}
