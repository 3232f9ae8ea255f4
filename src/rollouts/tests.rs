use super::*;

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_second(1_900_000_000 + minutes * 60).unwrap()
}

fn of(tenants: usize) -> Rollouts {
    let rollouts = Rollouts::default();
    let reached = Reached {
        tenants,
        ..Reached::default()
    };
    rollouts.counted("tokyo", reached, at(0));
    rollouts
}

/// How many of these Tenants are let through.
fn reached(rollouts: &Rollouts, who: std::ops::Range<usize>, now: Timestamp) -> usize {
    who.filter(|n| rollouts.admit("tokyo", &format!("t{n}"), now))
        .count()
}

#[test]
fn an_edit_reaches_a_twentieth_of_a_class_an_hour_and_always_one() {
    for (tenants, may) in [(0, 1), (1, 1), (39, 1), (40, 2), (1_000, 50), (10_000, 500)] {
        assert_eq!(
            reached(&of(tenants), 0..1_000, at(0)),
            may.min(1_000),
            "{tenants} Tenants"
        );
    }
}

#[test]
fn places_are_free_again_an_hour_after_they_were_taken() {
    let rollouts = of(40);
    assert_eq!(reached(&rollouts, 0..1, at(0)), 1);
    assert_eq!(reached(&rollouts, 1..9, at(20)), 1);
    assert_eq!(rollouts.turn_at("tokyo", "t5", at(30)), Some(at(60)));
    assert_eq!(reached(&rollouts, 2..9, at(59)), 0);
    assert_eq!(reached(&rollouts, 2..9, at(60)), 1);
    assert_eq!(rollouts.turn_at("tokyo", "t8", at(60)), Some(at(80)));
}

#[test]
fn who_has_a_place_goes_on_with_it_and_other_classes_do_not_matter() {
    let rollouts = of(20);
    assert!(rollouts.admit("tokyo", "t1", at(0)));
    assert!(rollouts.admit("tokyo", "t1", at(5)));
    assert!(!rollouts.admit("tokyo", "t2", at(5)));
    assert!(rollouts.admit("osaka", "t2", at(5)));
}

#[test]
fn a_count_forgets_nothing_that_was_let_through_since() {
    let rollouts = of(20);
    assert!(!rollouts.wants_count("tokyo", at(0)));
    assert!(rollouts.wants_count("tokyo", at(1)));
    assert!(rollouts.admit("tokyo", "t1", at(1)));
    let reached = Reached {
        tenants: 20,
        ..Reached::default()
    };
    rollouts.counted("tokyo", reached, at(2));
    assert!(!rollouts.admit("tokyo", "t2", at(3)));
}

#[test]
fn after_a_restart_the_statuses_say_who_was_reached() {
    let rollouts = Rollouts::default();
    let reached = Reached {
        at: BTreeMap::from([("t1".to_owned(), at(-10)), ("t2".to_owned(), at(-100))]),
        tenants: 20,
    };
    rollouts.counted("tokyo", reached, at(0));
    assert_eq!(rollouts.turn_at("tokyo", "t3", at(0)), Some(at(50)));
    assert!(!rollouts.admit("tokyo", "t3", at(0)));
}
