use proptest::{collection::btree_set, prelude::*, sample::select};

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn written(days: &[Weekday], from: &str, duration: &str, zone: &str) -> MaintenanceWindow {
    MaintenanceWindow {
        days: days.to_vec(),
        from: from.to_owned(),
        duration: duration.to_owned(),
        time_zone: zone.to_owned(),
    }
}

fn window(days: &[Weekday], from: &str, duration: &str, zone: &str) -> Window {
    Window::new(&written(days, from, duration, zone)).unwrap()
}

/// `o` where it is open, `-` where it is not, at each of these instants.
fn open(window: &Window, instants: &[&str]) -> String {
    let told = instants.iter().map(|instant| match window.is_open(at(instant)) {
        true => 'o',
        false => '-',
    });
    told.collect()
}

#[test]
fn a_window_is_open_from_its_beginning_to_its_end_and_no_longer() {
    let tokyo = window(&[Weekday::Sun], "02:00", "3h", "Asia/Tokyo");
    // Sunday 29 November 2026, 02:00 in Tokyo, is Saturday 17:00 in UTC.
    let instants = [
        "2026-11-28T16:59:59Z",
        "2026-11-28T17:00:00Z",
        "2026-11-28T19:59:59Z",
        "2026-11-28T20:00:00Z",
        "2026-11-29T17:00:00Z",
    ];
    assert_eq!(open(&tokyo, &instants), "-oo--");
}

#[test]
fn a_window_over_midnight_belongs_to_the_date_on_which_it_begins() {
    let berlin = window(&[Weekday::Sat], "23:00", "3h", "Europe/Berlin");
    let instants = [
        "2026-11-27T23:30:00Z", // Saturday 00:30: the window of Friday, which has none.
        "2026-11-28T22:00:00Z",
        "2026-11-29T00:59:59Z", // Sunday 01:59:59.
        "2026-11-29T01:00:00Z",
        "2026-11-29T22:00:00Z",
    ];
    assert_eq!(open(&berlin, &instants), "-oo--");
}

#[test]
fn the_next_opening_is_the_next_beginning_and_never_the_present_one() {
    let tokyo = window(&[Weekday::Wed, Weekday::Sun], "02:00", "3h", "Asia/Tokyo");
    for (now, next) in [
        ("2026-11-28T16:59:59Z", "2026-11-28T17:00:00Z"),
        ("2026-11-28T17:00:00Z", "2026-12-01T17:00:00Z"),
        ("2026-11-28T18:00:00Z", "2026-12-01T17:00:00Z"),
        ("2026-12-01T17:00:00Z", "2026-12-05T17:00:00Z"),
    ] {
        assert_eq!(tokyo.next_opening(at(now)), Some(at(next)), "{now}");
    }
}

#[test]
fn a_window_lasts_as_long_as_it_says_though_daylight_saving_changes_in_it() {
    // On 8 March 2026 New York goes from 02:00 to 03:00; on 1 November from 02:00 to 01:00.
    let york = window(&[Weekday::Sun], "01:00", "2h", "America/New_York");
    let spring = [
        "2026-03-08T05:59:59Z",
        "2026-03-08T06:00:00Z",
        "2026-03-08T07:59:59Z",
        "2026-03-08T08:00:00Z",
    ];
    assert_eq!(open(&york, &spring), "-oo-");
    let autumn = [
        "2026-11-01T04:59:59Z",
        "2026-11-01T05:00:00Z",
        "2026-11-01T06:59:59Z",
        "2026-11-01T07:00:00Z",
    ];
    assert_eq!(open(&york, &autumn), "-oo-");
}

#[test]
fn a_beginning_that_daylight_saving_skips_is_the_first_instant_after_the_gap() {
    let york = window(&[Weekday::Sun], "02:30", "1h", "America/New_York");
    let instants = [
        "2026-03-08T06:59:59Z",
        "2026-03-08T07:00:00Z",
        "2026-03-08T07:59:59Z",
        "2026-03-08T08:00:00Z",
    ];
    assert_eq!(open(&york, &instants), "-oo-");
    assert_eq!(
        york.next_opening(at("2026-03-08T00:00:00Z")),
        Some(at("2026-03-08T07:00:00Z"))
    );
}

