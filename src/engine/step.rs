//! Controllers whose passes somebody else drives: for sweeps in a test, without a runtime's scheduler in between.

use std::{future::Future, pin::Pin, sync::Arc};

use super::{Backoff, Context, ControllerName, Reconciler, pass::pass};
use crate::{api::Key, cluster::Cluster};

/// A pass that nobody has begun yet. It stands by itself: dropped half way, it is a process that died there.
pub type BoxedPass = Pin<Box<dyn Future<Output = ()> + Send>>;

/// One controller whose kind is forgotten.
trait Controller<C>: Send + Sync {
    fn name(&self) -> ControllerName;
    fn pass(self: Arc<Self>, ctx: Arc<Context<C>>, key: Key) -> BoxedPass;
}

struct Stepping<R> {
    reconciler: R,
    backoff: Backoff,
}

impl<C: Cluster, R: Reconciler<C>> Controller<C> for Stepping<R> {
    fn name(&self) -> ControllerName {
        R::NAME
    }

    fn pass(self: Arc<Self>, ctx: Arc<Context<C>>, key: Key) -> BoxedPass {
        Box::pin(async move { pass::<C, R>(&self.reconciler, &ctx, &self.backoff, &key).await })
    }
}

/// Controllers over one context.
pub struct Stepper<C> {
    ctx: Arc<Context<C>>,
    controllers: Vec<Arc<dyn Controller<C>>>,
    seed: u64,
}

impl<C: Cluster> Stepper<C> {
    /// Without controllers.
    pub fn new(ctx: Arc<Context<C>>) -> Self {
        Self {
            ctx,
            controllers: Vec::new(),
            seed: 0,
        }
    }

    /// With this seed for the jitter of the controllers that follow; with the same one it is the same in every run.
    #[must_use]
    pub fn with_jitter(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// With one controller more.
    #[must_use]
    pub fn with<R: Reconciler<C>>(mut self, reconciler: R) -> Self {
        self.controllers.push(Arc::new(Stepping {
            reconciler,
            backoff: Backoff::new(self.seed),
        }));
        self
    }

    /// The controllers, in the order in which they were added.
    pub fn controllers(&self) -> impl Iterator<Item = ControllerName> {
        self.controllers.iter().map(|controller| controller.name())
    }

    /// A pass of one object by one controller; `None` if there is no such controller here.
    pub fn pass(&self, controller: ControllerName, key: Key) -> Option<BoxedPass> {
        let found = self.controllers.iter().find(|one| one.name() == controller)?;
        Some(Arc::clone(found).pass(Arc::clone(&self.ctx), key))
    }

    /// Runs one pass of every object that is due now, one after another, and says how many there were. A pass may
    /// make others due: call it until it answers zero.
    pub async fn run_due(&self) -> usize {
        let mut passes = 0;
        for controller in &self.controllers {
            let Some(queue) = self.ctx.wakes.queue(controller.name()) else {
                continue;
            };
            let now = self.ctx.now();
            let due: Vec<_> = std::iter::from_fn(|| queue.pop(now)).collect();
            for key in due {
                Arc::clone(controller).pass(Arc::clone(&self.ctx), key).await;
                passes += 1;
            }
        }
        passes
    }
}
