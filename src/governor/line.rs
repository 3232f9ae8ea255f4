//! The line before one operation: its buckets, and everyone who waits for them.
//!
//! Only the one who goes next watches the clock, for all: everyone else is called. So however long the line is,
//! a clock that moves wakes one.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    mem,
    time::Duration,
};

use jiff::Timestamp;

use super::{
    bucket::{Bucket, Depth},
    caller::Caller,
    lanes::{Claim, Lanes, Ticket},
    limits::Limits,
    share::Share,
};
use crate::{clock::later, cloud::Lane};

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

/// The longest line to stand in: long enough to use every token while the next ones come, and short enough to leave some
/// of the sixteen places of a kind to those who want something else.
const LONGEST_LINE: Duration = Duration::from_secs(2);

/// How much before its turn someone comes back: a pass looks at AWS and the cluster before it calls.
const EARLY: Duration = Duration::from_secs(2);

/// Who did not come so long after their turn does not come any more.
const GIVEN_UP: Duration = Duration::from_secs(60);

/// How long a granted call may be on its way: what is written down before it takes the API server a moment, and a pass
/// that comes later than this acts on no record any more.
const GRANTED: Duration = Duration::from_secs(20);

/// Calls whose turn has come and that were not made yet.
#[derive(Clone, Copy, Debug)]
struct Granted {
    calls: u32,
    /// How many instances each touches.
    units: u32,
    until: Timestamp,
}

