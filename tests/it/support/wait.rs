//! Waiting on a condition with a deadline, and saying what was awaited when it does not come.

use std::{fmt::Debug, future::Future, time::Duration};

/// How often a condition that nothing announces is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// Waits until `look` gives something. `look` says what it saw instead, for the failure message.
pub(crate) async fn within<T, S, F>(limit: Duration, what: &str, mut look: impl FnMut() -> F) -> T
where
    S: Debug,
    F: Future<Output = Result<T, S>>,
{
    let mut ticks = tokio::time::interval(LOOK);
    let mut last = None;
    let waited = tokio::time::timeout(limit, async {
        loop {
            ticks.tick().await;
            match look().await {
                Ok(found) => return found,
                Err(seen) => last = Some(seen),
            }
        }
    })
    .await;
    match waited {
        Ok(found) => found,
        Err(_) => panic!("waited {limit:?} in vain for {what}; last seen: {last:#?}"),
    }
}

/// [`within`] a minute: the longest a healthy operator may take for anything here.
pub(crate) async fn eventually<T, S, F>(what: &str, look: impl FnMut() -> F) -> T
where
    S: Debug,
    F: Future<Output = Result<T, S>>,
{
    within(Duration::from_secs(60), what, look).await
}