#[test]
fn a_date_that_a_zone_left_out_has_no_window() {
    // Samoa went from 29 to 31 December 2011: there was no Friday in that week.
    let samoa = window(&[Weekday::Fri], "02:00", "3h", "Pacific/Apia");
    assert_eq!(
        samoa.next_opening(at("2011-12-24T12:00:00Z")),
        Some(at("2012-01-05T12:00:00Z"))
    );
}

#[test]
fn a_window_that_cannot_be_understood_names_its_field() {
    let told = |written: MaintenanceWindow| Window::new(&written).unwrap_err().to_string();
    let sunday = [Weekday::Sun];
    assert_eq!(
        Window::new(&written(&sunday, "02:00", "3h", "Asia/Edo")),
        Err(WindowError::UnknownZone("Asia/Edo".to_owned()))
    );
    assert!(told(written(&sunday, "02:00", "3h", "Asia/Edo")).starts_with("timeZone: \"Asia/Edo\""));
    assert!(told(written(&sunday, "24:00", "3h", "Asia/Tokyo")).starts_with("from: \"24:00\""));
    for length in ["14m", "24h1m", "3", "-3h", ""] {
        let told = told(written(&sunday, "02:00", length, "Asia/Tokyo"));
        assert!(told.starts_with("duration: "), "{length}: {told}");
    }
    assert_eq!(
        told(written(&[], "02:00", "3h", "Asia/Tokyo")),
        "days: at least one is needed"
    );
}

#[test]
fn a_window_of_every_day_and_a_whole_day_is_always_open_in_a_zone_without_daylight_saving() {
    let always = window(Weekday::ALL, "02:00", "24h", "Asia/Tokyo");
    let mut now = at("2026-11-24T00:00:00Z");
    for _ in 0..500 {
        assert!(always.is_open(now), "{now}");
        now = later(now, Duration::from_secs(1_237));
    }
}

fn windows() -> impl Strategy<Value = Window> {
    let days = btree_set(select(Weekday::ALL), 1..7);
    let zones = select(vec![
        "Asia/Tokyo",
        "Europe/Berlin",
        "America/New_York",
        "Australia/Lord_Howe",
        "America/Sao_Paulo",
        "Africa/Cairo",
        "Pacific/Apia",
        "UTC",
    ]);
    (days, 0..24u8, 0..60u8, 15..=24 * 60u32, zones).prop_map(|(days, hour, minute, length, zone)| {
        let days: Vec<_> = days.into_iter().collect();
        window(
            &days,
            &format!("{hour:02}:{minute:02}"),
            &format!("{length}m"),
            zone,
        )
    })
}

proptest! {
    #[test]
    fn from_one_opening_a_window_is_open_for_its_length(window in windows(), second in 1_262_304_000_i64..2_000_000_000) {
        let opening = window.next_opening(Timestamp::from_second(second).unwrap()).unwrap();
        prop_assert!(opening.as_second() > second);
        prop_assert!(window.is_open(opening));
        prop_assert!(window.is_open(later(opening, window.length - Duration::from_secs(1))));
        prop_assert!(window.days.contains(&Weekday::from(window.begin.date_of(opening).weekday())));
    }

    #[test]
    fn a_closed_window_stays_closed_until_its_next_opening(
        window in windows(), second in 1_262_304_000_i64..2_000_000_000, part in 0.0..1.0f64,
    ) {
        let now = Timestamp::from_second(second).unwrap();
        prop_assume!(!window.is_open(now));
        let opening = window.next_opening(now).unwrap();
        let between = (opening.as_second() - second) as f64 * part;
        let between = Timestamp::from_second(second + between as i64).unwrap();
        prop_assert!(between >= opening || !window.is_open(between), "{} is open at {}", window, between);
    }
}
