//! The kinds' own parts of a pass, one file per controller, and who wakes whom.

pub mod access_policy;
mod backup;
mod backup_policy;
mod backup_sources;
mod guard;
mod incident;
mod schedule;
mod selector;
mod separation;
mod subnets;
pub mod tenant;
pub mod tenant_class;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod wake;

use std::sync::Arc;

use tokio::task::JoinSet;

pub use access_policy::AccessPolicyReconciler;
pub use backup::Backups;
pub use backup_policy::BackupPolicies;
pub use guard::{Guard, guard_every_site};
pub use incident::IncidentReconciler;
pub use schedule::Schedule;
pub use subnets::Subnets;
pub use tenant::TenantReconciler;
pub use tenant_class::TenantClassReconciler;
pub use wake::{Waker, swept, wake_everything};

use crate::{
    cluster::KubeCluster,
    engine::{Context, run},
    operator::Caches,
};

/// Starts every controller; none of them ends by itself.
pub fn start(running: &mut JoinSet<()>, ctx: &Arc<Context<KubeCluster>>, caches: &Caches) {
    let subnets = Arc::new(Subnets::default());
    let tenant_class = TenantClassReconciler::new(Arc::clone(&subnets));
    let access_policy = AccessPolicyReconciler::new(Arc::clone(&subnets));
    let tenant = TenantReconciler::new(subnets, ctx.now());
    running.spawn(run(tenant_class, Arc::clone(ctx), caches.classes()));
    running.spawn(run(access_policy, Arc::clone(ctx), caches.access_policies()));
    running.spawn(run(tenant, Arc::clone(ctx), caches.tenants()));
    running.spawn(run(
        BackupPolicies::default(),
        Arc::clone(ctx),
        caches.backup_policies(),
    ));
    running.spawn(run(Schedule::default(), Arc::clone(ctx), caches.tenants()));
    running.spawn(run(Backups::default(), Arc::clone(ctx), caches.backups()));
    running.spawn(run(IncidentReconciler, Arc::clone(ctx), caches.incidents()));
}
