//! When which listing is due: each at its own period, by the pages that it takes.
//!
//! What changes seldom is listed seldom, and what only a backup run waits for only while one does.

use std::{collections::BTreeMap, fmt, time::Duration};

use jiff::Timestamp;

use super::view::MAX_AGE;
use crate::{
    clock::later,
    cloud::{ErrorKind, Operation},
    governor::limits,
};

/// How often everything is listed where nothing else is said.
pub const PERIOD: Duration = Duration::from_secs(30);

/// A listing may take a twentieth of the calls that AWS allows of it: where that is 20 a second, a second for each of
/// its pages.
const TWENTIETH: u32 = 20;

/// Locks and images change once a day, in a run that shows its own writes by itself: they are listed every fourth time.
const SELDOM: u32 = 4;

/// The longest that this leads to; as with [`LONGEST`], one that fails leaves nothing unknown.
const SELDOM_AT_MOST: Duration = Duration::from_secs(120);

/// A vault is looked at every twentieth time: what its lock says is told, and nothing is done by it but to ask AWS,
/// which knows better.
const RARELY: u32 = 20;

const RARELY_AT_MOST: Duration = Duration::from_secs(600);

/// The longest period there is. Two of them and the time that a listing takes are within [`MAX_AGE`], so that
/// one listing that fails leaves nothing unknown. It is reached at 140 pages, where AWS's quota of 100,000 snapshots
/// makes 100; a listing of more takes more than its twentieth.
pub const LONGEST: Duration = Duration::from_secs(140);

/// How soon after a start the second listing comes, if the period is longer: nothing counts as absent before it, so
/// every new tenant waits for it. Long enough that the two do not share one lag of AWS's listings.
const SECOND: Duration = Duration::from_secs(5);

/// The second listing takes half of the calls that AWS allows, once.
const HALF: u32 = 2;

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
    /// Anybody's locks of snapshots.
    Locks,
    /// Our snapshots that everybody may use.
    PublicSnapshots,
    /// Our images.
    Images,
    /// To whom single copies are opened: no listing shows it, so a few are read in turn.
    Sharing,
    /// Anybody's jobs of AWS Backup, while somebody waits for one.
    BackupJobs,
    /// The vaults of AWS Backup that somebody asks for.
    Vaults,
}

impl ListingKind {
    /// Every listing.
    pub const ALL: [Self; 11] = [
        Self::Instances,
        Self::Volumes,
        Self::Groups,
        Self::Snapshots,
        Self::StatusChecks,
        Self::Locks,
        Self::PublicSnapshots,
        Self::Images,
        Self::Sharing,
        Self::BackupJobs,
        Self::Vaults,
    ];

    /// Whether nothing is done before it was listed. What else there is waits for nobody: an account that denies it,
    /// or has no AWS Backup, is looked after all the same.
    pub(super) const fn is_needed(self) -> bool {
        matches!(
            self,
            Self::Instances | Self::Volumes | Self::Groups | Self::Snapshots
        )
    }

    /// Whether it is listed all the time.
    pub const fn is_constant(self) -> bool {
        !matches!(self, Self::BackupJobs | Self::Vaults)
    }

    /// Whether all of its owners are told when it can first be said what is absent. A reading in turn never can, and
    /// who watches a job looks again by himself.
    pub(super) const fn is_told(self) -> bool {
        self.is_constant() && !matches!(self, Self::Sharing)
    }

    /// Whether it can show that a copy is open to others.
    pub(super) const fn shows_exposure(self) -> bool {
        matches!(self, Self::PublicSnapshots | Self::Images | Self::Sharing)
    }

