//! One contract, two clusters: what the operator relies on holds in memory as on a real API server.

use std::{collections::BTreeMap, sync::Arc};

use controlplane::User;
use futures::StreamExt;
use jiff::Timestamp;
use kube::{Resource, runtime::reflector};
use yagura::{
    api::{BackupPolicy, BackupPolicySpec, BackupPolicyStatus, Key},
    clock::ManualClock,
    cluster::{
        Changed, Cluster, ClusterError, Kind, KubeCluster, MemoryCluster, NamespaceFacts, ObjectIndex,
        OwnedMeta, watch,
    },
};

use crate::support::shared_plane;

const NAMESPACE: &str = "contract";

fn policy(name: &str) -> BackupPolicy {
    let mut policy = BackupPolicy::new(name, BackupPolicySpec::default());
    policy.meta_mut().namespace = Some(NAMESPACE.to_owned());
    policy
}

fn version(object: &BackupPolicy) -> String {
    object
        .meta()
        .resource_version
        .clone()
        .expect("a stored object has a version")
}

async fn contract(cluster: &impl Cluster) {
    creating_twice_is_told(cluster).await;
    a_status_is_applied_whole_and_guarded_by_the_version(cluster).await;
    metadata_is_guarded_by_the_uid(cluster).await;
    a_finalizer_that_somebody_else_owns_is_taken_off(cluster).await;
    let found = cluster
        .namespace(NAMESPACE)
        .await
        .expect("namespaces can be read");
    assert!(found.is_some_and(|namespace| !namespace.terminating));
    assert_eq!(cluster.namespace("no-such-namespace").await, Ok(None));
}

async fn creating_twice_is_told(cluster: &impl Cluster) {
    let made = cluster.create(&policy("twice")).await.expect("the first is made");
    assert!(!made.uid().is_empty());
    assert_eq!(made.generation(), 1);
    assert_eq!(
        cluster.create(&policy("twice")).await.err(),
        Some(ClusterError::AlreadyExists)
    );
    assert_eq!(
        cluster
            .read::<BackupPolicy>(&made.key())
            .await
            .map(|found| found.is_some()),
        Ok(true)
    );
    assert_eq!(
        cluster
            .read::<BackupPolicy>(&Key::new(NAMESPACE, "none"))
            .await
            .map(|found| found.is_some()),
        Ok(false)
    );
}

async fn a_status_is_applied_whole_and_guarded_by_the_version(cluster: &impl Cluster) {
    let made = cluster.create(&policy("status")).await.expect("it is made");
    let key = made.key();
    let full = BackupPolicyStatus {
        observed_generation: Some(1),
        max_skew_seconds: Some(5),
        ..Default::default()
    };
    let written = cluster
        .apply_status::<BackupPolicy>(&key, &version(&made), &full)
        .await
        .expect("it is applied");
    assert_eq!(written.status.as_ref(), Some(&full));
    assert_eq!(written.generation(), 1, "a status is no new generation");

    let again = cluster
        .apply_status::<BackupPolicy>(&key, &version(&written), &full)
        .await
        .expect("the same again");
    assert_eq!(
        version(&again),
        version(&written),
        "nothing changed, so nothing was written"
    );

    let stale = cluster
        .apply_status::<BackupPolicy>(&key, &version(&made), &full)
        .await;
    assert_eq!(stale.err(), Some(ClusterError::Conflict));

    let less = BackupPolicyStatus {
        observed_generation: Some(1),
        ..Default::default()
    };
    let fewer = cluster
        .apply_status::<BackupPolicy>(&key, &version(&written), &less)
        .await
        .expect("it is applied");
    assert_eq!(fewer.status.as_ref(), Some(&less), "a field left out goes");

    let missing = cluster
        .apply_status::<BackupPolicy>(&Key::new(NAMESPACE, "none"), "1", &less)
        .await;
    assert_eq!(missing.err(), Some(ClusterError::NotFound));
}

async fn a_finalizer_that_somebody_else_owns_is_taken_off(cluster: &impl Cluster) {
    let mut copied = policy("copied");
    copied.meta_mut().finalizers = Some(vec![
        "example.com/theirs".to_owned(),
        "yagura.dev/finalizer".to_owned(),
    ]);
    let made = cluster.create(&copied).await.expect("it is made");
    cluster
        .patch_metadata::<BackupPolicy>(&made.key(), made.uid(), &OwnedMeta::default())
        .await
        .expect("ours is given up");
    let left = cluster
        .read::<BackupPolicy>(&made.key())
        .await
        .expect("it can be read")
        .expect("it is there");
    assert_eq!(
        left.meta().finalizers.as_deref(),
        Some(&["example.com/theirs".to_owned()][..])
    );
}

