//! Where an Incident stands, in one word.
//!
//! The word is the furthest step that is reached with every step before it, so a customer who was told early does not
//! hide an instance that is still connected:
//!
//! - `Closed`: the spec says closed, every customer was validly told, and nothing is left to undo.
//! - `Recovering`: something was isolated, and containment is back to None.
//! - `Open`: isolation is asked for and not complete, or nothing has happened yet.
//! - `Contained`: isolation is asked for and complete; a customer is still to be told.
//! - `Notified`: every customer was told, and what isolation was asked for is complete.

use super::isolation::Intent;
use crate::api::IncidentPhase;

/// What the phase is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whether the spec says closed.
    pub closed: bool,
    /// What is wanted of the interfaces.
    pub intent: Intent,
    /// Whether every interface stands in quarantine; `None` where that is not known.
    pub contained: Option<bool>,
    /// Whether any interface was ever recorded.
    pub ever_isolated: bool,
    /// Whether nothing is left to undo.
    pub undone: bool,
    /// Whether every customer was validly told.
    pub told: bool,
    /// The phase of the last pass.
    pub before: Option<IncidentPhase>,
}

/// The phase.
pub fn phase(standing: Standing) -> IncidentPhase {
    let Standing {
        closed,
        intent,
        contained,
        ever_isolated,
        undone,
        told,
        before,
    } = standing;
    if before == Some(IncidentPhase::Closed) || (closed && told && undone) {
        return IncidentPhase::Closed;
    }
    if intent != Intent::Isolate {
        return match (ever_isolated, told) {
            (true, _) => IncidentPhase::Recovering,
            (false, true) => IncidentPhase::Notified,
            (false, false) => IncidentPhase::Open,
        };
    }
    // Not knowing is no news: a sweep that failed does not take back that the instance was contained.
    let was_contained = matches!(before, Some(IncidentPhase::Contained | IncidentPhase::Notified));
    match (contained.unwrap_or(was_contained && ever_isolated), told) {
        (false, _) => IncidentPhase::Open,
        (true, false) => IncidentPhase::Contained,
        (true, true) => IncidentPhase::Notified,
    }
}

/// Whether the spec says closed although no valid notice stopped the clock: only a person can mend that.
pub fn is_closed_without_notice(standing: Standing) -> bool {
    standing.closed && !standing.told && standing.before != Some(IncidentPhase::Closed)
}

#[cfg(test)]
mod tests;
