//! The cluster over a real API server.

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    sync::Arc,
};

use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions},
    core::{PartialObjectMeta, Status},
    runtime::{
        events::{Event, EventType, Recorder, Reporter},
        reflector::{ObjectRef, Store},
    },
};
use serde_json::json;

use super::{
    Cluster, ClusterError, Happened, Index, Kind, NamespaceFacts, ObjectIndex, OwnedMeta, Seen, Severity,
};
use crate::api::{Backup, FIELD_MANAGER, Key, names};

/// A real API server, with one cache per watched kind.
#[derive(Clone)]
pub struct KubeCluster {
    client: Client,
    recorder: Recorder,
    caches: HashMap<TypeId, Arc<dyn Any + Send + Sync>>,
}

impl KubeCluster {
    /// A cluster without caches; `instance` tells this process from its peers in events.
    pub fn new(client: Client, instance: &str) -> Self {
        let reporter = Reporter {
            controller: FIELD_MANAGER.to_owned(),
            instance: Some(instance.to_owned()),
        };
        Self {
            recorder: Recorder::new(client.clone(), reporter),
            client,
            caches: HashMap::new(),
        }
    }

    /// The client beneath.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// Serves cached reads of this kind from a store and an index that one watch fills.
    pub fn with_cache<K: Kind>(mut self, store: Store<Seen<K>>, index: ObjectIndex<K>) -> Self {
        self.caches
            .insert(TypeId::of::<K>(), Arc::new(Cache { store, index }));
        self
    }

    fn cache<K: Kind>(&self) -> Option<&Cache<K>> {
        self.caches.get(&TypeId::of::<K>())?.downcast_ref()
    }
}

struct Cache<K: Kind> {
    store: Store<Seen<K>>,
    index: ObjectIndex<K>,
}

impl Cluster for KubeCluster {
    fn cached<K: Kind>(&self, key: &Key) -> Option<Arc<K>> {
        self.seen::<K>(key)?.readable().ok().cloned()
    }

    fn cached_all<K: Kind>(&self) -> Vec<Arc<K>> {
        let objects = self.cache::<K>().map(|cache| cache.store.state());
        let objects = objects.unwrap_or_default();
        objects
            .iter()
            .filter_map(|seen| seen.readable().ok().cloned())
            .collect()
    }

    fn cached_by<K: Kind>(&self, index: Index, value: &str) -> Vec<Arc<K>> {
        let found = self.cache::<K>().map(|cache| cache.index.find(index, value));
        found.unwrap_or_default()
    }

    fn seen<K: Kind>(&self, key: &Key) -> Option<Arc<Seen<K>>> {
        self.cache::<K>()?.store.get(&object_ref(key))
    }

    async fn read<K: Kind>(&self, key: &Key) -> Result<Option<K>, ClusterError> {
        K::api(self.client(), &key.namespace)
            .get_opt(&key.name)
            .await
            .map_err(explain)
    }

