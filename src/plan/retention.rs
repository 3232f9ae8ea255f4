//! Which sets of a Tenant may go: those of days that enough newer good days replace.
//!
//! A set goes only when its *day* is older than as many newest good days as are kept. So that many distinct days
//! remain, whatever is deleted. A set that is no good follows the same rule, and one that a person asked for too: it
//! counts for the day on which AWS began it, and newer days replace it like any other of that day.
//!
//! Days are counted by what AWS shows of each set now, never by what a status says: a status can be edited, and a set
//! can be deleted behind our back. What is not known counts for nothing and is left alone.

use std::collections::BTreeSet;

use jiff::{Timestamp, ToSpan, civil::Date};

use super::slot::Schedule;
use crate::cloud::Observed;

/// What a Backup made, as AWS shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set {
    /// The name of its Backup.
    pub backup: String,
    /// The local date that it counts for.
    pub day: Date,
    /// Whether its Backup is complete, all of it is there, and nothing of it is being deleted: such sets make days good.
    pub is_good: bool,
    /// How many good days it is kept for.
    pub good_days: u32,
    /// Until when AWS refuses to delete some of it; `Absent`: nothing of it is locked.
    pub locked_until: Observed<Timestamp>,
}

/// Why nothing of a Tenant expires, whatever its days are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hold {
    /// The Tenant is gone, or nobody knows where it is: what was made stays.
    TenantGone,
    /// The Tenant is being deleted, which is a release.
    Terminating,
    /// An Incident isolates the Tenant, or a person put it into quarantine: its past is evidence.
    Isolated,
    /// Its policy is suspended: no newer days come.
    Suspended,
    /// The Tenant or its class is suspended: nothing of it is destroyed.
    TenantSuspended,
    /// The Tenant's mode lets the operator only look.
    Observed,
    /// A policy for it was edited and is not accepted: what it asks for may be more days.
    PolicyNotAccepted,
    /// No rules are known.
    NoRules,
    /// The newest good day is so old that something is wrong with its backups.
    NoRecentDay,
}

impl Hold {
    /// Why, for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TenantGone => "the Tenant is gone",
            Self::Terminating => "the Tenant is being deleted",
            Self::Isolated => "the Tenant is isolated",
            Self::Suspended => "its policy is suspended",
            Self::TenantSuspended => "the Tenant or its class is suspended",
            Self::Observed => "the Tenant is in mode Observe",
            Self::PolicyNotAccepted => "a policy for the Tenant is not accepted as it stands",
            Self::NoRules => "no rules are in force",
            Self::NoRecentDay => "the newest good day is more than two days old",
        }
    }
}

/// What becomes of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is of a day that is kept.
    Guaranteed,
    /// Newer days replace it, and this keeps it all the same.
    Held(Hold),
    /// It may go when its locks have ended; `None`: nobody knows when that is.
    Locked(Option<Timestamp>),
    /// It may go.
    Goes,
}

/// The good days among sets.
pub fn good_days<'a>(sets: impl IntoIterator<Item = &'a Observed<Set>>) -> BTreeSet<Date> {
    let known = sets.into_iter().filter_map(Observed::present);
    known.filter(|set| set.is_good).map(|set| set.day).collect()
}

/// Whether enough newer days are good to do without a set.
fn is_replaced(set: &Set, days: &BTreeSet<Date>) -> bool {
    // Where no day is to be kept somebody made a mistake, and it is not ours to delete everything.
    let kept = usize::try_from(set.good_days.max(1)).unwrap_or(usize::MAX);
    let newer = days.iter().rev().take_while(|&&day| day > set.day).take(kept);
    newer.count() >= kept
}

/// What becomes of a set, given the good days of its Tenant.
pub fn fate(set: &Set, days: &BTreeSet<Date>, hold: Option<Hold>, now: Timestamp) -> Fate {
    if !is_replaced(set, days) {
        return Fate::Guaranteed;
    }
    if let Some(hold) = hold {
        return Fate::Held(hold);
    }
    match set.locked_until {
        Observed::Unknown => Fate::Locked(None),
        Observed::Present(until) if until > now => Fate::Locked(Some(until)),
        Observed::Present(_) | Observed::Absent => Fate::Goes,
    }
}

/// What goes of a Tenant's sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention<'a> {
    /// The sets that may go now, oldest first.
    pub expire: Vec<&'a Set>,
    /// When the next may.
    pub next: Option<Timestamp>,
}

/// What goes of a Tenant's sets now.
pub fn plan(sets: &[Observed<Set>], hold: Option<Hold>, now: Timestamp) -> Retention<'_> {
    let days = good_days(sets);
    let mut expire = Vec::new();
    let mut next: Option<Timestamp> = None;
    for set in sets.iter().filter_map(Observed::present) {
        match fate(set, &days, hold, now) {
            Fate::Goes => expire.push(set),
            Fate::Locked(Some(until)) => next = Some(next.map_or(until, |next| next.min(until))),
            Fate::Locked(None) | Fate::Held(_) | Fate::Guaranteed => {}
        }
    }
    expire.sort_by(|a, b| (a.day, &a.backup).cmp(&(b.day, &b.backup)));
    Retention { expire, next }
}

/// From when on a set may go, if every day until then is good: the slot of the day that replaces it, or the end of its
/// locks.
pub fn expires_at(
    day: Date,
    good_days: u32,
    locked_until: Option<Timestamp>,
    schedule: &Schedule,
) -> Option<Timestamp> {
    let span = i64::from(good_days.max(1)).days();
    let replaced_on = day.checked_add(span).ok()?;
    // The zone may never have had that date.
    let slot = schedule
        .slot_on(replaced_on)
        .or_else(|| schedule.slot_on(replaced_on.tomorrow().ok()?))?;
    Some(locked_until.map_or(slot.at, |until| until.max(slot.at)))
}

#[cfg(test)]
mod tests;
