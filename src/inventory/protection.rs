//! Which instances are protected from termination.
//!
//! No listing shows it: it takes a call per instance. So a few are read each sweep, the oldest reading first.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::Timestamp;

use super::facts::Turn;
use crate::{clock::elapsed, cloud::InstanceId};

/// How many readings a second the rotation may take: a twentieth of the 20 a second that AWS allows of this call.
const READINGS_PER_SECOND: u64 = 1;

/// The readings of a first sweep, and the least span that later ones are counted for: one second of AWS's whole
/// rate. Nothing is known after a start, and the call has a bucket of 100 that nothing else draws from.
const FIRST_READINGS: usize = 20;

/// At most so many at once, however long the last sweep is ago: more than half of AWS's bucket of 100.
const MOST_READINGS: usize = 60;

#[derive(Clone, Copy, Debug)]
struct Reading {
    protected: Option<bool>,
    /// When it was last read or written, or a reading tried.
    turn: Turn,
}

/// The readings so far.
#[derive(Debug, Default)]
pub(super) struct Protection {
    readings: BTreeMap<InstanceId, Reading>,
    known: Arc<BTreeMap<InstanceId, bool>>,
    last_sweep_at: Option<Timestamp>,
}

impl Protection {
    /// What is known, to be shared.
    pub(super) fn known(&self) -> &Arc<BTreeMap<InstanceId, bool>> {
        &self.known
    }

    /// Which of these instances a sweep that begins now reads.
    pub(super) fn due(&mut self, live: Vec<InstanceId>, now: Timestamp) -> Vec<InstanceId> {
        let span = self.last_sweep_at.map(|last| elapsed(last, now));
        self.last_sweep_at = Some(now);
        let mut due = live;
        due.sort_by_key(|id| {
            self.readings
                .get(id)
                .map(|reading| reading.turn)
                .unwrap_or_default()
        });
        due.truncate(allowance(span));
        due
    }

    /// We protected it, or let it go: no reading that began earlier knows better.
    pub(super) fn write(&mut self, id: &InstanceId, protected: bool, turn: Turn) {
        self.set(id, Some(protected), turn);
    }

    /// Takes what a reading found, or that it failed; says whether that changes anything.
    pub(super) fn read(&mut self, id: &InstanceId, found: Option<bool>, begun: Turn) -> bool {
        let last = self.readings.get(id).copied();
        if last.is_some_and(|last| last.turn > begun) {
            return false;
        }
        let before = last.and_then(|last| last.protected);
        // A failed reading proves nothing, but the next instance has its turn.
        let after = found.or(before);
        self.set(id, after, begun);
        after != before
    }

    /// Forgets what no longer exists.
    pub(super) fn retain(&mut self, exists: impl Fn(&InstanceId) -> bool) {
        self.readings.retain(|id, _| exists(id));
        if self.known.keys().any(|id| !exists(id)) {
            Arc::make_mut(&mut self.known).retain(|id, _| exists(id));
        }
    }

    fn set(&mut self, id: &InstanceId, protected: Option<bool>, turn: Turn) {
        self.readings.insert(id.clone(), Reading { protected, turn });
        if let Some(protected) = protected
            && self.known.get(id) != Some(&protected)
        {
            Arc::make_mut(&mut self.known).insert(id.clone(), protected);
        }
    }
}

/// How many readings a sweep may take, so long after the one before.
pub(super) fn allowance(span: Option<Duration>) -> usize {
    let Some(span) = span else {
        return FIRST_READINGS;
    };
    let earned = span.as_secs().saturating_mul(READINGS_PER_SECOND);
    usize::try_from(earned)
        .unwrap_or(MOST_READINGS)
        .clamp(1, MOST_READINGS)
}
