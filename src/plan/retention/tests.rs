use std::collections::BTreeSet;

use jiff::civil::date;

use super::*;

fn now() -> Timestamp {
    "2031-05-10T16:00:00Z".parse().unwrap()
}

fn day(n: i8) -> Date {
    date(2031, 5, n)
}

fn good(n: i8) -> Set {
    Set {
        backup: format!("web-{n:02}"),
        day: day(n),
        is_good: true,
        good_days: 3,
        locked_until: Observed::Absent,
    }
}

fn bad(n: i8) -> Set {
    Set {
        is_good: false,
        ..good(n)
    }
}

fn known(sets: Vec<Set>) -> Vec<Observed<Set>> {
    sets.into_iter().map(Observed::Present).collect()
}

fn names(retention: &Retention<'_>) -> Vec<i8> {
    retention.expire.iter().map(|set| set.day.day()).collect()
}

#[test]
fn the_fourth_good_day_replaces_the_first() {
    let three = known(vec![good(1), good(2), good(3)]);
    assert_eq!(plan(&three, None, now()).expire, Vec::<&Set>::new());
    let four = known(vec![good(4), good(2), good(1), good(3)]);
    assert_eq!(names(&plan(&four, None, now())), [1]);
}

#[test]
fn days_that_failed_keep_older_ones_alive() {
    let sets = known(vec![good(1), bad(2), bad(3), good(4), good(5)]);
    assert_eq!(names(&plan(&sets, None, now())), Vec::<i8>::new());
    let later = known(vec![good(1), bad(2), bad(3), good(4), good(5), good(6)]);
    assert_eq!(names(&plan(&later, None, now())), [1, 2, 3]);
}

#[test]
fn two_sets_of_a_day_are_one_day_and_go_together() {
    let twice = Set {
        backup: "before-upgrade".into(),
        ..good(1)
    };
    let sets = known(vec![good(1), twice.clone(), good(2), good(3)]);
    assert_eq!(names(&plan(&sets, None, now())), Vec::<i8>::new());
    let sets = known(vec![good(1), twice, good(2), good(3), good(4)]);
    assert_eq!(names(&plan(&sets, None, now())), [1, 1]);
}

#[test]
fn a_locked_set_waits_for_the_end_of_its_lock() {
    let until = now() + 5.hours();
    let locked = Set {
        locked_until: Observed::Present(until),
        ..good(1)
    };
    let sets = known(vec![locked, good(2), good(3), good(4)]);
    let waiting = plan(&sets, None, now());
    assert_eq!((names(&waiting), waiting.next), (vec![], Some(until)));
    assert_eq!(names(&plan(&sets, None, until)), [1]);
}

#[test]
fn what_is_held_stays_and_says_why() {
    let sets = known(vec![good(1), good(2), good(3), good(4)]);
    let days = good_days(&sets);
    for hold in [Hold::Terminating, Hold::Isolated, Hold::PolicyNotAccepted] {
        assert_eq!(plan(&sets, Some(hold), now()).expire, Vec::<&Set>::new());
        assert_eq!(fate(&good(1), &days, Some(hold), now()), Fate::Held(hold));
        assert_eq!(fate(&good(2), &days, Some(hold), now()), Fate::Guaranteed);
    }
}

#[test]
fn an_unknown_set_is_neither_deleted_nor_counted() {
    let mut sets = known(vec![good(1), good(2), good(3)]);
    sets.push(Observed::Unknown);
    assert_eq!(plan(&sets, None, now()).expire, Vec::<&Set>::new());
    let unlocked = Set {
        locked_until: Observed::Unknown,
        ..good(1)
    };
    let sets = known(vec![unlocked, good(2), good(3), good(4)]);
    assert_eq!(plan(&sets, None, now()).expire, Vec::<&Set>::new());
}

#[test]
fn a_set_may_go_when_its_day_is_replaced_and_its_lock_is_over() {
    let tokyo = Schedule::new("00:30", "Asia/Tokyo").unwrap();
    let slot: Timestamp = "2031-05-03T15:30:00Z".parse().unwrap();
    assert_eq!(expires_at(day(1), 3, None, &tokyo), Some(slot));
    let lock = slot + 24.hours();
    assert_eq!(expires_at(day(1), 3, Some(lock), &tokyo), Some(lock));
    // Samoa never had 30 December 2011.
    let apia = Schedule::new("00:30", "Pacific/Apia").unwrap();
    let next = apia.slot_on(date(2011, 12, 31)).unwrap().at;
    assert_eq!(expires_at(date(2011, 12, 27), 3, None, &apia), Some(next));
}

