use super::*;

fn set(day: i8, id: &str, is_whole: bool) -> Set {
    let day = jiff::civil::date(2026, 12, day);
    Set {
        owner: "one".to_owned(),
        day,
        slot: None,
        begun: Timestamp::UNIX_EPOCH,
        is_whole,
        has_failed: !is_whole,
        ids: BTreeSet::from([id.to_owned()]),
        locked_until: None,
    }
}

#[test]
fn only_whole_sets_of_the_same_owner_on_newer_days_make_a_set_old() {
    let mut sets = vec![
        set(1, "a", true),
        set(2, "b", true),
        set(2, "c", true),
        set(3, "d", false),
    ];
    assert_eq!(
        newer_days(&sets, &sets[0]),
        1,
        "two sets of a day are one good day"
    );
    sets.push(Set {
        owner: "two".to_owned(),
        ..set(4, "e", true)
    });
    assert_eq!(newer_days(&sets, &sets[0]), 1);
    sets.push(set(5, "f", true));
    assert_eq!(newer_days(&sets, &sets[0]), 2);
    assert_eq!(newer_days(&sets, &sets[5]), 0);
}

#[test]
fn a_set_is_of_its_slots_day_unless_it_came_long_after_it() {
    let guarantee = Guarantee {
        zone: TimeZone::UTC,
        good_days: 3,
    };
    let slot: Timestamp = "2026-12-01T23:00:00Z".parse().unwrap();
    let day = |begun: &str| guarantee.day(Some(slot), begun.parse().unwrap());
    assert_eq!(day("2026-12-02T00:59:00Z"), jiff::civil::date(2026, 12, 1));
    assert_eq!(day("2026-12-02T01:01:00Z"), jiff::civil::date(2026, 12, 2));
}
