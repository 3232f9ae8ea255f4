//! Saying how an environment stands.
//!
//! The three conditions that `Ready` is made of are judged each for itself; what is not known keeps its last value.
//! A repair that succeeded is told by an event and in `drift`, and costs no condition.

mod events;
mod parts;
mod planned;
mod rights;

pub(super) use self::parts::in_words;

use std::time::Duration;

use jiff::Timestamp;

use self::{
    parts::{Part, Parts},
    planned::Planned,
};
use super::{
    Desired, InForce, World, change, is_untouched,
    judge::{Judged, judge},
    memory::Memory,
};
use crate::{
    api::{
        ConditionType, Drift, Mode, Reason, Tampering, Tenant, TenantClass, TenantPhase, TenantStatus, time,
    },
    clock::{elapsed, later},
    cloud::{NetworkInterface, Site},
    cluster::{Cluster, Happened, Kind},
    controllers::subnets::LOOK_AFTER_FAILURE,
    engine::{Context, Outcome, Report},
    plan::tenant::{Claim, Finding, TenantAction, TenantDesired, TenantStep, TenantWorld, needs_a_person},
    report::{
        failure,
        standing::{Because, Conditions, Standing},
    },
    text::shortened,
};

/// What a pass of a Tenant came to.
pub(super) type TenantOutcome = Outcome<World, Desired, TenantStep>;

/// How long a deleted Tenant waits for AWS before it goes without its tag.
pub(super) const RELEASE_PATIENCE: Duration = Duration::from_secs(15 * 60);

/// The longest finding that fits the status.
const FOUND_MAX: usize = 1024;

/// What to say.
pub(super) fn report<C: Cluster>(
    ctx: &Context<C>,
    tenant: &Tenant,
    outcome: &TenantOutcome,
    (memory, now): (&Memory, Timestamp),
) -> Report<TenantStatus> {
    if tenant.is_terminating() {
        return report_release(tenant, outcome, now);
    }
    let before = tenant.status.clone().unwrap_or_default();
    let mut status = before.clone();
    status.observed_generation = Some(tenant.generation());
    status.mode = Some(tenant.mode());
    take_facts(&mut status, tenant, outcome);
    change::take(&mut status, outcome, now);
    let findings = findings(outcome);
    take_findings(&mut status, &findings, now);

    let planned = Planned::of(outcome, now);
    let parts = Parts::of(tenant, outcome, planned.summary().as_deref());
    planned.tell(&mut status, |operation| {
        ctx.permissions.permits(class_of(outcome)?.uid(), operation)
    });
    let mut conditions = Conditions::over(&before.conditions, tenant.generation(), now);
    for (type_, part) in parts.each() {
        if let Part::Known(holds, because) = part {
            conditions.set(type_, Some(*holds), because);
        }
    }
    rights::tell(&mut conditions, outcome);
    tell_suspension(&mut conditions, tenant, outcome);
    change::tell(&mut conditions, outcome);
    let site = outcome.world.as_ref().ok().and_then(|world| world.site.as_ref());
    let trouble = site.and_then(|site| ctx.inventories.of(site).trouble());
    let standing = standing(tenant, outcome, &parts, &conditions).with_trouble(trouble);
    if let Some(phase) = phase(&status, outcome, &standing) {
        status.phase = Some(phase);
    }
    // In mode Observe nothing falls due.
    let is_due = matches!(standing, Standing::Ready(_)) && tenant.mode() != Mode::Observe;
    if is_due && status.first_ready_at.is_none() {
        status.first_ready_at = Some(time(now));
    }
    let judged = judge(ctx, tenant, known(outcome), &mut status);
    tell_judged(judged.as_ref(), &mut conditions);
    status.conditions = conditions.settle(&standing);
    let mut events = events::of_findings(outcome);
    events.extend(events::of_edges(&before, &status));
    Report {
        look_again: match awaited_sweep(outcome) {
            Some(site) => Some(later(now, memory.wait_for_sweep(site, now))),
            None => [
                judged.and_then(|judged| judged.look_again),
                unjudged_until(outcome, now),
            ]
            .into_iter()
            .flatten()
            .min(),
        },
        status: Some(status),
        events,
        release: false,
    }
}

/// Writes what was judged into the conditions; what is not known stays as it was said last.
fn tell_judged(judged: Option<&Judged>, conditions: &mut Conditions) {
    let Some(judged) = judged else { return };
    if let Some((holds, because)) = &judged.protected {
        conditions.set(ConditionType::Protected, Some(*holds), because);
    }
    if let Some((holds, because)) = &judged.separated {
        conditions.set(ConditionType::Separated, *holds, because);
    }
}

