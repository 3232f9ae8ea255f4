use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::{
    clock::{elapsed, later},
    cloud::Operation,
    governor::limits::limits,
};

const MUTATING: Limit = Limit {
    capacity: 50,
    refill: 5,
};

const LAUNCHES: Limit = Limit {
    capacity: 5,
    refill: 2,
};

fn start() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

fn after(millis: u64) -> Timestamp {
    later(start(), Duration::from_millis(millis))
}

fn share(text: &str) -> Share {
    text.parse().unwrap()
}

/// A bucket that nobody used for an hour, which it is now.
fn rested(limit: Limit, part: &str) -> (Bucket, Timestamp) {
    let now = after(3_600_000);
    let mut bucket = Bucket::new(limit, share(part), start());
    bucket.advance(now.as_nanosecond());
    (bucket, now)
}

/// Takes as much as there is at once.
fn take_all(bucket: &mut Bucket, now: Timestamp, depth: Depth) -> u32 {
    let mut taken = 0;
    while bucket.ready_at(now, 1, depth) == now {
        bucket.take(now, 1);
        taken += 1;
    }
    taken
}

/// How many calls go out in this time if there is always another one.
fn saturated(bucket: &mut Bucket, from: Timestamp, span: Duration) -> u32 {
    let mut now = from;
    let mut taken = 0;
    loop {
        now = bucket.ready_at(now, 1, Depth::AboveReserve);
        if now > later(from, span) {
            return taken;
        }
        bucket.take(now, 1);
        taken += 1;
    }
}

#[test]
fn it_begins_empty_and_fills_the_reserve_first() {
    // 4 tokens of reserve, and 4 a second.
    let mut bucket = Bucket::new(MUTATING, share("0.8"), start());
    assert_eq!(bucket.ready_at(start(), 1, Depth::ToTheBottom), after(250));
    assert_eq!(bucket.ready_at(start(), 1, Depth::AboveReserve), after(1250));
}

#[test]
fn it_holds_its_share_and_keeps_a_tenth_of_the_capacity() {
    // Of 50 tokens 7.5 are left at AWS.
    for (part, all, above) in [("0.8", 34, 30), ("0.5", 21, 18), ("1", 42, 37)] {
        let (bucket, now) = rested(MUTATING, part);
        assert_eq!(
            take_all(&mut bucket.clone(), now, Depth::ToTheBottom),
            all,
            "{part}"
        );
        let mut bucket = bucket;
        assert_eq!(take_all(&mut bucket, now, Depth::AboveReserve), above, "{part}");
        assert!(
            take_all(&mut bucket, now, Depth::ToTheBottom) >= all - above,
            "{part}"
        );
    }
}

#[test]
fn the_smallest_share_of_the_smallest_bucket_still_lets_calls_through() {
    for part in ["0.1", "0.001", "0.000001"] {
        let (mut bucket, now) = rested(LAUNCHES, part);
        let mut now = now;
        let needed = Duration::from_secs_f64(1.0 / (2.0 * part.parse::<f64>().unwrap()));
        for _ in 0..3 {
            let ready = bucket.ready_at(now, 1, Depth::AboveReserve);
            assert!(elapsed(now, ready) <= needed + Duration::from_micros(1), "{part}");
            bucket.take(ready, 1);
            now = ready;
        }
    }
}

#[test]
fn a_call_larger_than_the_bucket_goes_when_it_is_full_and_is_paid_for_afterwards() {
    let (mut bucket, now) = rested(MUTATING, "1");
    assert_eq!(bucket.ready_at(now, 100, Depth::AboveReserve), now);
    bucket.take(now, 100);
    // 57.5 tokens are owed, one is wanted and five are the reserve.
    let paid = bucket.ready_at(now, 1, Depth::AboveReserve);
    assert_eq!(elapsed(now, paid), Duration::from_millis(63_500 / 5));
}

#[test]
fn a_refused_call_empties_it_and_halves_its_speed() {
    let (mut bucket, now) = rested(MUTATING, "0.8");
    bucket.throttled(now);
    let ready = bucket.ready_at(now, 1, Depth::ToTheBottom);
    assert_eq!(elapsed(now, ready), Duration::from_millis(500));
}

#[test]
fn the_refusals_of_calls_under_way_together_count_once() {
    let (mut bucket, now) = rested(MUTATING, "0.8");
    for millis in [0, 300, 1900] {
        bucket.throttled(later(now, Duration::from_millis(millis)));
    }
    assert_eq!(bucket.speed, 50);
    bucket.throttled(later(now, Duration::from_millis(2000)));
    assert_eq!(bucket.speed, 25);
}

