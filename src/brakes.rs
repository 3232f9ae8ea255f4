//! What holds deletions back when there are suddenly many of them: a slip in a policy must not cost a fleet its past.
//!
//! Per account and region, backups that expire are counted over a day. More than a day brings, and nothing expires
//! there until a person says so. The count is made from what the Backups say, so that a restart forgets nothing; that
//! the brake is on is kept by the condition of the class, for the same reason.
//!
//! Deliberately absent: Kubernetes and AWS. Who reads caches and writes conditions tells this what it saw.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};

use crate::{
    api::{Key, Reason},
    clock::{elapsed, later},
    cloud::Site,
};

/// How long a person's word holds.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What is counted as one day. Sets expire at about the same time of every day, some minutes earlier today than
/// yesterday: with 24 hours that would be two days' sets in one.
const COUNTED_DAY: Duration = Duration::from_secs(20 * 60 * 60);

/// So many may always go: a place of two or three Tenants is no fleet.
const FEW: usize = 5;

/// How long a count is good for: others' decisions are not seen sooner.
const COUNTED_FOR: Duration = Duration::from_secs(60);

/// A person's word that backups may expire again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resume {
    from: Timestamp,
    until: Timestamp,
    /// What must be later than the moment of braking.
    said: Timestamp,
}

impl Resume {
    /// From an annotation: an instant, which holds for a day from then, or a date, which holds for that date in UTC.
    /// `None` where nobody can read it.
    pub fn parse(text: &str) -> Option<Self> {
        if let Ok(from) = text.parse::<Timestamp>() {
            return Some(Self {
                from,
                until: later(from, DAY),
                said: from,
            });
        }
        let date: Date = text.parse().ok()?;
        let begin = |date: Date| date.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
        let until = begin(date.checked_add(1.day()).ok()?)?;
        Some(Self {
            from: begin(date)?,
            until,
            said: until,
        })
    }

    /// Whether deletions of this instant are not counted.
    fn covers(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.until
    }

    /// Whether it ends a braking of this moment. One that is still to come does not.
    fn ends(&self, braked_at: Timestamp, now: Timestamp) -> bool {
        self.said > braked_at && self.from <= now
    }
}

/// What the caches say of one account and region.
#[derive(Clone, Debug, Default)]
pub struct Count {
    /// When each Backup was decided to expire, by its uid.
    pub expiring: BTreeMap<String, Timestamp>,
    /// The Tenants there are.
    pub tenants: BTreeSet<Key>,
}

/// What is known of one account and region.
#[derive(Debug, Default)]
struct Ledger {
    count: Count,
    counted_at: Option<Timestamp>,
    braked_at: Option<Timestamp>,
    resumes: BTreeMap<String, Resume>,
    /// Tenants whose backups do not expire because none of their good days is recent.
    stale: BTreeSet<Key>,
}

impl Ledger {
    /// How many may go in a day: as many as there are Tenants, and a tenth more for what was made by hand.
    fn limit(&self) -> usize {
        let tenants = self.count.tenants.len();
        FEW.max(tenants.saturating_add(tenants / 10))
    }

    /// How many went in the last day that count.
    fn within_a_day(&self, now: Timestamp) -> usize {
        let counts = |&&at: &&Timestamp| elapsed(at, now) < COUNTED_DAY && !self.is_lifted(at);
        self.count.expiring.values().filter(counts).count()
    }

    fn is_lifted(&self, at: Timestamp) -> bool {
        self.resumes.values().any(|resume| resume.covers(at))
    }

    /// Takes the brake off where a person said so later than it was put on.
    fn settle(&mut self, now: Timestamp) {
        if let Some(braked_at) = self.braked_at
            && self.resumes.values().any(|resume| resume.ends(braked_at, now))
        {
            self.braked_at = None;
        }
    }
}

/// Why nothing expires, as a class shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Braked {
    /// Why, in one word.
    pub reason: Reason,
    /// What a person should read.
    pub message: String,
}

/// The brakes of every account and region.
#[derive(Debug, Default)]
pub struct Brakes(Mutex<BTreeMap<Site, Ledger>>);

impl Brakes {
    fn ledgers(&self) -> MutexGuard<'_, BTreeMap<Site, Ledger>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the count is missing or old.
    pub fn wants_count(&self, site: &Site, now: Timestamp) -> bool {
        let ledgers = self.ledgers();
        let counted_at = ledgers.get(site).and_then(|ledger| ledger.counted_at);
        counted_at.is_none_or(|at| elapsed(at, now) >= COUNTED_FOR)
    }

