//! The wall clock, for the demo: the operator it watches lives on it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Tokyo is nine hours ahead of UTC all year round.
const TOKYO: u64 = 9 * 3600;

const DAY: u64 = 86_400;

/// Whole seconds since 1970 in UTC.
#[expect(
    clippy::disallowed_methods,
    reason = "the operator runs as a process, on the same wall clock"
)]
pub(crate) fn unix_now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO)
        .as_secs()
}

/// The first full minute that is at least `lead` seconds away.
pub(crate) fn next_full_minute(now: u64, lead: u64) -> u64 {
    (now + lead).div_ceil(60) * 60
}

/// `HH:MM` on a clock in Tokyo.
pub(crate) fn tokyo_time(unix: u64) -> String {
    let seconds = (unix + TOKYO) % DAY;
    format!("{:02}:{:02}", seconds / 3600, seconds / 60 % 60)
}

/// RFC 3339 in UTC, to the second.
pub(crate) fn rfc3339(unix: u64) -> String {
    let (days, seconds) = (unix / DAY, unix % DAY);
    let (year, month, day) = civil(days);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// The date `days` after 1970-01-01 (Howard Hinnant's algorithm: years begin in March, so that the leap day
/// is their last).
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests;