#[test]
fn its_speed_never_falls_below_a_tenth_and_is_whole_again_three_minutes_later() {
    let (mut bucket, mut now) = rested(MUTATING, "0.8");
    for _ in 0..20 {
        now = later(now, Duration::from_secs(3));
        bucket.throttled(now);
        assert!(bucket.speed >= LEAST_SPEED);
    }
    assert_eq!(bucket.speed, LEAST_SPEED);
    bucket.advance(later(now, Duration::from_millis(179_999)).as_nanosecond());
    assert_eq!(bucket.speed, FULL_SPEED - SPEED_STEP);
    bucket.advance(later(now, Duration::from_secs(180)).as_nanosecond());
    assert_eq!(bucket.speed, FULL_SPEED);
}

#[test]
fn a_wait_that_lasts_beyond_a_step_of_recovery_ends_as_early_as_it_can() {
    let mut bucket = Bucket::new(LAUNCHES, share("0.1"), start());
    for second in [0, 2, 4, 6] {
        bucket.throttled(after(second * 1000));
    }
    // 0.02 a second for 10 s, then 0.03 and so on: 0.2 + 0.3 + … + 0.5, and of 0.6 what is missing.
    assert_eq!(bucket.speed, LEAST_SPEED);
    let now = after(6000);
    let ready = bucket.ready_at(now, 1, Depth::ToTheBottom);
    let mut other = bucket.clone();
    other.advance(ready.as_nanosecond());
    assert!(other.level >= TOKEN);
    let mut other = bucket.clone();
    other.advance(ready.as_nanosecond() - 1);
    assert!(other.level < TOKEN);
    assert!(elapsed(now, ready) > Duration::from_secs(10));
}

#[test]
fn nearly_all_of_the_share_is_used_when_there_is_always_another_call() {
    let hour = Duration::from_secs(3600);
    for (limit, part) in [
        (MUTATING, "0.8"),
        (MUTATING, "1"),
        (LAUNCHES, "0.8"),
        (LAUNCHES, "0.05"),
    ] {
        let mut bucket = Bucket::new(limit, share(part), start());
        let allowed = f64::from(limit.refill) * part.parse::<f64>().unwrap() * hour.as_secs_f64();
        let taken = f64::from(saturated(&mut bucket, start(), hour));
        assert!(
            taken >= 0.95 * allowed && taken <= allowed,
            "{limit:?} at {part}: {taken} of {allowed}"
        );
    }
}

#[test]
fn in_a_rush_all_of_the_limit_is_taken_and_afterwards_the_share_again() {
    let limit = Limit {
        capacity: 100,
        refill: 5,
    };
    let mut bucket = Bucket::new(limit, share("0.8"), start());
    // Eight tokens are kept for an incident, and in the rush ten.
    assert_eq!(bucket.ready_at(start(), 1, Depth::AboveReserve), after(2250));
    bucket.rush(start(), after(60_000));
    assert_eq!(bucket.ready_at(start(), 1, Depth::AboveReserve), after(2200));
    let minute = Duration::from_secs(60);
    // At its last instant two of those ten are free again.
    assert_eq!(saturated(&mut bucket, start(), minute), 5 * 60 - 10 + 2);
    assert_eq!(saturated(&mut bucket, after(60_000), minute), 4 * 60);
    bucket.rush(after(120_000), after(60_000));
    assert_eq!(
        saturated(&mut bucket, after(120_000), minute),
        4 * 60,
        "it is over"
    );
}

#[test]
fn a_wait_that_lasts_beyond_a_rush_ends_when_the_token_is_there() {
    let limit = Limit {
        capacity: 10,
        refill: 1,
    };
    let mut bucket = Bucket::new(limit, share("0.5"), start());
    bucket.rush(start(), after(1000));
    // One in the rush, and one more at half the rate.
    let ready = bucket.ready_at(start(), 2, Depth::ToTheBottom);
    assert_eq!(ready, after(3000));
    assert_eq!(bucket.span_of(after(999), 2), Duration::from_secs(2));
    assert_eq!(bucket.span_of(after(1000), 2), Duration::from_secs(4));
}

#[test]
fn what_is_left_of_a_rush_is_no_more_than_the_share_holds() {
    let limit = Limit {
        capacity: 100,
        refill: 5,
    };
    let mut bucket = Bucket::new(limit, share("0.1"), start());
    bucket.rush(start(), after(3_600_000));
    bucket.advance(after(3_600_000).as_nanosecond());
    assert_eq!(bucket.level, bucket.size.capacity);
    assert!(bucket.level < 10 * TOKEN);
}

/// AWS's bucket as its documentation describes it: full at first, and the tokens of a second come at once.
struct Aws {
    limit: Limit,
    level: u32,
    lump_at: i128,
}

impl Aws {
    fn refuses(&mut self, at: i128) -> bool {
        while self.lump_at <= at {
            self.level = (self.level + self.limit.refill).min(self.limit.capacity);
            self.lump_at += SECOND;
        }
        let refused = self.level == 0;
        self.level = self.level.saturating_sub(1);
        refused
    }
}