/// The line before one operation.
#[derive(Clone, Debug)]
pub(super) struct Line {
    requests: Bucket,
    resources: Option<Bucket>,
    lanes: Lanes,
    /// Up to when the turns of each lane are given away to those who come back for them.
    booked: BTreeMap<Lane, Timestamp>,
    /// The turns of those who were told to come back.
    turns: BTreeMap<(Lane, Caller), Timestamp>,
    /// Those whose turn has come and who have not called yet.
    granted: BTreeMap<(Lane, Caller), Granted>,
    /// When those who lost their turn were last looked for.
    forgot_at: Timestamp,
    /// Up to when turns are given anew to those who came too late for theirs.
    late: Timestamp,
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
            booked: BTreeMap::new(),
            turns: BTreeMap::new(),
            granted: BTreeMap::new(),
            forgot_at: now,
            late: now,
            expired: BTreeSet::new(),
            watching: None,
            called: VecDeque::new(),
        }
    }

    /// When to come back for so many calls, where they cannot go soon. Where they can, they are *granted*: whoever asked
    /// can write down first what it is about to do, and its calls then stand in line at once, however many asked since.
    /// Nothing is taken from the buckets before, so a grant that is not used costs nobody a call.
    pub(super) fn book(
        &mut self,
        now: Timestamp,
        lane: Lane,
        (calls, units): (u32, u32),
        caller: Caller,
    ) -> Option<Timestamp> {
        self.granted.retain(|_, granted| granted.until > now);
        let place = (lane, caller);
        if !self.granted.contains_key(&place)
            && let Some(come_back) = self.come_back(now, place.clone(), (calls, units))
        {
            return Some(come_back);
        }
        let until = later(now, GRANTED);
        self.granted.insert(place, Granted { calls, units, until });
        None
    }

    /// Whether a call of this caller was granted before. It is one less then.
    pub(super) fn claim(&mut self, now: Timestamp, lane: Lane, caller: &Caller) -> bool {
        self.granted.retain(|_, granted| granted.until > now);
        let place = (lane, caller.clone());
        let Some(granted) = self.granted.get_mut(&place) else {
            return false;
        };
        granted.calls = granted.calls.saturating_sub(1);
        granted.until = later(now, GRANTED);
        if granted.calls == 0 {
            self.granted.remove(&place);
        }
        true
    }

    /// Where the line of this lane is too long to stand in: when to come back. Each is given a turn of its own, and
    /// stands in line whoever comes at their turn. Only what stands in the same lane counts, or a lane that others pass
    /// over would look too long for ever and nobody in it would starve visibly.
    pub(super) fn come_back(
        &mut self,
        now: Timestamp,
        place: (Lane, Caller),
        (calls, units): (u32, u32),
    ) -> Option<Timestamp> {
        let early = |turn: Timestamp| turn.checked_sub(EARLY).unwrap_or(turn);
        let lane = place.0;
        let (ahead, ahead_units) = self.ahead(lane);
        let all_units = ahead_units.saturating_add(calls.saturating_mul(units));
        // There is enough for everyone who is here: where those who were told to come back do not, nobody waits for
        // them, and whoever happens to come before its turn need not come again.
        if self.holds(now, ahead.saturating_add(calls), all_units) {
            self.turns.remove(&place);
            return None;
        }
        let line = later(now, self.span_until(now, ahead, ahead_units));
        let span = |line: &Self, from| line.span_of(from, calls, calls.saturating_mul(units));
        if let Some(turn) = self.turns.get(&place).copied() {
            if early(turn) > now {
                return Some(early(turn));
            }
            if line <= later(now, LONGEST_LINE * 2) {
                self.turns.remove(&place);
                return None;
            }
            // Many come late at once: each again when those before it are through.
            let free_at = self.late.max(line);
            let again = later(free_at, span(self, free_at));
            self.late = again;
            self.turns.insert(place, again);
            return Some(early(again));
        }
        let free_at = self.booked.get(&lane).map_or(line, |booked| line.max(*booked));
        if free_at <= later(now, LONGEST_LINE) {
            return None;
        }
        self.forget_lost_turns(now);
        let turn = later(free_at, span(self, free_at));
        self.booked.insert(lane, turn);
        self.turns.insert(place, turn);
        Some(early(turn))
    }

    /// How many calls of a lane go before one that comes now, and how many instances they touch together.
    fn ahead(&self, lane: Lane) -> (u32, u32) {
        let granted = self.granted.iter().filter(|((of, _), _)| *of == lane);
        granted.fold(self.lanes.waiting(lane), |(calls, units), (_, granted)| {
            let more = granted.calls.saturating_mul(granted.units);
            (calls.saturating_add(granted.calls), units.saturating_add(more))
        })
    }

    /// Those who did not come for so long. Seldom, since it looks at everyone.
    fn forget_lost_turns(&mut self, now: Timestamp) {
        if later(self.forgot_at, EARLY) <= now {
            self.turns.retain(|_, turn| later(*turn, GIVEN_UP) > now);
            self.forgot_at = now;
        }
    }

    /// Whether the buckets hold what so many calls take.
    fn holds(&mut self, now: Timestamp, calls: u32, units: u32) -> bool {
        let resources = self.resources.as_mut();
        self.requests.holds(now, calls, Depth::AboveReserve)
            && resources.is_none_or(|resources| resources.holds(now, units, Depth::ToTheBottom))
    }

    /// How long it takes until so many calls are through.
    fn span_until(&mut self, now: Timestamp, calls: u32, units: u32) -> Duration {
        let requests = self.requests.span_until(now, calls, Depth::AboveReserve);
        let resources = self.resources.as_mut();
        let resources = resources.map(|resources| resources.span_until(now, units, Depth::ToTheBottom));
        requests.max(resources.unwrap_or_default())
    }

    /// How long the buckets take from then on to gain what so many calls take.
    fn span_of(&self, from: Timestamp, calls: u32, units: u32) -> Duration {
        let requests = self.requests.span_of(from, calls);
        let resources = self.resources.as_ref();
        let resources = resources.map(|resources| resources.span_of(from, units));
        requests.max(resources.unwrap_or_default())
    }

    /// Takes all of the account's limit until then, whatever the share.
    pub(super) fn rush(&mut self, now: Timestamp, until: Timestamp) {
        self.requests.rush(now, until);
        if let Some(resources) = &mut self.resources {
            resources.rush(now, until);
        }
        // What it waits for is there sooner.
        self.called.extend(self.watching.map(|next| next.ticket));
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
