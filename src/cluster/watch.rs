//! One watch per kind: it fills the cache and says which objects changed.

use std::collections::BTreeSet;

use futures::{Stream, StreamExt, TryStreamExt};
use kube::{
    Api, Client,
    runtime::{
        WatchStreamExt,
        reflector::store::Writer,
        watcher::{self, Event},
    },
};

use super::{Kind, ObjectIndex, Seen};
use crate::api::Key;

/// What a watch says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// This object is new, different or gone.
    Object(Key),
    /// The first or a repeated list is complete.
    Listed,
}

/// Watches every object of a kind, keeps `writer`'s store and the index up to date, and tells what changed, once both
/// show it.
///
/// A repeated list is compared with what was known, so that a deletion during a broken watch is told too.
pub fn watch<K: Kind>(
    client: Client,
    writer: Writer<Seen<K>>,
    index: ObjectIndex<K>,
) -> impl Stream<Item = Changed> + Send {
    let mut known = BTreeSet::new();
    let mut listing = BTreeSet::new();
    watcher::watcher(Api::<Seen<K>>::all(client), watcher::Config::default())
        .default_backoff()
        // Before the store, so that it never holds them: two thirds of an object's memory.
        .modify(|object| kube::Resource::meta_mut(object).managed_fields = None)
        .reflect(writer)
        .inspect_ok(move |event| index.apply(event))
        .inspect_err(|error| tracing::warn!(kind = %K::NAME, %error, "watch interrupted"))
        .filter_map(|event| async { event.ok() })
        .map(move |event| tell(event, &mut known, &mut listing))
        .flat_map(futures::stream::iter)
}

/// The changes that one watch event means.
fn tell<K: Kind>(
    event: Event<Seen<K>>,
    known: &mut BTreeSet<Key>,
    listing: &mut BTreeSet<Key>,
) -> Vec<Changed> {
    match event {
        Event::Init => {
            listing.clear();
            Vec::new()
        }
        Event::InitApply(object) => {
            listing.insert(Key::of(&object));
            Vec::new()
        }
        Event::InitDone => {
            // The store shows a list only when it is complete, so its objects are told here.
            let mut changes: Vec<_> = known.union(listing).cloned().map(Changed::Object).collect();
            *known = std::mem::take(listing);
            changes.push(Changed::Listed);
            changes
        }
        Event::Apply(object) => {
            let key = Key::of(&object);
            known.insert(key.clone());
            vec![Changed::Object(key)]
        }
        Event::Delete(object) => {
            let key = Key::of(&object);
            known.remove(&key);
            vec![Changed::Object(key)]
        }
    }
}
