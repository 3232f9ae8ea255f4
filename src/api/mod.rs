//! The kinds of `yagura.dev/v1alpha1`: what users write, what the operator answers, and every rule
//! that the API server itself can judge.
//!
//! One file per kind holds spec, status and validation rules together. A field is here when, and only
//! when, something honours it. Doc comments of fields are what `kubectl explain` shows.
//!
//! Deliberately absent: rules that need another object (a class, a label used twice). Those belong to
//! `resolve`, and a broken one is `Stalled`.

#![expect(
    unreachable_pub,
    reason = "the KubeSchema derive copies each public struct into a function"
)]
#![expect(
    clippy::duplicated_attributes,
    reason = "two printer columns may have the same type"
)]

mod access_policy;
mod backup;
mod backup_policy;
mod change;
mod incident;
pub mod names;
pub mod reasons;
pub mod rights;
mod tenant;
mod tenant_class;
mod tenant_plan;
mod types;

pub use access_policy::{
    AcceptedAccessPolicy, AccessPolicy, AccessPolicySpec, AccessPolicyStatus, EgressRule, Ingress,
    MatchedTenants, RuleCounts, RuleTampering,
};
pub use backup::{
    Attempt, Backup, BackupCheck, BackupPhase, BackupSpec, BackupStatus, MethodState, MethodStatus,
};
pub use backup_policy::{
    AcceptedBackupPolicy, BackupPolicy, BackupPolicySpec, BackupPolicyStatus, EffectiveBackup, LastRun,
    LockPolicy, Retention, Suspension, TenantCounts,
};
pub use change::{
    ChangeKind, InstanceChange, MaintenanceWindow, PlanInForce, PowerState, Restart, RestartStatus,
    VolumeGrowth, Weekday,
};
pub use incident::{
    Containment, Decision, Decisions, EmergencyStop, Incident, IncidentPhase, IncidentSpec, IncidentStatus,
    IncidentType, IsolatedInterface, Notification, NotificationChannel, NotificationResult, ReachedTenant,
};
pub use names::{FIELD_MANAGER, GROUP, VERSION};
pub use reasons::{ConditionType, Reason};
pub use tenant::{
    AcceptedAccess, DeletionPolicy, Drift, Environment, Launch, Mode, PromiseException, PromiseResult,
    PromisesStatus, Tampering, Tenant, TenantApplication, TenantContact, TenantPhase, TenantSpec,
    TenantStatus, Verdict,
};
pub use tenant_class::{
    AllowedNamespaces, Application, ClassBackup, ClassContact, Encryption, Network, Plan, PlanVolume,
    TenantClass, TenantClassSpec, TenantClassStatus,
};
pub use tenant_plan::{PlanOp, PlannedChange, TenantPlan};
pub use types::{Cidr, Engine, ImageId, Key, Label, LockMode, Method, Port, Protocol, time};

pub use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
