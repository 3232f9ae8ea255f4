//! Everyone at once: each asks for its turn, comes back at it, writes down what it is about to do, and calls.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use futures::{executor::LocalPool, task::LocalSpawnExt};

use super::*;
use crate::{
    clock::{ManualClock, later},
    governor::{Limit, limits::limits, on_behalf_of},
};

/// As many passes of one kind as there are at a time.
const PLACES: usize = 16;

const TICK: Duration = Duration::from_millis(20);

const HERD: u32 = 2000;

fn start() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

/// What became of the passes.
#[derive(Default)]
struct Told {
    due: BTreeSet<(Timestamp, u32)>,
    running: usize,
    /// When each was admitted.
    admitted: BTreeMap<u32, Timestamp>,
    passes: u32,
    held_back_after_writing: u32,
}

struct Herd {
    operation: Operation,
    share: Share,
    /// Whether it is a slot's, and the governor told of it.
    is_slot: bool,
    /// Of so many who have written down their call one makes none in that pass, and comes again.
    one_stays_away_in: u32,
    rng: fastrand::Rng,
}

impl Herd {
    fn run(&mut self) -> (Told, Duration) {
        let clock = ManualClock::new(start());
        let settings = Settings { share: self.share };
        let governor = Arc::new(Governor::new(Arc::new(clock.clone()), settings, Arc::new(|_| {})));
        // Rested: a bucket that begins full is the floor's.
        clock.advance(Duration::from_secs(3600));
        let begun = clock.now();
        if self.is_slot {
            governor.slot_began(begun);
        }
        let told = Rc::new(RefCell::new(Told {
            due: (0..HERD).map(|number| (begun, number)).collect(),
            ..Told::default()
        }));
        let mut pool = LocalPool::new();
        while told.borrow().admitted.len() < HERD as usize {
            let now = clock.now();
            assert!(elapsed(begun, now) < Duration::from_secs(3600), "it does not end");
            while let Some(number) = next(&told, now) {
                let pass = self.pass(number, &governor, &clock, &told);
                pool.spawner().spawn_local(pass).unwrap();
                pool.run_until_stalled();
            }
            clock.advance(TICK);
            pool.run_until_stalled();
        }
        let took = elapsed(begun, clock.now());
        drop(pool);
        (Rc::into_inner(told).unwrap().into_inner(), took)
    }

    fn pass(
        &mut self,
        number: u32,
        governor: &Arc<Governor>,
        clock: &ManualClock,
        told: &Rc<RefCell<Told>>,
    ) -> impl Future<Output = ()> + 'static {
        let (governor, clock, told) = (Arc::clone(governor), clock.clone(), Rc::clone(told));
        let operation = self.operation;
        let writing = Duration::from_millis(self.rng.u64(5..80));
        let stays_away = self.one_stays_away_in > 0 && self.rng.u32(..self.one_stays_away_in) == 0;
        let work = async move {
            let again = match governor.book(operation, Lane::Backup, 1) {
                Err(error) => error.turn_at,
                Ok(()) => {
                    clock.until(later(clock.now(), writing)).await;
                    if stays_away {
                        Some(later(clock.now(), Duration::from_secs(1)))
                    } else {
                        let admitted = governor.admit(operation, Lane::Backup, 1).await;
                        admitted.err().map(|error| {
                            told.borrow_mut().held_back_after_writing += 1;
                            error.turn_at.unwrap_or_else(|| later(clock.now(), MAX_WAIT))
                        })
                    }
                }
            };
            let mut told = told.borrow_mut();
            told.running -= 1;
            match again {
                Some(at) => drop(told.due.insert((at, number))),
                None => drop(told.admitted.insert(number, clock.now())),
            }
        };
        async move { on_behalf_of(&format!("backup {number}"), work).await }
    }
}

/// Takes the next one whose pass can begin.
fn next(told: &Rc<RefCell<Told>>, now: Timestamp) -> Option<u32> {
    let mut told = told.borrow_mut();
    let first = told.due.first().copied().filter(|(at, _)| *at <= now)?;
    if told.running == PLACES {
        return None;
    }
    told.due.remove(&first);
    told.running += 1;
    told.passes += 1;
    Some(first.1)
}

/// The time that AWS's bucket of this size needs for them all.
fn floor(operation: Operation, share: Share) -> Duration {
    let Limit { capacity, refill } = limits(operation).requests;
    let share = share.to_string().parse::<f64>().unwrap();
    let calls = (f64::from(HERD) - f64::from(capacity) * share).max(0.0);
    Duration::from_secs_f64(calls / (f64::from(refill) * share))
}

fn judge(operation: Operation, share: &str, is_slot: bool, one_stays_away_in: u32) {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let share: Share = share.parse().unwrap();
    let mut herd = Herd {
        operation,
        share,
        is_slot,
        one_stays_away_in,
        rng: fastrand::Rng::with_seed(seed),
    };
    let (told, took) = herd.run();
    let floor = floor(operation, if is_slot { Share::ALL } else { share });
    println!(
        "{operation} at {share}: {HERD} in {took:?}, floor {floor:?}, {} passes",
        told.passes
    );
    assert!(
        took <= floor.div_f64(0.95),
        "{operation} at {share}: {took:?}, the floor is {floor:?}"
    );
    assert_eq!(told.held_back_after_writing, 0, "what was granted is admitted");
    let once_and_again = HERD * 2 + HERD * 4 / one_stays_away_in.max(1);
    assert!(
        (told.passes > HERD + HERD / 2) && told.passes <= once_and_again,
        "{} passes: each is told to come back, once",
        told.passes
    );
}

#[test]
fn a_herd_of_snapshots_uses_the_share_up_and_whoever_wrote_is_admitted() {
    for share in ["0.8", "1"] {
        judge(Operation::CreateSnapshots, share, false, 0);
    }
}

#[test]
fn a_herd_before_a_bucket_of_one_second_uses_the_share_up() {
    for share in ["0.8", "1"] {
        judge(Operation::StartBackupJob, share, false, 0);
    }
}

#[test]
fn those_who_do_not_call_at_their_turn_waste_nothing_of_the_share() {
    judge(Operation::CreateSnapshots, "0.8", false, 20);
}

#[test]
fn in_the_hour_after_a_slot_a_herd_uses_all_of_the_limit_up() {
    judge(Operation::CreateSnapshots, "0.8", true, 0);
    judge(Operation::StartBackupJob, "0.8", true, 0);
}
