use super::{next_full_minute, rfc3339, tokyo_time};

#[test]
fn dates_are_those_of_the_calendar() {
    assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
    assert_eq!(rfc3339(951_782_400), "2000-02-29T00:00:00Z");
    assert_eq!(rfc3339(1_735_689_599), "2024-12-31T23:59:59Z");
    assert_eq!(rfc3339(4_107_542_400), "2100-03-01T00:00:00Z");
}

#[test]
fn the_next_minute_leaves_the_lead() {
    assert_eq!(next_full_minute(0, 20), 60);
    assert_eq!(next_full_minute(40, 20), 60);
    assert_eq!(next_full_minute(41, 20), 120);
}

#[test]
fn tokyo_is_nine_hours_ahead_across_midnight() {
    assert_eq!(tokyo_time(0), "09:00");
    assert_eq!(tokyo_time(15 * 3600 + 1800), "00:30");
}
