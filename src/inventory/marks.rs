//! Things that are many, small and few of them ours: locks, public snapshots, jobs.
//!
//! They carry no tags that anything is found by, so there is no index, and no allocation for each: locks are as many
//! as snapshots. As with resources, what a listing does not show is absent only if the one before did not show it
//! either.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;

use super::{
    facts::{Turn, is_fresh},
    shelf::{Begun, CREATION_LAG, in_order},
};
use crate::{
    clock::elapsed,
    cloud::{BackupJob, BackupJobId, Observed, Snapshot, SnapshotId, SnapshotLock},
};

/// A kind of such things.
pub(super) trait Mark: Clone + Debug + PartialEq + Send + Sync + 'static {
    type Id: Clone + Debug + Ord + Send + Sync;

    /// How long after a write of ours a listing may be behind it.
    const LAG: Duration;

    fn id(&self) -> &Self::Id;

    /// Whether a listing that shows this has caught up with what we wrote.
    fn is_as_written(&self, written: &Self) -> bool {
        self == written
    }

    /// Whether it ends by itself by then, so that nobody wonders where it is.
    fn has_ended(&self, _now: Timestamp) -> bool {
        false
    }
}

impl Mark for SnapshotLock {
    type Id = SnapshotId;

    const LAG: Duration = CREATION_LAG;

    fn id(&self) -> &SnapshotId {
        &self.id
    }

    fn is_as_written(&self, written: &Self) -> bool {
        // A later end is somebody's prolongation, or our own.
        self.until >= written.until
    }