    async fn create<K: Kind>(&self, object: &K) -> Result<K, ClusterError> {
        let params = PostParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PostParams::default()
        };
        K::api(self.client(), &object.key().namespace)
            .create(&params, object)
            .await
            .map_err(explain)
    }

    async fn apply_status<K: Kind>(
        &self,
        key: &Key,
        version: &str,
        status: &K::Status,
    ) -> Result<K, ClusterError> {
        let body = json!({
            "apiVersion": K::api_version(&()),
            "kind": K::kind(&()),
            // On a status only the version guards: uid is not looked at there.
            "metadata": {"name": key.name, "resourceVersion": version},
            "status": status,
        });
        K::api(self.client(), &key.namespace)
            .patch_status(
                &key.name,
                &PatchParams::apply(FIELD_MANAGER).force(),
                &Patch::Apply(body),
            )
            .await
            .map_err(explain)
    }

    async fn patch_metadata<K: Kind>(
        &self,
        key: &Key,
        uid: &str,
        owned: &OwnedMeta,
    ) -> Result<String, ClusterError> {
        let finalizers: &[&str] = if owned.finalizer { &[names::FINALIZER] } else { &[] };
        let body = json!({
            "apiVersion": K::api_version(&()),
            "kind": K::kind(&()),
            // Here only the uid guards: an apply with a version would make a missing object.
            "metadata": {
                "name": key.name, "uid": uid, "annotations": owned.annotations, "finalizers": finalizers,
            },
        });
        let api = K::partial_api(self.client(), &key.namespace);
        let object: PartialObjectMeta<K> = api
            .patch(
                &key.name,
                &PatchParams::apply(FIELD_MANAGER).force(),
                &Patch::Apply(body),
            )
            .await
            .map_err(explain)?;
        let left = object.finalizers();
        if owned.finalizer || !left.iter().any(|name| name == names::FINALIZER) {
            return Ok(object.resource_version().unwrap_or_default());
        }
        // An apply gives up only what it owns. On an object that was copied with our finalizer somebody else owns
        // the entry, and it would hold the object for ever.
        let others: Vec<_> = left.iter().filter(|name| *name != names::FINALIZER).collect();
        let metadata = json!({"resourceVersion": object.resource_version(), "finalizers": others});
        let freed: PartialObjectMeta<K> = api
            .patch(
                &key.name,
                &PatchParams::default(),
                &Patch::Merge(json!({"metadata": metadata})),
            )
            .await
            .map_err(explain)?;
        Ok(freed.resource_version().unwrap_or_default())
    }

    async fn forget(&self, key: &Key, uid: &str, version: &str) -> Result<(), ClusterError> {
        let params = DeleteParams {
            preconditions: Some(Preconditions {
                uid: Some(uid.to_owned()),
                resource_version: Some(version.to_owned()),
            }),
            ..DeleteParams::default()
        };
        Backup::api(self.client(), &key.namespace)
            .delete(&key.name, &params)
            .await
            .map(drop)
            .map_err(explain)
    }

    async fn tell<K: Kind>(&self, object: &Seen<K>, happened: &Happened) -> Result<(), ClusterError> {
        let event = Event {
            type_: match happened.severity {
                Severity::Normal => EventType::Normal,
                Severity::Warning => EventType::Warning,
            },
            reason: happened.reason.as_str().to_owned(),
            note: Some(happened.message.chars().take(EVENT_NOTE_LIMIT).collect()),
            // The recorder joins what is alike into a series by reason and action, not by text: the text goes
            // into the action's place, shortened, so that two findings of one kind stay two events.
            action: happened.message.chars().take(EVENT_ACTION_LIMIT).collect(),
            secondary: None,
        };
        self.recorder
            .publish(&event, &object.object_ref(&()))
            .await
            .map_err(explain)
    }

    async fn namespace(&self, name: &str) -> Result<Option<NamespaceFacts>, ClusterError> {
        let namespace = Api::<Namespace>::all(self.client())
            .get_metadata_opt(name)
            .await
            .map_err(explain)?;
        Ok(namespace.map(|found| NamespaceFacts {
            terminating: found.metadata.deletion_timestamp.is_some(),
            labels: found.metadata.labels.unwrap_or_default(),
        }))
    }
}

/// The API server refuses an event whose note is longer than 1,024 bytes; a character takes up to four.
const EVENT_NOTE_LIMIT: usize = 256;

/// An event's action may have 128 characters.
const EVENT_ACTION_LIMIT: usize = 120;

fn object_ref<K: Kind>(key: &Key) -> ObjectRef<Seen<K>> {
    let reference = ObjectRef::new(&key.name);
    if key.namespace.is_empty() {
        reference
    } else {
        reference.within(&key.namespace)
    }
}

/// What a client's error means to us.
fn explain(error: kube::Error) -> ClusterError {
    match error {
        kube::Error::Api(status) => explain_status(&status),
        other => ClusterError::Unreachable(other.to_string()),
    }
}

fn explain_status(status: &Status) -> ClusterError {
    let message = status.message.clone();
    match status.code {
        404 => ClusterError::NotFound,
        409 if status.reason == "AlreadyExists" => ClusterError::AlreadyExists,
        409 => ClusterError::Conflict,
        403 => ClusterError::Forbidden(message),
        // A wrong uid on a live object: it is a namesake, and ours is gone.
        422 if message.contains("metadata.uid") => ClusterError::NotFound,
        400 | 422 => ClusterError::Refused(message),
        500 if message.contains("field not declared in schema") => ClusterError::OutdatedCrd(message),
        _ => ClusterError::Unreachable(message),
    }
}
