//! One kind of resource with its history: takes listings and writes, gives facts.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;

use super::{
    facts::{Facts, Listing, Overlaid, Turn},
    owner::{Owner, Resource},
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
}

impl<T: Resource> Default for Shelf<T> {
    fn default() -> Self {
        Self {
            facts: Facts::default(),
            pending: BTreeMap::new(),
        }
    }
}

impl<T: Resource> Shelf<T> {
    pub(super) fn facts(&self) -> &Facts<T> {
        &self.facts
    }

    /// Takes note of a write that just ended.
    pub(super) fn write(&mut self, id: &T::Id, change: Change<T>, begun: Begun) {
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
        let mut old = before
            .as_ref()
            .map(|listing| listing.items.clone())
            .unwrap_or_default();
        let mut reappeared = before
            .as_ref()
            .map(|listing| listing.missed.clone())
            .unwrap_or_default();
        let mut items = BTreeMap::new();
        for item in found {
            let id = item.id().clone();
            reappeared.remove(&id).inspect(|item| item.owners(changed));
            let item = match old.remove(&id) {
                // Shared, so that an old view and a new one do not hold it twice.
                Some(known) if *known == item => known,
                known => {
                    known.inspect(|known| known.owners(changed));
                    item.owners(changed);
                    Arc::new(item)
                }
            };
            items.insert(id, item);
        }
        // What is left of the old ones was missed for the first time, of the once missed for the second.
        for item in old.values().chain(reappeared.values()) {
            item.owners(changed);
        }
        let expired = self.settle(&items, begun, changed);
        old.extend(expired);
        let previous_at = before.map(|listing| listing.begun_at);
        self.facts.listing = Some(Arc::new(Listing::new(begun.at, items, old, previous_at)));
        self.overlay_all();
    }

    /// Whether anything is known or held to be there by this id.
    pub(super) fn knows(&self, id: &T::Id) -> bool {
        let listing = self.facts.listing.as_ref();
        let listed =
            listing.is_some_and(|listing| listing.items.contains_key(id) || listing.missed.contains_key(id));
        listed || self.facts.overlay.contains_key(id)
    }

    /// Drops the writes that the listing has caught up with; gives what we made and it should show, but does not.
    fn settle(
        &mut self,
        items: &BTreeMap<T::Id, Arc<T>>,
        begun: Begun,
        changed: &mut BTreeSet<Owner>,
    ) -> BTreeMap<T::Id, Arc<T>> {
        let mut expired = BTreeMap::new();
        let overlay = Arc::clone(&self.facts.overlay);
        self.pending.retain(|id, writes| {
            let shown = items.get(id);
            let whole = writes
                .iter()
                .filter(|write| write.is_whole())
                .map(|write| write.at)
                .max();
            let before = writes.len();
            match (shown, whole) {
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
        self.facts.overlay = Arc::default();
        let ids: Vec<_> = self.pending.keys().cloned().collect();
        for id in ids {
            self.overlay(&id);
        }
    }

    /// Shows the resource as its pending writes left it.
    fn overlay(&mut self, id: &T::Id) {
        let listing = self.facts.listing.as_deref();
        let listed = listing.and_then(|listing| Some((listing.items.get(id)?.clone(), listing.begun_at)));
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
            }
        }
        let overlay = Arc::make_mut(&mut self.facts.overlay);
        match shown {
            Some(shown) => overlay.insert(id.clone(), shown),
            None => overlay.remove(id),
        };
    }
}
