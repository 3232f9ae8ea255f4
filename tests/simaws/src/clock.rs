//! What time it is in the simulated AWS.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
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

impl Clock {
    /// Waits until it shows `until`: on the manual clock until somebody moves it there, with no
    /// timer and no runtime; on the wall clock with one of tokio's timers.
    #[expect(
        clippy::disallowed_methods,
        reason = "real processes on a port wait in real time; nothing else comes here on the wall clock"
    )]
    pub async fn wait_until(&self, until: Timestamp) {
        match self {
            Self::Manual(clock) => clock.wait_until(until).await,
            Self::Wall => {
                let left = until.duration_since(self.now());
                tokio::time::sleep(Duration::try_from(left).unwrap_or_default()).await;
            }
        }
    }
}

/// A clock moved by hand; clones show the same time.
///
/// Things can wait for a time on it ([`Self::wait_until`]). Whoever moves the clock learns from
/// [`Self::next_wait`] how far, so that no wait is jumped over.
#[derive(Clone)]
pub struct ManualClock(Arc<Mutex<Face>>);

struct Face {
    now: Timestamp,
    /// Who waits, by time and, within one, in the order in which they began to wait.
    waits: BTreeMap<(Timestamp, u64), Waker>,
    waits_made: u64,
}

impl ManualClock {
    /// A clock that stands at `start`.
    pub fn at(start: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(Face {
            now: start,
            waits: BTreeMap::new(),
            waits_made: 0,
        })))
    }

    /// The time it shows.
    pub fn now(&self) -> Timestamp {
        self.face().now
    }

    /// Moves it forward by `by`.
    pub fn advance(&self, by: Duration) {
        let mut face = self.face();
        face.now = later(face.now, by);
        Self::wake(face);
    }

    /// Puts it at `time`, so that it can follow another clock.
    pub fn set(&self, time: Timestamp) {
        let mut face = self.face();
        face.now = time;
        Self::wake(face);
    }

    /// The earliest time anybody waits for: the next one it is worth moving to.
    pub fn next_wait(&self) -> Option<Timestamp> {
        self.face().waits.first_key_value().map(|((until, _), _)| *until)
    }

    /// Done when the clock shows `until` or later.
    pub fn wait_until(&self, until: Timestamp) -> Wait {
        Wait {
            clock: self.clone(),
            until,
            number: None,
        }
    }

    /// Wakes those whose time has come, the earliest first.
    fn wake(mut face: MutexGuard<'_, Face>) {
        let (now, mut due) = (face.now, Vec::new());
        while let Some(first) = face.waits.first_entry()
            && first.key().0 <= now
        {
            due.push(first.remove());
        }
        // A waker may poll at once, and what it polls looks at this clock.
        drop(face);
        due.into_iter().for_each(Waker::wake);
    }

    fn face(&self) -> MutexGuard<'_, Face> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ManualClock").field(&self.now()).finish()
    }
}

/// A wait for a time on a [`ManualClock`].
#[derive(Debug)]
#[must_use = "a wait that nobody polls waits for nothing"]
pub struct Wait {
    clock: ManualClock,
    until: Timestamp,
    /// Its place among those who wait; none before it is polled.
    number: Option<u64>,
}

impl Future for Wait {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let (clock, until) = (self.clock.clone(), self.until);
        let mut face = clock.face();
        if face.now >= until {
            return Poll::Ready(());
        }
        let number = *self.number.get_or_insert_with(|| {
            face.waits_made += 1;
            face.waits_made
        });
        let old = face.waits.insert((until, number), context.waker().clone());
        // A waker's end may be the end of other waits, which look at this clock too.
        drop(face);
        drop(old);
        Poll::Pending
    }
}

impl Drop for Wait {
    /// Who no longer waits must not be waited for.
    fn drop(&mut self) {
        if let Some(number) = self.number {
            let mut face = self.clock.face();
            let waker = face.waits.remove(&(self.until, number));
            drop(face);
            drop(waker);
        }
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

#[cfg(test)]
mod tests;
