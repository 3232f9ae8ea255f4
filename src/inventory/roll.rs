//! Resources in the order of their ids, found by their terms at a cost that does not grow with them.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use super::owner::Resource;

/// Resources that never change, made to cost little beside the resources themselves.
#[derive(Debug)]
pub(super) struct Roll<T: Resource> {
    /// In the order of ids, each once.
    items: Vec<Arc<T>>,
    /// The hash of each term of each item with the item's place, in the order of hashes. Eight bytes a term: a map
    /// from the terms themselves would weigh as much as the resources.
    index: Vec<(u32, u32)>,
}

impl<T: Resource> Roll<T> {
    /// Of these items, which are in the order of ids.
    pub(super) fn new(items: Vec<Arc<T>>) -> Self {
        let mut index = Vec::with_capacity(items.len());
        for (place, item) in (0..).zip(&items) {
            item.visit_terms(&mut |key, value| index.push((hash_of(key, value), place)));
        }
        index.sort_unstable();
        index.shrink_to_fit();
        Self { items, index }
    }

    /// Every item, in the order of ids.
    pub(super) fn items(&self) -> &[Arc<T>] {
        &self.items
    }

    /// The item of this id.
    pub(super) fn find(&self, id: &T::Id) -> Option<&Arc<T>> {
        find(&self.items, id)
    }

    /// The items that have this term, in the order of ids.
    pub(super) fn having<'a, 'v>(
        &'a self,
        key: &'static str,
        value: &'v str,
    ) -> impl Iterator<Item = &'a T> + use<'a, 'v, T> {
        let hash = hash_of(key, value);
        let begin = self.index.partition_point(|(other, _)| *other < hash);
        let entries = self.index.iter().skip(begin);
        let places = entries.take_while(move |(other, _)| *other == hash);
        places
            .filter_map(|(_, place)| self.items.get(usize::try_from(*place).ok()?))
            .map(Arc::as_ref)
            // Two terms may share a hash.
            .filter(move |item| has_term(*item, key, value))
    }
}

/// The item of this id among items in the order of ids.
pub(super) fn find<'a, T: Resource>(items: &'a [Arc<T>], id: &T::Id) -> Option<&'a Arc<T>> {
    let place = items.binary_search_by(|item| item.id().cmp(id)).ok()?;
    items.get(place)
}

/// Whether the item is found by this term.
pub(super) fn has_term<T: Resource>(item: &T, key: &'static str, value: &str) -> bool {
    let mut found = false;
    item.visit_terms(&mut |k, v| found |= k == key && v == value);
    found
}

pub(super) fn hash_of(key: &str, value: &str) -> u32 {
    let mut hasher = DefaultHasher::new();
    (key, value).hash(&mut hasher);
    let [a, b, c, d, ..] = hasher.finish().to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}
