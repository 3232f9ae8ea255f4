//! How many good days of backups a Tenant holds, and whether that is what was promised.

use std::{collections::BTreeSet, time::Duration};

use jiff::{Timestamp, civil::Date};

use super::slot::Schedule;
use crate::{
    api::{Backup, BackupPhase, Method, MethodState, MethodStatus, Reason},
    clock::{elapsed, later},
    terms,
};

/// Up to here from its slot a set counts for the slot's date. Beyond, the instant that AWS gives it says which date
/// it is of: a run of the evening is not of the morning.
const SAME_DAY: Duration = Duration::from_secs(2 * 60 * 60);

/// The days with a good set that are still held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GoodDays {
    /// The days.
    pub days: BTreeSet<Date>,
    /// When AWS began the newest good set.
    pub newest_at: Option<Timestamp>,
}

/// The local date that a Backup counts for; `None` while AWS has not begun it.
///
/// By its slot and by AWS's own times, never by a field that a user can set.
pub fn day_of(backup: &Backup, schedule: &Schedule) -> Option<Date> {
    let began = began(backup)?;
    let slot = backup.spec.scheduled_time.as_ref().map(|time| time.0);
    Some(match slot {
        Some(slot) if elapsed(slot, began) <= SAME_DAY && elapsed(began, slot) <= SAME_DAY => {
            schedule.date_of(slot)
        }
        Some(_) | None => schedule.local_date(began),
    })
}

/// The good days among a Tenant's Backups: those on which one Backup has every effective method, and has it still.
pub fn good_days<'a>(
    backups: impl IntoIterator<Item = &'a Backup>,
    schedule: &Schedule,
    methods: &[Method],
) -> GoodDays {
    let mut good = GoodDays::default();
    for backup in backups {
        if !is_held(backup) || !methods.iter().all(|&method| has_succeeded(backup, method)) {
            continue;
        }
        if let Some(day) = day_of(backup, schedule) {
            good.days.insert(day);
            good.newest_at = good.newest_at.max(began(backup));
        }
    }
    good
}

/// Whether a Backup is complete, and everything it made is there still.
pub fn is_held(backup: &Backup) -> bool {
    backup.status.as_ref().and_then(|status| status.phase) == Some(BackupPhase::Complete)
}

/// When AWS began the first method of a Backup.
pub fn began(backup: &Backup) -> Option<Timestamp> {
    methods(backup)
        .filter_map(|method| method.started_at.as_ref())
        .map(|time| time.0)
        .min()
}

fn has_succeeded(backup: &Backup, method: Method) -> bool {
    methods(backup).any(|status| status.method == method && status.state == MethodState::Complete)
}

fn methods(backup: &Backup) -> impl Iterator<Item = &MethodStatus> {
    backup.status.iter().flat_map(|status| &status.methods)
}

/// What decides whether a Tenant is protected.
#[derive(Clone, Debug)]
pub struct Protection<'a> {
    /// When it was Ready for the first time.
    pub first_ready: Option<Timestamp>,
    /// The policy in force; `None` where the terms rule.
    pub policy: Option<&'a str>,
    /// The schedule in force.
    pub schedule: &'a Schedule,
    /// How long after its slot a run may still be under way.
    pub longest_run: Duration,
    /// The methods in force.
    pub methods: &'a [Method],
    /// What the terms promise.
    pub promised: &'a BTreeSet<terms::Method>,
    /// How many good days are to be held.
    pub wanted: u32,
    /// The good days held.
    pub good: &'a GoodDays,
}

/// Whether a Tenant is backed up as the terms promise: status, reason and message of its condition `Protected`.
///
/// The message names no date and no count beyond what is wanted, so that it changes only when the answer does.
pub fn protection(facts: &Protection<'_>, now: Timestamp) -> (bool, Reason, String) {
    if facts.first_ready.is_none() {
        let message = "backups begin when the Tenant was Ready for the first time".to_owned();
        return (false, Reason::NeverReady, message);
    }
    let held = held(facts);
    if let Some(missing) = missing(facts) {
        let message = format!("the terms promise {missing}, which this release does not back up; {held}");
        return (false, Reason::MethodsMissing, message);
    }
    if facts.good.days.is_empty() {
        return (false, Reason::NoBackupYet, held);
    }
    if is_overdue(facts, now) {
        return (
            false,
            Reason::BackupOverdue,
            format!("the last day that was due has no complete backup; {held}"),
        );
    }
    match facts.policy {
        Some(policy) => (
            true,
            Reason::ByPolicy,
            format!("by BackupPolicy {policy}; {held}"),
        ),
        None => (
            true,
            Reason::ByTerms,
            format!("by the terms, as no BackupPolicy is for the Tenant; {held}"),
        ),
    }
}

/// Whether the newest date whose run must have ended by now has no good set, nor any date since.
pub fn is_overdue(facts: &Protection<'_>, now: Timestamp) -> bool {
    let Some(first_ready) = facts.first_ready else {
        return false;
    };
    let mut last = None;
    let mut date = facts.schedule.local_date(now);
    // A run lasts a day at most, and a slot may lie on the day after its own, so the newest that ended is of today or
    // one of the three days before.
    for _ in 0..4 {
        let slot = facts.schedule.slot_on(date);
        last = last.or(slot.filter(|slot| slot.at > first_ready && later(slot.at, facts.longest_run) <= now));
        let Ok(yesterday) = date.yesterday() else { break };
        date = yesterday;
    }
    last.is_some_and(|slot| facts.good.days.last().is_none_or(|newest| *newest < slot.date))
}

fn held(facts: &Protection<'_>) -> String {
    let days = u32::try_from(facts.good.days.len())
        .unwrap_or(u32::MAX)
        .min(facts.wanted);
    format!("good days held: {days} of {}", facts.wanted)
}

/// What the terms promise and nothing backs up, as `Files and Database`.
fn missing(facts: &Protection<'_>) -> Option<String> {
    let effective: BTreeSet<_> = facts.methods.iter().map(|&method| promised_as(method)).collect();
    let names: Vec<_> = facts
        .promised
        .difference(&effective)
        .map(ToString::to_string)
        .collect();
    (!names.is_empty()).then(|| names.join(" and "))
}

/// The method as terms name it.
pub fn promised_as(method: Method) -> terms::Method {
    match method {
        Method::Snapshot => terms::Method::Snapshot,
    }
}

/// The methods of this build, as terms name them: what terms promise beyond them cannot be done.
pub fn available(promised: &BTreeSet<terms::Method>) -> Vec<Method> {
    let has = |method: &&Method| promised.contains(&promised_as(**method));
    Method::ALL.iter().filter(has).copied().collect()
}

#[cfg(test)]
mod tests;
