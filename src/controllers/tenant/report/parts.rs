//! The three conditions that `Ready` is made of. Each is a chain of questions: the first answer counts, and its
//! reason goes to the condition unchanged.

use super::{TenantOutcome, aws_of, kept};
use crate::{
    api::{ConditionType, Reason, Tenant},
    cloud::{InstanceId, Observed},
    controllers::tenant::{InForce, access::Origin},
    plan::{
        Waiting,
        tenant::{Reins, TenantAction, TenantStep, TenantWorld},
    },
    report::{conditions::find_condition, standing::Because},
};

/// What is known of one condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Nothing new: the last value stays.
    Unknown,
    /// It holds or does not.
    Known(bool, Because),
}

impl Part {
    fn holds(reason: Reason, message: impl Into<String>) -> Self {
        Self::Known(true, Because::new(reason, message))
    }

    fn fails(reason: Reason, message: impl Into<String>) -> Self {
        Self::Known(false, Because::new(reason, message))
    }

    fn fails_as(waiting: &Waiting) -> Self {
        Self::fails(waiting.reason, waiting.message.clone())
    }
}

/// The three conditions.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    instance: Part,
    firewall: Part,
    hardened: Part,
}

/// What keeps an instance from being ready, the gravest first.
const INSTANCE_REASONS: [Reason; 10] = [
    Reason::ForeignInstance,
    Reason::SeveralInstances,
    Reason::LaunchFailed,
    Reason::Vanished,
    Reason::StoppedByHand,
    Reason::StoppedAsAsked,
    Reason::Stopped,
    Reason::Resizing,
    Reason::Starting,
    Reason::Launching,
];

/// Whether a part that fails for this reason comes right without a person.
pub(super) fn passes_by_itself(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::Starting
            | Reason::Resizing
            | Reason::Launching
            | Reason::GroupChanging
            | Reason::Drifted
            | Reason::Progressing
            | Reason::ViewStale
    )
}

impl Parts {
    /// Judges the outcome of a pass; `planned` says how much is held back, if anything is.
    pub(super) fn of(tenant: &Tenant, outcome: &TenantOutcome, planned: Option<&str>) -> Self {
        let refusal = outcome
            .resolved
            .iter()
            .flat_map(|resolved| &resolved.refusals)
            .next();
        let (Some(aws), Some((desired, in_force)), Some(plan)) =
            (aws_of(outcome), kept(outcome), &outcome.plan)
        else {
            // Nothing was looked at. An environment that never was is said not to be; any other stays as it was.
            let never_was = tenant
                .status
                .as_ref()
                .is_none_or(|status| status.instance_id.is_none());
            let part = match refusal {
                Some(refusal) if never_was => Part::fails(refusal.reason, refusal.message.clone()),
                _ => Part::Unknown,
            };
            return Self {
                instance: part.clone(),
                firewall: part.clone(),
                hardened: part,
            };
        };
        let case = Case {
            outcome,
            aws,
            waiting_for: &plan.waiting_for,
            remaining: plan.steps.get(outcome.done.len()..).unwrap_or_default(),
            held: &plan.held,
            by: by_reins(&desired.reins, planned),
            failed_before: failed_before(tenant),
        };
        // A refused launch does not go on, whatever the plan says of it.
        let refused = |part, is_made: bool| match (part, refusal) {
            (Part::Known(false, _), Some(refusal)) if !is_made => {
                Part::fails(refusal.reason, refusal.message.clone())
            }
            (part, _) => part,
        };
        let instance = refused(case.instance(), aws.bound.is_some());
        let firewall = case.firewall(in_force);
        Self {
            firewall: refused(firewall, aws.group.present().is_some()),
            hardened: case.hardened(&instance),
            instance,
        }
    }

    /// Each with its type, in the order in which they are told.
    pub(super) fn each(&self) -> [(ConditionType, &Part); 3] {
        [
            (ConditionType::InstanceReady, &self.instance),
            (ConditionType::FirewallReady, &self.firewall),
            (ConditionType::Hardened, &self.hardened),
        ]
    }
}

