//! When which listing is due: each at its own period, by the pages that it takes.

use std::{collections::BTreeMap, fmt, time::Duration};

use jiff::Timestamp;

use super::view::MAX_AGE;
use crate::{clock::later, cloud::ErrorKind};

/// How often everything is listed where nothing else is said.
pub const PERIOD: Duration = Duration::from_secs(30);

/// A listing may take a twentieth of the 20 calls a second that AWS allows of it: a second for each of its pages.
const SPAN_OF_PAGE: Duration = Duration::from_secs(1);

/// The longest period there is. Two of them and the time that a listing takes are within [`MAX_AGE`], so that
/// one listing that fails leaves nothing unknown. It is reached at 140 pages, where AWS's quota of 100,000 snapshots
/// makes 100; a listing of more takes more than its twentieth.
pub const LONGEST: Duration = Duration::from_secs(140);

/// How soon after a start the second listing comes, if the period is longer: nothing counts as absent before it, so
/// every new tenant waits for it. Long enough that the two do not share one lag of AWS's listings.
const SECOND: Duration = Duration::from_secs(5);

/// The second listing takes half of the calls that AWS allows, once: a tenth of a second for each of its pages.
const SPAN_OF_PAGE_ONCE: Duration = Duration::from_millis(100);

// One that fails leaves a third for a listing to be read in.
const _: () = assert!(2 * LONGEST.as_secs() < MAX_AGE.as_secs());

/// What is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ListingKind {
    /// Our instances.
    Instances,
    /// Our volumes.
    Volumes,
    /// Our security groups.
    Groups,
    /// Our snapshots.
    Snapshots,
    /// Anybody's instances of which a status check fails.
    StatusChecks,
}

impl ListingKind {
    /// Every listing.
    pub const ALL: [Self; 5] = [
        Self::Instances,
        Self::Volumes,
        Self::Groups,
        Self::Snapshots,
        Self::StatusChecks,
    ];

    /// The name in metrics and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Instances => "instances",
            Self::Volumes => "volumes",
            Self::Groups => "groups",
            Self::Snapshots => "snapshots",
            Self::StatusChecks => "status_checks",
        }
    }
}

impl fmt::Display for ListingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How one listing came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// Complete, by so many calls.
    Complete(u32),
    /// It failed.
    Failed(ErrorKind),
}

#[derive(Clone, Copy, Debug, Default)]
struct Row {
    due_at: Option<Timestamp>,
    /// How many calls the last complete listing took.
    pages: Option<u32>,
    attempts: u32,
    completed: u32,
    /// Whether one ended, complete or not.
    ended: bool,
}

/// When which listing is due.
#[derive(Clone, Debug)]
pub(super) struct Timetable {
    period: Duration,
    rows: BTreeMap<ListingKind, Row>,
}

impl Default for Timetable {
    fn default() -> Self {
        Self::new(PERIOD)
    }
}

impl Timetable {
    /// Nothing was listed yet, so everything is due.
    pub(super) fn new(period: Duration) -> Self {
        Self {
            period,
            rows: ListingKind::ALL.map(|kind| (kind, Row::default())).into(),
        }
    }

    /// What is due at `now`.
    pub(super) fn due(&self, now: Timestamp) -> Vec<ListingKind> {
        let due = |row: &Row| row.due_at.is_none_or(|at| at <= now);
        let rows = self.rows.iter().filter(|(_, row)| due(row));
        rows.map(|(kind, _)| *kind).collect()
    }

    /// When a listing is due; the beginning of time if it never began.
    pub(super) fn due_at(&self, kind: ListingKind) -> Timestamp {
        self.row(kind).due_at.unwrap_or(Timestamp::MIN)
    }

    /// How many calls the last complete listing took.
    pub(super) fn pages(&self, kind: ListingKind) -> Option<u32> {
        self.row(kind).pages
    }

    /// How often this is listed, by the calls that the last one took.
    pub(super) fn period(&self, kind: ListingKind) -> Duration {
        period(self.period, self.row(kind).pages)
    }

    /// A listing begins.
    pub(super) fn begin(&mut self, kind: ListingKind, at: Timestamp) {
        let due_at = later(at, self.period(kind));
        let row = self.rows.entry(kind).or_default();
        row.attempts = row.attempts.saturating_add(1);
        row.due_at = Some(due_at);
    }

    /// The listing that began at `begun_at` ended.
    pub(super) fn end(&mut self, kind: ListingKind, begun_at: Timestamp, (ended, now): (Ended, Timestamp)) {
        let base = self.period;
        let row = self.rows.entry(kind).or_default();
        row.ended = true;
        let due_at = match ended {
            Ended::Complete(pages) => {
                row.pages = Some(pages);
                row.completed = row.completed.saturating_add(1);
                match row.completed {
                    1 => later(begun_at, second(base, pages)),
                    _ => later(begun_at, period(base, row.pages)),
                }
            }
            // AWS asks for fewer calls, so its pause counts from here.
            Ended::Failed(ErrorKind::Throttled) => later(now, period(base, row.pages)),
            Ended::Failed(_) if row.attempts == 1 => later(begun_at, base.min(SECOND)),
            Ended::Failed(_) => later(begun_at, period(base, row.pages)),
        };
        row.due_at = Some(due_at);
    }

    /// Whether every listing ended at least once, complete or not.
    pub(super) fn was_tried(&self) -> bool {
        self.rows.values().all(|row| row.ended)
    }

    fn row(&self, kind: ListingKind) -> Row {
        self.rows.get(&kind).copied().unwrap_or_default()
    }
}

fn period(base: Duration, pages: Option<u32>) -> Duration {
    let by_pages = SPAN_OF_PAGE.saturating_mul(pages.unwrap_or_default());
    base.max(by_pages.min(LONGEST))
}

fn second(base: Duration, pages: u32) -> Duration {
    let soon = SECOND.max(SPAN_OF_PAGE_ONCE.saturating_mul(pages));
    soon.min(period(base, Some(pages)))
}
