//! Which slots of a Tenant want a Backup object now, and what becomes of each.

use std::{collections::BTreeSet, ops::Bound, time::Duration};

use jiff::{Timestamp, civil::Date};

use super::{Schedule, Slot};
use crate::clock::{elapsed, later};

/// How long after its slot a run still begins where its policy does not say: half of the day between two slots.
/// Earlier, and an outage of a night loses the day; later, and the run stands nearer to the next slot than to its own.
pub const STARTING_DEADLINE: Duration = Duration::from_secs(12 * 60 * 60);

/// Up to here a run is on time: a restarted or succeeding operator acts within a minute, and a slow start of
/// its control plane takes a few. The promise itself is judged by the measured skew, not by this.
pub const ON_TIME: Duration = Duration::from_secs(5 * 60);

/// For how many local dates back an outage is written down, date by date. A week of Missed says all there is to
/// say, and a clock or an etcd that went astray must not make a thousand objects. (Good days show older holes.)
pub const MISSED_DATES: usize = 7;

/// The schedule in force for a Tenant, and since when.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// The schedule.
    pub schedule: Schedule,
    /// Creation of the policy; `None` where the terms rule, which always did.
    pub created: Option<Timestamp>,
    /// The last accepted change of the time or the zone.
    pub changed: Option<Timestamp>,
    /// How long after its slot a run still begins.
    pub starting_deadline: Duration,
    /// While no run begins.
    pub suspended: Option<Suspended>,
    /// How many good days are kept: sets of dates before so many newer ones may be gone, and their objects with them.
    pub good_days: u32,
}

impl Rule {
    /// A schedule that always was, and of which nothing else is said: nothing is ever replaced.
    pub fn always(schedule: Schedule) -> Self {
        Self {
            schedule,
            created: None,
            changed: None,
            starting_deadline: STARTING_DEADLINE,
            suspended: None,
            good_days: u32::MAX,
        }
    }
}

/// A span in which no run begins, asked for by a person: what falls due in it is written down and not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suspended {
    /// From here on.
    pub since: Timestamp,
    /// Up to here.
    pub until: Timestamp,
}

impl Suspended {
    /// Whether an instant lies in it.
    pub fn covers(&self, at: Timestamp) -> bool {
        self.since <= at && at < self.until
    }
}

/// What is known of one Tenant.
#[derive(Clone, Copy, Debug)]
pub struct History<'a> {
    /// When it was Ready for the first time; until then nothing is due.
    pub first_ready: Option<Timestamp>,
    /// The scheduled times of its Backup objects.
    pub taken: &'a BTreeSet<Timestamp>,
    /// The slots of its snapshots in AWS.
    pub sets: &'a BTreeSet<Timestamp>,
}

/// What becomes of a slot. The Backup object keeps the word in `spec.reason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Decision {
    /// It runs on time.
    Run,
    /// It runs, later than it should have.
    Late,
    /// Too late to run: written down, not run.
    Missed,
    /// A person suspended the policy: written down, not run.
    Suspended,
    /// It ran before, and its object was lost: the object is made again from the tags in AWS.
    Found,
}

impl Decision {
    /// Every decision.
    pub const ALL: [Self; 5] = [Self::Run, Self::Late, Self::Missed, Self::Suspended, Self::Found];

    /// The word that stands in the Backup object.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Run => "Scheduled",
            Self::Late => "Late",
            Self::Missed => "Missed",
            Self::Suspended => "Suspended",
            Self::Found => "Found",
        }
    }

    /// The decision that a Backup object of a slot keeps; `None` for any other reason.
    pub fn parse(reason: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|decision| decision.as_str() == reason)
    }
}

/// A slot that wants a Backup object now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// The slot.
    pub slot: Slot,
    /// What becomes of it.
    pub decision: Decision,
}