/// One pass that looked at AWS.
struct Case<'a> {
    outcome: &'a TenantOutcome,
    aws: &'a TenantWorld,
    waiting_for: &'a [Waiting],
    /// The steps that were not taken.
    remaining: &'a [TenantStep],
    /// The steps that are held back.
    held: &'a [TenantStep],
    /// Why they are; `None` where the mode lets everything through.
    by: Option<Because>,
    /// What was said of the status checks, if one failed at the last look.
    failed_before: Option<&'a str>,
}

impl Case<'_> {
    fn waits_for(&self, reason: Reason) -> Option<&Waiting> {
        self.waiting_for.iter().find(|waiting| waiting.reason == reason)
    }

    fn instance(&self) -> Part {
        if let Some(waiting) = INSTANCE_REASONS.iter().find_map(|reason| self.waits_for(*reason)) {
            return Part::fails_as(waiting);
        }
        match (&self.aws.bound, self.aws.instance.present()) {
            (Some(_), Some(instance)) => self.checked(&instance.id),
            (Some(_), None) => Part::Unknown,
            (None, _) => match &self.by {
                Some(by) => Part::Known(false, held("the instance would be made", by)),
                None => Part::fails(Reason::Launching, "the instance is being made"),
            },
        }
    }

    /// An instance that runs, by what AWS's own checks say of it.
    fn checked(&self, id: &InstanceId) -> Part {
        let failing = self.outcome.world.as_ref().map(|world| &world.failing_checks);
        match failing {
            Ok(Observed::Present(checks)) => {
                let names: Vec<_> = checks.iter().map(|check| check.as_str()).collect();
                let names = names.join(" and the ");
                let verb = if checks.len() == 1 { "fails" } else { "fail" };
                Part::fails(
                    Reason::StatusCheckFailed,
                    format!("instance {id} runs, but the {names} {verb}"),
                )
            }
            // Not seen failing is not seen passing.
            Ok(Observed::Unknown) | Err(_) => match self.failed_before {
                Some(message) => Part::fails(Reason::StatusCheckFailed, message),
                None => Part::holds(Reason::Running, format!("instance {id} runs")),
            },
            Ok(Observed::Absent) => Part::holds(Reason::Running, format!("instance {id} runs")),
        }
    }

    fn firewall(&self, in_force: &InForce) -> Part {
        if let Some(waiting) = self.waits_for(Reason::ForeignGroup) {
            return Part::fails_as(waiting);
        }
        if self.aws.group.is_unknown() {
            return Part::Unknown;
        }
        let makes_group = |step: &TenantStep| matches!(step.action, TenantAction::CreateGroup(_));
        let changes_rules = |step: &TenantStep| matches!(step.action, TenantAction::ChangeRules { .. });
        let is_incomplete = self.aws.group.present().is_none()
            || self.outcome.done.iter().any(makes_group)
            || self
                .remaining
                .iter()
                .any(|step| makes_group(step) || changes_rules(step));
        if let Some(by) = &self.by
            && (self.aws.group.present().is_none()
                || self
                    .held
                    .iter()
                    .any(|step| makes_group(step) || changes_rules(step)))
        {
            return Part::Known(false, held("the security group would be made exact", by));
        }
        if is_incomplete {
            return Part::fails(Reason::GroupChanging, "the security group is being made exact");
        }
        kept_out(in_force).unwrap_or_else(|| by_origin(in_force.origin, &in_force.access.policy))
    }

    fn hardened(&self, instance: &Part) -> Part {
        if self.aws.bound.is_none() {
            return instance.clone();
        }
        let blocks = [
            Reason::ForeignInstance,
            Reason::SeveralInstances,
            Reason::Vanished,
            Reason::Isolated,
            Reason::IsolatedByHand,
        ];
        if let Some(waiting) = blocks.iter().find_map(|reason| self.waits_for(*reason)) {
            return Part::fails_as(waiting);
        }
        if self.aws.instance.present().is_none() {
            return Part::Unknown;
        }
        let hardens = |step: &TenantStep| {
            !matches!(
                step.action,
                TenantAction::CreateGroup(_) | TenantAction::ChangeRules { .. } | TenantAction::Bind(_)
            ) && !step.action.is_change()
        };
        if let Some(by) = &self.by
            && self.held.iter().any(hardens)
        {
            return Part::Known(false, held(&would(self.held), by));
        }
        if self.remaining.iter().any(hardens) {
            return Part::fails(Reason::Drifted, "changes by others are being undone");
        }
        Part::holds(
            Reason::Succeeded,
            "metadata options, protection, tags, volumes and groups are as they must be",
        )
    }
}

