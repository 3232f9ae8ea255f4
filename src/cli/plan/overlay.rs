//! The cluster as it would be: what the API server holds, and the manifests over it.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client, ResourceExt, api::ListParams};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{
    PlanError,
    manifests::{Declared, Manifests},
};
use crate::{
    api::{AccessPolicy, Incident, Key, Tenant, TenantClass, Time},
    clock::Clock,
    cluster::{Cluster, Kind, MemoryCluster, NamespaceFacts, Seen},
    text::hexadecimal,
};

/// How many objects are asked for at once.
const PAGE: u32 = 500;

/// The fields that people set by hand and that are to be left out of Git: where a manifest does not name one, it stays.
const HAND_SET: [&str; 7] = [
    "mode",
    "suspend",
    "suspendReason",
    "powerState",
    "powerReason",
    "restart",
    "exceptions",
];

/// A manifest with what people set by hand in the cluster.
fn with_hand_set<K: Kind>(declared: K, live: &K) -> K {
    let (Ok(mut whole), Ok(live)) = (serde_json::to_value(&declared), serde_json::to_value(live)) else {
        return declared;
    };
    let spec = whole.get_mut("spec").and_then(Value::as_object_mut);
    let (Some(spec), Some(found)) = (spec, live.get("spec")) else {
        return declared;
    };
    for field in HAND_SET {
        if let Some(value) = found.get(field)
            && !spec.contains_key(field)
        {
            spec.insert(field.to_owned(), value.clone());
        }
    }
    serde_json::from_value(whole).unwrap_or(declared)
}

/// The cluster as it would be.
pub(super) struct Overlay {
    pub(super) cluster: MemoryCluster,
    /// The uid of the cluster's kube-system namespace.
    pub(super) cluster_uid: String,
    /// The Tenants that are in no cluster yet, and have a placeholder for a uid.
    pub(super) new: Vec<Key>,
    /// The AccessPolicies of the manifests: nobody has judged them yet.
    pub(super) policies: Vec<Key>,
    /// The objects in the cluster that this release cannot read.
    pub(super) unreadable: Vec<String>,
}

impl Overlay {
    /// Reads what the API server holds, and lays the manifests over it. What they do not name stays as it is.
    pub(super) async fn of(
        client: &Client,
        clock: Arc<dyn Clock>,
        manifests: Manifests,
    ) -> Result<Self, PlanError> {
        let now = clock.now();
        let mut overlay = Self {
            cluster: MemoryCluster::new(clock),
            cluster_uid: String::new(),
            new: Vec::new(),
            policies: Vec::new(),
            unreadable: Vec::new(),
        };
        overlay.read_namespaces(client, manifests.namespaces).await?;
        overlay.load::<TenantClass>(client).await?;
        overlay.load::<Tenant>(client).await?;
        overlay.load::<AccessPolicy>(client).await?;
        overlay.load::<Incident>(client).await?;
        overlay.lay(manifests.classes, now);
        overlay.new = overlay.lay(manifests.tenants, now);
        overlay.policies = keys(&manifests.access_policies);
        overlay.lay(manifests.access_policies, now);
        overlay.lay(manifests.incidents, now);
        Ok(overlay)
    }

    async fn read_namespaces(
        &mut self,
        client: &Client,
        declared: BTreeMap<String, BTreeMap<String, String>>,
    ) -> Result<(), PlanError> {
        let api = Api::<Namespace>::all(client.clone());
        let mut facts = BTreeMap::<String, NamespaceFacts>::new();
        let mut params = ListParams::default().limit(PAGE);
        loop {
            let page = api.list_metadata(&params).await;
            let page = page.map_err(|source| PlanError::kubernetes("list namespaces", source))?;
            for namespace in page.items {
                if namespace.name_any() == "kube-system" {
                    self.cluster_uid = namespace.uid().unwrap_or_default();
                }
                let labels = namespace.metadata.labels.clone().unwrap_or_default();
                let terminating = namespace.metadata.deletion_timestamp.is_some();
                facts.insert(namespace.name_any(), NamespaceFacts { labels, terminating });
            }
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params = params.continue_token(&token),
                None => break,
            }
        }
        for (name, labels) in declared {
            facts.entry(name).or_default().labels.extend(labels);
        }
        for (name, facts) in facts {
            self.cluster.put_namespace(&name, facts);
        }
        Ok(())
    }

    async fn load<K: Kind>(&mut self, client: &Client) -> Result<(), PlanError> {
        let api = Api::<Seen<K>>::all(client.clone());
        let mut params = ListParams::default().limit(PAGE);
        loop {
            let page = api.list(&params).await.map_err(|source| {
                PlanError::kubernetes(&format!("list {}.{}", K::plural(&()), K::group(&())), source)
            })?;
            for seen in page.items {
                match seen.readable() {
                    Ok(object) => drop(self.cluster.load((**object).clone())),
                    Err(error) => {
                        let told = format!("{} {} in the cluster: {error}", K::NAME, Key::of(&seen));
                        self.unreadable.push(told);
                    }
                }
            }
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params = params.continue_token(&token),
                None => return Ok(()),
            }
        }
    }

    /// Lays objects over what is there; gives those that are new.
    fn lay<K: Kind>(&self, declared: Vec<Declared<K>>, now: Timestamp) -> Vec<Key> {
        let mut new = Vec::new();
        for Declared { mut object, .. } in declared {
            let key = object.key();
            if let Some(live) = self.cluster.cached::<K>(&key) {
                self.cluster.put(&with_hand_set(object, &live));
                continue;
            }
            let uid = placeholder(&format!("{}/{key}", K::NAME));
            let meta = object.meta_mut();
            meta.uid = Some(uid);
            meta.creation_timestamp = Some(Time(now));
            meta.generation = Some(1);
            // What is not there yet has no status, whatever an export says.
            object.set_status(K::Status::default());
            self.cluster.load(object);
            new.push(key);
        }
        new
    }
}

fn keys<K: Kind>(declared: &[Declared<K>]) -> Vec<Key> {
    declared.iter().map(|declared| declared.object.key()).collect()
}

/// What stands for the uid of an object that is not there yet: of no real form, and the same in every run, so that
/// the same manifests make the same plan.
fn placeholder(name: &str) -> String {
    let digest = Sha256::digest(name.as_bytes());
    let end = hexadecimal(digest.get(..6).unwrap_or_default());
    format!("00000000-0000-0000-0000-{end}")
}
