//! Whether AWS permits what the environment may need.
//!
//! Its class asks, and here the answer is only passed on; but a step that was just denied knows better.

use super::{TenantOutcome, class_of};
use crate::{
    api::{ConditionType, Reason},
    engine::Failure,
    plan::permission::missing_rights,
    report::{
        conditions::{FALSE, TRUE, find_condition},
        standing::{Because, Conditions},
    },
};

/// Writes what is known into the conditions.
pub(super) fn tell(conditions: &mut Conditions, outcome: &TenantOutcome) {
    if let (Err(Failure::Cloud(error)), _) | (_, Some((_, Failure::Cloud(error)))) =
        (&outcome.world, &outcome.failed)
        && error.lacks_right()
    {
        let message = missing_rights([error.operation]);
        let because = Because::new(Reason::Denied, message);
        conditions.set(ConditionType::Permitted, Some(false), &because);
        return;
    }
    let status = class_of(outcome).and_then(|class| class.status.as_ref());
    let type_ = ConditionType::Permitted;
    let Some(known) = status.and_then(|status| find_condition(&status.conditions, type_.as_str())) else {
        return;
    };
    let reason = Reason::ALL.iter().find(|reason| reason.as_str() == known.reason);
    let holds = match known.status.as_str() {
        TRUE => Some(true),
        FALSE => Some(false),
        _ => None,
    };
    let reason = reason.copied().unwrap_or(Reason::NotKnown);
    conditions.set(type_, holds, &Because::new(reason, known.message.clone()));
}
