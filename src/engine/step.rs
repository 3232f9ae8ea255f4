//! Controllers stepped by hand: for sweeps in a test, without a runtime's scheduler in between.

use std::{future::Future, pin::Pin, sync::Arc};

use super::{Backoff, Context, ControllerName, Reconciler, pass::pass};
use crate::{api::Key, cluster::Cluster};

type Stepped<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// One controller whose kind is forgotten.
trait Controller<C>: Send + Sync {
    fn name(&self) -> ControllerName;
    fn pass<'a>(&'a self, ctx: &'a Context<C>, key: &'a Key) -> Stepped<'a>;
}

struct Stepping<R> {
    reconciler: R,
    backoff: Backoff,
}

impl<C: Cluster, R: Reconciler<C>> Controller<C> for Stepping<R> {
    fn name(&self) -> ControllerName {
        R::NAME
    }

    fn pass<'a>(&'a self, ctx: &'a Context<C>, key: &'a Key) -> Stepped<'a> {
        Box::pin(pass::<C, R>(&self.reconciler, ctx, &self.backoff, key))
    }
}

/// Controllers over one context, run one pass at a time.
pub struct Stepper<C> {
    ctx: Arc<Context<C>>,
    controllers: Vec<Box<dyn Controller<C>>>,
}

impl<C: Cluster> Stepper<C> {
    /// Without controllers.
    pub fn new(ctx: Arc<Context<C>>) -> Self {
        Self {
            ctx,
            controllers: Vec::new(),
        }
    }

    /// With one controller more; its jitter is the same in every run.
    #[must_use]
    pub fn with<R: Reconciler<C>>(mut self, reconciler: R) -> Self {
        self.controllers.push(Box::new(Stepping {
            reconciler,
            backoff: Backoff::new(0),
        }));
        self
    }

    /// Runs one pass of every object that is due now, and says how many there were. A pass may make others due:
    /// call it until it answers zero.
    pub async fn run_due(&self) -> usize {
        let mut passes = 0;
        for controller in &self.controllers {
            let Some(queue) = self.ctx.wakes.queue(controller.name()) else {
                continue;
            };
            let now = self.ctx.now();
            let due: Vec<_> = std::iter::from_fn(|| queue.pop(now)).collect();
            for key in due {
                controller.pass(&self.ctx, &key).await;
                passes += 1;
            }
        }
        passes
    }
}
