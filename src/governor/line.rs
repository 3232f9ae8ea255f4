//! The line before one operation: its buckets, and everyone who waits for them.
//!
//! Only the one who goes next watches the clock, for all: everyone else is called. So however long the line is,
//! a clock that moves wakes one.

use std::{
    collections::{BTreeSet, VecDeque},
    mem,
    time::Duration,
};

use jiff::Timestamp;

use super::{
    bucket::{Bucket, Depth},
    lanes::{Claim, Lanes, Ticket},
    limits::Limits,
    share::Share,
};
use crate::cloud::Lane;

/// What someone in line is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Make the call now.
    Go,
    /// Make no call: it took too long.
    GiveUp,
    /// Ask again when this instant has come, or when called.
    Watch(Timestamp),
    /// Ask again when called.
    Wait,
}

/// The line before one operation.
#[derive(Clone, Debug)]
pub(super) struct Line {
    requests: Bucket,
    resources: Option<Bucket>,
    lanes: Lanes,
    /// Those who waited too long and were not told yet.
    expired: BTreeSet<Ticket>,
    /// Who goes next and therefore watches the clock.
    watching: Option<Claim>,
    /// Those to be called, in this order.
    called: VecDeque<Ticket>,
}

impl Line {
    /// A line without anyone before buckets that are empty at `now`.
    pub(super) fn new(limits: Limits, share: Share, now: Timestamp) -> Self {
        Self {
            requests: Bucket::new(limits.requests, share, now),
            resources: limits.resources.map(|limit| Bucket::new(limit, share, now)),
            lanes: Lanes::new(now),
            expired: BTreeSet::new(),
            watching: None,
            called: VecDeque::new(),
        }
    }

    /// Someone joins, and asks for their turn next.
    pub(super) fn join(&mut self, now: Timestamp, lane: Lane, units: u32, patience: Duration) -> Ticket {
        self.lanes.join(now, lane, units, patience)
    }

    /// Someone leaves before their turn came.
    pub(super) fn leave(&mut self, now: Timestamp, ticket: Ticket) {
        self.lanes.leave(now, ticket);
        self.expired.remove(&ticket);
        self.hand_over(now);
    }

    /// What someone in line is to do now.
    pub(super) fn turn(&mut self, now: Timestamp, ticket: Ticket) -> Turn {
        for late in self.lanes.expire(now) {
            self.expired.insert(late);
            self.called.push_back(late);
        }
        let turn = self.decide(now, ticket);
        self.hand_over(now);
        // They are here already.
        self.called.retain(|called| *called != ticket);
        turn
    }

    /// Those who are to ask for their turn again.
    pub(super) fn take_called(&mut self) -> VecDeque<Ticket> {
        mem::take(&mut self.called)
    }

    /// AWS refused a call for coming too fast.
    pub(super) fn throttled(&mut self, now: Timestamp) {
        // Its answer does not say which of the two it was.
        self.requests.throttled(now);
        if let Some(resources) = &mut self.resources {
            resources.throttled(now);
        }
    }

    fn decide(&mut self, now: Timestamp, ticket: Ticket) -> Turn {
        if self.expired.remove(&ticket) {
            return Turn::GiveUp;
        }
        let Some(next) = self.lanes.next(now).filter(|next| next.ticket == ticket) else {
            return Turn::Wait;
        };
        let ready_at = self.ready_at(now, next.units, next.depth);
        if ready_at > now {
            let deadline = self.lanes.earliest_deadline();
            return Turn::Watch(deadline.map_or(ready_at, |deadline| deadline.min(ready_at)));
        }
        self.requests.take(now, 1);
        if let Some(resources) = &mut self.resources {
            resources.take(now, next.units);
        }
        self.lanes.serve(now, next);
        Turn::Go
    }

    fn ready_at(&mut self, now: Timestamp, units: u32, depth: Depth) -> Timestamp {
        let requests = self.requests.ready_at(now, 1, depth);
        match &mut self.resources {
            // Containing an incident launches nothing, so nothing is kept for it here; the reserve of a bucket of
            // 1,000 that gains 2 a second would delay the first launch after a start by a minute.
            Some(resources) => resources.ready_at(now, units, Depth::ToTheBottom).max(requests),
            None => requests,
        }
    }

    /// Calls whoever goes next now, and whoever thought so until now, so that they stop watching the clock.
    fn hand_over(&mut self, now: Timestamp) {
        let next = self.lanes.next(now);
        if next == self.watching {
            return;
        }
        let before = mem::replace(&mut self.watching, next);
        let calls = before.into_iter().chain(next).map(|claim| claim.ticket);
        self.called.extend(calls);
    }
}

#[cfg(test)]
mod tests;
