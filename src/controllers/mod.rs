//! The kinds' own parts of a pass, one file per controller, and who wakes whom.

pub mod access_policy;
mod selector;
mod subnets;
pub mod tenant;
pub mod tenant_class;
mod wake;

use std::sync::Arc;

use tokio::task::JoinSet;

pub use subnets::Subnets;
pub use wake::{Waker, owner_changed, wake_everything};

use self::{
    access_policy::AccessPolicyReconciler, tenant::TenantReconciler, tenant_class::TenantClassReconciler,
};
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
}
