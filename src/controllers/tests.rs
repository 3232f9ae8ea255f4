//! An object that cannot be read, through whole passes of the controllers.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::ObjectMeta;

use super::testing::Env;
use crate::{
    api::{Key, Reason, Tenant, names},
    clock::Clock,
    cluster::Cluster,
};

fn metadata(deleted: Option<Time>) -> ObjectMeta {
    ObjectMeta {
        name: Some("odd".to_owned()),
        namespace: Some("acme".to_owned()),
        uid: Some("u-1".to_owned()),
        finalizers: Some(vec![names::FINALIZER.to_owned()]),
        deletion_timestamp: deleted,
        ..ObjectMeta::default()
    }
}

fn told(env: &Env, reason: Reason) -> usize {
    env.cluster
        .events()
        .iter()
        .filter(|(_, _, happened)| happened.reason == reason)
        .count()
}

#[tokio::test]
async fn an_unreadable_object_is_told_about_and_kept() {
    let mut env = Env::new().await;
    env.cluster
        .put_unreadable::<Tenant>(metadata(None), "label: expected a string");
    env.pass(20 * 60).await;
    assert!(told(&env, Reason::Unreadable) >= 1);
    assert!(env.cluster.seen::<Tenant>(&Key::new("acme", "odd")).is_some());
}

#[tokio::test]
async fn an_unreadable_tenant_that_was_deleted_is_let_go_after_a_quarter_of_an_hour() {
    let mut env = Env::new().await;
    let deleted = Some(Time(env.clock.now()));
    env.cluster
        .put_unreadable::<Tenant>(metadata(deleted), "label: expected a string");
    env.pass(14 * 60).await;
    assert!(
        env.cluster.seen::<Tenant>(&Key::new("acme", "odd")).is_some(),
        "there is time to correct it"
    );
    env.pass(2 * 60).await;
    assert!(
        env.cluster.seen::<Tenant>(&Key::new("acme", "odd")).is_none(),
        "its namespace is not held for ever"
    );
    assert_eq!(told(&env, Reason::ReleasedUntagged), 1);
}
