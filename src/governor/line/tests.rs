use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::{
    clock::{elapsed, later},
    cloud::Operation,
    governor::limits::limits,
};

const PATIENCE: Duration = Duration::from_secs(15);

fn start() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

/// Someone who wants to make a call.
#[derive(Clone, Copy, Debug)]
struct Caller {
    joined_at: Timestamp,
    lane: Lane,
}

/// Runs a line as its users do: whoever is called asks again, and the clock goes to what is watched for next.
struct Stage {
    line: Line,
    now: Timestamp,
    waiting: BTreeMap<Ticket, Caller>,
    gone: u32,
    to_ask: VecDeque<Ticket>,
    watching: BTreeMap<Ticket, Timestamp>,
}

impl Stage {
    fn new(operation: Operation, share: &str) -> Self {
        Self {
            line: Line::new(limits(operation), share.parse().unwrap(), start()),
            now: start(),
            waiting: BTreeMap::new(),
            gone: 0,
            to_ask: VecDeque::new(),
            watching: BTreeMap::new(),
        }
    }

    fn join(&mut self, lane: Lane) {
        let ticket = self.line.join(self.now, lane, 1, PATIENCE);
        let caller = Caller {
            joined_at: self.now,
            lane,
        };
        self.waiting.insert(ticket, caller);
        self.to_ask.push_back(ticket);
        self.settle();
    }

    fn leave(&mut self, ticket: Ticket) {
        self.waiting.remove(&ticket);
        self.watching.remove(&ticket);
        self.line.leave(self.now, ticket);
        self.settle();
    }

    /// Lets everyone ask who was called, and checks what must hold whenever nobody has anything to do.
    fn settle(&mut self) {
        self.to_ask.extend(self.line.take_called());
        while let Some(ticket) = self.to_ask.pop_front() {
            self.watching.remove(&ticket);
            if self.waiting.contains_key(&ticket) {
                let turn = self.line.turn(self.now, ticket);
                match turn {
                    Turn::Watch(until) => drop(self.watching.insert(ticket, until)),
                    Turn::Wait => {}
                    Turn::Go | Turn::GiveUp => self.end(ticket, turn),
                }
            }
            self.to_ask.extend(self.line.take_called());
        }
        let watchers = self.waiting.len().min(1);
        assert_eq!(self.watching.len(), watchers, "one watches the clock for all");
        assert!(self.watching.values().all(|until| *until > self.now));
    }

    fn end(&mut self, ticket: Ticket, turn: Turn) {
        let ended = self.waiting.remove(&ticket).unwrap();
        assert!(elapsed(ended.joined_at, self.now) <= PATIENCE);
        if turn == Turn::Go {
            self.gone += 1;
            for (other, caller) in &self.waiting {
                assert!(caller.lane >= ended.lane, "a lane that takes precedence waits");
                assert!(
                    caller.lane != ended.lane || *other > ticket,
                    "who came first waits"
                );
            }
        } else {
            assert_eq!(elapsed(ended.joined_at, self.now), PATIENCE);
        }
    }

    /// Lets time pass.
    fn pass(&mut self, span: Duration) {
        let end = later(self.now, span);
        while let Some(until) = self
            .watching
            .values()
            .min()
            .copied()
            .filter(|until| *until <= end)
        {
            self.now = until;
            let awake = self.watching.iter().filter(|(_, at)| **at <= until);
            self.to_ask.extend(awake.map(|(ticket, _)| *ticket));
            self.settle();
        }
        self.now = end;
    }
}

#[derive(Clone, Copy, Debug)]
enum Move {
    Join(Lane),
    Leave(prop::sample::Index),
    Pass(u64),
    Throttled,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        8 => prop::sample::select(Lane::ALL.to_vec()).prop_map(Move::Join),
        2 => any::<prop::sample::Index>().prop_map(Move::Leave),
        3 => (0u64..3000).prop_map(Move::Pass),
        1 => Just(Move::Throttled),
    ];
    prop::collection::vec(one, 1..150)
}

proptest! {
    #[test]
    fn whatever_comes_lanes_and_order_hold_and_everyone_is_told_in_time(
        moves in moves(),
        operation in prop::sample::select(vec![Operation::RunInstances, Operation::CreateSecurityGroup]),
    ) {
        let mut stage = Stage::new(operation, "0.8");
        for one in moves {
            match one {
                Move::Join(lane) => stage.join(lane),
                Move::Leave(index) => {
                    let waiting: Vec<_> = stage.waiting.keys().copied().collect();
                    if !waiting.is_empty() {
                        stage.leave(*index.get(&waiting));
                    }
                }
                Move::Pass(millis) => stage.pass(Duration::from_millis(millis)),
                Move::Throttled => stage.line.throttled(stage.now),
            }
        }
        stage.pass(PATIENCE);
        prop_assert_eq!(stage.waiting.len(), 0);
    }
}

#[test]
fn a_full_line_uses_nearly_all_of_the_share() {
    for (operation, share) in [
        (Operation::CreateSecurityGroup, "0.8"),
        (Operation::CreateSecurityGroup, "1"),
        (Operation::RunInstances, "0.8"),
    ] {
        let mut stage = Stage::new(operation, share);
        // Sixteen at a time for ten minutes, as many as there are places for passes.
        while elapsed(start(), stage.now) < Duration::from_secs(590) {
            while stage.waiting.len() < 16 {
                stage.join(Lane::UserChange);
            }
            stage.pass(Duration::from_millis(50));
        }
        let allowed = f64::from(limits(operation).requests.refill)
            * share.parse::<f64>().unwrap()
            * elapsed(start(), stage.now).as_secs_f64();
        let gone = f64::from(stage.gone);
        assert!(
            gone >= 0.95 * allowed && gone <= allowed,
            "{operation} at {share}: {gone} of {allowed}"
        );
    }
}

#[test]
fn a_launch_waits_for_both_of_its_buckets() {
    let mut line = Line::new(limits(Operation::RunInstances), Share::ALL, start());
    // Ten minutes fill both; 3 of the 1,000 instances are left at AWS.
    let now = later(start(), Duration::from_secs(600));
    let first = line.join(now, Lane::UserChange, 997, PATIENCE);
    assert_eq!(line.turn(now, first), Turn::Go);
    // A request would be there sooner.
    let second = line.join(now, Lane::UserChange, 1, PATIENCE);
    let half = later(now, Duration::from_millis(500));
    assert_eq!(line.turn(now, second), Turn::Watch(half));
    assert_eq!(line.turn(half, second), Turn::Go);
}

#[test]
fn who_was_overtaken_watches_the_clock_no_more() {
    let mut stage = Stage::new(Operation::CreateSecurityGroup, "0.8");
    stage.join(Lane::CleanUp);
    let until = |stage: &Stage| stage.watching.values().next().copied().unwrap();
    let before = until(&stage);
    stage.join(Lane::Contain);
    assert!(until(&stage) < before, "an incident needs no more than one token");
    assert_eq!(stage.watching.len(), 1);
}
