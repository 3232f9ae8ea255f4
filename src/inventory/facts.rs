//! What is known of one kind of resource: the last listing, the one before, and our writes since.

use std::{collections::BTreeSet, sync::Arc};

use jiff::Timestamp;

use super::{
    listing::Listing,
    overlay::{Overlaid, Overlay},
    owner::Resource,
    roll::Roll,
    view::MAX_AGE,
};
use crate::{clock::elapsed, cloud::Observed};

/// The place of a sweep or a write in the order of things. Two of them can share an instant, but never this.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Turn(pub(super) u64);

/// All that is known of one kind at one moment. Cheap to clone, never changed.
#[derive(Debug)]
pub(super) struct Facts<T: Resource> {
    pub(super) listing: Option<Arc<Listing<T>>>,
    pub(super) overlay: Arc<Overlay<T>>,
    /// What we deleted and a listing may still show.
    pub(super) gone: Arc<BTreeSet<T::Id>>,
}

impl<T: Resource> Clone for Facts<T> {
    fn clone(&self) -> Self {
        Self {
            listing: self.listing.clone(),
            overlay: Arc::clone(&self.overlay),
            gone: Arc::clone(&self.gone),
        }
    }
}

impl<T: Resource> Default for Facts<T> {
    fn default() -> Self {
        Self {
            listing: None,
            overlay: Arc::default(),
            gone: Arc::default(),
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
        if self.gone.contains(id) {
            return Observed::Absent;
        }
        let Some(listing) = self.believed(now) else {
            return Observed::Unknown;
        };
        match listing.find(id) {
            Some(item) => Observed::Present(item),
            None if listing.is_confirmed() && listing.missed.find(id).is_none() => Observed::Absent,
            None => Observed::Unknown,
        }
    }

    /// Everything that was last known, however long ago. What a listing missed once is in it.
    pub(super) fn last_known(&self) -> impl Iterator<Item = &T> {
        let listing = self.listing.as_deref().into_iter();
        let items = listing.flat_map(|listing| listing.items().iter().chain(listing.missed.items()));
        let listed = items.map(Arc::as_ref).filter(|item| !self.is_touched(item));
        listed.chain(self.overlay.all().map(|overlaid| overlaid.item.as_ref()))
    }

    /// What is found by this term as it was last known.
    pub(super) fn last_known_having<'a, 'v>(
        &'a self,
        key: &'static str,
        value: &'v str,
    ) -> impl Iterator<Item = &'a T> + use<'a, 'v, T> {
        let listed = self.listing.as_deref().into_iter();
        let listed = listed.flat_map(move |listing| listing.shown.having(key, value));
        let listed = listed.filter(|item| !self.is_touched(item));
        let overlaid = self.overlay.having(key, value);
        listed.chain(overlaid.map(|overlaid| overlaid.item.as_ref()))
    }

    /// The one of this id as it was last known.
    pub(super) fn last_known_by_id(&self, id: &T::Id) -> Option<&T> {
        if let Some(overlaid) = self.overlay.get(id) {
            return Some(&overlaid.item);
        }
        if self.gone.contains(id) {
            return None;
        }
        let listing = self.listing.as_deref()?;
        let item = listing.find(id).or_else(|| listing.missed.find(id))?;
        Some(item)
    }

    /// What is found by this term, in the order of ids. The cost grows with what is found, not with what there is.
    pub(super) fn by_term(&self, key: &'static str, value: &str, now: Timestamp) -> Observed<Vec<&T>> {
        let Some(listing) = self.believed(now) else {
            return Observed::Unknown;
        };
        let found = Found {
            shown: listing.shown.having(key, value),
            missed: listing.missed.having(key, value),
            overlaid: self.overlay.having(key, value),
        };
        self.gather(found, listing.is_confirmed(), now)
    }

    /// What fits, in the order of ids, by going through everything.
    pub(super) fn matching(&self, fits: impl Fn(&T) -> bool, now: Timestamp) -> Observed<Vec<&T>> {
        let Some(listing) = self.believed(now) else {
            return Observed::Unknown;
        };
        let [shown, missed] = [&listing.shown, &listing.missed].map(Roll::items);
        let found = Found {
            shown: shown.iter().map(Arc::as_ref).filter(|item| fits(item)),
            missed: missed.iter().map(Arc::as_ref).filter(|item| fits(item)),
            overlaid: self.overlay.all().filter(|overlaid| fits(&overlaid.item)),
        };
        self.gather(found, listing.is_confirmed(), now)
    }

    fn gather<'a>(
        &'a self,
        found: Found<
            impl Iterator<Item = &'a T>,
            impl Iterator<Item = &'a T>,
            impl Iterator<Item = &'a Overlaid<T>>,
        >,
        is_confirmed: bool,
        now: Timestamp,
    ) -> Observed<Vec<&'a T>> {
        let mut missed = found.missed;
        // One that may or may not be there still: without it the rest is not all.
        if missed.any(|item| !self.is_touched(item)) {
            return Observed::Unknown;
        }
        let mut all: Vec<&T> = found.shown.filter(|item| !self.is_touched(item)).collect();
        for overlaid in found.overlaid {
            if !is_fresh(overlaid.known_at, now) {
                return Observed::Unknown;
            }
            all.push(&overlaid.item);
        }
        all.sort_by(|a, b| a.id().cmp(b.id()));
        match (all.is_empty(), is_confirmed) {
            (false, _) => Observed::Present(all),
            (true, true) => Observed::Absent,
            (true, false) => Observed::Unknown,
        }
    }

    /// Whether our writes say what became of it, and not the listing.
    fn is_touched(&self, item: &T) -> bool {
        self.overlay.has(item.id()) || self.gone.contains(item.id())
    }
}

/// What fits, from the places in which something is known.
struct Found<Shown, Missed, Overlaid> {
    shown: Shown,
    missed: Missed,
    overlaid: Overlaid,
}

pub(super) fn is_fresh(at: Timestamp, now: Timestamp) -> bool {
    elapsed(at, now) <= MAX_AGE
}