/// A status that says that work goes on, where none said anything yet: a status without conditions would read as done.
pub(super) fn in_progress(status: &mut TenantStatus, tenant: &Tenant, now: Timestamp) {
    if !status.conditions.is_empty() {
        return;
    }
    status.observed_generation = Some(tenant.generation());
    let because = Because::new(Reason::Launching, "the instance is being made");
    status.conditions = Conditions::over(&[], tenant.generation(), now).settle(&Standing::Working(because));
}

/// The class, where the pass knows one.
fn class_of(outcome: &TenantOutcome) -> Option<&TenantClass> {
    outcome.world.as_ref().ok()?.references.class.as_deref()
}

/// What the pass saw in AWS, where it looked.
pub(super) fn aws_of(outcome: &TenantOutcome) -> Option<&TenantWorld> {
    outcome.world.as_ref().ok()?.aws.as_ref()
}

/// The environment that is wanted, and its firewall; `None` where it is let go, or nothing is known of it.
pub(super) fn kept(outcome: &TenantOutcome) -> Option<(&TenantDesired, &InForce)> {
    match outcome.resolved.as_ref()?.desired.as_ref()? {
        Desired::Kept(desired, in_force) => Some((desired, in_force)),
        Desired::Released(_) => None,
    }
}

/// What the pass learned that no cache shows: whose the label is, and which firewall is in force.
fn known(outcome: &TenantOutcome) -> (Option<&[Claim]>, Option<&InForce>) {
    let claims = outcome
        .world
        .as_ref()
        .ok()
        .map(|world| world.references.claims.as_slice());
    (claims, kept(outcome).map(|(_, in_force)| in_force))
}

/// The site whose first sweep is all that is missing.
fn awaited_sweep(outcome: &TenantOutcome) -> Option<&Site> {
    let world = outcome.world.as_ref().ok()?;
    let is_wanted = outcome
        .resolved
        .as_ref()
        .is_some_and(|resolved| resolved.desired.is_some());
    world.site.as_ref().filter(|_| is_wanted && world.aws.is_none())
}

/// When to look again for the ranges of the VPC, for which sources are kept out.
fn unjudged_until(outcome: &TenantOutcome, now: Timestamp) -> Option<Timestamp> {
    let (_, in_force) = known(outcome);
    let waits = in_force.is_some_and(|in_force| !in_force.unjudged.is_empty());
    waits.then(|| later(now, LOOK_AFTER_FAILURE))
}

/// What was seen in AWS, and what the steps made of it.
fn take_facts(status: &mut TenantStatus, tenant: &Tenant, outcome: &TenantOutcome) {
    status.label = Some(tenant.spec.label.clone());
    let Some(aws) = aws_of(outcome) else { return };
    if let Some((_, in_force)) = kept(outcome)
        && !in_force.access.policy.is_empty()
    {
        status.access = Some(in_force.access.clone());
    }
    if let Some(group) = aws.group.present() {
        status.security_group_id = Some(group.id.to_string());
    }
    if let Some(instance) = aws.instance.present() {
        status.private_ip.clone_from(&instance.private_ip);
        let mut volumes: Vec<_> = instance
            .volumes
            .iter()
            .filter(|volume| !aws.foreign_volumes.contains(&volume.id))
            .map(|volume| volume.id.to_string())
            .collect();
        volumes.sort();
        status.volume_ids = volumes;
    }
    if let Some(groups) = base_groups_left(outcome) {
        status.base_group_ids = Some(groups);
    }
    if let Some(id) = events::bound(outcome) {
        status.instance_id = Some(id.to_string());
    }
}

/// The base groups that every interface carries after this pass; `None` where one does not carry what it should.
fn base_groups_left(outcome: &TenantOutcome) -> Option<Vec<String>> {
    let (desired, _) = kept(outcome)?;
    let aws = aws_of(outcome)?;
    let (instance, own) = (aws.instance.present()?, aws.group.present()?);
    let wanted = desired.interface_groups(&own.id);
    let is_set = |interface: &NetworkInterface| {
        outcome.done.iter().any(
            |step| matches!(&step.action, TenantAction::SetInterfaceGroups(id, _) if *id == interface.id),
        )
    };
    let mut interfaces = instance.interfaces.iter();
    interfaces
        .all(|interface| interface.groups == wanted || is_set(interface))
        .then(|| desired.base_groups.iter().map(ToString::to_string).collect())
}

fn findings(outcome: &TenantOutcome) -> Vec<&Finding> {
    outcome.done.iter().flat_map(|step| &step.findings).collect()
}

