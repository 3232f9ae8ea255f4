//! P45 and P48: customers are told in time, and an incident ends with decisions.

use std::collections::BTreeSet;

use super::{Decision, Facts, Finding, IncidentSummary, fail, idle, list, pass, unknown};

/// P45: every incident was told before its deadline, or still can be.
///
/// A target once missed stays missed for as long as the Incident exists: its record says so for ever.
pub(super) fn tells_in_time(facts: &Facts) -> Finding {
    let incidents = match known(facts) {
        Ok(incidents) => incidents,
        Err(finding) => return finding,
    };
    let named = |holds: &dyn Fn(&IncidentSummary) -> bool| -> BTreeSet<&str> {
        incidents
            .iter()
            .filter(|incident| holds(incident))
            .map(|incident| incident.name.as_str())
            .collect()
    };
    // A time that lies ahead tells nothing yet.
    let told_at = |incident: &IncidentSummary| incident.notified_at.filter(|at| *at <= facts.now);
    let is_late = |incident: &IncidentSummary| {
        incident
            .notify_by
            .is_some_and(|by| told_at(incident).unwrap_or(facts.now) > by)
    };
    let late = named(&|incident| incident.breached || is_late(incident));
    if !late.is_empty() {
        return fail(format!("target missed: {}", list(late)));
    }
    let undated = named(&|incident| incident.notify_by.is_none());
    if !undated.is_empty() {
        return unknown(format!("no deadline is known: {}", list(undated)));
    }
    let running = named(&|incident| told_at(incident).is_none());
    if running.is_empty() {
        return pass("every Incident was told in time");
    }
    pass(format!("the time to tell has not run out: {}", list(running)))
}

/// P48: what was closed was closed on all four decisions.
pub(super) fn closes_on_four_decisions(facts: &Facts) -> Finding {
    let incidents = match known(facts) {
        Ok(incidents) => incidents,
        Err(finding) => return finding,
    };
    let closed = || incidents.iter().filter(|incident| incident.closed);
    let undecided: BTreeSet<&str> = closed()
        .filter(|incident| {
            !Decision::ALL
                .iter()
                .all(|decision| incident.decisions.contains(decision))
        })
        .map(|incident| incident.name.as_str())
        .collect();
    if !undecided.is_empty() {
        return fail(format!("closed without all four decisions: {}", list(undecided)));
    }
    if closed().next().is_none() {
        return idle("no Incident has been closed yet");
    }
    pass("every closed Incident has all four decisions")
}

fn known(facts: &Facts) -> Result<&[IncidentSummary], Finding> {
    match &facts.incidents {
        None => Err(unknown("the Incidents are not known")),
        Some(incidents) if incidents.is_empty() => Err(idle("there is no Incident")),
        Some(incidents) => Ok(incidents),
    }
}

#[cfg(test)]
mod tests;
