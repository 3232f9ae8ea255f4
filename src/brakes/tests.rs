use super::*;

fn at(hours: i64) -> Timestamp {
    Timestamp::from_second(1_900_000_000 + hours * 3_600).unwrap()
}

fn site() -> Site {
    Site {
        account: None,
        region: "ap-northeast-1".into(),
    }
}

fn counted(brakes: &Brakes, tenants: usize, now: Timestamp) {
    let count = Count {
        expiring: BTreeMap::new(),
        tenants: (0..tenants).map(|n| Key::new("acme", format!("t{n}"))).collect(),
    };
    brakes.counted(&site(), count, now);
}

/// Lets as many go as may, and says how many.
fn expire(brakes: &Brakes, prefix: &str, want: usize, now: Timestamp) -> usize {
    (0..want)
        .take_while(|n| brakes.admit(&site(), &format!("{prefix}-{n}"), now))
        .count()
}

fn resume(brakes: &Brakes, text: &str, now: Timestamp) {
    brakes.heard(&site(), "class", (None, Resume::parse(text)), now);
}

#[test]
fn a_day_brings_one_set_a_tenant_and_a_tenth_more() {
    for (tenants, may_go) in [(0, 5), (4, 5), (5, 5), (10, 11), (1_000, 1_100)] {
        let brakes = Brakes::default();
        counted(&brakes, tenants, at(0));
        assert_eq!(expire(&brakes, "a", 2_000, at(0)), may_go, "{tenants} Tenants");
        assert!(brakes.is_braked(&site(), at(0)));
    }
}

#[test]
fn an_ordinary_fortnight_never_brakes_whatever_the_minutes_of_its_nights() {
    let brakes = Brakes::default();
    counted(&brakes, 100, at(0));
    let mut random = fastrand::Rng::with_seed(7);
    for day in 0..14 {
        let now = at(day * 24 + random.i64(0..4));
        assert_eq!(expire(&brakes, &format!("{day}"), 105, now), 105, "day {day}");
    }
    assert_eq!(brakes.shown(&site(), at(14 * 24)), None);
}

#[test]
fn the_brake_stays_on_until_a_person_says_so_later_than_it_was_put_on() {
    let brakes = Brakes::default();
    counted(&brakes, 0, at(0));
    assert_eq!(expire(&brakes, "a", 6, at(1)), 5);
    // Days later nothing of it counts any more, but nobody looked at why.
    assert!(brakes.is_braked(&site(), at(100)));
    assert!(!brakes.admit(&site(), "b", at(100)));
    resume(&brakes, &at(0).to_string(), at(100));
    assert!(brakes.is_braked(&site(), at(100)), "said before it was braked");
    resume(&brakes, &at(150).to_string(), at(100));
    assert!(brakes.is_braked(&site(), at(100)), "it is not yet so late");
    assert!(!brakes.is_braked(&site(), at(150)));
    let shown = brakes.shown(&site(), at(150));
    assert_eq!(shown, None);
}

#[test]
fn for_a_day_after_a_persons_word_nothing_is_counted_and_then_it_is_again() {
    let brakes = Brakes::default();
    counted(&brakes, 0, at(0));
    assert_eq!(expire(&brakes, "a", 6, at(1)), 5);
    resume(&brakes, &at(2).to_string(), at(2));
    assert_eq!(expire(&brakes, "b", 500, at(3)), 500);
    assert_eq!(expire(&brakes, "c", 500, at(26)), 5);
    assert!(brakes.is_braked(&site(), at(26)));
}

#[test]
fn a_date_is_a_days_word_too() {
    let brakes = Brakes::default();
    let now: Timestamp = "2031-05-02T10:00:00Z".parse().unwrap();
    counted(&brakes, 0, now);
    assert_eq!(expire(&brakes, "a", 6, now), 5);
    resume(&brakes, "2031-05-01", now);
    assert!(brakes.is_braked(&site(), now));
    resume(&brakes, "2031-05-02", now);
    assert!(!brakes.is_braked(&site(), now));
    assert_eq!(expire(&brakes, "b", 500, now), 500);
    for nonsense in ["", "yes", "2031-13-01", "tomorrow"] {
        assert_eq!(Resume::parse(nonsense), None, "{nonsense}");
    }
}

#[test]
fn a_restart_forgets_neither_the_count_nor_the_brake() {
    let before = Brakes::default();
    counted(&before, 0, at(0));
    assert_eq!(expire(&before, "a", 4, at(0)), 4);
    let after = Brakes::default();
    assert!(after.wants_count(&site(), at(1)));
    let expiring = (0..4).map(|n| (format!("a-{n}"), at(0))).collect();
    after.counted(
        &site(),
        Count {
            expiring,
            tenants: BTreeSet::new(),
        },
        at(1),
    );
    assert!(!after.wants_count(&site(), at(1)));
    assert_eq!(expire(&after, "b", 10, at(1)), 1);

    let braked = Brakes::default();
    braked.heard(&site(), "class", (Some(at(1)), None), at(2));
    assert!(!braked.admit(&site(), "c", at(2)));
    let resumed = Brakes::default();
    resumed.heard(
        &site(),
        "class",
        (Some(at(1)), Resume::parse(&at(2).to_string())),
        at(2),
    );
    assert!(resumed.admit(&site(), "c", at(2)));
}

#[test]
fn what_did_not_go_after_all_does_not_count() {
    let brakes = Brakes::default();
    counted(&brakes, 0, at(0));
    assert_eq!(expire(&brakes, "a", 5, at(0)), 5);
    brakes.withdraw(&site(), "a-3");
    assert!(brakes.admit(&site(), "b", at(0)));
    assert!(!brakes.admit(&site(), "c", at(0)));
}

#[test]
fn tenants_without_a_recent_day_are_named_until_they_have_one() {
    let brakes = Brakes::default();
    let (web, wiki) = (Key::new("acme", "web"), Key::new("acme", "wiki"));
    assert!(brakes.stale(&site(), &web, true));
    assert!(!brakes.stale(&site(), &web, true), "that is no news");
    assert!(brakes.stale(&site(), &wiki, true));
    let shown = brakes.shown(&site(), at(0)).unwrap();
    assert_eq!(shown.reason, Reason::NoRecentDay);
    assert!(shown.message.contains("acme/web and others"), "{}", shown.message);
    assert!(brakes.admit(&site(), "another", at(0)), "others go on");
    brakes.stale(&site(), &web, false);
    brakes.stale(&site(), &wiki, false);
    assert_eq!(brakes.shown(&site(), at(0)), None);
}
