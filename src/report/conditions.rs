//! Setting and clearing conditions, so that a transition time moves only with the thing it dates.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

/// `status` of a condition that holds.
pub const TRUE: &str = "True";
/// `status` of a condition that does not hold.
pub const FALSE: &str = "False";
/// `status` of a condition nothing is known about.
pub const UNKNOWN: &str = "Unknown";

/// Puts `next` in the place of the condition of its type, or adds it.
///
/// The transition time stays where the status did not flip: a new reason or message is news, but no transition.
pub fn set_condition(conditions: &mut Vec<Condition>, next: Condition) {
    match conditions.iter_mut().find(|c| c.type_ == next.type_) {
        Some(old) if old.status == next.status => {
            let since = old.last_transition_time.clone();
            *old = Condition {
                last_transition_time: since,
                ..next
            };
        }
        Some(old) => *old = next,
        None => conditions.push(next),
    }
}

/// Takes the condition of this type away: for those that are present only while they are true.
pub fn clear_condition(conditions: &mut Vec<Condition>, type_: &str) {
    conditions.retain(|condition| condition.type_ != type_);
}

/// The condition of this type.
pub fn find_condition<'a>(conditions: &'a [Condition], type_: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.type_ == type_)
}

/// Whether the condition of this type holds.
pub fn is_true(conditions: &[Condition], type_: &str) -> bool {
    find_condition(conditions, type_).is_some_and(|condition| condition.status == TRUE)
}

#[cfg(test)]
mod tests;
