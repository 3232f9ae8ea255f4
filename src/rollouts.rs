//! What keeps an edit of a class from reaching all its Tenants at once: a slip in a plan must not stop a fleet.
//!
//! Per class, the Tenants that such an edit reached are counted over an hour. The count is made from what their statuses
//! say, so that a restart forgets nothing; what was let through since the last count is added, so that many passes at
//! once do not all find a place free.
//!
//! Deliberately absent: a Tenant's own choice of a plan, which waits for nobody.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;

use crate::clock::{elapsed, later};

/// Over how long is counted.
const HOUR: Duration = Duration::from_secs(60 * 60);

/// One in so many Tenants of a class may be reached in an hour; one always may.
const ONE_IN: usize = 20;

/// How long a count is good for: what another operator let through is not seen sooner.
const COUNTED_FOR: Duration = Duration::from_secs(60);

/// What the caches say of one class.
#[derive(Clone, Debug, Default)]
pub struct Reached {
    /// When an edit of the class last reached each Tenant, by its uid.
    pub at: BTreeMap<String, Timestamp>,
    /// How many Tenants there are.
    pub tenants: usize,
}

#[derive(Debug, Default)]
struct Ledger {
    reached: Reached,
    counted_at: Option<Timestamp>,
}

impl Ledger {
    /// When a place is free for this Tenant; `None`: now.
    fn turn_at(&self, uid: &str, now: Timestamp) -> Option<Timestamp> {
        let recent = self.reached.at.iter();
        let recent: Vec<_> = recent.filter(|(_, at)| elapsed(**at, now) < HOUR).collect();
        let is_among = recent.iter().any(|(other, _)| *other == uid);
        let limit = (self.reached.tenants / ONE_IN).max(1);
        if is_among || recent.len() < limit {
            return None;
        }
        recent.into_iter().map(|(_, at)| later(*at, HOUR)).min()
    }
}

/// How far the edits of every class got.
#[derive(Debug, Default)]
pub struct Rollouts(Mutex<BTreeMap<String, Ledger>>);

impl Rollouts {
    fn ledgers(&self) -> MutexGuard<'_, BTreeMap<String, Ledger>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the count of a class is missing or old.
    pub fn wants_count(&self, class: &str, now: Timestamp) -> bool {
        let ledgers = self.ledgers();
        let counted_at = ledgers.get(class).and_then(|ledger| ledger.counted_at);
        counted_at.is_none_or(|at| elapsed(at, now) >= COUNTED_FOR)
    }

    /// Takes in what the caches say.
    pub fn counted(&self, class: &str, reached: Reached, now: Timestamp) {
        let mut ledgers = self.ledgers();
        let ledger = ledgers.entry(class.to_owned()).or_default();
        let own = std::mem::replace(&mut ledger.reached, reached).at;
        for (uid, at) in own {
            if elapsed(at, now) < HOUR {
                let known = ledger.reached.at.entry(uid).or_insert(at);
                *known = at.max(*known);
            }
        }
        ledger.counted_at = Some(now);
    }

    /// When the turn of a Tenant comes; `None`: now.
    pub fn turn_at(&self, class: &str, uid: &str, now: Timestamp) -> Option<Timestamp> {
        let ledgers = self.ledgers();
        ledgers.get(class).and_then(|ledger| ledger.turn_at(uid, now))
    }

    /// Takes the place of a Tenant; whether one was free.
    pub fn admit(&self, class: &str, uid: &str, now: Timestamp) -> bool {
        let mut ledgers = self.ledgers();
        let ledger = ledgers.entry(class.to_owned()).or_default();
        if ledger.turn_at(uid, now).is_some() {
            return false;
        }
        ledger.reached.at.insert(uid.to_owned(), now);
        true
    }
}

#[cfg(test)]
mod tests;
