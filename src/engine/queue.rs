//! When each object is due: one entry per object, the earlier time stands.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures::{Stream, stream};
use jiff::Timestamp;
use tokio::sync::Notify;

use crate::{api::Key, clock::Clock};

/// Before everything that is due: what was begun is finished before more is begun, or of thousands of new objects each
/// step would wait for all the others'.
pub const AT_ONCE: Timestamp = Timestamp::MIN;

/// The due times of one controller's objects.
#[derive(Debug, Default)]
pub struct DueQueue {
    entries: Mutex<Entries>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Entries {
    by_time: BTreeSet<(Timestamp, Key)>,
    by_key: HashMap<Key, Timestamp>,
    /// Those whose next wake goes before all others.
    hurried: HashSet<Key>,
}

impl DueQueue {
    fn entries(&self) -> MutexGuard<'_, Entries> {
        // The two maps are changed together without a call that could panic between.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for a pass at `at`; an earlier request stands.
    pub fn wake_at(&self, key: Key, at: Timestamp) {
        let mut entries = self.entries();
        let at = if entries.hurried.remove(&key) { AT_ONCE } else { at };
        match entries.by_key.get(&key).copied() {
            Some(earlier) if earlier <= at => return,
            Some(later) => {
                entries.by_time.remove(&(later, key.clone()));
            }
            None => {}
        }
        entries.by_key.insert(key.clone(), at);
        entries.by_time.insert((at, key));
        drop(entries);
        self.changed.notify_one();
    }

    /// Lets the next wake of this object go before those of others: what it waits for is on its way, and it had waited
    /// for its pass already.
    pub fn hurry(&self, key: Key) {
        self.entries().hurried.insert(key);
    }

    /// Takes the object that has been due longest, if one is due.
    pub fn pop(&self, now: Timestamp) -> Option<Key> {
        let mut entries = self.entries();
        let (at, _) = entries.by_time.first()?;
        if *at > now {
            return None;
        }
        let (_, key) = entries.by_time.pop_first()?;
        entries.by_key.remove(&key);
        Some(key)
    }

    /// When the next object is due.
    pub fn next_at(&self) -> Option<Timestamp> {
        self.entries().by_time.first().map(|(at, _)| *at)
    }

    /// The objects as they become due. Never ends.
    pub fn stream(self: Arc<Self>, clock: Arc<dyn Clock>) -> impl Stream<Item = Key> + Send {
        stream::unfold((self, clock), |(queue, clock)| async move {
            let key = queue.next(&*clock).await;
            Some((key, (queue, clock)))
        })
    }

    async fn next(&self, clock: &dyn Clock) -> Key {
        loop {
            // Registered before the look, so that a wake in between is not lost.
            let changed = self.changed.notified();
            if let Some(key) = self.pop(clock.now()) {
                return key;
            }
            match self.next_at() {
                Some(at) => {
                    tokio::select! {
                        () = changed => {}
                        () = clock.until(at) => {}
                    }
                }
                None => changed.await,
            }
        }
    }
}

#[cfg(test)]
mod tests;
