//! By what cached objects are found without going through all of them: a pass at ten thousand Tenants costs what one
//! at ten costs.
//!
//! kube's store finds an object by its name alone. This index is fed by the same watch, and holds the objects that the
//! store holds, not copies: eight bytes for each value that an object is found by.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use kube::runtime::watcher::Event;

use super::{Kind, Seen};
use crate::api::Key;

/// What objects are found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Index {
    /// The namespace.
    Namespace,
    /// The name of a Tenant's class.
    Class,
    /// A Tenant's label, in small letters.
    Label,
    /// The `namespace/name` of a Backup's Tenant.
    Tenant,
    /// The reason why a Backup waits for a person.
    Stalled,
}

/// Objects by the values of their indexes.
#[derive(Debug)]
pub(super) struct Lists<K> {
    /// Each list is in the order of keys.
    by: HashMap<Index, HashMap<Box<str>, Vec<Arc<K>>>>,
}

impl<K> Default for Lists<K> {
    fn default() -> Self {
        Self { by: HashMap::new() }
    }
}

impl<K: Kind> Lists<K> {
    /// The objects of this value, in the order of keys.
    pub(super) fn find(&self, index: Index, value: &str) -> &[Arc<K>] {
        let list = self.by.get(&index).and_then(|values| values.get(value));
        list.map(Vec::as_slice).unwrap_or_default()
    }

    /// Takes in an object as it is now.
    pub(super) fn put(&mut self, seen: &Seen<K>) {
        self.remove(&Key::of(seen));
        let Ok(object) = seen.readable() else { return };
        for (index, value) in values_of(&**object) {
            let values = self.by.entry(index).or_default();
            let list = values.entry(value.into_boxed_str()).or_default();
            let place = place_of(list, &name_of(&**object)).unwrap_or_else(|place| place);
            list.insert(place, Arc::clone(object));
        }
    }

    /// Takes out the object of this key, whatever it was like.
    pub(super) fn remove(&mut self, key: &Key) {
        let name = (key.namespace.as_str(), key.name.as_str());
        let list = self.find(Index::Namespace, &key.namespace);
        let known = place_of(list, &name).ok().and_then(|place| list.get(place));
        let Some(known) = known.map(Arc::clone) else {
            return;
        };
        for (index, value) in values_of(&*known) {
            let Some(values) = self.by.get_mut(&index) else {
                continue;
            };
            let Some(list) = values.get_mut(value.as_str()) else {
                continue;
            };
            if let Ok(place) = place_of(list, &name) {
                list.remove(place);
            }
            if list.is_empty() {
                values.remove(value.as_str());
            }
        }
    }
}

fn name_of<K: Kind>(object: &K) -> (&str, &str) {
    let meta = object.meta();
    (
        meta.namespace.as_deref().unwrap_or_default(),
        meta.name.as_deref().unwrap_or_default(),
    )
}

/// Where the object of this namespace and name is in a list, or where it belongs.
fn place_of<K: Kind>(list: &[Arc<K>], name: &(&str, &str)) -> Result<usize, usize> {
    list.binary_search_by(|object| name_of(&**object).cmp(name))
}

fn values_of<K: Kind>(object: &K) -> Vec<(Index, String)> {
    let mut values = object.indexes();
    values.push((Index::Namespace, name_of(object).0.to_owned()));
    values
}

/// The index of one kind, fed by its watch. Cloning shares the content.
#[derive(Debug)]
pub struct ObjectIndex<K>(Arc<RwLock<Content<K>>>);

#[derive(Debug)]
struct Content<K> {
    shown: Lists<K>,
    /// A list that is being read anew. As in kube's store, it is shown when it is complete.
    listing: Lists<K>,
}

impl<K> Clone for ObjectIndex<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K> Default for ObjectIndex<K> {
    fn default() -> Self {
        Self(Arc::new(RwLock::new(Content {
            shown: Lists::default(),
            listing: Lists::default(),
        })))
    }
}

impl<K: Kind> ObjectIndex<K> {
    /// Takes in what the watch says.
    pub(super) fn apply(&self, event: &Event<Seen<K>>) {
        let mut content = self.0.write().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Init => content.listing = Lists::default(),
            Event::InitApply(object) => content.listing.put(object),
            Event::InitDone => content.shown = std::mem::take(&mut content.listing),
            Event::Apply(object) => content.shown.put(object),
            Event::Delete(object) => content.shown.remove(&Key::of(object)),
        }
    }

    /// Takes in an object as it is now, outside of any list.
    pub fn put(&self, object: &Seen<K>) {
        let mut content = self.0.write().unwrap_or_else(PoisonError::into_inner);
        content.shown.put(object);
    }

    /// Takes out the object of this key.
    pub fn remove(&self, key: &Key) {
        let mut content = self.0.write().unwrap_or_else(PoisonError::into_inner);
        content.shown.remove(key);
    }

    /// The readable objects of this value, in the order of keys.
    pub fn find(&self, index: Index, value: &str) -> Vec<Arc<K>> {
        let content = self.0.read().unwrap_or_else(PoisonError::into_inner);
        content.shown.find(index, value).to_vec()
    }
}

#[cfg(test)]
mod tests;
