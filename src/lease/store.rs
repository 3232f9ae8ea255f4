//! Where the Lease is kept.

use async_trait::async_trait;
use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, Client, api::PostParams};

/// Why the Lease could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is none.
    #[error("the Lease {0} does not exist; it is part of the deployment")]
    Missing(String),
    /// Somebody else wrote it since it was read.
    #[error("the Lease was changed meanwhile")]
    Conflict,
    /// No answer came in time; a write may have taken effect.
    #[error("no answer about the Lease in time")]
    Timeout,
    /// Anything else.
    #[error("asking for the Lease")]
    Failed(#[source] Box<kube::Error>),
}

/// Reads and writes one Lease.
#[async_trait]
pub trait LeaseStore: Send + Sync {
    /// The Lease as it stands.
    async fn read(&self) -> Result<Lease, StoreError>;

    /// Puts `lease` in its place, and gives it back as stored.
    ///
    /// *Guarantees*: only if it still has the resource version of `lease`; *Errors*: else `Conflict`.
    async fn replace(&self, lease: &Lease) -> Result<Lease, StoreError>;
}

/// A Lease in Kubernetes. Needs the verbs get and update on this name, no other.
#[derive(Clone, Debug)]
pub struct KubeLease {
    api: Api<Lease>,
    namespace: String,
    name: String,
}

impl KubeLease {
    /// The Lease of this name in this namespace.
    pub fn new(client: Client, namespace: &str, name: &str) -> Self {
        Self {
            api: Api::namespaced(client, namespace),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }

    fn explain(&self, error: kube::Error) -> StoreError {
        match error {
            kube::Error::Api(status) if status.is_not_found() => {
                StoreError::Missing(format!("{}/{}", self.namespace, self.name))
            }
            kube::Error::Api(status) if status.is_conflict() => StoreError::Conflict,
            other => StoreError::Failed(Box::new(other)),
        }
    }
}

#[async_trait]
impl LeaseStore for KubeLease {
    async fn read(&self) -> Result<Lease, StoreError> {
        self.api
            .get(&self.name)
            .await
            .map_err(|error| self.explain(error))
    }

    async fn replace(&self, lease: &Lease) -> Result<Lease, StoreError> {
        let params = PostParams::default();
        let answer = self.api.replace(&self.name, &params, lease).await;
        answer.map_err(|error| self.explain(error))
    }
}
