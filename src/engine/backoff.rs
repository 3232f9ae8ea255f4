//! How long to leave an object alone after a failed pass.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::api::Key;

/// The shortest wait: one retry a second per object is never exceeded.
const FIRST: Duration = Duration::from_secs(1);

/// The longest wait. A person who repaired something should not have to wait longer for us to notice.
const LONGEST: Duration = Duration::from_secs(300);

/// How many passes in a row may find something to do before they are slowed down: a first launch takes six
/// (group, rules, record, launch, bind, tags), and a repair may come on top.
const FREE_PASSES: u32 = 12;

/// How many failures in a row that nobody can explain are tried again as if they were passing ones. With the waits
/// above that is some ten minutes, longer than AWS's usual hiccups.
const UNEXPLAINED: u32 = 10;

/// What an object's passes came to since the last quiet one.
#[derive(Clone, Copy, Debug, Default)]
struct Passes {
    failed: u32,
    worked: u32,
    unexplained: u32,
}

/// Consecutive failures by object; one success forgets them.
#[derive(Debug)]
pub struct Backoff {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    passes: HashMap<Key, Passes>,
    jitter: fastrand::Rng,
}

impl Backoff {
    /// A table without failures; the seed decides the jitter.
    pub fn new(seed: u64) -> Self {
        Self {
            state: Mutex::new(State {
                passes: HashMap::new(),
                jitter: fastrand::Rng::with_seed(seed),
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a failure and says how long to wait: doubling from one second to five minutes, with jitter so that
    /// objects that failed together do not return together.
    pub fn failed(&self, key: &Key) -> Duration {
        let mut state = self.state();
        let passes = state.passes.entry(key.clone()).or_default();
        passes.failed = passes.failed.saturating_add(1);
        let doublings = (passes.failed - 1).min(16);
        let ceiling = FIRST.saturating_mul(1 << doublings).min(LONGEST);
        // Full jitter, but never below the first wait.
        let spread = ceiling.saturating_sub(FIRST);
        FIRST + spread.mul_f64(state.jitter.f64())
    }

    /// Notes a failure that nobody can explain, and says whether it has come too often to be a passing one.
    pub fn unexplained(&self, key: &Key) -> bool {
        let mut state = self.state();
        let passes = state.passes.entry(key.clone()).or_default();
        passes.unexplained = passes.unexplained.saturating_add(1);
        passes.unexplained > UNEXPLAINED
    }

    /// Notes that a pass did not fail in an unexplained way.
    pub fn explained(&self, key: &Key) {
        if let Some(passes) = self.state().passes.get_mut(key) {
            passes.unexplained = 0;
        }
    }

    /// How soon to look at the result of a pass that did something. At once at first; an object that finds
    /// something to do in every pass is slowed down like one that fails.
    pub fn worked(&self, key: &Key) -> Duration {
        let mut state = self.state();
        let passes = state.passes.entry(key.clone()).or_default();
        if passes.worked < FREE_PASSES {
            // A step that works ends a row of failures.
            *passes = Passes {
                failed: 0,
                worked: passes.worked + 1,
                unexplained: 0,
            };
            return Duration::ZERO;
        }
        drop(state);
        self.failed(key)
    }

    /// Forgets the failures of an object.
    pub fn succeeded(&self, key: &Key) {
        self.state().passes.remove(key);
    }
}

#[cfg(test)]
mod tests;
