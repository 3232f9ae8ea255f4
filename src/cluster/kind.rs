//! What every kind of ours has in common.

use std::fmt::{self, Debug};

use kube::{Api, Client, Resource, core::PartialObjectMeta};
use serde::{Serialize, de::DeserializeOwned};

use super::Index;
use crate::api::{
    AccessPolicy, AccessPolicyStatus, Backup, BackupPolicy, BackupPolicyStatus, BackupStatus, Condition,
    ConditionType, Incident, IncidentStatus, Key, Tenant, TenantClass, TenantClassStatus, TenantStatus,
};

/// The kinds the operator watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each variant is the kind of that name")]
pub enum KindName {
    TenantClass,
    Tenant,
    AccessPolicy,
    BackupPolicy,
    Backup,
    Incident,
}

impl fmt::Display for KindName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A custom resource of ours.
pub trait Kind:
    Resource<DynamicType = ()> + Clone + Debug + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// Its status.
    type Status: Clone + Debug + Default + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static;

    /// Which kind this is.
    const NAME: KindName;

    /// The status, once one was written.
    fn status(&self) -> Option<&Self::Status>;

    /// Puts a status in place, as the API server would.
    fn set_status(&mut self, status: Self::Status);

    /// The conditions of a status.
    fn conditions(status: &Self::Status) -> &[Condition];

    /// The generation a status was written for.
    fn observed_generation(status: &Self::Status) -> Option<i64>;

    /// Writes into a status which request of a person it honours; nothing for a kind that keeps none.
    fn echo_request(_: &mut Self::Status, _: &str) {}

    /// The door to one namespace; the namespace is ignored for a cluster-wide kind.
    fn api(client: Client, namespace: &str) -> Api<Self>;

    /// The door to the metadata alone, which works even for an object that cannot be read.
    fn partial_api(client: Client, namespace: &str) -> Api<PartialObjectMeta<Self>>;

    /// The values by which the object is found in caches, besides its namespace.
    fn indexes(&self) -> Vec<(Index, String)> {
        Vec::new()
    }

    /// Namespace and name; the namespace of a cluster-wide object is empty.
    fn key(&self) -> Key {
        Key::of(self)
    }

    /// The uid, empty on an object that was never stored.
    fn uid(&self) -> &str {
        self.meta().uid.as_deref().unwrap_or_default()
    }

    /// The generation of the spec.
    fn generation(&self) -> i64 {
        self.meta().generation.unwrap_or_default()
    }

    /// Whether somebody deleted it, and only finalizers hold it.
    fn is_terminating(&self) -> bool {
        self.meta().deletion_timestamp.is_some()
    }
}

macro_rules! kind {
    (
        $kind:ident, $status:ident, |$client:ident, $namespace:ident| $api:expr
        $(, |$object:ident| $indexes:expr)?
        $(; $echo:ident)?
    ) => {
        impl Kind for $kind {
            type Status = $status;
            const NAME: KindName = KindName::$kind;

            fn status(&self) -> Option<&Self::Status> {
                self.status.as_ref()
            }

            fn set_status(&mut self, status: Self::Status) {
                self.status = Some(status);
            }

            fn conditions(status: &Self::Status) -> &[Condition] {
                &status.conditions
            }

            fn observed_generation(status: &Self::Status) -> Option<i64> {
                status.observed_generation
            }

            fn api($client: Client, $namespace: &str) -> Api<Self> {
                $api
            }

            fn partial_api($client: Client, $namespace: &str) -> Api<PartialObjectMeta<Self>> {
                $api
            }

            $(
                fn echo_request(status: &mut Self::Status, value: &str) {
                    status.$echo = Some(value.to_owned());
                }
            )?

            $(
                fn indexes(&self) -> Vec<(Index, String)> {
                    let $object = self;
                    $indexes
                }
            )?
        }
    };
}

kind!(TenantClass, TenantClassStatus, |client, _namespace| Api::all(
    client
));
kind!(
    Tenant,
    TenantStatus,
    |client, namespace| Api::namespaced(client, namespace),
    |tenant| vec![
        (Index::Class, tenant.spec.class_name.clone()),
        (Index::Label, tenant.spec.label.as_str().to_ascii_lowercase()),
    ];
    last_handled_request_at
);
kind!(
    AccessPolicy,
    AccessPolicyStatus,
    |client, namespace| Api::namespaced(client, namespace);
    last_handled_request_at
);
kind!(
    BackupPolicy,
    BackupPolicyStatus,
    |client, namespace| Api::namespaced(client, namespace);
    last_handled_request_at
);
kind!(
    Backup,
    BackupStatus,
    |client, namespace| Api::namespaced(client, namespace),
    |backup| {
        let tenant = backup.key().sibling(&backup.spec.tenant_ref);
        let mut indexes = vec![(Index::Tenant, tenant.to_string())];
        let conditions = backup.status.iter().flat_map(|status| &status.conditions);
        let stalled = conditions.filter(|condition| condition.type_ == ConditionType::Stalled.as_str());
        indexes.extend(stalled.map(|condition| (Index::Stalled, condition.reason.clone())));
        indexes
    }
);
kind!(Incident, IncidentStatus, |client, namespace| Api::namespaced(
    client, namespace
));