    fn has_ended(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

impl Mark for Snapshot {
    type Id = SnapshotId;

    // Who opened it again must not have two minutes: a listing that lags costs one call that changes nothing.
    const LAG: Duration = Duration::ZERO;

    fn id(&self) -> &SnapshotId {
        &self.id
    }
}

impl Mark for BackupJob {
    type Id = BackupJobId;

    const LAG: Duration = CREATION_LAG;

    fn id(&self) -> &BackupJobId {
        &self.id
    }
}

/// A complete listing.
#[derive(Debug)]
struct Roll<M: Mark> {
    begun_at: Timestamp,
    /// In the order of ids, each once.
    items: Box<[M]>,
    /// What the listing before showed and this one does not.
    missed: BTreeSet<M::Id>,
}

impl<M: Mark> Roll<M> {
    fn find(&self, id: &M::Id) -> Option<&M> {
        let place = self.items.binary_search_by(|item| item.id().cmp(id)).ok()?;
        self.items.get(place)
    }
}

#[derive(Clone, Debug)]
struct Written<M> {
    /// `None`: it is gone.
    mark: Option<M>,
    turn: Turn,
    at: Timestamp,
}

/// What is known at one moment. Cheap to clone.
#[derive(Debug)]
pub(super) struct Marks<M: Mark> {
    listing: Option<Arc<Roll<M>>>,
    /// Writes of ours that no listing has shown yet.
    written: Arc<BTreeMap<M::Id, Written<M>>>,
    /// How many listings there were that count for absence, at most two.
    listings: u8,
    /// What was begun before this does not count.
    counted_from: Turn,
}

impl<M: Mark> Clone for Marks<M> {
    fn clone(&self) -> Self {
        Self {
            listing: self.listing.clone(),
            written: Arc::clone(&self.written),
            listings: self.listings,
            counted_from: self.counted_from,
        }
    }
}

impl<M: Mark> Default for Marks<M> {
    fn default() -> Self {
        Self {
            listing: None,
            written: Arc::default(),
            listings: 0,
            counted_from: Turn::default(),
        }
    }
}

/// What a listing changed.
#[derive(Debug)]
pub(super) struct Differing<Id> {
    /// What is known otherwise than before.
    pub(super) ids: BTreeSet<Id>,
    /// Whether something vanished that did not end by itself.
    pub(super) is_missing: bool,
}

impl<M: Mark> Marks<M> {
    /// When the last complete listing began.
    pub(super) fn listed_at(&self) -> Option<Timestamp> {
        self.listing.as_ref().map(|listing| listing.begun_at)
    }

    /// Whether it can be told that something is absent.
    pub(super) fn is_conclusive(&self, now: Timestamp) -> bool {
        self.is_confirmed() && self.believed(now).is_some()
    }

    /// The one of this id.
    pub(super) fn of(&self, id: &M::Id, now: Timestamp) -> Observed<&M> {
        if let Some(written) = self.written.get(id) {
            return match &written.mark {
                _ if !is_fresh(written.at, now) => Observed::Unknown,
                Some(mark) if !mark.has_ended(now) => Observed::Present(mark),
                Some(_) | None => Observed::Absent,
            };
        }
        let Some(listing) = self.believed(now) else {
            return Observed::Unknown;
        };
        match listing.find(id) {
            Some(mark) if mark.has_ended(now) => Observed::Absent,
            Some(mark) => Observed::Present(mark),
            None if self.is_confirmed() && !listing.missed.contains(id) => Observed::Absent,
            None => Observed::Unknown,
        }
    }

    /// All that was last known, however long ago, in the order of ids as far as listings show it.
    pub(super) fn last_known(&self) -> impl Iterator<Item = &M> {
        let items = self.listing.iter().flat_map(|listing| listing.items.iter());
        let listed = items.filter(|item| !self.written.contains_key(item.id()));
        listed.chain(self.written.values().filter_map(|written| written.mark.as_ref()))
    }

    /// Takes note of a write that just ended; `None`: it is gone.
    pub(super) fn write(&mut self, id: &M::Id, mark: Option<M>, begun: Begun) {
        let Begun { turn, at } = begun;
        Arc::make_mut(&mut self.written).insert(id.clone(), Written { mark, turn, at });
    }

    /// Nothing counts as absent before two listings that begin from now on.
    pub(super) fn doubt(&mut self, from: Turn) {
        self.listings = 0;
        self.counted_from = from;
    }

    /// Takes a complete listing.
    pub(super) fn list(&mut self, found: Vec<M>, begun: Begun) -> Differing<M::Id> {
        let items = in_order(found, M::id);
        let mut ids = BTreeSet::new();
        let mut missed = BTreeSet::new();
        let mut is_missing = false;
        if let Some(before) = self.listing.take() {
            for gone in absent_from(&before.items, &items) {
                ids.insert(gone.id().clone());
                // What ended by itself, or by us, is gone without doubt.
                let is_ours = self
                    .written
                    .get(gone.id())
                    .is_some_and(|written| written.mark.is_none());
                if !gone.has_ended(begun.at) && !is_ours {
                    missed.insert(gone.id().clone());
                    is_missing = true;
                }
            }
            ids.extend(before.missed.iter().cloned());
            let differs = items.iter().filter(|item| before.find(item.id()) != Some(item));
            ids.extend(differs.map(|item| item.id().clone()));
        } else {
            ids.extend(items.iter().map(|item| item.id().clone()));
        }
        let roll = Roll {
            begun_at: begun.at,
            items: items.into_boxed_slice(),
            missed,
        };
        let roll = self.settle(roll, begun, &mut ids);
        self.listing = Some(Arc::new(roll));
        if begun.turn >= self.counted_from {
            self.listings = (self.listings + 1).min(2);
        }
        Differing { ids, is_missing }
    }

    /// Drops the writes that the listing has caught up with, or contradicts too late to be behind them.
    fn settle(&mut self, mut roll: Roll<M>, begun: Begun, ids: &mut BTreeSet<M::Id>) -> Roll<M> {
        if self.written.is_empty() {
            return roll;
        }
        Arc::make_mut(&mut self.written).retain(|id, written| {
            let shown = roll.find(id);
            let agrees = match (&written.mark, shown) {
                (Some(mark), Some(shown)) => shown.is_as_written(mark),
                (None, None) => true,
                (Some(_), None) | (None, Some(_)) => false,
            };
            let is_later = begun.turn > written.turn;
            if !is_later || !(agrees || elapsed(written.at, begun.at) >= M::LAG) {
                return true;
            }
            ids.insert(id.clone());
            if !agrees && shown.is_none() {
                roll.missed.insert(id.clone());
            }
            false
        });
        roll
    }

    fn is_confirmed(&self) -> bool {
        self.listings >= 2
    }

    fn believed(&self, now: Timestamp) -> Option<&Roll<M>> {
        let listing = self.listing.as_deref()?;
        is_fresh(listing.begun_at, now).then_some(listing)
    }
}

/// What is in `before` and not in `now`, both in the order of ids.
fn absent_from<'a, M: Mark>(before: &'a [M], now: &'a [M]) -> impl Iterator<Item = &'a M> {
    let mut now = now.iter().peekable();
    before.iter().filter(move |item| {
        while now.next_if(|other| other.id() < item.id()).is_some() {}
        now.peek().is_none_or(|other| other.id() != item.id())
    })
}
