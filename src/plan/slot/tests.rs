mod ten_years;

use std::time::Duration;

use jiff::civil::date;
use proptest::prelude::*;

use super::*;

fn schedule(at: &str, zone: &str) -> Schedule {
    Schedule::new(at, zone).unwrap()
}

fn slot(at: &str, zone: &str, on: Date) -> String {
    schedule(at, zone).slot_on(on).unwrap().at.to_string()
}

#[test]
fn tokyo_never_shifts() {
    let tokyo = schedule("00:30", "Asia/Tokyo");
    let mut at = "2024-01-01T00:00:00Z".parse().unwrap();
    for _ in 0..3 * 365 {
        let next = tokyo.next_after(at).unwrap();
        assert_eq!(
            TimeZone::UTC.to_datetime(next.at).time(),
            Time::constant(15, 30, 0, 0)
        );
        at = next.at;
    }
}

#[test]
fn a_skipped_time_gives_the_first_instant_after_the_gap() {
    assert_eq!(
        slot("02:30", "America/New_York", date(2026, 3, 8)),
        "2026-03-08T07:00:00Z"
    );
    assert_eq!(
        slot("02:00", "Europe/Berlin", date(2026, 3, 29)),
        "2026-03-29T01:00:00Z"
    );
    assert_eq!(
        slot("02:59", "Europe/Berlin", date(2026, 3, 29)),
        "2026-03-29T01:00:00Z"
    );
    assert_eq!(
        slot("03:00", "Europe/Berlin", date(2026, 3, 29)),
        "2026-03-29T01:00:00Z"
    );
    // Half an hour only: 02:00 becomes 02:30.
    assert_eq!(
        slot("02:15", "Australia/Lord_Howe", date(2026, 10, 4)),
        "2026-10-03T15:30:00Z"
    );
}

#[test]
fn a_time_that_comes_twice_gives_the_first() {
    assert_eq!(
        slot("01:30", "America/New_York", date(2026, 11, 1)),
        "2026-11-01T05:30:00Z"
    );
    assert_eq!(
        slot("02:30", "Europe/Berlin", date(2026, 10, 25)),
        "2026-10-25T00:30:00Z"
    );
    assert_eq!(
        slot("01:45", "Australia/Lord_Howe", date(2026, 4, 5)),
        "2026-04-04T14:45:00Z"
    );
}

#[test]
fn a_gap_over_midnight_keeps_its_date() {
    let nuuk = schedule("23:30", "America/Nuuk");
    let slot = nuuk.slot_on(date(2024, 3, 30)).unwrap();
    assert_eq!(slot.at.to_string(), "2024-03-31T01:00:00Z");
    assert_eq!(nuuk.local_date(slot.at), date(2024, 3, 31));
    assert_eq!(nuuk.date_of(slot.at), date(2024, 3, 30));
    assert_eq!(nuuk.next_after(slot.at).unwrap().date, date(2024, 3, 31));
}

#[test]
fn a_gap_at_the_start_of_a_date_keeps_its_date() {
    assert_eq!(
        slot("00:30", "America/Sao_Paulo", date(2018, 11, 4)),
        "2018-11-04T03:00:00Z"
    );
}

#[test]
fn a_date_that_a_zone_left_out_has_no_slot() {
    let apia = schedule("00:30", "Pacific/Apia");
    assert_eq!(apia.slot_on(date(2011, 12, 30)), None);
    let before = apia.slot_on(date(2011, 12, 29)).unwrap();
    assert_eq!(apia.next_after(before.at).unwrap().date, date(2011, 12, 31));
}

#[test]
fn leap_days_and_year_ends_are_dates_like_any_other() {
    let berlin = schedule("23:59", "Europe/Berlin");
    let leap = berlin
        .next_after("2028-02-28T23:00:00Z".parse().unwrap())
        .unwrap();
    assert_eq!(leap.date, date(2028, 2, 29));
    let year_end = berlin
        .next_after("2026-12-31T12:00:00Z".parse().unwrap())
        .unwrap();
    assert_eq!(
        (year_end.date, year_end.at.to_string().as_str()),
        (date(2026, 12, 31), "2026-12-31T22:59:00Z")
    );
    assert_eq!(berlin.next_after(year_end.at).unwrap().date, date(2027, 1, 1));
}

#[test]
fn an_unknown_zone_is_the_users_mistake() {
    for zone in ["Mars/Olympus", "", "Etc/Unknown", "+09:00"] {
        let mistake = Schedule::new("00:30", zone).unwrap_err();
        assert!(mistake.to_string().starts_with("spec.timeZone: "), "{mistake}");
    }
}

#[test]
fn a_malformed_time_is_the_users_mistake() {
    for at in ["24:00", "0:30", "00:60", "+1:30", "00:30:00", "noon"] {
        let mistake = Schedule::new(at, "Asia/Tokyo").unwrap_err();
        assert!(mistake.to_string().starts_with("spec.at: "), "{mistake}");
    }
}

#[test]
fn a_backup_is_named_by_its_slot_in_utc() {
    let at = "2026-11-24T15:30:00Z".parse().unwrap();
    assert_eq!(backup_name("acme-jira", at), "acme-jira-202611241530");
}

pub(super) fn zones() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "Asia/Tokyo",
        "America/New_York",
        "Europe/Berlin",
        "Australia/Lord_Howe",
        "America/Nuuk",
        "Asia/Kathmandu",
        "Pacific/Apia",
        "Pacific/Kiritimati",
        "UTC",
    ])
}

pub(super) fn times() -> impl Strategy<Value = String> {
    (0..24, 0..60).prop_map(|(hour, minute)| format!("{hour:02}:{minute:02}"))
}

proptest! {
    #[test]
    fn the_next_slot_is_the_next_date(at in times(), zone in zones(), start in 1_262_304_000_i64..2_000_000_000) {
        let schedule = Schedule::new(&at, zone).unwrap();
        let start = Timestamp::from_second(start).unwrap();
        let first = schedule.next_after(start).unwrap();
        let second = schedule.next_after(first.at).unwrap();
        prop_assert!(first.at > start && second.at > first.at);
        prop_assert!(second.date > first.date);
        prop_assert!(second.date == first.date.tomorrow().unwrap() || zone == "Pacific/Apia");
        prop_assert_eq!(schedule.date_of(first.at), first.date);
    }
}