    /// Takes in what the caches say.
    pub fn counted(&self, site: &Site, count: Count, now: Timestamp) {
        let mut ledgers = self.ledgers();
        let ledger = ledgers.entry(site.clone()).or_default();
        // Decisions of our own that no cache shows yet count too.
        let own = std::mem::take(&mut ledger.count.expiring);
        ledger.count = count;
        // One that is gone has nothing more to say.
        let tenants = &ledger.count.tenants;
        ledger.stale.retain(|tenant| tenants.contains(tenant));
        for (uid, at) in own {
            if elapsed(at, now) < COUNTED_DAY {
                ledger.count.expiring.entry(uid).or_insert(at);
            }
        }
        ledger.counted_at = Some(now);
    }

    /// Takes in what a class says: since when its condition says that it is braked, and a person's word. A word that is
    /// taken back or corrected counts as it stands now.
    pub fn heard(
        &self,
        site: &Site,
        class: &str,
        (braked_at, resume): (Option<Timestamp>, Option<Resume>),
        now: Timestamp,
    ) {
        let mut ledgers = self.ledgers();
        let ledger = ledgers.entry(site.clone()).or_default();
        match resume {
            Some(resume) => drop(ledger.resumes.insert(class.to_owned(), resume)),
            None => drop(ledger.resumes.remove(class)),
        }
        if ledger.braked_at.is_none() {
            ledger.braked_at = braked_at;
        }
        ledger.settle(now);
    }

    /// Whether nothing expires there.
    pub fn is_braked(&self, site: &Site, now: Timestamp) -> bool {
        let mut ledgers = self.ledgers();
        ledgers.get_mut(site).is_some_and(|ledger| {
            ledger.settle(now);
            ledger.braked_at.is_some()
        })
    }

    /// Whether a person let what is due go, counted or not.
    pub fn is_lifted(&self, site: &Site, now: Timestamp) -> bool {
        let ledgers = self.ledgers();
        ledgers.get(site).is_some_and(|ledger| ledger.is_lifted(now))
    }

    /// Asks for a Backup to expire. Where it is one too many the brake goes on, and it does not.
    pub fn admit(&self, site: &Site, uid: &str, now: Timestamp) -> bool {
        let mut ledgers = self.ledgers();
        let ledger = ledgers.entry(site.clone()).or_default();
        ledger.settle(now);
        if ledger.braked_at.is_some() {
            return false;
        }
        if !ledger.is_lifted(now) && ledger.within_a_day(now) >= ledger.limit() {
            ledger.braked_at = Some(now);
            return false;
        }
        ledger.count.expiring.insert(uid.to_owned(), now);
        true
    }

    /// An admitted Backup does not expire after all.
    pub fn withdraw(&self, site: &Site, uid: &str) {
        if let Some(ledger) = self.ledgers().get_mut(site) {
            ledger.count.expiring.remove(uid);
        }
    }

    /// Notes whether a Tenant's backups do not expire for want of a recent good day; whether that is news.
    pub fn stale(&self, site: &Site, tenant: &Key, is_stale: bool) -> bool {
        let mut ledgers = self.ledgers();
        if is_stale {
            let ledger = ledgers.entry(site.clone()).or_default();
            return ledger.stale.insert(tenant.clone());
        }
        let ledger = ledgers.get_mut(site);
        ledger.is_some_and(|ledger| ledger.stale.remove(tenant))
    }

    /// Why something does not expire there; `None` where nothing is held back.
    pub fn shown(&self, site: &Site, now: Timestamp) -> Option<Braked> {
        let mut ledgers = self.ledgers();
        let ledger = ledgers.get_mut(site)?;
        ledger.settle(now);
        if ledger.braked_at.is_some() {
            return Some(Braked {
                reason: Reason::TooManyExpiries,
                message: format!(
                    "more backups of this account and region would expire within a day than a day brings, so none \
                     does: look at what changed, and let them go by the annotation {} with the present time",
                    crate::api::names::annotations::RESUME_EXPIRY
                ),
            });
        }
        let first = ledger.stale.first()?;
        let others = ledger.stale.len() - 1;
        let who = match others {
            0 => first.to_string(),
            // Without a number: it would change at every pass of a fleet that grows stale.
            _ => format!("{first} and others"),
        };
        Some(Braked {
            reason: Reason::NoRecentDay,
            message: format!("no backup of {who} expires: the newest good day is more than two days old"),
        })
    }
}

#[cfg(test)]
mod tests;
