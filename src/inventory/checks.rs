//! Which status checks of instances fail.
//!
//! Only failing instances are listed, whoever owns them. So, as with resources, what a listing does not show is
//! known to be well only if the one before did not show it either.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::Timestamp;

use super::facts::is_fresh;
use crate::cloud::{Impaired, InstanceId, Observed, StatusCheck};

/// What is known at one moment. Cheap to clone, never changed.
#[derive(Clone, Debug, Default)]
pub(super) struct Checks {
    listing: Option<Arc<Listing>>,
}

#[derive(Debug)]
struct Listing {
    begun_at: Timestamp,
    is_confirmed: bool,
    failing: BTreeMap<InstanceId, BTreeSet<StatusCheck>>,
    /// What the listing before showed and this one does not.
    missed: BTreeSet<InstanceId>,
}

impl Checks {
    /// When the last complete listing began.
    pub(super) fn listed_at(&self) -> Option<Timestamp> {
        self.listing.as_ref().map(|listing| listing.begun_at)
    }

    /// Whether it can be told that nothing fails.
    pub(super) fn is_conclusive(&self, now: Timestamp) -> bool {
        self.believed(now).is_some_and(|listing| listing.is_confirmed)
    }

    /// The failing checks of this instance; absent if none fails.
    pub(super) fn of(&self, id: &InstanceId, now: Timestamp) -> Observed<&BTreeSet<StatusCheck>> {
        let Some(listing) = self.believed(now) else {
            return Observed::Unknown;
        };
        match listing.failing.get(id) {
            Some(checks) => Observed::Present(checks),
            None if listing.is_confirmed && !listing.missed.contains(id) => Observed::Absent,
            None => Observed::Unknown,
        }
    }

    /// Takes a complete listing; names the instances of which something else is known now.
    pub(super) fn list(&mut self, found: Vec<Impaired>, begun_at: Timestamp) -> BTreeSet<InstanceId> {
        let before = self.listing.take();
        let failing: BTreeMap<_, _> = found.into_iter().map(|one| (one.id, one.checks)).collect();
        let mut changed = BTreeSet::new();
        let mut missed = BTreeSet::new();
        if let Some(before) = &before {
            let gone = before.failing.keys().filter(|id| !failing.contains_key(*id));
            missed.extend(gone.cloned());
            changed.extend(before.missed.iter().cloned());
        }
        let was = |id| before.as_ref().and_then(|before| before.failing.get(id));
        let differs = failing.iter().filter(|(id, checks)| was(id) != Some(checks));
        changed.extend(differs.map(|(id, _)| id.clone()));
        changed.extend(missed.iter().cloned());
        self.listing = Some(Arc::new(Listing {
            begun_at,
            is_confirmed: before.is_some(),
            failing,
            missed,
        }));
        changed
    }

    fn believed(&self, now: Timestamp) -> Option<&Listing> {
        let listing = self.listing.as_deref()?;
        is_fresh(listing.begun_at, now).then_some(listing)
    }
}
