//! Every name of ours that other systems see: in Kubernetes metadata and on AWS resources.
//!
//! They are one vocabulary on purpose: what a person reads on an instance is what stands in `kubectl`.

/// The API group of all kinds.
pub const GROUP: &str = "yagura.dev";

/// The API version of all kinds.
pub const VERSION: &str = "v1alpha1";

/// The category that `kubectl get yagura` lists.
pub const CATEGORY: &str = "yagura";

/// Who we are in `managedFields`.
pub const FIELD_MANAGER: &str = "yagura";

/// Holds an object until what it stands for in AWS was dealt with.
pub const FINALIZER: &str = "yagura.dev/finalizer";

/// The namespace in which `deploy/` installs the operator.
pub const SYSTEM_NAMESPACE: &str = "yagura-system";

/// The operator's ServiceAccount.
pub const SERVICE_ACCOUNT: &str = "yagura";

/// The operator's Lease; `deploy/` creates it, so that the operator needs no right to create one.
pub const LEASE: &str = "yagura";

/// The ConfigMap that lists who may file on behalf of others; parameter of the admission policies.
pub const DELEGATES: &str = "yagura-delegates";

/// The name under which the API server knows the operator.
pub const SYSTEM_USER: &str = "system:serviceaccount:yagura-system:yagura";

/// Annotations that people put on objects.
pub mod annotations {
    /// On any Tenant, AccessPolicy or BackupPolicy: a new value, such as the present time, has it looked at anew. The last
    /// value that was honoured stands in `status.lastHandledRequestAt`.
    pub const REQUESTED_AT: &str = "yagura.dev/requested-at";

    /// On a TenantClass that is braked: from this instant on (RFC 3339), or on this date in UTC, its backups may expire
    /// again, for a day without being counted.
    pub const RESUME_EXPIRY: &str = "yagura.dev/resume-expiry";
}

/// The tags that every AWS resource of ours carries.
pub mod tags {
    /// The cluster id that the operator was started with.
    pub const CLUSTER: &str = "yagura.dev/cluster";

    /// The uid of the `kube-system` namespace: tells two clusters with one id apart.
    pub const CLUSTER_UID: &str = "yagura.dev/cluster-uid";

    /// The Tenant, as `namespace/name`.
    pub const TENANT: &str = "yagura.dev/tenant";

    /// The TenantClass, by name, on what all its Tenants share.
    pub const CLASS: &str = "yagura.dev/class";

    /// The environment's label.
    pub const LABEL: &str = "yagura.dev/label";

    /// The customer whose environment it is.
    pub const CUSTOMER: &str = "yagura.dev/customer";

    /// The uid of the Tenant (or of the TenantClass, for what all its Tenants share).
    pub const UID: &str = "yagura.dev/uid";

    /// What the resource is for.
    pub const ROLE: &str = "yagura.dev/role";

    /// The backup slot of a snapshot: its scheduled time, RFC 3339 in UTC.
    pub const SLOT: &str = "yagura.dev/slot";

    /// How often this Tenant's instance had to be made anew.
    pub const INCARNATION: &str = "yagura.dev/incarnation";

    /// When the operator let the resource go; nothing carrying it is touched again.
    pub const RELEASED: &str = "yagura.dev/released";

    /// The Tenant that may adopt the resource, as `namespace/name`: set in AWS by whoever may give it away.
    pub const ADOPT: &str = "yagura.dev/adopt";

    /// The Backup that a snapshot belongs to, as `namespace/name`.
    pub const BACKUP: &str = "yagura.dev/backup";

    /// Which attempt of its Backup made a snapshot: 1 for the first.
    pub const ATTEMPT: &str = "yagura.dev/attempt";

    /// AWS Backup's own mark. It copies a volume's tags onto snapshots of its own making, which are none of ours.
    pub const AWS_BACKUP_SOURCE: &str = "aws:backup:source-resource";

    /// What AWS's console shows as the resource's name.
    pub const NAME: &str = "Name";
}

/// Values of the tag [`tags::ROLE`].
pub mod roles {
    /// The one instance, with its volumes and its security group, that serves the customer.
    pub const LIVE: &str = "live";

    /// A class's security group without any rule, in which isolated interfaces stand.
    pub const QUARANTINE: &str = "quarantine";
}
