//! What is known of one kind of resource: the last listing, the one before, and our writes since.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use jiff::Timestamp;

use super::{owner::Resource, view::MAX_AGE};
use crate::{clock::elapsed, cloud::Observed};

/// The place of a sweep or a write in the order of things. Two of them can share an instant, but never this.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Turn(pub(super) u64);

/// A complete listing.
#[derive(Debug)]
pub(super) struct Listing<T: Resource> {
    /// When it began: it may not show what happened later.
    pub(super) begun_at: Timestamp,
    /// When the one before began, without which nothing counts as absent.
    pub(super) previous_at: Option<Timestamp>,
    pub(super) items: BTreeMap<T::Id, Arc<T>>,
    /// What the one before showed and this one does not: AWS's listings lag, so it may be there all the same.
    pub(super) missed: BTreeMap<T::Id, Arc<T>>,
    index: HashMap<&'static str, HashMap<String, Vec<T::Id>>>,
}

impl<T: Resource> Listing<T> {
    /// Whether there was one before.
    fn is_confirmed(&self) -> bool {
        self.previous_at.is_some()
    }

    pub(super) fn new(
        begun_at: Timestamp,
        items: BTreeMap<T::Id, Arc<T>>,
        missed: BTreeMap<T::Id, Arc<T>>,
        previous_at: Option<Timestamp>,
    ) -> Self {
        let mut index: HashMap<&'static str, HashMap<String, Vec<T::Id>>> = HashMap::new();
        for item in items.values() {
            item.visit_terms(&mut |key, value| {
                let values = index.entry(key).or_default();
                values
                    .entry(value.to_owned())
                    .or_default()
                    .push(item.id().clone());
            });
        }
        Self {
            begun_at,
            previous_at,
            items,
            missed,
            index,
        }
    }
}

/// A resource as our writes left it.
#[derive(Clone, Debug)]
pub(super) struct Overlaid<T> {
    pub(super) item: Arc<T>,
    /// When what it is built on was true.
    pub(super) known_at: Timestamp,
}

/// All that is known of one kind at one moment. Cheap to clone, never changed.
#[derive(Debug)]
pub(super) struct Facts<T: Resource> {
    pub(super) listing: Option<Arc<Listing<T>>>,
    pub(super) overlay: Arc<BTreeMap<T::Id, Overlaid<T>>>,
}

impl<T: Resource> Clone for Facts<T> {
    fn clone(&self) -> Self {
        Self {
            listing: self.listing.clone(),
            overlay: Arc::clone(&self.overlay),
        }
    }
}

impl<T: Resource> Default for Facts<T> {
    fn default() -> Self {
        Self {
            listing: None,
            overlay: Arc::default(),
        }
    }
}

impl<T: Resource> Facts<T> {
    /// When the last complete listing began.
    pub(super) fn listed_at(&self) -> Option<Timestamp> {
        self.listing.as_ref().map(|listing| listing.begun_at)
    }

    /// The listing, unless it is too old to be believed.
    fn believed(&self, now: Timestamp) -> Option<&Listing<T>> {
        let listing = self.listing.as_deref()?;
        is_fresh(listing.begun_at, now).then_some(listing)
    }

    /// Whether absence can be told from ignorance.
    pub(super) fn is_conclusive(&self, now: Timestamp) -> bool {
        self.believed(now).is_some_and(Listing::is_confirmed)
    }

    pub(super) fn by_id(&self, id: &T::Id, now: Timestamp) -> Observed<&T> {
        if let Some(overlaid) = self.overlay.get(id) {
            return match is_fresh(overlaid.known_at, now) {
                true => Observed::Present(&overlaid.item),
                // No listing since could have shown it, so none can say that it is gone.
                false => Observed::Unknown,
            };
        }
        let Some(listing) = self.believed(now) else {
            return Observed::Unknown;
        };
        match listing.items.get(id) {
            Some(item) => Observed::Present(item),
            None if listing.is_confirmed() && !listing.missed.contains_key(id) => Observed::Absent,
            None => Observed::Unknown,
        }
    }

    /// What is found by this term, in the order of ids.
    pub(super) fn by_term(&self, key: &'static str, value: &str, now: Timestamp) -> Observed<Vec<&T>> {
        let indexed = self.listing.as_deref().and_then(|listing| {
            let ids = listing.index.get(key)?.get(value)?;
            Some(ids.iter().filter_map(|id| listing.items.get(id)).map(Arc::as_ref))
        });
        let fits = |item: &T| has_term(item, key, value);
        self.gather(indexed.into_iter().flatten(), fits, now)
    }

    /// What fits, in the order of ids, by going through everything.
    pub(super) fn matching(&self, fits: impl Fn(&T) -> bool, now: Timestamp) -> Observed<Vec<&T>> {
        let items = self.listing.iter().flat_map(|listing| listing.items.values());
        let listed = items.map(Arc::as_ref).filter(|item| fits(item));
        self.gather(listed, &fits, now)
    }

    fn gather<'a>(
        &'a self,
        listed: impl Iterator<Item = &'a T>,
        fits: impl Fn(&T) -> bool,
        now: Timestamp,
    ) -> Observed<Vec<&'a T>> {
        let Some(listing) = self.believed(now) else {
            return Observed::Unknown;
        };
        let is_overlaid = |item: &T| self.overlay.contains_key(item.id());
        // One that may or may not be there still: without it the rest is not all.
        let missed = listing.missed.values().filter(|item| !is_overlaid(item));
        let outdated = self
            .overlay
            .values()
            .filter(|overlaid| !is_fresh(overlaid.known_at, now));
        let mut uncertain = missed.chain(outdated.map(|overlaid| &overlaid.item));
        if uncertain.any(|item| fits(item)) {
            return Observed::Unknown;
        }
        let listed = listed.filter(|item| !is_overlaid(item));
        let overlaid = self.overlay.values().map(|overlaid| overlaid.item.as_ref());
        let mut found: Vec<&T> = listed.chain(overlaid.filter(|item| fits(item))).collect();
        found.sort_by(|a, b| a.id().cmp(b.id()));
        match (found.is_empty(), listing.is_confirmed()) {
            (false, _) => Observed::Present(found),
            (true, true) => Observed::Absent,
            (true, false) => Observed::Unknown,
        }
    }
}

fn is_fresh(at: Timestamp, now: Timestamp) -> bool {
    elapsed(at, now) <= MAX_AGE
}

fn has_term<T: Resource>(item: &T, key: &'static str, value: &str) -> bool {
    let mut found = false;
    item.visit_terms(&mut |k, v| found |= k == key && v == value);
    found
}
