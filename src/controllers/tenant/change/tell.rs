//! Saying how far a change got.

use jiff::Timestamp;

use crate::{
    api::{ConditionType, PlanInForce, Reason, TenantStatus, time},
    controllers::tenant::report::{TenantOutcome, aws_of, in_words, kept},
    plan::{
        Waiting,
        tenant::{ChangeWish, Reins, TenantAction, TenantWorld},
    },
    report::standing::{Because, Conditions},
};

/// What keeps an instance from being as its plan says, the gravest first.
const NOT_APPLIED: [Reason; 10] = [
    Reason::TypeRefused,
    Reason::VolumeWouldShrink,
    Reason::Unsupported,
    Reason::NoWindow,
    Reason::WaitsForWindow,
    Reason::WaitsForIncident,
    Reason::WaitsForBackup,
    Reason::WaitsForTurn,
    Reason::VolumeCoolingDown,
    Reason::Resizing,
];

/// What a change waits for that costs an environment nothing.
const HARMLESS: [Reason; 6] = [
    Reason::NoWindow,
    Reason::WaitsForWindow,
    Reason::WaitsForIncident,
    Reason::WaitsForBackup,
    Reason::WaitsForTurn,
    Reason::VolumeCoolingDown,
];

fn first_of<'a>(outcome: &'a TenantOutcome, reasons: &[Reason]) -> Option<&'a Waiting> {
    let waiting = &outcome.plan.as_ref()?.waiting_for;
    reasons
        .iter()
        .find_map(|reason| waiting.iter().find(|waiting| waiting.reason == *reason))
}

/// What an environment waits for that is as declared but for a change to come.
pub(in crate::controllers::tenant) fn waits(outcome: &TenantOutcome) -> Option<Because> {
    first_of(outcome, &HARMLESS).map(|waiting| Because::new(waiting.reason, waiting.message.clone()))
}

/// What is known of the instance, with what is wished of it.
fn known(outcome: &TenantOutcome) -> Option<(&ChangeWish, &Reins, &TenantWorld)> {
    let (desired, _) = kept(outcome)?;
    Some((&desired.change, &desired.reins, aws_of(outcome)?))
}

/// Takes into the status what became of a change.
pub(in crate::controllers::tenant) fn take(
    status: &mut TenantStatus,
    outcome: &TenantOutcome,
    now: Timestamp,
) {
    let is_over = |action: &TenantAction| *action == TenantAction::EndChange;
    if outcome.done.iter().any(|step| is_over(&step.action))
        && let Some(change) = &mut status.change
    {
        change.ended_at = Some(time(now));
    }
    let Some((wish, _, aws)) = known(outcome) else {
        return;
    };
    let (Some(size), Some(instance)) = (&wish.size, aws.instance.present()) else {
        return;
    };
    if !instance.state.is_live() || instance.instance_type != size.instance_type {
        return;
    }
    status.plan_in_force = Some(PlanInForce {
        name: size.plan.clone(),
        instance_type: size.instance_type.clone(),
    });
    // The plan was set back to what there is: what AWS refused may be asked for again.
    let is_forgotten = status.change.as_ref().is_some_and(|change| {
        change.ended_at.is_some()
            && change.refused.is_some()
            && change.to.as_ref() != Some(&size.instance_type)
    });
    if is_forgotten {
        status.change = None;
    }
}

/// Says whether the instance is as its plan says; nothing where it always was.
pub(in crate::controllers::tenant) fn tell(conditions: &mut Conditions, outcome: &TenantOutcome) {
    let Some((wish, reins, aws)) = known(outcome) else {
        return;
    };
    let Some(instance) = aws.instance.present().filter(|_| aws.bound.is_some()) else {
        return;
    };
    let type_ = ConditionType::PlanApplied;
    let told = first_of(outcome, &NOT_APPLIED);
    let is_hopeless = told.is_some_and(|told| {
        matches!(
            told.reason,
            Reason::TypeRefused | Reason::VolumeWouldShrink | Reason::Unsupported
        )
    });
    if wish.differs(instance, aws) || is_hopeless {
        let told = told.map(|told| Because::new(told.reason, told.message.clone()));
        let because = told
            .or_else(|| in_words(reins))
            .unwrap_or_else(|| Because::new(Reason::Progressing, "the change is under way"));
        conditions.set(type_, Some(false), &because);
    } else if conditions.find(type_).is_some() {
        let because = Because::new(
            Reason::Succeeded,
            "the instance has the type and the volume sizes of its plan",
        );
        conditions.set(type_, Some(true), &because);
    }
}
