//! To whom copies are opened by name.
//!
//! AWS lists what everybody may use; to which accounts else a copy is opened takes a call per copy. So a few are read
//! each time, in rotation: what was never read first, the newest complete day before all others, then the oldest
//! reading. The rotation takes a twentieth of the calls that AWS allows, and gets longer with the copies, not dearer.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;

use super::{facts::Turn, protection::allowance};
use crate::{clock::elapsed, cloud::Sharing};

/// What nobody but its owner may use.
static PRIVATE: Sharing = Sharing {
    public: false,
    accounts: BTreeSet::new(),
};

/// Which of several copies that were never read comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    /// It holds nothing yet that anybody could take.
    pub(super) is_pending: bool,
    /// Newest first.
    pub(super) begun_at: std::cmp::Reverse<Timestamp>,
}

#[derive(Clone, Copy, Debug)]
struct Reading {
    /// When it had its turn.
    turn: Turn,
    /// No reading that began earlier is believed.
    valid_from: Turn,
    /// When it was last read, in seconds; or first seen.
    at: i64,
    is_read: bool,
}

/// The readings of one kind of copy.
#[derive(Debug)]
pub(super) struct Rotation<Id: Ord> {
    readings: Arc<BTreeMap<Id, Reading>>,
    /// What is open to anybody, of what was read.
    open: Arc<BTreeMap<Id, Sharing>>,
    last_at: Option<Timestamp>,
    length: Option<Duration>,
}

impl<Id: Ord> Clone for Rotation<Id> {
    fn clone(&self) -> Self {
        Self {
            readings: Arc::clone(&self.readings),
            open: Arc::clone(&self.open),
            last_at: self.last_at,
            length: self.length,
        }
    }
}

impl<Id: Ord> Default for Rotation<Id> {
    fn default() -> Self {
        Self {
            readings: Arc::default(),
            open: Arc::default(),
            last_at: None,
            length: None,
        }
    }
}

impl<Id: Clone + Debug + Ord> Rotation<Id> {
    /// To whom it is opened, as of its last turn; `None` before the first.
    pub(super) fn of(&self, id: &Id) -> Option<&Sharing> {
        let reading = self.readings.get(id)?;
        reading.is_read.then(|| self.open.get(id).unwrap_or(&PRIVATE))
    }

    /// What is open to anybody.
    pub(super) fn open(&self) -> &BTreeMap<Id, Sharing> {
        &self.open
    }

    /// How long the copy waited that waited longest, as of the last turn; `None` while there is none.
    pub(super) fn length(&self) -> Option<Duration> {
        self.length
    }

    /// Which of these copies have their turn now.
    pub(super) fn due(&mut self, guarded: Vec<(Id, Rank)>, now: Timestamp) -> Vec<Id> {
        let span = self.last_at.map(|last| elapsed(last, now));
        self.last_at = Some(now);
        self.keep(&guarded, now);
        let turn_of = |id: &Id| {
            self.readings
                .get(id)
                .map(|reading| reading.turn)
                .unwrap_or_default()
        };
        let mut due: Vec<_> = guarded
            .into_iter()
            .map(|(id, rank)| (turn_of(&id), rank, id))
            .collect();
        let count = allowance(span).min(due.len());
        if count < due.len() {
            due.select_nth_unstable(count);
            due.truncate(count);
        }
        due.sort_unstable();
        due.into_iter().map(|(_, _, id)| id).collect()
    }

    /// Knows of these and no others.
    fn keep(&mut self, guarded: &[(Id, Rank)], now: Timestamp) {
        let new: Vec<_> = guarded
            .iter()
            .filter(|(id, _)| !self.readings.contains_key(id))
            .collect();
        if self.readings.len() + new.len() > guarded.len() {
            let guarded: BTreeSet<_> = guarded.iter().map(|(id, _)| id).collect();
            Arc::make_mut(&mut self.readings).retain(|id, _| guarded.contains(id));
            if self.open.keys().any(|id| !guarded.contains(id)) {
                Arc::make_mut(&mut self.open).retain(|id, _| guarded.contains(id));
            }
        }
        if !new.is_empty() {
            let readings = Arc::make_mut(&mut self.readings);
            readings.extend(new.into_iter().map(|(id, _)| (id.clone(), Reading::new(now))));
        }
    }

    /// Takes what readings found that began then, or that they failed; gives those of which something else is known.
    pub(super) fn read(&mut self, found: Vec<(Id, Option<Sharing>)>, begun: Turn, now: Timestamp) -> Vec<Id> {
        let mut changed = Vec::new();
        for (id, sharing) in found {
            let Some(reading) = Arc::make_mut(&mut self.readings).get_mut(&id) else {
                continue;
            };
            if reading.valid_from > begun {
                continue;
            }
            // A failed reading proves nothing, but the next copy has its turn.
            reading.turn = begun;
            let Some(sharing) = sharing else { continue };
            reading.valid_from = begun;
            reading.at = now.as_second();
            let was_read = std::mem::replace(&mut reading.is_read, true);
            let before = self.open.get(&id).unwrap_or(&PRIVATE);
            if *before != sharing || (!was_read && !sharing.is_private()) {
                self.set(&id, sharing);
                changed.push(id);
            }
        }
        let oldest = self.readings.values().map(|reading| reading.at).min();
        self.length = oldest.map(|at| {
            let waited = now.as_second().saturating_sub(at);
            Duration::from_secs(u64::try_from(waited).unwrap_or_default())
        });
        changed
    }

    /// We closed it: no reading that began earlier knows better, and the next turn is its, to read that back.
    pub(super) fn closed(&mut self, id: &Id, turn: Turn) {
        if let Some(reading) = Arc::make_mut(&mut self.readings).get_mut(id) {
            reading.turn = Turn::default();
            reading.valid_from = turn;
        }
        if self.open.contains_key(id) {
            self.set(id, Sharing::default());
        }
    }

    fn set(&mut self, id: &Id, sharing: Sharing) {
        let open = Arc::make_mut(&mut self.open);
        if sharing.is_private() {
            open.remove(id);
        } else {
            open.insert(id.clone(), sharing);
        }
    }
}

impl Reading {
    fn new(now: Timestamp) -> Self {
        Self {
            turn: Turn::default(),
            valid_from: Turn::default(),
            at: now.as_second(),
            is_read: false,
        }
    }
}