    /// What it calls; the first is the one whose limit sets its pace.
    pub(super) const fn operations(self) -> &'static [Operation] {
        match self {
            Self::Instances => &[Operation::DescribeInstances, Operation::DescribeInstanceAttribute],
            Self::Volumes => &[Operation::DescribeVolumes],
            Self::Groups => &[Operation::DescribeSecurityGroups],
            // The public ones are a listing of the same operation: it works if either does.
            Self::Snapshots | Self::PublicSnapshots => &[Operation::DescribeSnapshots],
            Self::StatusChecks => &[Operation::DescribeInstanceStatus],
            Self::Locks => &[Operation::DescribeLockedSnapshots],
            Self::Images => &[Operation::DescribeImages],
            Self::Sharing => &[
                Operation::DescribeSnapshotAttribute,
                Operation::DescribeImageAttribute,
            ],
            Self::BackupJobs => &[Operation::ListBackupJobs],
            Self::Vaults => &[Operation::DescribeBackupVault],
        }
    }

    /// How often it is listed at most, where everything is listed so often.
    fn base(self, period: Duration) -> Duration {
        let (times, at_most) = match self {
            Self::Locks | Self::Images => (SELDOM, SELDOM_AT_MOST),
            Self::Vaults => (RARELY, RARELY_AT_MOST),
            _ => return period,
        };
        period.max(period.saturating_mul(times).min(at_most))
    }

    /// How long a page takes of a listing that takes its twentieth.
    fn span_of_page(self) -> Duration {
        let refill = self
            .operations()
            .first()
            .map_or(TWENTIETH, |operation| limits(*operation).requests.refill);
        Duration::from_secs(TWENTIETH.into()) / refill.max(1)
    }

    /// The name in metrics and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Instances => "instances",
            Self::Volumes => "volumes",
            Self::Groups => "groups",
            Self::Snapshots => "snapshots",
            Self::StatusChecks => "status_checks",
            Self::Locks => "locks",
            Self::PublicSnapshots => "public_snapshots",
            Self::Images => "images",
            Self::Sharing => "sharing",
            Self::BackupJobs => "backup_jobs",
            Self::Vaults => "vaults",
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
    /// Somebody asked for it before that, since the last one began.
    asked_at: Option<Timestamp>,
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
    /// A row for each kind that is listed now.
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
        let constant = ListingKind::ALL.into_iter().filter(|kind| kind.is_constant());
        Self {
            period,
            rows: constant.map(|kind| (kind, Row::default())).collect(),
        }
    }

    /// Lists this from now on, or no more. What is listed anew is due at once.
    pub(super) fn want(&mut self, kind: ListingKind, is_wanted: bool) {
        if is_wanted {
            self.rows.entry(kind).or_default();
        } else {
            self.rows.remove(&kind);
        }
    }

    /// Whether this is listed.
    pub(super) fn lists(&self, kind: ListingKind) -> bool {
        self.rows.contains_key(&kind)
    }

    /// What is due at `now`.
    pub(super) fn due(&self, now: Timestamp) -> Vec<ListingKind> {
        let rows = self.rows.iter().filter(|(_, row)| row.due_at() <= now);
        rows.map(|(kind, _)| *kind).collect()
    }

    /// When a listing is due; the beginning of time if it never began, and the end of it if nobody wants it.
    pub(super) fn due_at(&self, kind: ListingKind) -> Timestamp {
        self.rows.get(&kind).map_or(Timestamp::MAX, Row::due_at)
    }

    /// How many calls the last complete listing took.
    pub(super) fn pages(&self, kind: ListingKind) -> Option<u32> {
        self.row(kind).pages
    }

    /// How often this is listed, by the calls that the last one took.
    pub(super) fn period(&self, kind: ListingKind) -> Duration {
        period(kind, self.period, self.row(kind).pages)
    }

    /// A listing begins.
    pub(super) fn begin(&mut self, kind: ListingKind, at: Timestamp) {
        let due_at = later(at, self.period(kind));
        let Some(row) = self.rows.get_mut(&kind) else {
            return;
        };
        row.attempts = row.attempts.saturating_add(1);
        row.due_at = Some(due_at);
        row.asked_at = None;
    }

    /// A listing is wanted by then; one that began before does not do.
    pub(super) fn ask(&mut self, kind: ListingKind, at: Timestamp) {
        if let Some(row) = self.rows.get_mut(&kind) {
            row.asked_at = Some(row.asked_at.map_or(at, |earlier| earlier.min(at)));
        }
    }

    /// A second look is wanted soon after a listing that began then and took so many calls: it missed something.
    pub(super) fn ask_again(&mut self, kind: ListingKind, begun_at: Timestamp, pages: u32) {
        let at = later(begun_at, second(kind, self.period, pages));
        self.ask(kind, at);
    }

    /// The listing that began at `begun_at` ended.
    pub(super) fn end(&mut self, kind: ListingKind, begun_at: Timestamp, (ended, now): (Ended, Timestamp)) {
        let base = self.period;
        // Nobody wants it any more.
        let Some(row) = self.rows.get_mut(&kind) else {
            return;
        };
        row.ended = true;
        let due_at = match ended {
            Ended::Complete(pages) => {
                row.pages = Some(pages);
                row.completed = row.completed.saturating_add(1);
                match row.completed {
                    1 if kind.is_told() || kind == ListingKind::BackupJobs => {
                        later(begun_at, second(kind, base, pages))
                    }
                    _ => later(begun_at, period(kind, base, row.pages)),
                }
            }
            // AWS asks for fewer calls, so its pause counts from here.
            Ended::Failed(ErrorKind::Throttled) => later(now, period(kind, base, row.pages)),
            Ended::Failed(_) if row.attempts == 1 => later(begun_at, base.min(SECOND)),
            Ended::Failed(_) => later(begun_at, period(kind, base, row.pages)),
        };
        row.due_at = Some(due_at);
    }

    /// Whether every needed listing ended at least once, complete or not.
    pub(super) fn was_tried(&self) -> bool {
        let mut needed = ListingKind::ALL.into_iter().filter(|kind| kind.is_needed());
        needed.all(|kind| self.row(kind).ended)
    }

    fn row(&self, kind: ListingKind) -> Row {
        self.rows.get(&kind).copied().unwrap_or_default()
    }
}

impl Row {
    fn due_at(&self) -> Timestamp {
        let due_at = self.due_at.unwrap_or(Timestamp::MIN);
        self.asked_at.map_or(due_at, |asked_at| asked_at.min(due_at))
    }
}

fn period(kind: ListingKind, base: Duration, pages: Option<u32>) -> Duration {
    let by_pages = kind.span_of_page().saturating_mul(pages.unwrap_or_default());
    kind.base(base).max(by_pages.min(LONGEST))
}

fn second(kind: ListingKind, base: Duration, pages: u32) -> Duration {
    let by_pages = kind.span_of_page() * HALF / TWENTIETH * pages;
    SECOND.max(by_pages).min(period(kind, base, Some(pages)))
}
