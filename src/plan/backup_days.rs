//! How many good days of backups a Tenant holds.

use std::{collections::BTreeSet, time::Duration};

use jiff::{Timestamp, civil::Date};

use super::slot::Schedule;
use crate::{
    api::{Backup, BackupPhase, Method, MethodState, MethodStatus},
    clock::elapsed,
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
    Some(day_of_set(backup, began(backup)?, schedule))
}

/// The local date that a Backup's set counts for which AWS began then.
pub fn day_of_set(backup: &Backup, began: Timestamp, schedule: &Schedule) -> Date {
    let slot = backup.spec.scheduled_time.as_ref().map(|time| time.0);
    match slot {
        Some(slot) if elapsed(slot, began) <= SAME_DAY && elapsed(began, slot) <= SAME_DAY => {
            schedule.date_of(slot)
        }
        Some(_) | None => schedule.local_date(began),
    }
}

/// Whether a Backup is held and has every effective method: what makes its day good.
pub fn is_good(backup: &Backup, methods: &[Method]) -> bool {
    is_held(backup) && methods.iter().all(|&method| has_succeeded(backup, method))
}

/// The good days among a Tenant's Backups: those on which one Backup has every effective method, and has it still.
pub fn good_days<'a>(
    backups: impl IntoIterator<Item = &'a Backup>,
    schedule: &Schedule,
    methods: &[Method],
) -> GoodDays {
    let mut good = GoodDays::default();
    for backup in backups {
        if !is_good(backup, methods) {
            continue;
        }
        if let Some(day) = day_of(backup, schedule) {
            good.days.insert(day);
            good.newest_at = good.newest_at.max(began(backup));
        }
    }
    good
}

/// Whether a Backup is complete, and everything it made is there still, and is to stay.
pub fn is_held(backup: &Backup) -> bool {
    backup
        .status
        .as_ref()
        .is_some_and(|status| status.phase == Some(BackupPhase::Complete) && status.expiring_since.is_none())
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
