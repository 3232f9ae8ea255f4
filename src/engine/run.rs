//! A controller in the real operator: kube's applier fed by our own due queue.

use std::{convert::Infallible, sync::Arc};

use futures::{StreamExt, TryStreamExt};
use kube::runtime::{
    controller::{Action, Config, Error, applier},
    reflector::{ObjectRef, Store},
};

use super::{Backoff, Context, Reconciler, pass::pass};
use crate::{
    api::Key,
    clock::later,
    cluster::{Cluster, Seen},
};

/// How many objects of a kind are worked on at once. kube's own default is without bound, which has taken whole
/// clusters down; sixteen hide the latency of AWS and stay far from its rate limits.
pub const CONCURRENCY: u16 = 16;

/// Runs one controller for ever. kube's applier keeps passes of one object apart and joins triggers that come
/// during a pass into one more; all triggers come from the controller's due queue.
pub async fn run<C: Cluster, R: Reconciler<C>>(
    reconciler: R,
    ctx: Arc<Context<C>>,
    store: Store<Seen<R::Kind>>,
) {
    let Some(queue) = ctx.wakes.queue(R::NAME).cloned() else {
        return;
    };
    let due = queue
        .stream(Arc::clone(&ctx.clock))
        .map(|key| Ok::<_, Infallible>(reference::<C, R>(&key)));
    let reconciler = Arc::new(reconciler);
    // The seed only spreads retries of objects that failed together.
    let backoff = Arc::new(Backoff::new(fastrand::u64(..)));
    let forget = Arc::clone(&backoff);
    let passes = applier(
        move |seen: Arc<Seen<R::Kind>>, ctx: Arc<Context<C>>| {
            let key = Key::of(&*seen);
            let one = tokio::spawn({
                let (reconciler, backoff) = (Arc::clone(&reconciler), Arc::clone(&backoff));
                let (ctx, key) = (Arc::clone(&ctx), key.clone());
                async move { pass::<C, R>(&reconciler, &ctx, &backoff, &key).await }
            });
            let backoff = Arc::clone(&backoff);
            Box::pin(async move {
                // A pass that panicked is one object's misfortune, not the operator's end; but what it meant to look
                // at later is lost, so it is tried again.
                if let Err(error) = one.await {
                    tracing::error!(controller = %R::NAME, %key, %error, "a pass ended early");
                    ctx.wakes
                        .wake_at(R::NAME, key.clone(), later(ctx.now(), backoff.failed(&key)));
                }
                Ok::<_, Infallible>(Action::await_change())
            })
        },
        |_, never: &Infallible, _| match *never {},
        ctx,
        store,
        due.into_stream(),
        Config::default().concurrency(CONCURRENCY),
    );
    passes
        .for_each(|result| {
            // Normal after a deletion.
            if let Err(Error::ObjectNotFound(gone)) = result {
                forget.succeeded(&Key::new(gone.namespace.unwrap_or_default(), gone.name));
            }
            futures::future::ready(())
        })
        .await;
}

fn reference<C: Cluster, R: Reconciler<C>>(key: &Key) -> ObjectRef<Seen<R::Kind>> {
    let reference = ObjectRef::new(&key.name);
    if key.namespace.is_empty() {
        reference
    } else {
        reference.within(&key.namespace)
    }
}
