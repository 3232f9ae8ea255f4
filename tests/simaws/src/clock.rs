//! What time it is in the simulated AWS.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// Where the simulated AWS reads the time.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The computer's own clock: for ports, where real processes wait in real time.
    Wall,
    /// A clock that moves only when told to.
    Manual(ManualClock),
}

impl Clock {
    /// A manual clock that stands at the start of 2026.
    pub fn manual() -> Self {
        // 2026-01-01T00:00:00Z: any fixed instant does, a round one is easy to read in a failing test.
        Self::Manual(ManualClock::at(Timestamp::constant(1_767_225_600, 0)))
    }

    /// The present instant.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place where simaws reads the wall clock"
    )]
    pub fn now(&self) -> Timestamp {
        match self {
            Self::Wall => Timestamp::now(),
            Self::Manual(clock) => clock.now(),
        }
    }
}

/// A clock moved by hand; clones show the same time.
#[derive(Clone)]
pub struct ManualClock(Arc<Mutex<Timestamp>>);

impl ManualClock {
    /// A clock that stands at `start`.
    pub fn at(start: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(start)))
    }

    /// The time it shows.
    pub fn now(&self) -> Timestamp {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves it forward by `by`.
    pub fn advance(&self, by: Duration) {
        let mut time = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *time = later(*time, by);
    }

    /// Puts it at `time`, so that it can follow another clock.
    pub fn set(&self, time: Timestamp) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = time;
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ManualClock").field(&self.now()).finish()
    }
}

/// `time` moved forward; a time that cannot be represented stays at the last one that can.
pub(crate) fn later(time: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by)
        .ok()
        .and_then(|by| time.checked_add(by).ok())
        .unwrap_or(Timestamp::MAX)
}

/// `time` moved back; a time that cannot be represented stays at the first one that can.
pub(crate) fn earlier(time: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by)
        .ok()
        .and_then(|by| time.checked_sub(by).ok())
        .unwrap_or(Timestamp::MIN)
}
