//! One kind of resource with its history: takes listings and writes, gives facts.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;

use super::{
    facts::{Facts, Turn},
    listing::Listing,
    overlay::{Overlaid, Overlay},
    owner::{Owner, Resource},
    roll::{Roll, find},
};
use crate::clock::elapsed;

/// How long a listing may leave out what we just made. AWS states no bound on its lag; 120 s is assumed, and a
/// quarter more is added, for a second creation costs more than a short wait.
pub(super) const CREATION_LAG: Duration = Duration::from_secs(150);

/// What one write did to one resource.
#[derive(Clone)]
pub(super) enum Change<T> {
    /// It is now known as a whole: it was made, or looked at by its id.
    Whole(Arc<T>),
    /// Some of it was changed.
    Edit(Arc<dyn Fn(&mut T) + Send + Sync>),
    /// It was deleted.
    Gone,
}

struct Write<T> {
    turn: Turn,
    at: Timestamp,
    change: Change<T>,
}

impl<T> Write<T> {
    fn is_whole(&self) -> bool {
        matches!(self.change, Change::Whole(_))
    }

    fn is_gone(&self) -> bool {
        matches!(self.change, Change::Gone)
    }
}

/// When a listing began.
#[derive(Clone, Copy)]
pub(super) struct Begun {
    pub(super) turn: Turn,
    pub(super) at: Timestamp,
}

pub(super) struct Shelf<T: Resource> {
    facts: Facts<T>,
    /// Writes that no listing can be trusted to show yet, in their order.
    pending: BTreeMap<T::Id, Vec<Write<T>>>,
    /// Rises with all that may be known otherwise than before.
    version: u64,
}

impl<T: Resource> Default for Shelf<T> {
    fn default() -> Self {
        Self {
            facts: Facts::default(),
            pending: BTreeMap::new(),
            version: 0,
        }
    }
}

impl<T: Resource> Shelf<T> {
    pub(super) fn facts(&self) -> &Facts<T> {
        &self.facts
    }

    /// Rises with all that may be known otherwise than before: not with a listing that brings nothing new.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// Takes note of a write that just ended.
    pub(super) fn write(&mut self, id: &T::Id, change: Change<T>, begun: Begun) {
        self.version += 1;
        let Begun { turn, at } = begun;
        self.pending
            .entry(id.clone())
            .or_default()
            .push(Write { turn, at, change });
        self.overlay(id);
    }

    /// Takes a complete listing; names the owners of all that is different from before, by it or by our writes.
    pub(super) fn list(&mut self, found: Vec<T>, begun: Begun, changed: &mut BTreeSet<Owner>) {
        let before = self.facts.listing.take();
        let known = before.as_deref().map(Listing::items).unwrap_or_default();
        let (items, mut missed) = compare(known, in_order(found, T::id), changed);
        let is_same = before.as_ref().is_some_and(|before| {
            // What is as it was stays the same allocation.
            let is_same = |(was, is): (&Arc<T>, &Arc<T>)| Arc::ptr_eq(was, is);
            before.items().len() == items.len()
                && before.items().iter().zip(&items).all(is_same)
                && before.missed.items().is_empty()
                && before.is_confirmed()
        });
        if !is_same || !self.pending.is_empty() {
            self.version += 1;
        }
        // What was missed once is back, or was missed for the second time.
        for item in before.iter().flat_map(|before| before.missed.items()) {
            item.owners(changed);
        }
        // What we deleted is gone without doubt once a listing does not show it.
        missed.retain(|id, _| !self.facts.gone.contains(id));
        missed.extend(self.settle(&items, begun, changed));
        let previous_at = before.map(|listing| listing.begun_at);
        self.facts.listing = Some(Arc::new(Listing {
            begun_at: begun.at,
            previous_at,
            shown: Roll::new(items),
            missed: Roll::new(missed.into_values().collect()),
        }));
        self.overlay_all();
    }

    /// Whether anything is known or held to be there by this id.
    pub(super) fn knows(&self, id: &T::Id) -> bool {
        let listing = self.facts.listing.as_ref();
        let listed =
            listing.is_some_and(|listing| listing.find(id).is_some() || listing.missed.find(id).is_some());
        listed || self.facts.overlay.has(id)
    }

