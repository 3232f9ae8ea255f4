//! The cluster in memory: the API server's answers as far as the operator relies on them, for sweeps.

use std::{
    any::Any,
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::Resource;
use serde_json::Value;

use super::{
    Cluster, ClusterError, Happened, Index, Kind, KindName, NamespaceFacts, OwnedMeta, Seen, index::Lists,
};
use crate::{
    api::{Backup, Key, names},
    clock::Clock,
};

/// Objects of every kind, as an API server would keep them. Cloning shares the content.
#[derive(Clone)]
pub struct MemoryCluster {
    clock: Arc<dyn Clock>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    version: u64,
    writes: u64,
    objects: BTreeMap<(KindName, Key), Arc<dyn Any + Send + Sync>>,
    /// The readable objects of each kind by what they are found by.
    indexes: BTreeMap<KindName, Box<dyn Any + Send>>,
    namespaces: BTreeMap<String, NamespaceFacts>,
    changes: VecDeque<(KindName, Key)>,
    events: Vec<(KindName, Key, Happened)>,
}

impl MemoryCluster {
    /// An empty cluster whose times come from `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            state: Arc::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic in a test that held the lock leaves whole objects behind: they stay usable.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a namespace, or changes its facts.
    pub fn put_namespace(&self, name: &str, facts: NamespaceFacts) {
        self.state().namespaces.insert(name.to_owned(), facts);
    }

    /// Stores an object as a user's apply would: a new one gets uid and times, a changed one a new generation.
    /// The status stays as it was.
    pub fn put<K: Kind>(&self, object: &K) -> K {
        let now = self.clock.now();
        let mut state = self.state();
        let mut object = object.clone();
        match state.object::<K>(&object.key()) {
            None => state.dress(&mut object, now),
            Some(old) => keep_what_users_do_not_set(&*old, &mut object),
        }
        state.store(object)
    }

    /// Stores an object with metadata and status as an API server has them.
    pub fn load<K: Kind>(&self, object: K) -> K {
        self.state().store(object)
    }

    /// Stores an object that no release can read, with metadata that are as given.
    pub fn put_unreadable<K: Kind>(&self, metadata: ObjectMeta, error: &str) {
        self.state().keep(Seen::<K>::unreadable(metadata, error));
    }

    /// Deletes an object as a user would: at once, or by marking it while a finalizer holds it.
    pub fn delete<K: Kind>(&self, key: &Key) {
        let now = self.clock.now();
        let mut state = self.state();
        let Some(old) = state.object::<K>(key) else { return };
        if old.meta().finalizers.as_ref().is_none_or(Vec::is_empty) {
            state.remove::<K>(key);
        } else if !old.is_terminating() {
            let mut object = (*old).clone();
            let generation = object.generation() + 1;
            object.meta_mut().deletion_timestamp = Some(Time(now));
            object.meta_mut().generation = Some(generation);
            state.store(object);
        }
    }

    /// Takes the changes since the last call, oldest first.
    pub fn take_changes(&self) -> Vec<(KindName, Key)> {
        self.state().changes.drain(..).collect()
    }

    /// How many writes the operator made: creates, status applies, metadata applies and events.
    pub fn writes(&self) -> u64 {
        self.state().writes
    }

    /// Every event told so far.
    pub fn events(&self) -> Vec<(KindName, Key, Happened)> {
        self.state().events.clone()
    }
}

impl State {
    fn seen<K: Kind>(&self, key: &Key) -> Option<Arc<Seen<K>>> {
        Arc::clone(self.objects.get(&(K::NAME, key.clone()))?)
            .downcast()
            .ok()
    }

    fn object<K: Kind>(&self, key: &Key) -> Option<Arc<K>> {
        self.seen::<K>(key)?.readable().ok().cloned()
    }

    /// Gives a new object what the API server gives it.
    fn dress<K: Kind>(&mut self, object: &mut K, now: Timestamp) {
        self.version += 1;
        let meta = object.meta_mut();
        meta.uid = Some(format!("00000000-0000-4000-8000-{:012x}", self.version));
        meta.creation_timestamp = Some(Time(now));
        meta.generation = Some(1);
    }

    fn store<K: Kind>(&mut self, mut object: K) -> K {
        let version = self.keep(Seen::new(object.clone()));
        object.meta_mut().resource_version = Some(version);
        object
    }

    /// Keeps an object under a new version, and answers with that.
    fn keep<K: Kind>(&mut self, mut seen: Seen<K>) -> String {
        self.version += 1;
        let version = self.version.to_string();
        seen.meta_mut().resource_version = Some(version.clone());
        let key = Key::of(&seen);
        if let Some(lists) = self.lists::<K>() {
            lists.put(&seen);
        }
        self.objects.insert((K::NAME, key.clone()), Arc::new(seen));
        self.changes.push_back((K::NAME, key));
        version
    }

    fn remove<K: Kind>(&mut self, key: &Key) {
        if let Some(lists) = self.lists::<K>() {
            lists.remove(key);
        }
        self.objects.remove(&(K::NAME, key.clone()));
        self.changes.push_back((K::NAME, key.clone()));
    }

    /// Always there: what is made here is of the kind's own type.
    fn lists<K: Kind>(&mut self) -> Option<&mut Lists<K>> {
        let lists = self.indexes.entry(K::NAME);
        let lists = lists.or_insert_with(|| Box::new(Lists::<K>::default()));
        lists.downcast_mut()
    }
}

/// What an apply by a user leaves as it is.
fn keep_what_users_do_not_set<K: Kind>(old: &K, object: &mut K) {
    let generation = old.generation() + i64::from(spec(old) != spec(object));
    let meta = object.meta_mut();
    meta.uid.clone_from(&old.meta().uid);
    meta.creation_timestamp.clone_from(&old.meta().creation_timestamp);
    meta.finalizers.clone_from(&old.meta().finalizers);
    meta.deletion_timestamp.clone_from(&old.meta().deletion_timestamp);
    meta.generation = Some(generation);
    if let Some(status) = old.status() {
        object.set_status(status.clone());
    }
}

fn spec<K: Kind>(object: &K) -> Option<Value> {
    serde_json::to_value(object).ok()?.get("spec").cloned()
}

impl Cluster for MemoryCluster {
    fn cached<K: Kind>(&self, key: &Key) -> Option<Arc<K>> {
        self.state().object(key)
    }

    fn cached_all<K: Kind>(&self) -> Vec<Arc<K>> {
        let state = self.state();
        let of_kind = state.objects.range((K::NAME, Key::new("", ""))..);
        of_kind
            .take_while(|((kind, _), _)| *kind == K::NAME)
            .filter_map(|(_, object)| Arc::clone(object).downcast::<Seen<K>>().ok())
            .filter_map(|seen| seen.readable().ok().cloned())
            .collect()
    }

    fn cached_by<K: Kind>(&self, index: Index, value: &str) -> Vec<Arc<K>> {
        let mut state = self.state();
        let found = state.lists::<K>().map(|lists| lists.find(index, value).to_vec());
        found.unwrap_or_default()
    }

    fn seen<K: Kind>(&self, key: &Key) -> Option<Arc<Seen<K>>> {
        self.state().seen(key)
    }

    async fn read<K: Kind>(&self, key: &Key) -> Result<Option<K>, ClusterError> {
        Ok(self.state().object::<K>(key).map(|object| (*object).clone()))
    }

    async fn create<K: Kind>(&self, object: &K) -> Result<K, ClusterError> {
        let now = self.clock.now();
        let mut state = self.state();
        state.writes += 1;
        if state.seen::<K>(&object.key()).is_some() {
            return Err(ClusterError::AlreadyExists);
        }
        let mut object = object.clone();
        state.dress(&mut object, now);
        Ok(state.store(object))
    }

    async fn apply_status<K: Kind>(
        &self,
        key: &Key,
        version: &str,
        status: &K::Status,
    ) -> Result<K, ClusterError> {
        let mut state = self.state();
        state.writes += 1;
        let mut object = (*state.object::<K>(key).ok_or(ClusterError::NotFound)?).clone();
        if object.meta().resource_version.as_deref() != Some(version) {
            return Err(ClusterError::Conflict);
        }
        if object.status() == Some(status) {
            return Ok(object);
        }
        object.set_status(status.clone());
        Ok(state.store(object))
    }

    async fn patch_metadata<K: Kind>(
        &self,
        key: &Key,
        uid: &str,
        owned: &OwnedMeta,
    ) -> Result<String, ClusterError> {
        let mut state = self.state();
        state.writes += 1;
        // Readable or not: metadata are there in any case.
        let mut object = (*state.seen::<K>(key).ok_or(ClusterError::Conflict)?).clone();
        let meta = object.meta_mut();
        if meta.uid.as_deref() != Some(uid) {
            return Err(ClusterError::NotFound);
        }
        let mut finalizers = meta.finalizers.clone().unwrap_or_default();
        finalizers.retain(|name| name != names::FINALIZER);
        if owned.finalizer {
            finalizers.push(names::FINALIZER.to_owned());
        }
        meta.annotations
            .get_or_insert_default()
            .extend(owned.annotations.clone());
        let is_let_go = finalizers.is_empty() && meta.deletion_timestamp.is_some();
        meta.finalizers = Some(finalizers);
        if is_let_go {
            state.remove::<K>(key);
            return Ok(String::new());
        }
        Ok(state.keep(object))
    }

    async fn forget(&self, key: &Key, uid: &str, version: &str) -> Result<(), ClusterError> {
        let mut state = self.state();
        state.writes += 1;
        let object = state.object::<Backup>(key).ok_or(ClusterError::NotFound)?;
        let meta = object.meta();
        if meta.uid.as_deref() != Some(uid) || meta.resource_version.as_deref() != Some(version) {
            return Err(ClusterError::Conflict);
        }
        state.remove::<Backup>(key);
        Ok(())
    }

    async fn tell<K: Kind>(&self, object: &Seen<K>, happened: &Happened) -> Result<(), ClusterError> {
        let mut state = self.state();
        state.writes += 1;
        state.events.push((K::NAME, Key::of(object), happened.clone()));
        Ok(())
    }

    async fn namespace(&self, name: &str) -> Result<Option<NamespaceFacts>, ClusterError> {
        Ok(self.state().namespaces.get(name).cloned())
    }
}
