use super::*;

fn at(hours: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + hours * 3_600).unwrap()
}

const RULE: LockRule = LockRule {
    mode: LockMode::Governance,
    days: 4,
    holds_until: None,
};

fn lock(id: &str, mode: LockMode, until: i64) -> (SnapshotId, Observed<SnapshotLock>) {
    let lock = SnapshotLock {
        id: id.into(),
        mode,
        until: Some(at(until)),
    };
    (id.into(), Observed::Present(lock))
}

fn seen<const N: usize>(
    locks: [(SnapshotId, Observed<SnapshotLock>); N],
) -> BTreeMap<SnapshotId, Observed<SnapshotLock>> {
    locks.into()
}

fn none(id: &str) -> (SnapshotId, Observed<SnapshotLock>) {
    (id.into(), Observed::Absent)
}

fn ends(locks: &Locks) -> Vec<(&str, Timestamp, bool)> {
    let steps = locks.steps.iter();
    steps
        .map(|step| (step.id.as_str(), step.until, step.restores))
        .collect()
}

#[test]
fn a_new_set_is_locked_whole_for_the_days_of_the_rule_from_its_start() {
    let locks = plan(at(0), &seen([none("a"), none("b")]), &RULE, None, at(1));
    assert_eq!(ends(&locks), [("a", at(96), false), ("b", at(96), false)]);
    assert_eq!(locks.until, Observed::Absent);
}

#[test]
fn a_fraction_of_a_second_is_never_lost() {
    let began = at(0) + jiff::SignedDuration::from_millis(1);
    let locks = plan(began, &seen([none("a")]), &RULE, None, at(1));
    assert_eq!(locks.steps[0].until.as_second(), at(96).as_second() + 1);
}

#[test]
fn a_locked_set_says_the_earliest_end_and_wants_nothing() {
    let all = seen([
        lock("a", LockMode::Governance, 96),
        lock("b", LockMode::Governance, 120),
    ]);
    let locks = plan(at(0), &all, &RULE, Some(at(96)), at(1));
    assert_eq!(locks.steps, []);
    assert_eq!(locks.until, Observed::Present(at(96)));
}

#[test]
fn a_lock_of_a_kept_day_that_would_end_too_soon_is_prolonged() {
    let rule = LockRule {
        holds_until: Some(at(97)),
        ..RULE
    };
    let all = seen([
        lock("a", LockMode::Compliance, 96),
        lock("b", LockMode::Governance, 121),
    ]);
    let locks = plan(at(0), &all, &rule, Some(at(96)), at(90));
    assert_eq!(ends(&locks), [("a", at(121), false)]);
    assert_eq!(locks.steps[0].mode, LockMode::Compliance, "it keeps its own mode");
    // And not again before that is near its end.
    let all = seen([lock("a", LockMode::Compliance, 121)]);
    assert_eq!(plan(at(0), &all, &rule, Some(at(121)), at(91)).steps, []);
}

#[test]
fn a_lock_that_a_stranger_removed_or_shortened_is_put_back() {
    let all = seen([none("a"), lock("b", LockMode::Governance, 50)]);
    let locks = plan(at(0), &all, &RULE, Some(at(96)), at(2));
    assert_eq!(ends(&locks), [("a", at(96), true), ("b", at(96), true)]);
}

#[test]
fn a_lock_that_ended_by_itself_is_over() {
    let locks = plan(at(0), &seen([none("a")]), &RULE, Some(at(96)), at(97));
    assert_eq!(locks.steps, []);
    assert_eq!(locks.until, Observed::Absent);
}

#[test]
fn a_longer_lock_is_never_shortened() {
    let all = seen([lock("a", LockMode::Governance, 9_000)]);
    for holds_until in [None, Some(at(500))] {
        let rule = LockRule { holds_until, ..RULE };
        assert_eq!(plan(at(0), &all, &rule, None, at(1)).steps, []);
    }
}

#[test]
fn what_is_not_known_is_left_alone() {
    let all = seen([
        ("a".into(), Observed::Unknown),
        lock("b", LockMode::Governance, 96),
    ]);
    let locks = plan(at(0), &all, &RULE, Some(at(96)), at(1));
    assert_eq!(locks.steps, []);
    assert_eq!(locks.until, Observed::Unknown);
}

#[test]
fn setting_what_is_missing_leaves_nothing_missing_and_shortens_nothing() {
    for seed in 0..20_000 {
        let mut random = fastrand::Rng::with_seed(seed);
        let now = at(random.i64(0..400));
        let rule = LockRule {
            mode: LockMode::Governance,
            days: random.u32(1..10),
            holds_until: random
                .bool()
                .then(|| now + jiff::SignedDuration::from_hours(random.i64(0..48))),
        };
        let all: BTreeMap<_, _> = (0..random.u8(1..5))
            .map(|n| {
                let id = format!("snap-{n}");
                match random.u8(..3) {
                    0 => none(&id),
                    _ => lock(&id, LockMode::Governance, random.i64(0..500)),
                }
            })
            .collect();
        let recorded = random.bool().then(|| at(random.i64(0..500)));
        let locks = plan(at(0), &all, &rule, recorded, now);
        let mut after = all.clone();
        for step in &locks.steps {
            let before = all[&step.id].present().and_then(|lock| lock.until);
            assert!(
                before.is_none_or(|before| before < step.until),
                "seed {seed}: {step:?}"
            );
            let set = SnapshotLock {
                id: step.id.clone(),
                mode: step.mode,
                until: Some(step.until),
            };
            after.insert(step.id.clone(), Observed::Present(set));
        }
        let again = plan(at(0), &after, &rule, recorded, now);
        assert_eq!(again.steps, [], "seed {seed}");
        if let Some(holds_until) = rule.holds_until {
            for lock in after.values().filter_map(Observed::present) {
                assert!(lock.until.unwrap() >= holds_until, "seed {seed}: {lock:?}");
            }
        }
    }
}

#[test]
fn a_lock_that_somebody_set_meanwhile_is_prolonged_in_its_mode_or_left() {
    let step = LockStep {
        id: "a".into(),
        mode: LockMode::Governance,
        until: at(96),
        restores: false,
    };
    let there = |mode, until: Option<i64>| SnapshotLock {
        id: "a".into(),
        mode,
        until: until.map(at),
    };
    assert_eq!(step.over(None), Some(LockMode::Governance));
    let shorter = there(LockMode::Compliance, Some(95));
    assert_eq!(step.over(Some(&shorter)), Some(LockMode::Compliance));
    for kept in [Some(96), Some(97), None] {
        assert_eq!(
            step.over(Some(&there(LockMode::Governance, kept))),
            None,
            "{kept:?}"
        );
    }
}
