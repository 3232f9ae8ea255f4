//! Resources as our writes left them, where no listing shows that yet.
//!
//! In a herd of thousands there are always some hundreds of them, and every pass looks here first. So they are found by
//! the terms that listed ones are found by, and a copy for another view costs no allocation for each.

use std::sync::Arc;

use jiff::Timestamp;

use super::{
    owner::Resource,
    roll::{has_term, hash_of},
};

/// A resource as our writes left it.
#[derive(Clone, Debug)]
pub(super) struct Overlaid<T> {
    pub(super) item: Arc<T>,
    /// When what it is built on was true.
    pub(super) known_at: Timestamp,
}

/// The resources that our writes touched.
#[derive(Clone, Debug)]
pub(super) struct Overlay<T: Resource> {
    /// In the order of ids, each once.
    items: Vec<Overlaid<T>>,
    /// The hash of each term of each item with the item, in the order of hashes and ids.
    index: Vec<(u32, Arc<T>)>,
}

impl<T: Resource> Default for Overlay<T> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            index: Vec::new(),
        }
    }
}

impl<T: Resource> Overlay<T> {
    /// Of these, which are in the order of ids.
    pub(super) fn new(items: Vec<Overlaid<T>>) -> Self {
        let mut index = Vec::new();
        for overlaid in &items {
            let item = &overlaid.item;
            item.visit_terms(&mut |key, value| index.push((hash_of(key, value), Arc::clone(item))));
        }
        // Stable: the ids are in their order already.
        index.sort_by_key(|(hash, _)| *hash);
        Self { items, index }
    }

    /// The one of this id.
    pub(super) fn get(&self, id: &T::Id) -> Option<&Overlaid<T>> {
        self.items.get(self.place(id).ok()?)
    }

    /// Whether there is one of this id.
    pub(super) fn has(&self, id: &T::Id) -> bool {
        self.place(id).is_ok()
    }

    /// All of them, in the order of ids.
    pub(super) fn all(&self) -> impl Iterator<Item = &Overlaid<T>> {
        self.items.iter()
    }

    /// Those that have this term, in the order of ids.
    pub(super) fn having<'a, 'v>(
        &'a self,
        key: &'static str,
        value: &'v str,
    ) -> impl Iterator<Item = &'a Overlaid<T>> + use<'a, 'v, T> {
        let hash = hash_of(key, value);
        let begin = self.index.partition_point(|(other, _)| *other < hash);
        let entries = self.index.iter().skip(begin);
        entries
            .take_while(move |(other, _)| *other == hash)
            // Two terms may share a hash.
            .filter(move |(_, item)| has_term(&**item, key, value))
            .filter_map(|(_, item)| self.get(item.id()))
    }

    /// Shows this resource so from now on, or not any more.
    pub(super) fn set(&mut self, id: &T::Id, shown: Option<Overlaid<T>>) {
        let place = self.place(id);
        if let Ok(place) = place {
            let before = self.items.remove(place);
            before.item.visit_terms(&mut |key, value| {
                if let Ok(entry) = self.entry(hash_of(key, value), id) {
                    self.index.remove(entry);
                }
            });
        }
        let Some(shown) = shown else { return };
        shown.item.visit_terms(&mut |key, value| {
            let hash = hash_of(key, value);
            let (Ok(entry) | Err(entry)) = self.entry(hash, id);
            self.index.insert(entry, (hash, Arc::clone(&shown.item)));
        });
        let (Ok(place) | Err(place)) = place;
        self.items.insert(place, shown);
    }

    fn place(&self, id: &T::Id) -> Result<usize, usize> {
        self.items.binary_search_by(|overlaid| overlaid.item.id().cmp(id))
    }

    /// Where in the index a term of this resource is, or belongs.
    fn entry(&self, hash: u32, id: &T::Id) -> Result<usize, usize> {
        self.index
            .binary_search_by(|(other, item)| other.cmp(&hash).then_with(|| item.id().cmp(id)))
    }
}

#[cfg(test)]
mod tests;
