//! The rules of the CRDs and of the admission policies, on the real API server: for each, what it refuses, with the
//! words that a user reads, and what it takes.
//!
//! A rule is only judged when the schema is satisfied, so each object breaks one thing.

mod access_policy;
mod authors;
mod backup;
mod backup_policy;
mod change;
mod class;
mod examples;
mod incident;
mod rights;
mod tenant;
mod tenant_environment;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use controlplane::User;
use kube::Api;
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::Status;
use lab::objects::merge;
use serde_json::{Value, json};

use crate::support::{Plane, shared_plane};

/// A kind, with an object of it that every rule takes.
struct Sample {
    resource: ApiResource,
    base: Value,
}

impl Sample {
    fn of<K: kube::Resource<DynamicType = ()>>(spec: Value) -> Self {
        let resource = ApiResource::erase::<K>(&());
        let mut base = json!({"apiVersion": resource.api_version, "kind": resource.kind});
        base["spec"] = spec;
        Self { resource, base }
    }

    /// The object of this name, with `change` merged into its spec.
    fn with(&self, name: &str, change: &Value) -> DynamicObject {
        let mut object = self.base.clone();
        merge(&mut object, &json!({"metadata": {"name": name}, "spec": change}));
        serde_json::from_value(object).expect("it is an object")
    }
}

/// A namespace of the shared API server, for one test.
struct Ground {
    plane: Arc<Plane>,
    namespace: String,
}

impl Ground {
    fn new() -> Self {
        Self::on(shared_plane())
    }

    /// On an API server of its own.
    fn new_alone() -> Self {
        Self::on(Arc::new(Plane::start()))
    }

    fn on(plane: Arc<Plane>) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let namespace = format!("ground-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        plane.kubectl(&["create", "namespace", &namespace]);
        Self { plane, namespace }
    }

    fn api(&self, user: User, sample: &Sample) -> Api<DynamicObject> {
        let client = self.plane.client(user);
        if sample.resource.plural == "tenantclasses" {
            Api::all_with(client, &sample.resource)
        } else {
            Api::namespaced_with(client, &self.namespace, &sample.resource)
        }
    }

    /// The answer to creating `object`, which leaves nothing behind.
    async fn try_create(
        &self,
        user: User,
        sample: &Sample,
        object: &DynamicObject,
    ) -> Result<DynamicObject, Box<Status>> {
        let params = PostParams {
            dry_run: true,
            field_manager: None,
        };
        answer(self.api(user, sample).create(&params, object).await)
    }

    /// Expects that the sample can be created with `change`; gives what would be stored.
    async fn takes(&self, sample: &Sample, change: Value) -> Value {
        let object = sample.with("candidate", &change);
        match self.try_create(User::Admin, sample, &object).await {
            Ok(stored) => stored.data["spec"].clone(),
            Err(refusal) => panic!("{change} should be taken: {}", refusal.message),
        }
    }

    /// Expects that the sample cannot be created with `change`, for the reason that `message` is part of.
    async fn refuses(&self, sample: &Sample, change: Value, message: &str) {
        let object = sample.with("candidate", &change);
        let result = self.try_create(User::Admin, sample, &object).await;
        expect_refusal(&change, result, message);
    }

    /// Creates the sample with `change` for good.
    async fn has(&self, sample: &Sample, name: &str, change: Value) {
        let object = sample.with(name, &change);
        let created = self
            .api(User::Admin, sample)
            .create(&PostParams::default(), &object)
            .await;
        created.unwrap_or_else(|error| panic!("{change} should be taken: {error}"));
    }

    /// The answer to changing an object's spec.
    async fn try_change(
        &self,
        user: User,
        sample: &Sample,
        name: &str,
        change: &Value,
    ) -> Result<DynamicObject, Box<Status>> {
        let patch = Patch::Merge(json!({"spec": change}));
        answer(
            self.api(user, sample)
                .patch(name, &PatchParams::default(), &patch)
                .await,
        )
    }

    /// Expects that an object's spec can be changed.
    async fn takes_change(&self, sample: &Sample, name: &str, change: Value) {
        if let Err(refusal) = self.try_change(User::Admin, sample, name, &change).await {
            panic!("change {change} should be taken: {}", refusal.message);
        }
    }

    /// Expects that an object's spec cannot be changed, for the reason that `message` is part of.
    async fn refuses_change(&self, sample: &Sample, name: &str, change: Value, message: &str) {
        let result = self.try_change(User::Admin, sample, name, &change).await;
        expect_refusal(&change, result, message);
    }

    /// The answer to changing an object's status.
    async fn try_status(
        &self,
        sample: &Sample,
        name: &str,
        status: &Value,
    ) -> Result<DynamicObject, Box<Status>> {
        let patch = Patch::Merge(json!({"status": status}));
        let api = self.api(User::Operator, sample);
        answer(api.patch_status(name, &PatchParams::default(), &patch).await)
    }

    /// Lets alice and bob do anything with our kinds in this namespace.
    fn admits_users(&self) {
        self.plane.kubectl(&[
            "-n",
            &self.namespace,
            "create",
            "role",
            "author",
            "--verb=*",
            "--resource=*.yagura.dev",
        ]);
        self.plane.kubectl(&[
            "-n",
            &self.namespace,
            "create",
            "rolebinding",
            "author",
            "--role=author",
            "--user=alice",
            "--user=bob",
        ]);
    }
}

/// What the API server said.
fn answer<T>(result: Result<T, kube::Error>) -> Result<T, Box<Status>> {
    result.map_err(|error| match error {
        kube::Error::Api(status) => status,
        other => panic!("the API server did not answer: {other}"),
    })
}

fn expect_refusal<T>(change: &Value, result: Result<T, Box<Status>>, message: &str) {
    match result {
        Ok(_) => panic!("{change} should be refused: {message}"),
        Err(refusal) => assert!(
            refusal.message.contains(message),
            "{change} should be refused with {message:?}, not with {:?}",
            refusal.message
        ),
    }
}

/// `count` different IPv4 ranges.
fn ranges(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("10.{n}.0.0/16")).collect()
}
