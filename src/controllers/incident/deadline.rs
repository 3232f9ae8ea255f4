//! The clock of an Incident, in words: what the status says of it, and the edges worth telling.

use jiff::{Timestamp, Unit};

use super::IncidentDesired;
use crate::{
    api::{ConditionType, Incident, IncidentStatus, ReachedTenant, Reason, time},
    cluster::Happened,
    plan::incident::notice::{self, Facts, Notice, Record, Stage},
    report::{conditions::find_condition, standing::Because},
};

/// Reads the clock.
pub(super) fn read(
    incident: &Incident,
    desired: &IncidentDesired,
    before: &IncidentStatus,
    now: Timestamp,
) -> Notice {
    let record = Record {
        notify_by: before.notify_by.as_ref().map(|at| at.0),
        reached: before
            .reached
            .iter()
            .map(|one| (one.tenant.clone(), one.at.0))
            .collect(),
        breached: before.breached.unwrap_or_default(),
    };
    let detected_at = incident.spec.detected_at.0;
    let created_at = incident.metadata.creation_timestamp.as_ref().map(|at| at.0);
    let facts = Facts {
        detected_at,
        created_at: created_at.unwrap_or(detected_at),
        within: desired.within,
        tenants: &desired.channels,
        notifications: &incident.spec.notifications,
    };
    notice::read(facts, &record, now)
}

/// How far it has come.
pub(super) fn because(desired: &IncidentDesired, notice: &Notice) -> Because {
    let by = deadline(notice);
    let waiting: Vec<_> = desired
        .channels
        .keys()
        .filter(|tenant| !notice.record.reached.contains_key(*tenant))
        .map(String::as_str)
        .collect();
    let whom = waiting.join(", ");
    match notice.stage {
        Stage::Unset => Because::new(Reason::NotNotified, "no terms are known, so there is no deadline"),
        Stage::Running => Because::new(
            Reason::NotNotified,
            format!("the customer of {whom} must be told by {by}"),
        ),
        Stage::Half => Because::new(
            Reason::NotifyHalfSpent,
            format!("half of the time is spent: the customer of {whom} must be told by {by}"),
        ),
        Stage::ThreeQuarters => Because::new(
            Reason::NotifyMostSpent,
            format!("three quarters of the time are spent: the customer of {whom} must be told by {by}"),
        ),
        Stage::Overdue => Because::new(
            Reason::NotifyOverdue,
            format!("the customer of {whom} was not told by {by}: call now, the breach stays on record"),
        ),
        Stage::Told => Because::new(Reason::Reached, "every customer was reached in time"),
        Stage::ToldLate => Because::new(
            Reason::Reached,
            format!("every customer was reached, but not by {by}"),
        ),
    }
}

fn deadline(notice: &Notice) -> String {
    let by = notice.record.notify_by.map(time);
    by.map(|at| at.0.to_string()).unwrap_or_default()
}

/// What has changed since the status was written.
pub(super) fn edges(
    desired: &IncidentDesired,
    before: &IncidentStatus,
    notice: &Notice,
    now: Timestamp,
) -> Vec<Happened> {
    let because = because(desired, notice);
    let mut events = Vec::new();
    if notice.record.breached && !before.breached.unwrap_or_default() {
        let by = deadline(notice);
        let message = format!("breached: the customer was not told by {by}");
        events.push(Happened::warning(Reason::NotifyOverdue, message));
    }
    if notice.notified_at.is_some() && before.notified_at.is_none() {
        events.push(Happened::normal(because.reason, because.message.clone()));
    }
    let known = find_condition(&before.conditions, ConditionType::Notified.as_str());
    let known = known.map(|condition| condition.reason.as_str());
    if matches!(notice.stage, Stage::Half | Stage::ThreeQuarters) && known != Some(because.reason.as_str()) {
        let left = notice
            .record
            .notify_by
            .map(|by| time_left(now, by))
            .unwrap_or_default();
        events.push(Happened::warning(
            because.reason,
            format!("notification deadline in {left}"),
        ));
    }
    events
}

/// The record, as the status holds it.
pub(super) fn reached(notice: &Notice) -> Vec<ReachedTenant> {
    let reached = notice.record.reached.iter();
    reached
        .map(|(tenant, at)| ReachedTenant {
            tenant: tenant.clone(),
            at: time(*at),
        })
        .collect()
}

/// The time until `by` in whole hours, or in minutes when it is less than two hours.
fn time_left(now: Timestamp, by: Timestamp) -> String {
    let minutes = by.duration_since(now).as_secs().max(0) / 60;
    let hours = by
        .since(now)
        .and_then(|span| span.total(Unit::Hour))
        .unwrap_or_default()
        .round();
    if minutes < 120 {
        format!("{minutes} min")
    } else {
        format!("{hours} h")
    }
}
