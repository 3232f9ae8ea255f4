//! Who goes next: five lanes in strict precedence, first come first served within each.
//!
//! A lane that got nothing for ten minutes is *starved* and gets one call in ten, until its turn comes by
//! precedence again. Nobody stands in line longer than some seconds, so what a lane was denied is remembered
//! across those who gave up and came back.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;

use super::bucket::Depth;
use crate::{
    clock::{elapsed, later},
    cloud::Lane,
};

/// How long a lane waits without a single call before precedence bends for it. A backup may start an hour after
/// its slot and drift waits for a sweep anyway, so ten minutes harm neither.
const STARVED_AFTER: Duration = Duration::from_secs(600);

/// Of so many calls a starved lane gets one: enough to go on for ever, little enough that those who take
/// precedence do not notice.
const ONE_IN: u32 = 10;

/// A lane in which nobody stood for so long wants nothing any more. Twice the longest back-off of a pass, so
/// that someone who gave up and means to come back is not forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(600);

/// The number of someone in line; later ones are higher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket(u64);

/// The call that goes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) ticket: Ticket,
    pub(super) lane: Lane,
    /// How many instances it touches.
    pub(super) units: u32,
    /// How far down the buckets it may go.
    pub(super) depth: Depth,
}

/// Someone in line.
#[derive(Clone, Copy, Debug)]
struct Entry {
    units: u32,
    deadline: Timestamp,
}

/// One lane.
#[derive(Clone, Debug)]
struct Queue {
    waiting: BTreeMap<Ticket, Entry>,
    /// Since when it wants a call and gets none, or only those that starving earns it.
    unserved_since: Option<Timestamp>,
    /// When the last one in line left it.
    left_at: Timestamp,
    /// How many calls of other lanes went out since its own last one.
    passed_over: u32,
}

impl Queue {
    fn is_starved(&self, now: Timestamp) -> bool {
        self.unserved_since
            .is_some_and(|since| elapsed(since, now) >= STARVED_AFTER)
    }

    /// Whether the next call is its, whatever lane it is.
    fn is_due(&self, now: Timestamp) -> bool {
        !self.waiting.is_empty() && self.passed_over + 1 >= ONE_IN && self.is_starved(now)
    }

    fn first(&self) -> Option<(Ticket, Entry)> {
        self.waiting
            .first_key_value()
            .map(|(ticket, entry)| (*ticket, *entry))
    }
}

/// Everyone who waits to make a call of one operation.
#[derive(Clone, Debug)]
pub(super) struct Lanes {
    queues: BTreeMap<Lane, Queue>,
    next_ticket: u64,
    /// How many of the latest calls in a row were the first lane's.
    contain_run: u32,
}

impl Lanes {
    /// Nobody waits, and nobody waited.
    pub(super) fn new(now: Timestamp) -> Self {
        let empty = Queue {
            waiting: BTreeMap::new(),
            unserved_since: None,
            left_at: now,
            passed_over: 0,
        };
        Self {
            queues: Lane::ALL.into_iter().map(|lane| (lane, empty.clone())).collect(),
            next_ticket: 0,
            contain_run: 0,
        }
    }

    /// Someone takes the last place in a lane, to leave it at `now + patience`.
    pub(super) fn join(&mut self, now: Timestamp, lane: Lane, units: u32, patience: Duration) -> Ticket {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        if let Some(queue) = self.queues.get_mut(&lane) {
            if queue.waiting.is_empty() && elapsed(queue.left_at, now) >= FORGOTTEN_AFTER {
                queue.unserved_since = None;
            }
            if queue.unserved_since.is_none() {
                queue.unserved_since = Some(now);
                queue.passed_over = 0;
            }
            let deadline = later(now, patience);
            queue.waiting.insert(ticket, Entry { units, deadline });
        }
        ticket
    }

    /// Someone leaves without a call; nothing if they are not in line.
    pub(super) fn leave(&mut self, now: Timestamp, ticket: Ticket) {
        for queue in self.queues.values_mut() {
            if queue.waiting.remove(&ticket).is_some() {
                queue.left_at = now;
            }
        }
    }

    /// Sends away whoever waited long enough.
    pub(super) fn expire(&mut self, now: Timestamp) -> Vec<Ticket> {
        let mut expired = Vec::new();
        for queue in self.queues.values_mut() {
            // All are equally patient, so within a lane the first to come is the first to go.
            while let Some((ticket, _)) = queue.first().filter(|(_, entry)| entry.deadline <= now) {
                queue.waiting.remove(&ticket);
                queue.left_at = now;
                expired.push(ticket);
            }
        }
        expired
    }

    /// When the next one will have waited long enough.
    pub(super) fn earliest_deadline(&self) -> Option<Timestamp> {
        let firsts = self.queues.values().filter_map(Queue::first);
        firsts.map(|(_, entry)| entry.deadline).min()
    }

    /// Who goes next.
    pub(super) fn next(&self, now: Timestamp) -> Option<Claim> {
        let first = self.first_lane()?;
        let due = self.due_lane(now, first);
        let lane = match first {
            // An incident yields to starving only when nothing but incidents went out for long.
            Lane::Contain if self.contain_run + 1 < ONE_IN => first,
            _ => due.unwrap_or(first),
        };
        let (ticket, entry) = self.queues.get(&lane)?.first()?;
        Some(Claim {
            ticket,
            lane,
            units: entry.units,
            // Whoever goes before an incident may not make it wait for the reserve to fill up, too.
            depth: if first == Lane::Contain {
                Depth::ToTheBottom
            } else {
                Depth::AboveReserve
            },
        })
    }

    /// Notes that this call, the next one, goes out.
    pub(super) fn serve(&mut self, now: Timestamp, claim: Claim) {
        let by_precedence = self.first_lane() == Some(claim.lane);
        self.contain_run = match claim.lane {
            Lane::Contain => self.contain_run.saturating_add(1),
            _ => 0,
        };
        self.leave(now, claim.ticket);
        for (lane, queue) in &mut self.queues {
            if *lane != claim.lane {
                queue.passed_over = queue.passed_over.saturating_add(1);
                continue;
            }
            queue.passed_over = 0;
            if by_precedence {
                queue.unserved_since = (!queue.waiting.is_empty()).then_some(now);
            }
        }
    }

    fn first_lane(&self) -> Option<Lane> {
        let mut queues = self.queues.iter();
        queues
            .find(|(_, queue)| !queue.waiting.is_empty())
            .map(|(lane, _)| *lane)
    }

    /// The starved lane whose turn it is; among several the one that was passed over most.
    fn due_lane(&self, now: Timestamp, first: Lane) -> Option<Lane> {
        let lanes = self.queues.iter();
        let due = lanes.filter(|(lane, queue)| **lane != first && queue.is_due(now));
        // Of equals the last is taken, so turn them round: the one that takes precedence.
        due.rev()
            .max_by_key(|(_, queue)| queue.passed_over)
            .map(|(lane, _)| *lane)
    }
}

#[cfg(test)]
mod tests;
