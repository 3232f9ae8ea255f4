//! When an environment may be interrupted: the hours of a day of the week, in a time zone.
//!
//! A window belongs to the *local date* on which it begins, and lasts as long as it says by the clock on the wall of
//! nobody: three hours are three hours, though daylight saving begins or ends in them. One that begins late in the
//! evening goes on into the next date. Deliberately absent: exceptions such as holidays, and windows of another month.

use std::{collections::BTreeSet, fmt, time::Duration};

use jiff::{Timestamp, civil::Date};

use super::slot::{Schedule, ScheduleError};
use crate::{
    api::{MaintenanceWindow, Weekday},
    clock::later,
};

/// The shortest window: less than a quarter of an hour would often end before an instance has stopped.
pub const SHORTEST: Duration = Duration::from_secs(15 * 60);

/// The longest window; with every day of the week it is always open.
pub const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// A window that cannot be understood: the user's mistake. The field is named from the window on.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum WindowError {
    /// No such time zone.
    #[error("timeZone: {0:?} is no time zone of the IANA database, such as Asia/Tokyo")]
    UnknownZone(String),
    /// Something that the API server refuses too.
    #[error("{0}")]
    Malformed(String),
}

/// When an environment may be interrupted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    days: BTreeSet<Weekday>,
    begin: Schedule,
    length: Duration,
    text: String,
}

impl Window {
    /// The window as an object writes it.
    ///
    /// # Errors
    /// Where it cannot be understood.
    pub fn new(written: &MaintenanceWindow) -> Result<Self, WindowError> {
        let begin = Schedule::new(&written.from, &written.time_zone).map_err(|error| match error {
            ScheduleError::UnknownZone(zone) => WindowError::UnknownZone(zone),
            ScheduleError::MalformedTime(time) => {
                WindowError::Malformed(format!("from: {time:?} is no time of day, such as 02:00"))
            }
        })?;
        let length = span(&written.duration).filter(|length| (SHORTEST..=LONGEST).contains(length));
        let length = length.ok_or_else(|| {
            WindowError::Malformed(format!(
                "duration: {:?} is not from 15m to 24h, such as 3h",
                written.duration
            ))
        })?;
        let days: BTreeSet<_> = written.days.iter().copied().collect();
        if days.is_empty() {
            return Err(WindowError::Malformed("days: at least one is needed".to_owned()));
        }
        let named: Vec<_> = days.iter().map(|day| day.as_str()).collect();
        let text = format!(
            "{} {} for {} in {}",
            named.join(", "),
            written.from,
            written.duration,
            written.time_zone
        );
        Ok(Self {
            days,
            begin,
            length,
            text,
        })
    }

    /// The instant at which the window of this date begins; `None` for a date that has none.
    fn on(&self, date: Date) -> Option<Timestamp> {
        if !self.days.contains(&Weekday::from(date.weekday())) {
            return None;
        }
        self.begin.slot_on(date).map(|slot| slot.at)
    }

    /// Whether an environment may be interrupted now. The window's end is no part of it.
    pub fn is_open(&self, now: Timestamp) -> bool {
        let today = self.begin.local_date(now);
        // One that is open now began today or yesterday: it lasts a day at most. A date is an hour shorter or longer
        // where daylight saving changes, and one of the Pacific was left out, so one more is looked at.
        let mut date = Some(today);
        for _ in 0..3 {
            let Some(day) = date else { break };
            let begun = self.on(day).filter(|at| *at <= now);
            if begun.is_some_and(|at| now < later(at, self.length)) {
                return true;
            }
            date = day.yesterday().ok();
        }
        false
    }

    /// When the next window begins, later than `now`; `None` at the end of the calendar.
    pub fn next_opening(&self, now: Timestamp) -> Option<Timestamp> {
        let mut date = self.begin.local_date(now).yesterday().ok()?;
        // A week holds every day of the week, but for a date that a zone left out: two weeks hold one that was not.
        for _ in 0..17 {
            if let Some(at) = self.on(date).filter(|at| *at > now) {
                return Some(at);
            }
            date = date.tomorrow().ok()?;
        }
        None
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A span such as `3h` or `1h30m`.
fn span(text: &str) -> Option<Duration> {
    let span: jiff::SignedDuration = text.parse().ok()?;
    Duration::try_from(span).ok()
}

#[cfg(test)]
mod tests;
