//! Kubernetes behind a narrow trait: read, create, apply a status, patch our metadata, forget a Backup, tell an event.
//!
//! Two implementations: [`KubeCluster`] over a real API server, [`MemoryCluster`] for sweeps of thousands of
//! objects in a test. One contract suite runs on both.
//!
//! Deliberately absent: any write of a `spec`, and any delete but that of a Backup that has nothing left.

mod index;
mod kind;
mod kube;
mod memory;
mod seen;
mod watch;

use std::{collections::BTreeMap, future::Future, sync::Arc};

pub use self::{
    index::{Index, ObjectIndex},
    kind::{Kind, KindName},
    kube::KubeCluster,
    memory::MemoryCluster,
    seen::Seen,
    watch::{Changed, watch},
};
use crate::api::{Key, Reason};

/// What went wrong between us and the API server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClusterError {
    /// The object changed since we read it. The watch will bring the newer one; this is no failure.
    #[error("the object changed meanwhile")]
    Conflict,
    /// There is no such object.
    #[error("there is no such object")]
    NotFound,
    /// There is one of that name already.
    #[error("there is one of that name already")]
    AlreadyExists,
    /// The API server refused the object.
    #[error("the API server refused it: {0}")]
    Refused(String),
    /// The installed CRD is older than this operator: it lacks a field.
    #[error("the installed CRDs are older than this operator, apply crds/ first: {0}")]
    OutdatedCrd(String),
    /// The operator's rights do not suffice.
    #[error("not permitted: {0}")]
    Forbidden(String),
    /// No answer, or none that can be understood.
    #[error("the API server did not answer: {0}")]
    Unreachable(String),
}

/// The part of an object's metadata that is ours: what is left out is given up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnedMeta {
    /// Our annotations.
    pub annotations: BTreeMap<String, String>,
    /// Whether our finalizer holds the object.
    pub finalizer: bool,
}

/// Whether an event is good news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Nothing to worry about.
    Normal,
    /// Somebody may want to look.
    Warning,
}

/// An edge worth telling: something was made, found, repaired, refused or recovered. Never "still waiting".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happened {
    /// Whether it is good news.
    pub severity: Severity,
    /// Why, in one word.
    pub reason: Reason,
    /// What a person should read.
    pub message: String,
}

impl Happened {
    /// Good news.
    pub fn normal(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Normal,
            reason,
            message: message.into(),
        }
    }

    /// Something to look at.
    pub fn warning(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            reason,
            message: message.into(),
        }
    }
}

/// What the operator asks of a namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamespaceFacts {
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Whether it is being deleted.
    pub terminating: bool,
}

/// The cluster as the operator needs it.
pub trait Cluster: Send + Sync + 'static {
    /// The cached copy of one object; `None` if there is none or it cannot be read.
    fn cached<K: Kind>(&self, key: &Key) -> Option<Arc<K>>;

    /// The cached copies of every readable object of a kind. Not for a pass over one object: it would cost all of them.
    fn cached_all<K: Kind>(&self) -> Vec<Arc<K>>;

    /// The cached copies of the readable objects of a kind that are found by this value, in the order of keys.
    fn cached_by<K: Kind>(&self, index: Index, value: &str) -> Vec<Arc<K>>;

    /// The cached copies of the readable objects of a kind in this namespace, in the order of keys.
    fn cached_in<K: Kind>(&self, namespace: &str) -> Vec<Arc<K>> {
        self.cached_by(Index::Namespace, namespace)
    }

    /// What the cache holds under this key, readable or not.
    fn seen<K: Kind>(&self, key: &Key) -> Option<Arc<Seen<K>>>;

    /// The object as it is now, past every cache.
    fn read<K: Kind>(&self, key: &Key) -> impl Future<Output = Result<Option<K>, ClusterError>> + Send;

    /// Makes an object. A status sent with it is dropped by the API server.
    fn create<K: Kind>(&self, object: &K) -> impl Future<Output = Result<K, ClusterError>> + Send;

    /// Applies the whole status: fields left out go. Only the object at `version` is touched.
    fn apply_status<K: Kind>(
        &self,
        key: &Key,
        version: &str,
        status: &K::Status,
    ) -> impl Future<Output = Result<K, ClusterError>> + Send;

    /// Applies our annotations and finalizer to the object with this uid, and to no namesake.
    /// Answers with its new resource version.
    fn patch_metadata<K: Kind>(
        &self,
        key: &Key,
        uid: &str,
        owned: &OwnedMeta,
    ) -> impl Future<Output = Result<String, ClusterError>> + Send;

    /// Deletes a Backup that has nothing left, if it is the one with this uid and still at this version.
    fn forget(
        &self,
        key: &Key,
        uid: &str,
        version: &str,
    ) -> impl Future<Output = Result<(), ClusterError>> + Send;

    /// Tells an event about an object.
    fn tell<K: Kind>(
        &self,
        object: &Seen<K>,
        happened: &Happened,
    ) -> impl Future<Output = Result<(), ClusterError>> + Send;

    /// The namespace; `None` if there is none.
    fn namespace(
        &self,
        name: &str,
    ) -> impl Future<Output = Result<Option<NamespaceFacts>, ClusterError>> + Send;
}
