//! Locks on the snapshots of a set: until when, and which are missing.
//!
//! A set is locked when it is complete, not when it is begun, though AWS would take both. A pending snapshot has no
//! end of its lock to read back; a set that fails would have taken as many calls of a bucket that others draw from,
//! and under Compliance nobody could ever remove it. What is deleted before the lock is there fails its run, which is
//! tried again.
//!
//! We never shorten a lock, and never unlock.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;

use crate::{
    clock::later,
    cloud::{LockMode, Observed, SnapshotId, SnapshotLock},
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// AWS keeps ends of locks as it likes, to the second or the millisecond.
const TOLERANCE: Duration = Duration::from_secs(1);

/// A lock that would end sooner than this is not worth a call.
const SHORTEST: Duration = Duration::from_secs(60);

/// How the set of a run is to be locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockRule {
    /// The mode of a lock that is new. One that is there keeps its own.
    pub mode: LockMode,
    /// For how many days from its start a set is locked.
    pub days: u32,
    /// Of a set of a guaranteed day: a lock that ends before this is prolonged to a day after it.
    pub holds_until: Option<Timestamp>,
}

/// A lock to set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockStep {
    /// The snapshot.
    pub id: SnapshotId,
    /// The mode.
    pub mode: LockMode,
    /// The end.
    pub until: Timestamp,
    /// Whether somebody removed or shortened the lock that was there.
    pub restores: bool,
}

impl LockStep {
    /// The mode to lock with over the lock that is there by now; `None`: that one lasts as long, or AWS has not said
    /// until when, and it is left as it is. So no lock is ever shortened.
    pub fn over(&self, there: Option<&SnapshotLock>) -> Option<LockMode> {
        match there {
            None => Some(self.mode),
            Some(lock) => (lock.until? < self.until).then_some(lock.mode),
        }
    }
}

/// What is known of the locks of a set, and what is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Locks {
    /// The locks to set.
    pub steps: Vec<LockStep>,
    /// The earliest end, once every snapshot is locked; `Absent`: not all are.
    pub until: Observed<Timestamp>,
}

/// What to lock of a set that began at `began`. `recorded`: until when it was seen to be locked before.
pub(super) fn plan(
    began: Timestamp,
    seen: &BTreeMap<SnapshotId, Observed<SnapshotLock>>,
    rule: &LockRule,
    recorded: Option<Timestamp>,
    now: Timestamp,
) -> Locks {
    let mut locks = Locks {
        steps: Vec::new(),
        until: Observed::Absent,
    };
    let mut ends = Vec::with_capacity(seen.len());
    let mut is_unknown = false;
    for (id, lock) in seen {
        let (mode, end) = match lock {
            Observed::Unknown => {
                is_unknown = true;
                continue;
            }
            Observed::Absent => (rule.mode, None),
            Observed::Present(lock) => match lock.until {
                Some(until) => (lock.mode, Some(until)),
                // AWS has not said when it ends.
                None => {
                    is_unknown = true;
                    continue;
                }
            },
        };
        ends.extend(end.filter(|&end| end > now));
        let until = wanted(began, rule, end);
        let suffices = end.is_some_and(|end| later(end, TOLERANCE) >= until);
        if !suffices && until > later(now, SHORTEST) {
            let was_longer = recorded
                .filter(|&recorded| recorded > now)
                .is_some_and(|recorded| end.is_none_or(|end| later(end, TOLERANCE) < recorded));
            locks.steps.push(LockStep {
                id: id.clone(),
                mode,
                until,
                restores: was_longer,
            });
        }
    }
    locks.until = match ends.iter().min() {
        _ if is_unknown => Observed::Unknown,
        Some(&end) if ends.len() == seen.len() => Observed::Present(end),
        Some(_) | None => Observed::Absent,
    };
    locks
}

/// Until when a snapshot is to be locked whose lock ends now at `end`.
fn wanted(began: Timestamp, rule: &LockRule, end: Option<Timestamp>) -> Timestamp {
    let by_rule = whole_second(later(began, DAY.saturating_mul(rule.days)));
    match rule.holds_until {
        Some(holds_until) if end.unwrap_or(by_rule).max(by_rule) < holds_until => {
            whole_second(later(holds_until, DAY))
        }
        Some(_) | None => by_rule,
    }
}

/// The next whole second, so that what AWS keeps of it is never less.
fn whole_second(at: Timestamp) -> Timestamp {
    let second = at.as_second() + i64::from(at.subsec_nanosecond() > 0);
    Timestamp::from_second(second).unwrap_or(at)
}

#[cfg(test)]
mod tests;