fn take_findings(status: &mut TenantStatus, findings: &[&Finding], now: Timestamp) {
    // Of what was found at one time, a rule comes first: it is what opens or closes the environment, and the
    // AccessPolicy tells it too.
    let is_rule = |finding: &&&Finding| matches!(finding.reason, Reason::RuleRevoked | Reason::RuleRestored);
    let Some(last) = findings.iter().rev().find(is_rule).or(findings.last()) else {
        return;
    };
    let count = i32::try_from(findings.len()).unwrap_or(i32::MAX);
    let drift = status.drift.get_or_insert_with(Drift::default);
    drift.count = drift.count.saturating_add(count);
    drift.last_seen_at = Some(time(now));
    status.last_tampering = Some(Tampering {
        at: time(now),
        found: shortened(&last.message, FOUND_MAX),
    });
}

/// Where the environment stands as a whole; the first answer counts.
fn standing(tenant: &Tenant, outcome: &TenantOutcome, parts: &Parts, conditions: &Conditions) -> Standing {
    let refusals = outcome.resolved.iter().flat_map(|resolved| &resolved.refusals);
    let messages: Vec<_> = refusals.clone().map(|refusal| refusal.message.as_str()).collect();
    if let Some(first) = refusals.clone().next() {
        return Standing::Stalled(Because::new(first.reason, messages.join("; ")));
    }
    if let Some(failed) = failed(outcome) {
        return failed;
    }
    let waiting = outcome.plan.iter().flat_map(|plan| &plan.waiting_for);
    if let Some(waiting) = waiting.clone().find(|waiting| needs_a_person(waiting.reason)) {
        return Standing::Stalled(Because::new(waiting.reason, waiting.message.clone()));
    }
    let is_unknown = parts.each().iter().any(|(_, part)| matches!(part, Part::Unknown));
    let is_new = tenant
        .status
        .as_ref()
        .and_then(|status| status.observed_generation)
        != Some(tenant.generation());
    if is_unknown && is_new {
        return Standing::Unknown(Because::new(
            Reason::ViewStale,
            "what AWS holds is not known at the moment",
        ));
    }
    let failing = parts.each().map(|(type_, _)| type_).into_iter();
    let mut failing = failing
        .filter(|type_| !conditions.is_true(*type_))
        .map(|type_| because_of(type_, parts, conditions))
        .peekable();
    let Some(first) = failing.peek().cloned() else {
        let as_declared = || Because::new(Reason::Succeeded, "the environment is as declared");
        return Standing::Ready(change::waits(outcome).unwrap_or_else(as_declared));
    };
    // Looked at, as was asked for: what would be changed is in the plan, and no fault.
    let is_bound = conditions.is_true(ConditionType::InstanceReady);
    match (failing.find(|standing| !is_by_mode(standing)), first) {
        (None, Standing::Resting(because)) if is_bound => Standing::Ready(because),
        (None, first) => first,
        (Some(other), _) => other,
    }
}

/// Whether the mode that was asked for is all that is behind it.
fn is_by_mode(standing: &Standing) -> bool {
    let reasons = [Reason::Observing, Reason::Protecting];
    matches!(standing, Standing::Resting(because) if reasons.contains(&because.reason))
}

/// Says whether somebody suspended the Tenant; nothing where nobody ever did.
fn tell_suspension(conditions: &mut Conditions, tenant: &Tenant, outcome: &TenantOutcome) {
    let Some(class) = class_of(outcome) else { return };
    match tenant.suspended(class) {
        Some(why) => conditions.set(
            ConditionType::Suspended,
            Some(true),
            &Because::new(Reason::Suspended, why),
        ),
        None if conditions.find(ConditionType::Suspended).is_some() => conditions.set(
            ConditionType::Suspended,
            Some(false),
            &Because::new(Reason::NotSuspended, "no suspension is asked for"),
        ),
        None => {}
    }
}

fn failed(outcome: &TenantOutcome) -> Option<Standing> {
    let ((Err(failure), _) | (_, Some((_, failure)))) = (&outcome.world, &outcome.failed) else {
        return None;
    };
    let because = Because::new(failure::reason_of(failure), failure.to_string());
    Some(if outcome.world.is_err() {
        Standing::Unknown(because)
    } else if failure::needs_a_person(failure) {
        Standing::Stalled(because)
    } else {
        Standing::Working(because)
    })
}