async fn metadata_is_guarded_by_the_uid(cluster: &impl Cluster) {
    let made = cluster.create(&policy("metadata")).await.expect("it is made");
    let key = made.key();
    let owned = OwnedMeta {
        annotations: BTreeMap::from([("yagura.dev/seen".to_owned(), "yes".to_owned())]),
        finalizer: true,
    };
    let other = "11111111-1111-4111-8111-111111111111";
    let namesake = cluster.patch_metadata::<BackupPolicy>(&key, other, &owned).await;
    assert_eq!(
        namesake.err(),
        Some(ClusterError::NotFound),
        "a namesake is not touched"
    );
    let missing = cluster
        .patch_metadata::<BackupPolicy>(&Key::new(NAMESPACE, "none"), other, &owned)
        .await;
    assert_eq!(missing.err(), Some(ClusterError::Conflict), "nothing is made");

    cluster
        .patch_metadata::<BackupPolicy>(&key, made.uid(), &owned)
        .await
        .expect("ours is");
    let held = cluster
        .read::<BackupPolicy>(&key)
        .await
        .expect("it can be read")
        .expect("it is there");
    assert_eq!(
        held.meta().finalizers.as_deref(),
        Some(&["yagura.dev/finalizer".to_owned()][..])
    );
    assert_eq!(held.generation(), 1, "metadata are no new generation");
    cluster
        .patch_metadata::<BackupPolicy>(&key, made.uid(), &OwnedMeta::default())
        .await
        .expect("it is given up");
    let free = cluster
        .read::<BackupPolicy>(&key)
        .await
        .expect("it can be read")
        .expect("it is there");
    assert!(free.meta().finalizers.as_ref().is_none_or(Vec::is_empty));
}

/// What is found in a namespace is what the cache holds there, once it `shows` the change of an object.
async fn a_namespace_is_found_without_going_through_all(
    cluster: &impl Cluster,
    mut shows: impl AsyncFnMut(&Key),
) {
    let names = |namespace: &str| -> Vec<String> {
        let found = cluster.cached_in::<BackupPolicy>(namespace);
        found.iter().map(|policy| policy.key().name).collect()
    };
    for name in ["indexed-b", "indexed-a"] {
        cluster.create(&policy(name)).await.expect("it is made");
        shows(&Key::new(NAMESPACE, name)).await;
    }
    let mut all = cluster.cached_all::<BackupPolicy>();
    all.retain(|policy| policy.key().namespace == NAMESPACE);
    let mut all: Vec<_> = all.iter().map(|policy| policy.key().name).collect();
    all.sort();
    assert!(all.contains(&"indexed-a".to_owned()) && all.contains(&"indexed-b".to_owned()));
    assert_eq!(names(NAMESPACE), all);
    assert_eq!(names("elsewhere"), Vec::<String>::new());

    let made = cluster.cached_in::<BackupPolicy>(NAMESPACE);
    let made = made.iter().find(|policy| policy.key().name == "indexed-a");
    let made = made.expect("it is found");
    let status = BackupPolicyStatus {
        observed_generation: Some(1),
        ..Default::default()
    };
    cluster
        .apply_status::<BackupPolicy>(&made.key(), &version(made), &status)
        .await
        .expect("it is applied");
    shows(&made.key()).await;
    let found = cluster.cached_in::<BackupPolicy>(NAMESPACE);
    let found = found.iter().find(|policy| policy.key() == made.key());
    let found = found.expect("it is found");
    assert_eq!(found.status.as_ref(), Some(&status));
    let cached = cluster.cached::<BackupPolicy>(&made.key()).expect("it is cached");
    assert!(Arc::ptr_eq(found, &cached), "one object, not two copies");
    assert_eq!(names(NAMESPACE), all, "each once");
}

#[tokio::test]
async fn the_cluster_in_memory_keeps_the_contract() {
    let cluster = MemoryCluster::new(Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH)));
    cluster.put_namespace(NAMESPACE, NamespaceFacts::default());
    contract(&cluster).await;
    a_namespace_is_found_without_going_through_all(&cluster, async |_: &Key| {}).await;
    cluster.delete::<BackupPolicy>(&Key::new(NAMESPACE, "indexed-a"));
    let found = cluster.cached_in::<BackupPolicy>(NAMESPACE);
    assert!(found.iter().all(|policy| policy.key().name != "indexed-a"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_api_server_keeps_the_contract() {
    let plane = tokio::task::spawn_blocking(shared_plane)
        .await
        .expect("the control plane starts");
    plane.kubectl(&["create", "namespace", NAMESPACE]);
    contract(&KubeCluster::new(plane.client(User::Admin), "test")).await;

    let client = plane.client(User::Admin);
    let (store, writer) = reflector::store();
    let index = ObjectIndex::default();
    let cluster = KubeCluster::new(client.clone(), "test").with_cache(store, index.clone());
    let mut changes = Box::pin(watch::<BackupPolicy>(client, writer, index));
    let mut shows = async |what: Changed| {
        while changes.next().await.expect("a watch never ends") != what {}
    };
    shows(Changed::Listed).await;
    a_namespace_is_found_without_going_through_all(&cluster, async |key: &Key| {
        shows(Changed::Object(key.clone())).await;
    })
    .await;
    plane.kubectl(&["delete", "backuppolicy", "indexed-a", "--namespace", NAMESPACE]);
    shows(Changed::Object(Key::new(NAMESPACE, "indexed-a"))).await;
    let found = cluster.cached_in::<BackupPolicy>(NAMESPACE);
    assert!(found.iter().all(|policy| policy.key().name != "indexed-a"));
}
