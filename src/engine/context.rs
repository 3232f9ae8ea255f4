//! What every pass of every kind has at hand.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio::sync::{RwLock, RwLockReadGuard};

use super::{DueQueue, Permissions};
use crate::{
    api::{Key, Reason},
    brakes::Brakes,
    clock::Clock,
    cloud::{CloudError, ClusterId},
    cluster::{Cluster, ClusterError, KindName},
    inventory::Inventories,
    metrics::Metrics,
    rollouts::Rollouts,
    separation::Separation,
    terms::Registry,
};

/// The controllers. Two may look at one kind; only one of them writes its status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ControllerName {
    /// Keeps what all Tenants of a class share.
    TenantClass,
    /// Makes and keeps an environment.
    Tenant,
    /// Judges and publishes who may reach what.
    AccessPolicy,
    /// Judges and publishes when backups are taken.
    BackupPolicy,
    /// Makes the Backup of each Tenant's slot.
    Schedule,
    /// Takes one backup.
    Backup,
    /// Runs the clock and the isolation of an incident.
    Incident,
}

impl ControllerName {
    /// Every controller.
    pub const ALL: [Self; 7] = [
        Self::TenantClass,
        Self::Tenant,
        Self::AccessPolicy,
        Self::BackupPolicy,
        Self::Schedule,
        Self::Backup,
        Self::Incident,
    ];

    /// The name in logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TenantClass => "tenantclass",
            Self::Tenant => "tenant",
            Self::AccessPolicy => "accesspolicy",
            Self::BackupPolicy => "backuppolicy",
            Self::Schedule => "schedule",
            Self::Backup => "backup",
            Self::Incident => "incident",
        }
    }
}

impl ControllerName {
    /// How many objects are worked on at once. kube's own default is without bound, which has taken whole clusters
    /// down; sixteen hide the latency of AWS. A first launch takes some ten calls one after another, each as long on
    /// its way as AWS and Kubernetes please, and AWS permits the making of five groups a second: four times as many
    /// keep up with that where answers take half a second. A run of a slot is two of AWS's calls and three writes one
    /// after another, AWS permits five of them a second, and the locks of those before take their time beside it.
    pub const fn places(self) -> u16 {
        match self {
            Self::Tenant | Self::Backup => 64,
            _ => 16,
        }
    }
}

impl fmt::Display for ControllerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who this installation is, on every resource it makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The name a person gave it.
    pub cluster_id: ClusterId,
    /// The uid of the cluster's kube-system namespace: tells apart two clusters that were given one name.
    pub cluster_uid: String,
}

/// Why a step or a look failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// AWS said no, or nothing.
    #[error(transparent)]
    Cloud(#[from] CloudError),
    /// AWS gave an answer that nobody can explain, ten times in a row. A retry does not help any more.
    #[error("{0} (ten times in a row, and not in the table of known answers: report it with this text)")]
    Unexplained(#[source] CloudError),
    /// The API server said no, or nothing.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// Something that must come first is not there; another pass will find it.
    #[error("{message}")]
    Blocked {
        /// Why, in one word.
        reason: Reason,
        /// What a person should read.
        message: String,
    },
}

impl Failure {
    /// When the call that was not sent has its turn.
    pub fn turn_at(&self) -> Option<Timestamp> {
        match self {
            Self::Cloud(error) => error.turn_at,
            Self::Unexplained(_) | Self::Cluster(_) | Self::Blocked { .. } => None,
        }
    }
}

/// The due queues of all controllers.
#[derive(Debug)]
pub struct Wakes(HashMap<ControllerName, Arc<DueQueue>>);

impl Default for Wakes {
    fn default() -> Self {
        Self(
            ControllerName::ALL
                .into_iter()
                .map(|name| (name, Arc::default()))
                .collect(),
        )
    }
}

impl Wakes {
    /// The queue of one controller.
    pub fn queue(&self, controller: ControllerName) -> Option<&Arc<DueQueue>> {
        self.0.get(&controller)
    }

    /// Asks for a pass of one object at `at`.
    pub fn wake_at(&self, controller: ControllerName, key: Key, at: Timestamp) {
        if let Some(queue) = self.queue(controller) {
            queue.wake_at(key, at);
        }
    }
}

/// What every pass has at hand.
pub struct Context<C> {
    /// Kubernetes.
    pub cluster: C,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Who we are.
    pub identity: Identity,
    /// What AWS holds, and the doors to it.
    pub inventories: Arc<Inventories>,
    /// The published terms.
    pub terms: Arc<Registry>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Who is due when.
    pub wakes: Wakes,
    /// What holds deletions back.
    pub brakes: Brakes,
    /// What keeps an edit of a class from reaching all its Tenants at once.
    pub rollouts: Rollouts,
    /// What AWS last said of our rights.
    pub permissions: Permissions,
    /// Who shares what with whom.
    pub separation: Separation,
    /// Held by every pass; whoever takes it whole keeps new ones out.
    gate: RwLock<()>,
    /// The resource version of our last write of an object: an older cached copy is not worth a pass.
    written: Mutex<HashMap<(KindName, Key), u64>>,
}

impl<C: Cluster> Context<C> {
    /// Puts the parts together.
    pub fn new(
        cluster: C,
        clock: Arc<dyn Clock>,
        identity: Identity,
        inventories: Arc<Inventories>,
        services: Services,
    ) -> Self {
        let Services { terms, metrics } = services;
        Self {
            cluster,
            clock,
            identity,
            inventories,
            terms,
            metrics,
            wakes: Wakes::default(),
            brakes: Brakes::default(),
            rollouts: Rollouts::default(),
            permissions: Permissions::default(),
            separation: Separation::default(),
            gate: RwLock::default(),
            written: Mutex::default(),
        }
    }

    /// Lets a pass in, or what else acts. It holds the guard until it ends.
    pub(crate) async fn enter(&self) -> RwLockReadGuard<'_, ()> {
        self.gate.read().await
    }

    /// Keeps new passes out for good, and waits for those under way, at most `patience`.
    pub async fn close(&self, patience: Duration) {
        tokio::select! {
            // Never given back: no pass comes in any more.
            whole = self.gate.write() => std::mem::forget(whole),
            () = self.clock.after(patience) => tracing::warn!("a pass did not end in time"),
        }
    }

    /// The present instant.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn written(&self) -> MutexGuard<'_, HashMap<(KindName, Key), u64>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the version of a write of ours.
    pub(super) fn wrote(&self, kind: KindName, key: &Key, version: &str) {
        if let Ok(version) = version.parse() {
            self.written().insert((kind, key.clone()), version);
        }
    }

    /// Whether a cached copy is older than our own last write of it.
    pub(super) fn is_older_than_our_write(&self, kind: KindName, key: &Key, version: Option<&str>) -> bool {
        let Some(seen) = version.and_then(|version| version.parse::<u64>().ok()) else {
            return false;
        };
        let mut written = self.written();
        let entry = (kind, key.clone());
        match written.get(&entry) {
            Some(ours) if seen < *ours => true,
            Some(_) => {
                // The cache caught up: nothing to remember.
                written.remove(&entry);
                false
            }
            None => false,
        }
    }
}

/// What is the same for every cluster and region.
#[derive(Clone)]
pub struct Services {
    /// The published terms.
    pub terms: Arc<Registry>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}
