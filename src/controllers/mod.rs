//! The kinds' own parts of a pass, one file per controller, and who wakes whom.

mod incident;
mod wake;

use std::sync::Arc;

use tokio::task::JoinSet;

pub use incident::{IncidentDesired, IncidentReconciler, IncidentWorld};
pub use wake::{Waker, owner_changed, wake_everything};

use crate::{
    cluster::KubeCluster,
    engine::{self, Context},
    operator::Caches,
};

/// Starts every controller; none of them ends by itself.
pub fn start(running: &mut JoinSet<()>, ctx: &Arc<Context<KubeCluster>>, caches: &Caches) {
    running.spawn(engine::run(
        IncidentReconciler,
        Arc::clone(ctx),
        caches.incidents(),
    ));
}
