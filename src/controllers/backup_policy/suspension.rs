//! What a policy says of its suspension: a condition while it stands, and an event when it begins and when it ends.

use crate::{
    api::{BackupPolicyStatus, ConditionType, Reason},
    cluster::Happened,
    plan::backup_policy::{InForce, Suspending},
    report::{conditions::find_condition, standing::Because},
};

/// Whether no backup begins, and why.
pub(super) fn condition(in_force: &InForce) -> (bool, Because) {
    match &in_force.suspending {
        Suspending::No { .. } => (
            false,
            Because::new(Reason::NotSuspended, "no suspension is asked for"),
        ),
        Suspending::Yes { span, is_cut } => {
            let cut = if *is_cut {
                ", seven days after it was asked for, which is the most"
            } else {
                ""
            };
            let message = format!("no backup begins until {}{cut}: {}", span.until.0, why(in_force));
            (true, Because::new(Reason::Suspended, message))
        }
        Suspending::Over { last, is_at_limit } => {
            let message = match (last, is_at_limit) {
                (Some(last), true) => format!(
                    "backups go on since {}: the suspension lasted seven days, which is the most",
                    last.until.0
                ),
                (Some(last), false) => format!("backups go on since {}: the suspension ended", last.until.0),
                (None, _) => "nothing is suspended: spec.suspendUntil has passed".to_owned(),
            };
            (false, Because::new(Reason::SuspensionOver, message))
        }
    }
}

fn why(in_force: &InForce) -> &str {
    let accepted = in_force.accepted.as_ref();
    let reason = accepted.and_then(|accepted| accepted.spec.suspend_reason.as_deref());
    reason.unwrap_or("no reason is given")
}

/// The begin and the end of a suspension, and one that is asked for in vain. `before` is the status until now.
pub(super) fn edges(before: &BackupPolicyStatus, suspending: &Suspending) -> Vec<Happened> {
    let was = find_condition(&before.conditions, ConditionType::Suspended.as_str())
        .map_or(Reason::NotSuspended.as_str(), |condition| {
            condition.reason.as_str()
        });
    let was_in_force = was == Reason::Suspended.as_str();
    let was_over = was == Reason::SuspensionOver.as_str();
    match suspending {
        Suspending::Yes { span, .. } if !was_in_force => vec![Happened::warning(
            Reason::Suspended,
            format!("no backup begins until {}", span.until.0),
        )],
        Suspending::No { .. } | Suspending::Over { .. } if was_in_force => {
            vec![Happened::normal(
                Reason::SuspensionOver,
                "the suspension ended: backups go on",
            )]
        }
        Suspending::Over { is_at_limit, .. } if !was_over => {
            let why = if *is_at_limit {
                "seven days are the most, counted from when it was first asked for"
            } else {
                "spec.suspendUntil has passed"
            };
            vec![Happened::warning(
                Reason::SuspensionOver,
                format!("nothing is suspended: {why}"),
            )]
        }
        _ => Vec::new(),
    }
}
