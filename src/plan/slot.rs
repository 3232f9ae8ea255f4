//! When a backup is due: the daily slots of a time of day in a time zone.
//!
//! A slot belongs to a *local date*, not to an instant: daylight saving moves the instant, and in a few zones
//! even past midnight, but a date has one slot. Deliberately absent: cron expressions. The promise is "daily at".

mod due;
mod lost;

use std::sync::LazyLock;

use jiff::{
    Timestamp,
    civil::{Date, DateTime, Time},
    tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase},
};

use crate::terms::BackupTerms;

pub use due::{
    Decision, Due, History, MISSED_DATES, ON_TIME, Rule, STARTING_DEADLINE, Suspended, due, next_due,
    next_run,
};

pub use lost::{Lost, lost};

/// The zone data compiled into this build: a slot must not move because a machine's data is older or missing.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// A schedule that cannot be understood: the user's mistake.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum ScheduleError {
    /// No such time zone.
    #[error("spec.timeZone: {0:?} is no time zone of the IANA database, such as Asia/Tokyo")]
    UnknownZone(String),
    /// No such time of day.
    #[error("spec.at: {0:?} is no time of day, such as 00:30")]
    MalformedTime(String),
}

/// A time of day in a time zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    at: Time,
    zone: TimeZone,
}

/// One date's slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot {
    /// The instant.
    pub at: Timestamp,
    /// The local date it belongs to.
    pub date: Date,
}

impl Schedule {
    /// A schedule from `HH:MM` and the name of a zone.
    pub fn new(at: &str, zone: &str) -> Result<Self, ScheduleError> {
        let time = time_of_day(at).ok_or_else(|| ScheduleError::MalformedTime(at.to_owned()))?;
        let zone = ZONES
            .get(zone)
            .ok()
            // The database also knows the zone "Etc/Unknown", which says that there is none.
            .filter(|found| !found.is_unknown())
            .ok_or_else(|| ScheduleError::UnknownZone(zone.to_owned()))?;
        Ok(Self { at: time, zone })
    }

    /// The slot of a local date.
    ///
    /// A time that daylight saving skips gives the first instant after the gap; one that comes twice gives the
    /// first. `None` for a date that the zone never had (Samoa went from 29 to 31 December 2011).
    pub fn slot_on(&self, date: Date) -> Option<Slot> {
        let civil = date.to_datetime(self.at);
        let at = match self.zone.to_ambiguous_timestamp(civil).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(civil).ok()?,
            AmbiguousOffset::Fold { before, .. } => before.to_timestamp(civil).ok()?,
            AmbiguousOffset::Gap { before, after } => {
                // Read with the later offset, a skipped time lies before the gap; the change is the next one.
                let early = after.to_timestamp(civil).ok()?;
                let change = self
                    .zone
                    .following(early)
                    .find(|change| change.offset() == after)?;
                let last_before = before.to_datetime(change.timestamp());
                if !has_date(date, last_before, after.to_datetime(change.timestamp())) {
                    return None;
                }
                change.timestamp()
            }
        };
        Some(Slot { at, date })
    }

    /// The local date that a slot at this instant belongs to; the instant's own date where it is no slot.
    pub fn date_of(&self, at: Timestamp) -> Date {
        let date = self.local_date(at);
        // A gap over midnight pushes a date's slot into the next date.
        let before = date
            .yesterday()
            .ok()
            .and_then(|yesterday| self.slot_on(yesterday));
        match before {
            Some(slot) if slot.at == at => slot.date,
            _ => date,
        }
    }

    /// The date that a calendar in the zone shows at this instant.
    pub fn local_date(&self, at: Timestamp) -> Date {
        self.zone.to_datetime(at).date()
    }

    /// The first slot later than `after`; `None` at the end of the calendar.
    pub fn next_after(&self, after: Timestamp) -> Option<Slot> {
        let mut date = self.local_date(after);
        // A slot lies at most a day from its date, and no zone ever left out two dates in a row.
        for _ in 0..4 {
            if let Some(slot) = self.slot_on(date).filter(|slot| slot.at > after) {
                return Some(slot);
            }
            date = date.tomorrow().ok()?;
        }
        None
    }
}

impl From<&BackupTerms> for Schedule {
    fn from(terms: &BackupTerms) -> Self {
        Self {
            at: terms.at,
            zone: terms.time_zone.clone(),
        }
    }
}

/// Whether a zone that jumps from `last_before` to `first_after` has some part of this date.
fn has_date(date: Date, last_before: DateTime, first_after: DateTime) -> bool {
    // `last_before` is the end of the time before, not part of it: midnight there is no part of its date.
    let begins_before =
        last_before.date() > date || (last_before.date() == date && last_before.time() > Time::midnight());
    begins_before || first_after.date() <= date
}

/// The name of a Tenant's Backup for a slot: the same for every operator, so that the second create is refused.
pub fn backup_name(tenant: &str, slot: Timestamp) -> String {
    let utc = TimeZone::UTC.to_datetime(slot);
    format!(
        "{tenant}-{:04}{:02}{:02}{:02}{:02}",
        utc.year(),
        utc.month(),
        utc.day(),
        utc.hour(),
        utc.minute()
    )
}

/// `HH:MM`, two digits each, and nothing else.
fn time_of_day(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    Time::new(two_digits(hour)?, two_digits(minute)?, 0, 0).ok()
}

fn two_digits(text: &str) -> Option<i8> {
    let is_plain = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_plain { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests;