    /// Drops the writes that the listing has caught up with; gives what we made and it should show, but does not.
    fn settle(
        &mut self,
        items: &[Arc<T>],
        begun: Begun,
        changed: &mut BTreeSet<Owner>,
    ) -> BTreeMap<T::Id, Arc<T>> {
        let mut expired = BTreeMap::new();
        let overlay = Arc::clone(&self.facts.overlay);
        self.pending.retain(|id, writes| {
            let shown = find(items, id);
            let whole = writes
                .iter()
                .filter(|write| write.is_whole())
                .map(|write| write.at)
                .max();
            let before = writes.len();
            let gone_at = writes.last().filter(|last| last.is_gone()).map(|last| last.at);
            match (shown, whole) {
                // A listing may be behind a deletion as behind a creation.
                (Some(_), _) if gone_at.is_some_and(|at| elapsed(at, begun.at) < CREATION_LAG) => {
                    return true;
                }
                (None, _) if gone_at.is_some() => writes.retain(|write| write.turn > begun.turn),
                // A listing that lags behind the creation cannot be ahead of what we did to it since.
                (None, Some(at)) if begun.at < at || elapsed(at, begun.at) < CREATION_LAG => return true,
                (None, Some(_)) => {
                    let held = overlay.get(id);
                    expired.extend(held.map(|held| (id.clone(), Arc::clone(&held.item))));
                    writes.clear();
                }
                (Some(_), _) | (None, None) => writes.retain(|write| write.turn > begun.turn),
            }
            if writes.len() < before {
                let held = overlay.get(id).map(|held| &held.item);
                held.or(shown).inspect(|item| item.owners(changed));
            }
            !writes.is_empty()
        });
        expired
    }

    fn overlay_all(&mut self) {
        let ids = self.pending.keys();
        let shown = ids.filter_map(|id| self.shown(id)).collect();
        let gone = self.pending.iter().filter(|(_, writes)| ends_gone(writes));
        let gone = gone.map(|(id, _)| id.clone()).collect();
        self.facts.overlay = Arc::new(Overlay::new(shown));
        self.facts.gone = Arc::new(gone);
    }

    /// Shows the resource as its pending writes left it.
    fn overlay(&mut self, id: &T::Id) {
        let is_gone = self.pending.get(id).is_some_and(|writes| ends_gone(writes));
        if is_gone {
            Arc::make_mut(&mut self.facts.gone).insert(id.clone());
        } else if self.facts.gone.contains(id) {
            Arc::make_mut(&mut self.facts.gone).remove(id);
        }
        let shown = self.shown(id);
        Arc::make_mut(&mut self.facts.overlay).set(id, shown);
    }

    /// The resource as its pending writes left it.
    fn shown(&self, id: &T::Id) -> Option<Overlaid<T>> {
        let listing = self.facts.listing.as_deref();
        let listed = listing.and_then(|listing| Some((listing.find(id)?.clone(), listing.begun_at)));
        let mut shown = listed.map(|(item, known_at)| Overlaid { item, known_at });
        for write in self.pending.get(id).into_iter().flatten() {
            match &write.change {
                Change::Whole(item) => {
                    shown = Some(Overlaid {
                        item: Arc::clone(item),
                        known_at: write.at,
                    });
                }
                Change::Edit(edit) => {
                    if let Some(shown) = &mut shown {
                        edit(Arc::make_mut(&mut shown.item));
                    }
                }
                Change::Gone => shown = None,
            }
        }
        shown
    }
}

fn ends_gone<T>(writes: &[Write<T>]) -> bool {
    writes.last().is_some_and(Write::is_gone)
}

/// The items in the order of ids, each once: one that moved between two pages while they were read came twice, and
/// what the later page says is newer.
pub(super) fn in_order<T, Id: Ord>(mut found: Vec<T>, id: fn(&T) -> &Id) -> Vec<T> {
    found.sort_by(|a, b| id(a).cmp(id(b)));
    found.dedup_by(|later, earlier| {
        let is_same = id(later) == id(earlier);
        if is_same {
            std::mem::swap(later, earlier);
        }
        is_same
    });
    found
}

/// The items of a new listing, and what it misses of the one before.
type Compared<T> = (Vec<Arc<T>>, BTreeMap<<T as Resource>::Id, Arc<T>>);

/// The items of the new listing and what it misses, both in the order of ids like what is compared. What is as it was
/// stays the same allocation, so that an old view and a new one do not hold it twice.
fn compare<T: Resource>(known: &[Arc<T>], found: Vec<T>, changed: &mut BTreeSet<Owner>) -> Compared<T> {
    let mut items = Vec::with_capacity(found.len());
    let mut missed = BTreeMap::new();
    let mut miss = |item: &Arc<T>, changed: &mut BTreeSet<Owner>| {
        item.owners(changed);
        missed.insert(item.id().clone(), Arc::clone(item));
    };
    let mut known = known.iter().peekable();
    for item in found {
        while let Some(gone) = known.next_if(|known| known.id() < item.id()) {
            miss(gone, changed);
        }
        items.push(match known.next_if(|known| known.id() == item.id()) {
            Some(known) if **known == item => Arc::clone(known),
            known => {
                known.inspect(|known| known.owners(changed));
                item.owners(changed);
                Arc::new(item)
            }
        });
    }
    for gone in known {
        miss(gone, changed);
    }
    (items, missed)
}
