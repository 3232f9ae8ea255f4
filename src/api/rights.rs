//! What the operator may do in Kubernetes: one table, from which the RBAC of `deploy/` and of the chart is made
//! and with which the audit log of the tests is compared.
//!
//! Deliberately absent: any verb on Secrets, any wildcard, `delete` on anything but Backups, and `create` on what users
//! own (a stale apply could otherwise bring an object back that its user deleted).

/// Where a right holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// In every namespace, and on cluster-scoped objects.
    Cluster,
    /// In the operator's own namespace.
    OwnNamespace,
}

/// Verbs on a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Right {
    /// Where.
    pub scope: Scope,
    /// The API group; empty for the core group.
    pub group: &'static str,
    /// The resource, with `/status` for its status.
    pub resource: &'static str,
    /// Only the objects of these names; empty for all.
    pub names: &'static [&'static str],
    /// What may be done.
    pub verbs: &'static [&'static str],
}

impl Right {
    const fn own(resource: &'static str, verbs: &'static [&'static str]) -> Self {
        Self {
            scope: Scope::Cluster,
            group: super::GROUP,
            resource,
            names: &[],
            verbs,
        }
    }
}

/// What fills the cache. `get` is added where a live read is needed: of a record that must not be stale.
const WATCH: &[&str] = &["list", "watch"];

/// Every right of the operator.
pub const RIGHTS: &[Right] = &[
    Right::own("tenantclasses", WATCH),
    Right::own("tenantclasses/status", &["patch"]),
    // Patched for the finalizer, which holds an object until its AWS side was dealt with.
    Right::own("tenants", &["list", "watch", "patch"]),
    Right::own("tenants/status", &["patch"]),
    Right::own("accesspolicies", WATCH),
    Right::own("accesspolicies/status", &["patch"]),
    Right::own("backuppolicies", WATCH),
    Right::own("backuppolicies/status", &["patch"]),
    // Created for each slot: the object is the write-ahead record of the run. Deleted fourteen days after the last of
    // what it made, or it would stay for ever.
    Right::own("backups", &["get", "list", "watch", "create", "delete"]),
    Right::own("backups/status", &["patch"]),
    // Patched for the finalizer, which keeps the record of what was isolated.
    Right::own("incidents", &["get", "list", "watch", "patch"]),
    Right::own("incidents/status", &["patch"]),
    // A class allows namespaces by label, and a terminating namespace means that nothing is new in it.
    Right {
        scope: Scope::Cluster,
        group: "",
        resource: "namespaces",
        names: &[],
        verbs: &["get"],
    },
    // Repeats of an event are counted in the one that exists.
    Right {
        scope: Scope::Cluster,
        group: "events.k8s.io",
        resource: "events",
        names: &[],
        verbs: &["create", "patch"],
    },
    // Who leads. The object comes with the installation, so nobody needs to create it.
    Right {
        scope: Scope::OwnNamespace,
        group: "coordination.k8s.io",
        resource: "leases",
        names: &[super::names::LEASE],
        verbs: &["get", "update"],
    },
];
