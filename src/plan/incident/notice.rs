//! The clock within which the customer is told.
//!
//! It runs from the detection or from the making of the Incident, whichever was earlier, and stops when every Tenant's
//! customer was reached by a channel that the terms take. What was decided once stays: the deadline, the earliest
//! time at which a customer counts as reached, and a breach.
//!
//! Deliberately absent: whether an entry's author told the truth. That an entry cannot be back-dated by more than
//! [`ENTRY_GRACE`] is all that arithmetic can do.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};

use crate::api::{Notification, NotificationChannel, NotificationResult};

/// How long after a call its entry may be written and still count from the call. Long enough for a person who hangs
/// up and writes it down, too short to mend a missed deadline afterwards.
pub const ENTRY_GRACE: Duration = Duration::from_secs(15 * 60);

/// A breach is later than the deadline, and Kubernetes keeps whole seconds: the first one in which it shows.
const BREACH_SHOWS_AFTER: SignedDuration = SignedDuration::from_secs(1);

/// What was decided in an earlier pass and stands in the status.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// The deadline.
    pub notify_by: Option<Timestamp>,
    /// From when each Tenant's customer counts as reached.
    pub reached: BTreeMap<String, Timestamp>,
    /// Whether the deadline was missed.
    pub breached: bool,
}

/// What the clock is read from.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// When it was detected, as the user wrote it.
    pub detected_at: Timestamp,
    /// When the Incident was made.
    pub created_at: Timestamp,
    /// The terms' time, the shortest among the Tenants; `None` where no terms are known.
    pub within: Option<Duration>,
    /// The Tenants, each with the channels that its terms take.
    pub tenants: &'a BTreeMap<String, BTreeSet<NotificationChannel>>,
    /// What was written down.
    pub notifications: &'a [Notification],
}

/// How far the clock has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// No terms are known, so there is no deadline yet.
    Unset,
    /// Less than half of the time is spent.
    Running,
    /// Half of the time is spent.
    Half,
    /// Three quarters of the time are spent.
    ThreeQuarters,
    /// The deadline is missed and the customer still not reached.
    Overdue,
    /// Every customer was reached in time.
    Told,
    /// Every customer was reached, too late.
    ToldLate,
}

/// The clock as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What is decided now.
    pub record: Record,
    /// When the last customer was reached; `None` while one was not.
    pub notified_at: Option<Timestamp>,
    /// How far it has come.
    pub stage: Stage,
    /// When the next of these changes by itself.
    pub look_again: Option<Timestamp>,
}

/// Reads the clock at `now`.
pub fn read(facts: Facts<'_>, record: &Record, now: Timestamp) -> Notice {
    let start = facts.detected_at.min(facts.created_at);
    // Decided once: a later change of the terms neither shortens nor stretches a promise that is running.
    let notify_by = record
        .notify_by
        .or_else(|| facts.within.map(|within| after(start, within)));
    let reached = reached(facts, record, now);
    let notified_at = notified_at(facts, &reached);
    let overdue = notify_by.is_some_and(|notify_by| notified_at.unwrap_or(now) > notify_by);
    let breached = record.breached || overdue;
    let stage = stage(start, notify_by, notified_at, breached, now);
    Notice {
        record: Record {
            notify_by,
            reached,
            breached,
        },
        notified_at,
        stage,
        look_again: look_again(facts, start, notify_by, notified_at, now),
    }
}

/// From when each Tenant's customer counts as reached: the earliest that any entry gives, or gave before.
fn reached(facts: Facts<'_>, record: &Record, now: Timestamp) -> BTreeMap<String, Timestamp> {
    let mut reached = record.reached.clone();
    for entry in effective(facts).filter(|entry| entry.at.0 <= now) {
        let counts_from = if after(entry.at.0, ENTRY_GRACE) >= now {
            entry.at.0
        } else {
            now
        };
        reached
            .entry(entry.tenant.clone())
            .and_modify(|at| *at = counts_from.min(*at))
            .or_insert(counts_from);
    }
    reached
}

/// The entries that stop the clock.
fn effective(facts: Facts<'_>) -> impl Iterator<Item = &Notification> {
    facts.notifications.iter().filter(move |entry| {
        let channels = facts.tenants.get(&entry.tenant);
        entry.result == NotificationResult::Reached
            && channels.is_some_and(|channels| channels.contains(&entry.channel))
    })
}

fn notified_at(facts: Facts<'_>, reached: &BTreeMap<String, Timestamp>) -> Option<Timestamp> {
    let each: Option<Vec<_>> = facts
        .tenants
        .keys()
        .map(|tenant| reached.get(tenant).copied())
        .collect();
    each?.into_iter().max()
}

/// When half, three quarters and all of the time are spent.
fn edges(start: Timestamp, notify_by: Timestamp) -> [Timestamp; 3] {
    let span = notify_by.duration_since(start);
    let part = |quarters: i32| start.checked_add(span / 4 * quarters).unwrap_or(notify_by);
    [part(2), part(3), notify_by]
}

fn stage(
    start: Timestamp,
    notify_by: Option<Timestamp>,
    notified_at: Option<Timestamp>,
    breached: bool,
    now: Timestamp,
) -> Stage {
    if notified_at.is_some() {
        return if breached { Stage::ToldLate } else { Stage::Told };
    }
    let Some(notify_by) = notify_by else {
        return Stage::Unset;
    };
    let [half, three_quarters, _] = edges(start, notify_by);
    match now {
        _ if breached => Stage::Overdue,
        now if now >= three_quarters => Stage::ThreeQuarters,
        now if now >= half => Stage::Half,
        _ => Stage::Running,
    }
}

fn look_again(
    facts: Facts<'_>,
    start: Timestamp,
    notify_by: Option<Timestamp>,
    notified_at: Option<Timestamp>,
    now: Timestamp,
) -> Option<Timestamp> {
    if notified_at.is_some() {
        return None;
    }
    // An entry of a call that is still to be made says nothing yet.
    let announced = effective(facts).map(|entry| entry.at.0);
    let edges = notify_by.into_iter().flat_map(|notify_by| {
        let [half, three_quarters, _] = edges(start, notify_by);
        let shows = notify_by.checked_add(BREACH_SHOWS_AFTER).unwrap_or(notify_by);
        [half, three_quarters, shows]
    });
    announced.chain(edges).filter(|at| *at > now).min()
}

/// `span` after `at`; the end of time where that would lie beyond it.
fn after(at: Timestamp, span: Duration) -> Timestamp {
    at.checked_add(span).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
