//! One complete listing of one kind of resource.

use std::sync::Arc;

use jiff::Timestamp;

use super::{owner::Resource, roll::Roll};

/// A complete listing.
#[derive(Debug)]
pub(super) struct Listing<T: Resource> {
    /// When it began: it may not show what happened later.
    pub(super) begun_at: Timestamp,
    /// When the one before began, without which nothing counts as absent.
    pub(super) previous_at: Option<Timestamp>,
    /// What it shows.
    pub(super) shown: Roll<T>,
    /// What the one before showed and this one does not: AWS's listings lag, so it may be there all the same.
    pub(super) missed: Roll<T>,
}

impl<T: Resource> Listing<T> {
    /// Whether there was one before.
    pub(super) fn is_confirmed(&self) -> bool {
        self.previous_at.is_some()
    }

    /// Everything that it shows, in the order of ids.
    pub(super) fn items(&self) -> &[Arc<T>] {
        self.shown.items()
    }

    /// What it shows of this id.
    pub(super) fn find(&self, id: &T::Id) -> Option<&Arc<T>> {
        self.shown.find(id)
    }
}
