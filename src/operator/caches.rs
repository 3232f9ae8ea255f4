//! One watch and one cache per kind.

use std::sync::{Arc, Mutex, PoisonError};

use futures::StreamExt;
use kube::{
    Client,
    runtime::reflector::{self, Store, store::Writer},
};
use tokio::{sync::watch, task::JoinSet};

use super::OperatorError;
use crate::{
    api::{AccessPolicy, Backup, BackupPolicy, Incident, Tenant, TenantClass},
    cluster::{Changed, Kind, KubeCluster, ObjectIndex, Seen, watch},
    controllers::Waker,
    engine::Context,
};

/// A cache, and until its watch starts the side that fills it.
struct Cache<K: Kind> {
    store: Store<Seen<K>>,
    index: ObjectIndex<K>,
    /// Whether the store holds a complete list. The store's own signal serves one waiter only: a second one, even
    /// one that only asks, makes it forget the first.
    listed: watch::Sender<bool>,
    writer: Arc<Mutex<Option<Writer<Seen<K>>>>>,
}

impl<K: Kind> Clone for Cache<K> {
    fn clone(&self) -> Self {
        Self {
            store: self.store.clone(),
            index: self.index.clone(),
            listed: self.listed.clone(),
            writer: Arc::clone(&self.writer),
        }
    }
}

impl<K: Kind> Cache<K> {
    fn new() -> Self {
        let (store, writer) = reflector::store();
        Self {
            store,
            index: ObjectIndex::default(),
            listed: watch::Sender::new(false),
            writer: Arc::new(Mutex::new(Some(writer))),
        }
    }

    fn watch(
        &self,
        parts: &mut JoinSet<OperatorError>,
        client: &Client,
        ctx: &Arc<Context<KubeCluster>>,
        waker: &Arc<Waker>,
    ) {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(writer) = writer else { return };
        let changes = watch(client.clone(), writer, self.index.clone());
        let (ctx, waker) = (Arc::clone(ctx), Arc::clone(waker));
        let listed = self.listed.clone();
        parts.spawn(async move {
            let mut changes = std::pin::pin!(changes);
            while let Some(change) = changes.next().await {
                match change {
                    Changed::Object(key) => waker.object_changed(&ctx, K::NAME, &key),
                    Changed::Listed => drop(listed.send_replace(true)),
                }
            }
            OperatorError::Ended("a watch")
        });
    }

    async fn ready(&self) {
        // Fails only without a sender, and this holds one.
        drop(self.listed.subscribe().wait_for(|listed| *listed).await);
    }
}

/// The caches of all kinds.
#[derive(Clone)]
pub struct Caches {
    classes: Cache<TenantClass>,
    tenants: Cache<Tenant>,
    access_policies: Cache<AccessPolicy>,
    backup_policies: Cache<BackupPolicy>,
    backups: Cache<Backup>,
    incidents: Cache<Incident>,
}

impl Caches {
    pub(super) fn new() -> Self {
        Self {
            classes: Cache::new(),
            tenants: Cache::new(),
            access_policies: Cache::new(),
            backup_policies: Cache::new(),
            backups: Cache::new(),
            incidents: Cache::new(),
        }
    }

    /// Lets the cluster answer cached reads from here.
    pub(super) fn serve(&self, cluster: KubeCluster) -> KubeCluster {
        cluster
            .with_cache(self.classes.store.clone(), self.classes.index.clone())
            .with_cache(self.tenants.store.clone(), self.tenants.index.clone())
            .with_cache(
                self.access_policies.store.clone(),
                self.access_policies.index.clone(),
            )
            .with_cache(
                self.backup_policies.store.clone(),
                self.backup_policies.index.clone(),
            )
            .with_cache(self.backups.store.clone(), self.backups.index.clone())
            .with_cache(self.incidents.store.clone(), self.incidents.index.clone())
    }

    /// Starts filling them.
    pub(super) fn watch(
        &self,
        parts: &mut JoinSet<OperatorError>,
        client: &Client,
        ctx: &Arc<Context<KubeCluster>>,
        waker: &Arc<Waker>,
    ) {
        self.classes.watch(parts, client, ctx, waker);
        self.tenants.watch(parts, client, ctx, waker);
        self.access_policies.watch(parts, client, ctx, waker);
        self.backup_policies.watch(parts, client, ctx, waker);
        self.backups.watch(parts, client, ctx, waker);
        self.incidents.watch(parts, client, ctx, waker);
    }

    /// Ends once each holds a complete first list.
    pub(super) async fn ready(&self) {
        self.classes.ready().await;
        self.tenants.ready().await;
        self.access_policies.ready().await;
        self.backup_policies.ready().await;
        self.backups.ready().await;
        self.incidents.ready().await;
    }

    /// The stores, for the controllers.
    pub fn classes(&self) -> Store<Seen<TenantClass>> {
        self.classes.store.clone()
    }

    /// The stores, for the controllers.
    pub fn tenants(&self) -> Store<Seen<Tenant>> {
        self.tenants.store.clone()
    }

    /// The stores, for the controllers.
    pub fn access_policies(&self) -> Store<Seen<AccessPolicy>> {
        self.access_policies.store.clone()
    }

    /// The stores, for the controllers.
    pub fn backup_policies(&self) -> Store<Seen<BackupPolicy>> {
        self.backup_policies.store.clone()
    }

    /// The stores, for the controllers.
    pub fn backups(&self) -> Store<Seen<Backup>> {
        self.backups.store.clone()
    }

    /// The stores, for the controllers.
    pub fn incidents(&self) -> Store<Seen<Incident>> {
        self.incidents.store.clone()
    }
}
