//! The one place that reads the time or waits for it.
//!
//! Everything else takes `now` as an argument or asks a [`Clock`], so that a test can live through a day in a
//! second. Virtual time starts where wall time stands and never goes back.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

use jiff::Timestamp;

/// A wait that ends by itself. `Sync`, since the AWS SDK asks for that.
pub type Wait = Pin<Box<dyn Future<Output = ()> + Send + Sync>>;

/// Time as the operator sees it.
pub trait Clock: Debug + Send + Sync + 'static {
    /// The present instant.
    fn now(&self) -> Timestamp;

    /// Ends once `at` is reached, at once if it has passed.
    fn until(&self, at: Timestamp) -> Wait;

    /// Ends after `span`.
    fn after(&self, span: Duration) -> Wait {
        self.until(later(self.now(), span))
    }
}

/// `span` after `at`; the end of time where that would lie beyond it.
pub fn later(at: Timestamp, span: Duration) -> Timestamp {
    at.checked_add(span).unwrap_or(Timestamp::MAX)
}

/// The time between two instants; zero if `to` is not after `from`.
pub fn elapsed(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one clock")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn until(&self, at: Timestamp) -> Wait {
        let span = elapsed(self.now(), at);
        #[expect(clippy::disallowed_methods, reason = "this is the one wait")]
        Box::pin(tokio::time::sleep(span))
    }
}

/// A clock that stands still until it is moved; clones are the same clock.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<Mutex<Shown>>);

/// What a manual clock shows, and who waits for it. Waits end in the order of their instants, so that a run by this
/// clock can be repeated exactly.
#[derive(Debug)]
struct Shown {
    now: Timestamp,
    waits: BTreeMap<(Timestamp, u64), Option<Waker>>,
    registered: u64,
}

impl ManualClock {
    /// A clock that shows `start`.
    pub fn new(start: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(Shown {
            now: start,
            waits: BTreeMap::new(),
            registered: 0,
        })))
    }

    /// Moves the clock forward.
    pub fn advance(&self, span: Duration) {
        let at = later(self.now(), span);
        self.advance_to(at);
    }

    /// Moves the clock to `at`; a clock never goes back, so an earlier instant is ignored.
    pub fn advance_to(&self, at: Timestamp) {
        let mut shown = self.shown();
        shown.now = shown.now.max(at);
        let now = shown.now;
        let due: Vec<_> = shown
            .waits
            .range_mut(..=(now, u64::MAX))
            .filter_map(|(_, waker)| waker.take())
            .collect();
        // Whoever is woken may ask for the time at once.
        drop(shown);
        due.into_iter().for_each(Waker::wake);
    }

    /// The earliest instant still to come that anybody waits for: moving the clock to any time before it changes
    /// nothing for anyone.
    pub fn next_wait(&self) -> Option<Timestamp> {
        let shown = self.shown();
        let mut to_come = shown.waits.range((shown.now, u64::MAX)..);
        to_come.next().map(|((at, _), _)| *at)
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.shown().now
    }

    fn until(&self, at: Timestamp) -> Wait {
        let mut shown = self.shown();
        shown.registered += 1;
        let wait = (at, shown.registered);
        if at > shown.now {
            shown.waits.insert(wait, None);
        }
        drop(shown);
        Box::pin(ManualWait {
            clock: self.clone(),
            wait,
        })
    }
}

/// A wait by a manual clock: registered from the call that made it until it is dropped.
struct ManualWait {
    clock: ManualClock,
    wait: (Timestamp, u64),
}

impl Future for ManualWait {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut shown = self.clock.shown();
        if shown.now >= self.wait.0 {
            return Poll::Ready(());
        }
        let old = shown.waits.insert(self.wait, Some(cx.waker().clone()));
        // The end of a waker may be the end of a task, and of that task's waits by this clock.
        drop(shown);
        drop(old);
        Poll::Pending
    }
}

impl Drop for ManualWait {
    fn drop(&mut self) {
        let mut shown = self.clock.shown();
        let waker = shown.waits.remove(&self.wait);
        drop(shown);
        drop(waker);
    }
}

#[cfg(test)]
mod tests;