/// What a mode or a suspension lets be written.
pub(in crate::controllers::tenant) fn in_words(reins: &Reins) -> Option<Because> {
    Some(match reins {
        Reins::Enforce => return None,
        Reins::Observe => Because::new(Reason::Observing, "mode Observe writes nothing to AWS"),
        Reins::Protect => Because::new(
            Reason::Protecting,
            "mode Protect writes tags, snapshots and locks only",
        ),
        Reins::Suspended(why) => Because::new(Reason::Suspended, why.clone()),
    })
}

/// What keeps steps from being taken.
fn by_reins(reins: &Reins, planned: Option<&str>) -> Option<Because> {
    let mut because = in_words(reins)?;
    if matches!(reins, Reins::Suspended(_)) {
        because.message = format!("nothing is written to AWS: {}", because.message);
    }
    if let Some(planned) = planned {
        because.message = format!("{} ({planned})", because.message);
    }
    Some(because)
}

/// What would be done, and why it is not.
fn held(what: &str, by: &Because) -> Because {
    Because::new(by.reason, format!("{what}, but {}", by.message))
}

/// What others changed and is left so.
fn would(held: &[TenantStep]) -> String {
    let findings = held.iter().flat_map(|step| &step.findings).count();
    format!("{findings} changes by others would be undone")
}

/// What the status says of failing status checks.
fn failed_before(tenant: &Tenant) -> Option<&str> {
    let status = tenant.status.as_ref()?;
    let instance = find_condition(&status.conditions, ConditionType::InstanceReady.as_str())?;
    let has_failed = instance.reason == Reason::StatusCheckFailed.as_str();
    has_failed.then_some(instance.message.as_str())
}

/// What was accepted and is kept out all the same.
fn kept_out(in_force: &InForce) -> Option<Part> {
    let policy = &in_force.access.policy;
    let overlaps = in_force.overlaps.iter();
    let overlaps: Vec<_> = overlaps
        .map(|(source, network)| format!("{source} overlaps {network}"))
        .collect();
    if !overlaps.is_empty() {
        return Some(Part::fails(
            Reason::CidrOverlapsVpc,
            format!(
                "spec.ingress.cidrs of AccessPolicy {policy}: {}, the VPC where other environments stand, and is \
                 kept out",
                overlaps.join(", ")
            ),
        ));
    }
    let unjudged: Vec<_> = in_force.unjudged.iter().map(ToString::to_string).collect();
    (!unjudged.is_empty()).then(|| {
        Part::fails(
            Reason::ViewStale,
            format!(
                "spec.ingress.cidrs of AccessPolicy {policy}: {} is kept out until the ranges of the VPC are known",
                unjudged.join(", ")
            ),
        )
    })
}

/// An exact group, told by what made it so.
fn by_origin(origin: Origin, policy: &str) -> Part {
    match origin {
        Origin::Policy => Part::holds(
            Reason::GroupExact,
            format!("the security group holds exactly what AccessPolicy {policy} says"),
        ),
        Origin::LastAccepted => Part::holds(
            Reason::LastAcceptedInForce,
            format!(
                "what AccessPolicy {policy} says now cannot be accepted; what it said before stays in force"
            ),
        ),
        Origin::NoPolicy if policy.is_empty() => Part::fails(
            Reason::NoAccessPolicy,
            "no accepted AccessPolicy is for the Tenant: it can be reached from nowhere",
        ),
        Origin::NoPolicy => Part::fails(
            Reason::NoAccessPolicy,
            format!("no accepted AccessPolicy is for the Tenant: what {policy} said stays in force"),
        ),
    }
}