/// When the calls of one process arrive, and when its last one leaves: after each gap so many as soon as they may.
fn calls(
    bucket: &mut Bucket,
    from: Timestamp,
    bursts: &[(u64, u32)],
    travel: &[u32],
) -> (Vec<i128>, Timestamp) {
    let mut arrivals = Vec::new();
    let mut now = from;
    let mut travel = travel.iter().cycle();
    for (gap, count) in bursts {
        now = later(now, Duration::from_millis(*gap));
        for at in 0..*count {
            let depth = if at % 7 == 0 {
                Depth::ToTheBottom
            } else {
                Depth::AboveReserve
            };
            now = bucket.ready_at(now, 1, depth);
            bucket.take(now, 1);
            let travelled = Duration::from_millis(u64::from(*travel.next().unwrap()));
            arrivals.push(later(now, travelled).as_nanosecond());
        }
    }
    (arrivals, now)
}

fn any_limit() -> impl Strategy<Value = Limit> {
    let operations = [
        Operation::DescribeInstances,
        Operation::CreateSecurityGroup,
        Operation::CreateSnapshots,
        Operation::CreateTags,
        Operation::RunInstances,
    ];
    prop::sample::select(operations.map(|operation| limits(operation).requests).to_vec())
}

fn bursts() -> impl Strategy<Value = Vec<(u64, u32)>> {
    prop::collection::vec((0u64..40_000, 1u32..150), 1..8)
}

fn travel() -> impl Strategy<Value = Vec<u32>> {
    prop::collection::vec(20u32..=300, 64)
}

proptest! {
    #[test]
    fn no_window_of_time_sees_more_than_capacity_and_refill(
        limit in any_limit(),
        millionths in 1u32..=1_000_000,
        steps in prop::collection::vec((0u64..20_000, any::<bool>(), prop::bool::weighted(0.05)), 1..200),
    ) {
        let share = Share::try_from(f64::from(millionths) / 1e6).unwrap();
        let mut bucket = Bucket::new(limit, share, start());
        let mut now = start();
        let mut taken: Vec<i128> = Vec::new();
        for (gap, contain, refused) in steps {
            now = later(now, Duration::from_millis(gap));
            let depth = if contain { Depth::ToTheBottom } else { Depth::AboveReserve };
            if bucket.ready_at(now, 1, depth) == now {
                bucket.take(now, 1);
                taken.push(now.as_nanosecond());
            }
            if refused {
                bucket.throttled(now);
            }
        }
        // In millionths of a token; a bucket too small for one call is enlarged to one and its reserve.
        let part = i128::from(millionths);
        let capacity = i128::from(limit.capacity) * part;
        let capacity = capacity.max(1_000_000 + capacity / 10);
        let refill = i128::from(limit.refill) * part;
        let begin = start().as_nanosecond();
        for (from, first) in taken.iter().enumerate() {
            let so_far = (from as i128 + 1) * 1_000_000 * SECOND;
            prop_assert!(so_far <= refill * (first - begin), "it begins empty");
            for (more, last) in taken.iter().skip(from).enumerate() {
                let tokens = (more as i128 + 1) * 1_000_000 * SECOND;
                prop_assert!(tokens <= capacity * SECOND + refill * (last - first));
            }
        }
    }

    #[test]
    fn aws_refuses_nothing_even_to_who_takes_all_and_starts_anew(
        limit in any_limit(),
        before in bursts(),
        then in bursts(),
        travel in travel(),
        phase in 0i64..1000,
    ) {
        let mut first = Bucket::new(limit, Share::ALL, start());
        // The next process starts while calls of the last one still travel.
        let (mut arrivals, restart) = calls(&mut first, start(), &before, &travel);
        let mut second = Bucket::new(limit, Share::ALL, restart);
        arrivals.extend(calls(&mut second, restart, &then, &travel).0);
        arrivals.sort_unstable();
        let lump_at = start().as_nanosecond() + i128::from(phase) * 1_000_000;
        let mut aws = Aws { limit, level: limit.capacity, lump_at };
        for at in arrivals {
            prop_assert!(!aws.refuses(at));
        }
    }

    #[test]
    fn aws_refuses_nothing_while_someone_else_takes_a_tenth(
        limit in any_limit(),
        ours in bursts(),
        theirs in bursts(),
        travel in travel(),
        phase in 0i64..1000,
    ) {
        let mut bucket = Bucket::new(limit, Share::default(), start());
        let (mut arrivals, _) = calls(&mut bucket, start(), &ours, &travel);
        let mut other = Bucket::new(limit, share("0.1"), start());
        arrivals.extend(calls(&mut other, start(), &theirs, &travel).0);
        arrivals.sort_unstable();
        let lump_at = start().as_nanosecond() + i128::from(phase) * 1_000_000;
        let mut aws = Aws { limit, level: limit.capacity, lump_at };
        for at in arrivals {
            prop_assert!(!aws.refuses(at));
        }
    }
}
