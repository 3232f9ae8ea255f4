//! Waiting for other processes, which live on the wall clock.
//!
//! The only place of this crate that sleeps or looks at a clock.

use std::time::{Duration, Instant};

/// A deadline, and how long it has been.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    since: Instant,
    limit: Duration,
}

impl Patience {
    /// Starts to wait, for `limit` at most.
    #[must_use]
    pub fn new(limit: Duration) -> Self {
        Self { since: now(), limit }
    }

    /// How long it has been.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        now().duration_since(self.since)
    }

    /// Whether the limit has passed.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.elapsed() >= self.limit
    }

    /// The limit in whole seconds, for messages.
    #[must_use]
    pub fn limit_seconds(&self) -> u64 {
        self.limit.as_secs()
    }
}

/// Sleeps between two looks at another process.
#[expect(
    clippy::disallowed_methods,
    reason = "another process tells nobody when it is ready: it has to be asked again"
)]
pub fn pause(duration: Duration) {
    std::thread::sleep(duration);
}

#[expect(clippy::disallowed_methods, reason = "other processes live on the wall clock")]
fn now() -> Instant {
    Instant::now()
}
