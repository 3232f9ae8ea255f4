//! The way from an operator to Kubernetes: its own caches, which lag behind, and writes that can be cut off.

use std::{
    any::Any,
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use yagura::{
    api::{AccessPolicy, Backup, BackupPolicy, Incident, Key, Tenant, TenantClass},
    cluster::{
        Cluster, ClusterError, Happened, Index, Kind, KindName, MemoryCluster, NamespaceFacts, ObjectIndex,
        OwnedMeta, Seen,
    },
};

use crate::{
    effects::{Fate, When},
    wire::Way,
};

/// What the caches of a process hold.
type Cache = BTreeMap<(KindName, Key), Arc<dyn Any + Send + Sync>>;

/// Kubernetes as one operator sees it.
#[derive(Clone)]
pub struct LabCluster {
    way: Way,
    truth: MemoryCluster,
    cache: Arc<Mutex<Cache>>,
    /// By what the cached objects of each kind are found.
    indexes: Arc<Mutex<BTreeMap<KindName, Box<dyn Any + Send>>>>,
}

impl LabCluster {
    pub(crate) fn new(way: Way, truth: MemoryCluster) -> Self {
        Self {
            way,
            truth,
            cache: Arc::default(),
            indexes: Arc::default(),
        }
    }

    /// The cluster itself, past every cache.
    pub(crate) fn truth(&self) -> &MemoryCluster {
        &self.truth
    }

    /// The watch brings the object as it is now, or its end.
    pub(crate) fn deliver(&self, kind: KindName, key: &Key) {
        match kind {
            KindName::TenantClass => self.copy::<TenantClass>(key),
            KindName::Tenant => self.copy::<Tenant>(key),
            KindName::AccessPolicy => self.copy::<AccessPolicy>(key),
            KindName::BackupPolicy => self.copy::<BackupPolicy>(key),
            KindName::Backup => self.copy::<Backup>(key),
            KindName::Incident => self.copy::<Incident>(key),
        }
    }

    fn copy<K: Kind>(&self, key: &Key) {
        let entry = (K::NAME, key.clone());
        match self.truth.seen::<K>(key) {
            Some(seen) => {
                self.index::<K>().put(&seen);
                drop(self.cache().insert(entry, seen));
            }
            None => {
                self.index::<K>().remove(key);
                drop(self.cache().remove(&entry));
            }
        }
    }

    fn index<K: Kind>(&self) -> ObjectIndex<K> {
        let mut indexes = self.indexes.lock().unwrap_or_else(PoisonError::into_inner);
        let index = indexes
            .entry(K::NAME)
            .or_insert_with(|| Box::new(ObjectIndex::<K>::default()));
        // Always of the kind's own type: it was made here.
        index.downcast_ref().cloned().unwrap_or_default()
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A write: it takes its time, is numbered, and may be cut off.
    async fn write<T>(
        &self,
        what: impl FnOnce() -> String,
        write: impl Future<Output = Result<T, ClusterError>>,
    ) -> Result<T, ClusterError> {
        self.way.travel().await;
        let fate = self.way.effects.begin(what);
        if let Fate::Cut(When::Before, loss) = fate {
            self.way.cut(loss).await;
            return Err(ClusterError::Unreachable("cut off before its effect".to_owned()));
        }
        let written = write.await;
        if let Fate::Cut(When::After, loss) = fate {
            self.way.cut(loss).await;
            return Err(ClusterError::Unreachable("cut off after its effect".to_owned()));
        }
        self.way.travel().await;
        written
    }
}

impl Cluster for LabCluster {
    fn cached<K: Kind>(&self, key: &Key) -> Option<Arc<K>> {
        self.seen::<K>(key)?.readable().ok().cloned()
    }

    fn cached_all<K: Kind>(&self) -> Vec<Arc<K>> {
        let cache = self.cache();
        let of_kind = cache.range((K::NAME, Key::new("", ""))..);
        of_kind
            .take_while(|((kind, _), _)| *kind == K::NAME)
            .filter_map(|(_, object)| Arc::clone(object).downcast::<Seen<K>>().ok())
            .filter_map(|seen| seen.readable().ok().cloned())
            .collect()
    }

    fn cached_by<K: Kind>(&self, index: Index, value: &str) -> Vec<Arc<K>> {
        self.index::<K>().find(index, value)
    }

    fn seen<K: Kind>(&self, key: &Key) -> Option<Arc<Seen<K>>> {
        let found = Arc::clone(self.cache().get(&(K::NAME, key.clone()))?);
        found.downcast().ok()
    }

    async fn read<K: Kind>(&self, key: &Key) -> Result<Option<K>, ClusterError> {
        self.way.travel().await;
        let found = self.truth.read(key).await;
        self.way.travel().await;
        found
    }

    async fn create<K: Kind>(&self, object: &K) -> Result<K, ClusterError> {
        let what = || format!("create {} {}", K::NAME, object.key());
        self.write(what, self.truth.create(object)).await
    }

    async fn apply_status<K: Kind>(
        &self,
        key: &Key,
        version: &str,
        status: &K::Status,
    ) -> Result<K, ClusterError> {
        let what = || format!("status of {} {key}", K::NAME);
        self.write(what, self.truth.apply_status(key, version, status))
            .await
    }

    async fn patch_metadata<K: Kind>(
        &self,
        key: &Key,
        uid: &str,
        owned: &OwnedMeta,
    ) -> Result<String, ClusterError> {
        let what = || format!("metadata of {} {key}", K::NAME);
        self.write(what, self.truth.patch_metadata::<K>(key, uid, owned))
            .await
    }

    async fn tell<K: Kind>(&self, object: &Seen<K>, happened: &Happened) -> Result<(), ClusterError> {
        let what = || format!("event {} of {} {}", happened.reason, K::NAME, Key::of(object));
        self.write(what, self.truth.tell(object, happened)).await
    }

    async fn forget(&self, key: &Key, uid: &str, version: &str) -> Result<(), ClusterError> {
        let what = || format!("forget Backup {key}");
        self.write(what, self.truth.forget(key, uid, version)).await
    }

    async fn namespace(&self, name: &str) -> Result<Option<NamespaceFacts>, ClusterError> {
        self.way.travel().await;
        let found = self.truth.namespace(name).await;
        self.way.travel().await;
        found
    }
}