/// The slots that want a Backup object now, oldest first.
///
/// Per Tenant and local date there is one at most; an object that is there, of whatever outcome, is that one.
pub fn due(rule: &Rule, history: &History<'_>, now: Timestamp) -> Vec<Due> {
    let taken = dates(rule, history.taken);
    let held = dates(rule, history.sets);
    let mut found = Vec::new();
    let mut date = rule.schedule.local_date(now);
    for _ in 0..MISSED_DATES {
        if !taken.contains(&date)
            && let Some(due) = due_on(rule, history, date, now)
            && !(due.is_over() && is_replaced(rule, &held, date))
        {
            found.push(due);
        }
        let Ok(yesterday) = date.yesterday() else { break };
        date = yesterday;
    }
    found.reverse();
    found
}

/// The next slot that will want a Backup object, run or not, if nothing changes; `None` for a Tenant that was never
/// Ready.
pub fn next_due(rule: &Rule, history: &History<'_>, now: Timestamp) -> Option<Timestamp> {
    next(rule, history, now, |_| true)
}

/// The next slot that will run, if nothing changes; `None` for a Tenant that was never Ready.
pub fn next_run(rule: &Rule, history: &History<'_>, now: Timestamp) -> Option<Timestamp> {
    next(rule, history, now, |slot| {
        rule.suspended.is_none_or(|suspended| !suspended.covers(slot))
    })
}

fn next(
    rule: &Rule,
    history: &History<'_>,
    now: Timestamp,
    counts: impl Fn(Timestamp) -> bool,
) -> Option<Timestamp> {
    history.first_ready?;
    let taken = dates(rule, history.taken);
    let mut slot = rule.schedule.next_after(now)?;
    // Only the present date and, over a changed zone, the one after can be taken; a suspension lasts some days.
    while taken.contains(&slot.date) || !counts(slot.at) {
        slot = rule.schedule.next_after(slot.at)?;
    }
    Some(slot.at)
}

fn dates(rule: &Rule, slots: &BTreeSet<Timestamp>) -> BTreeSet<Date> {
    slots.iter().map(|&at| rule.schedule.date_of(at)).collect()
}

impl Due {
    /// Whether it is only written down.
    fn is_over(&self) -> bool {
        matches!(self.decision, Decision::Missed | Decision::Suspended)
    }
}

/// Whether AWS holds sets of so many newer dates that the date's own may have been deleted for them. Without its object
/// nobody knows what became of it, and it is not called missed.
fn is_replaced(rule: &Rule, held: &BTreeSet<Date>, date: Date) -> bool {
    let newer = held.range((Bound::Excluded(date), Bound::Unbounded)).count();
    u32::try_from(newer).is_ok_and(|newer| newer >= rule.good_days)
}

fn due_on(rule: &Rule, history: &History<'_>, date: Date, now: Timestamp) -> Option<Due> {
    let slot = rule.schedule.slot_on(date)?;
    let began = history.first_ready?.max(rule.created.unwrap_or(Timestamp::MIN));
    if slot.at > now || slot.at <= began {
        return None;
    }
    let moved = match rule.changed {
        Some(changed) if slot.at <= changed => Some(changed),
        _ => None,
    };
    if let Some(changed) = moved
        && rule.schedule.local_date(changed) != date
    {
        // What was due before the change was the old schedule's business.
        return None;
    }
    let is_too_late = now > later(moved.unwrap_or(slot.at), rule.starting_deadline);
    // One that came due before the suspension and could still begin does not begin in it either.
    let is_suspended = rule
        .suspended
        .is_some_and(|suspended| suspended.covers(slot.at) || (!is_too_late && suspended.covers(now)));
    let decision = if history.sets.contains(&slot.at) {
        Decision::Found
    } else if is_suspended {
        Decision::Suspended
    } else if is_too_late {
        Decision::Missed
    } else if moved.is_some() || elapsed(slot.at, now) > ON_TIME {
        // An edit that moved the time into the past of a date without a slot: at once rather than not at all.
        Decision::Late
    } else {
        Decision::Run
    };
    Some(Due { slot, decision })
}

#[cfg(test)]
mod tests;
