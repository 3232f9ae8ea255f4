//! The one place that reads the time or waits for it.
//!
//! Everything else takes `now` as an argument or asks a [`Clock`], so that a test can live through a day in a
//! second. Virtual time starts where wall time stands and never goes back.

use std::{fmt::Debug, future::Future, pin::Pin, time::Duration};

use jiff::Timestamp;
use tokio::sync::watch;

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

/// A clock that stands still until it is moved.
#[derive(Clone, Debug)]
pub struct ManualClock {
    now: watch::Sender<Timestamp>,
}

impl ManualClock {
    /// A clock that shows `start`.
    pub fn new(start: Timestamp) -> Self {
        Self {
            now: watch::Sender::new(start),
        }
    }

    /// Moves the clock forward.
    pub fn advance(&self, span: Duration) {
        self.now.send_modify(|now| *now = later(*now, span));
    }

    /// Moves the clock to `at`; a clock never goes back, so an earlier instant is ignored.
    pub fn advance_to(&self, at: Timestamp) {
        self.now.send_modify(|now| *now = (*now).max(at));
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.now.borrow()
    }

    fn until(&self, at: Timestamp) -> Wait {
        let mut shown = self.now.subscribe();
        Box::pin(async move {
            // An error means that the clock is gone, and with it everyone who could wait.
            drop(shown.wait_for(|now| *now >= at).await);
        })
    }
}

#[cfg(test)]
mod tests;