/// Not Ready because of this part.
fn because_of(type_: ConditionType, parts: &Parts, conditions: &Conditions) -> Standing {
    let known = parts.each().into_iter().find_map(|(other, part)| match part {
        Part::Known(_, because) if other == type_ => Some(because.clone()),
        Part::Known(..) | Part::Unknown => None,
    });
    match known {
        Some(because) if parts::passes_by_itself(because.reason) => Standing::Working(because),
        Some(because) => Standing::Resting(because),
        None => {
            let message = conditions
                .find(type_)
                .map_or("what AWS holds is not known at the moment", |condition| {
                    condition.message.as_str()
                });
            Standing::Working(Because::new(Reason::ViewStale, message))
        }
    }
}

fn phase(status: &TenantStatus, outcome: &TenantOutcome, standing: &Standing) -> Option<TenantPhase> {
    let waits_for = |reasons: &[Reason]| {
        let mut waiting = outcome.plan.iter().flat_map(|plan| &plan.waiting_for);
        waiting.any(|waiting| reasons.contains(&waiting.reason))
    };
    if waits_for(&[Reason::Isolated, Reason::IsolatedByHand]) {
        return Some(TenantPhase::Isolated);
    }
    if waits_for(&[Reason::StoppedByHand, Reason::StoppedAsAsked, Reason::Stopped]) {
        return Some(TenantPhase::Stopped);
    }
    match standing {
        Standing::Ready(because) | Standing::Resting(because) if because.reason == Reason::Observing => {
            Some(TenantPhase::Observing)
        }
        Standing::Ready(_) => Some(TenantPhase::Ready),
        Standing::Unknown(_) if status.phase.is_some() => None,
        _ if status.instance_id.is_some() => Some(TenantPhase::Degraded),
        _ => Some(TenantPhase::Pending),
    }
}

/// A deleted Tenant: goes once everything in AWS says that it was released, or when AWS stays out of reach.
fn report_release(tenant: &Tenant, outcome: &TenantOutcome, now: Timestamp) -> Report<TenantStatus> {
    let deleted_at = tenant
        .metadata
        .deletion_timestamp
        .as_ref()
        .map_or(now, |time| time.0);
    let before = tenant.status.clone().unwrap_or_default();
    let was_made =
        before.launch.is_some() || before.instance_id.is_some() || before.security_group_id.is_some();
    let is_done = outcome.failed.is_none()
        && outcome
            .plan
            .as_ref()
            .is_some_and(|plan| plan.steps.is_empty() && plan.waiting_for.is_empty());
    let is_out_of_patience = elapsed(deleted_at, now) >= RELEASE_PATIENCE;
    let has_no_class = outcome.world.as_ref().is_ok_and(|world| world.site.is_none());
    let is_untouched = outcome
        .world
        .as_ref()
        .is_ok_and(|world| is_untouched(tenant, world));
    let event = match (is_done, is_out_of_patience) {
        (true, _) if was_made && is_untouched => Some(Happened::normal(
            Reason::ReleasedUntagged,
            "everything in AWS stays as it is, without a tag: the mode or a suspension lets nothing be written",
        )),
        (true, _) if was_made => Some(Happened::normal(
            Reason::Released,
            "everything in AWS stays as it is and carries the tag yagura.dev/released",
        )),
        (true, _) => None,
        (false, _) if has_no_class && !was_made => None,
        (false, true) => Some(Happened::warning(
            Reason::ReleasedUntagged,
            "AWS was out of reach for 15 minutes: what stands there was left as it is, without a tag",
        )),
        (false, false) => return still_releasing(tenant, (before, outcome), deleted_at, now),
    };
    Report {
        status: None,
        events: event.into_iter().collect(),
        look_again: None,
        release: true,
    }
}

fn still_releasing(
    tenant: &Tenant,
    (before, outcome): (TenantStatus, &TenantOutcome),
    deleted_at: Timestamp,
    now: Timestamp,
) -> Report<TenantStatus> {
    let mut status = before;
    status.observed_generation = Some(tenant.generation());
    status.phase = Some(TenantPhase::Deleting);
    status.plan = None;
    let message = "what stands in AWS is being tagged as released";
    let because = match (&outcome.world, &outcome.failed) {
        // For want of a tag nobody has to act: the environment goes without it in the end.
        (Err(failure), _) | (_, Some((_, failure))) => {
            Because::new(failure::reason_of(failure), format!("{message}: {failure}"))
        }
        (Ok(_), None) => Because::new(Reason::Deleting, message),
    };
    status.conditions =
        Conditions::over(&status.conditions, tenant.generation(), now).settle(&Standing::Working(because));
    Report {
        status: Some(status),
        events: Vec::new(),
        look_again: Some(later(deleted_at, RELEASE_PATIENCE).min(later(now, Duration::from_secs(10)))),
        release: false,
    }
}