/// One of very many histories, and for how many good days the rules in force keep sets.
fn history(random: &mut fastrand::Rng) -> (Vec<Observed<Set>>, usize) {
    let days = random.i8(1..29);
    let kept = random.u32(1..6);
    let mut sets = Vec::new();
    for n in 1..=days {
        for copy in 0..random.u32(0..3) {
            let set = Set {
                backup: format!("{n:02}-{copy}"),
                day: day(n),
                is_good: random.u8(..10) < 7,
                // Some were made under a policy that kept more.
                good_days: if random.u8(..10) == 0 {
                    kept + random.u32(..5)
                } else {
                    kept
                },
                locked_until: match random.u8(..10) {
                    0 => Observed::Unknown,
                    1..4 => Observed::Present(now() + i64::from(random.i8(-10..10)).hours()),
                    _ => Observed::Absent,
                },
            };
            sets.push(if random.u8(..12) == 0 {
                Observed::Unknown
            } else {
                Observed::Present(set)
            });
        }
    }
    random.shuffle(&mut sets);
    (sets, usize::try_from(kept).unwrap())
}

#[test]
fn whatever_the_history_the_newest_good_days_stay() {
    for seed in 0..20_000 {
        let mut random = fastrand::Rng::with_seed(seed);
        let (sets, rule) = history(&mut random);
        let before = good_days(&sets);
        let retention = plan(&sets, None, now());
        let gone: BTreeSet<_> = retention.expire.iter().map(|set| set.backup.clone()).collect();
        let stays = |set: &Observed<Set>| set.present().is_none_or(|set| !gone.contains(&set.backup));
        let left: Vec<_> = sets.iter().filter(|set| stays(set)).cloned().collect();
        let after = good_days(&left);
        for set in sets.iter().filter_map(Observed::present) {
            let kept = usize::try_from(set.good_days).unwrap();
            let newest: Vec<_> = before.iter().rev().take(kept).collect();
            // Each day that the guarantee names is there still, with all its sets.
            if newest.contains(&&set.day) {
                assert!(!gone.contains(&set.backup), "seed {seed}: {set:?}");
            }
            if gone.contains(&set.backup) {
                let newer = before.iter().filter(|day| **day > set.day).count();
                assert!(newer >= kept, "seed {seed}: {set:?} is not replaced");
                assert!(
                    set.locked_until.present().is_none_or(|until| *until <= now())
                        && !set.locked_until.is_unknown(),
                    "seed {seed}: {set:?} is locked"
                );
            }
        }
        assert!(
            after.len() >= rule.min(before.len()),
            "seed {seed}: too few days are left"
        );
        // Oldest first; the same for any order; and nothing more once it is done.
        assert!(retention.expire.is_sorted_by_key(|set| set.day), "seed {seed}");
        let mut shuffled = sets.clone();
        random.shuffle(&mut shuffled);
        assert_eq!(
            plan(&shuffled, None, now()).expire,
            retention.expire,
            "seed {seed}"
        );
        if !sets
            .iter()
            .filter_map(Observed::present)
            .any(|set| set.good_days as usize > rule)
        {
            assert_eq!(plan(&left, None, now()).expire, Vec::<&Set>::new(), "seed {seed}");
        }
        assert_eq!(
            plan(&sets, Some(Hold::Isolated), now()).expire,
            Vec::<&Set>::new()
        );
    }
}

#[test]
fn sets_deleted_one_by_one_in_any_order_leave_the_same_days() {
    for seed in 0..5_000 {
        let mut random = fastrand::Rng::with_seed(seed);
        let (mut sets, rule) = history(&mut random);
        let before = good_days(&sets);
        let guaranteed: BTreeSet<_> = before.iter().rev().take(rule).copied().collect();
        loop {
            let retention = plan(&sets, None, now());
            let Some(one) = random.choice(retention.expire.iter()) else {
                break;
            };
            let name = one.backup.clone();
            sets.retain(|set| set.present().is_none_or(|set| set.backup != name));
        }
        let left = good_days(&sets);
        assert!(guaranteed.is_subset(&left), "seed {seed}");
    }
}
