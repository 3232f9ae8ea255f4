//! What to do, as arithmetic: from what is desired, what is observed and the time, to steps.
//!
//! **Invariant:** nothing in here waits, reads a clock or names the API server or the AWS SDK.

pub mod backup;
pub mod backup_days;
pub mod backup_policy;
pub mod class;
pub mod firewall;
pub mod incident;
pub mod permission;
pub mod preview;
pub mod protected;
pub mod retention;
pub mod selection;
pub mod separation;
pub mod slot;
pub mod tenant;
pub mod vault;
pub mod window;

use jiff::Timestamp;

use crate::api::Reason;

/// What one pass should do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan<S> {
    /// The steps, in order; a failed one stops those behind it.
    pub steps: Vec<S>,
    /// What would be done, and is held back: by a mode, a suspension, or a window that is not open.
    pub held: Vec<S>,
    /// What must come true by itself before there is more to do. Waiting is not an error.
    pub waiting_for: Vec<Waiting>,
    /// When to look again though nothing changed.
    pub look_again: Option<Timestamp>,
}

impl<S> Default for Plan<S> {
    fn default() -> Self {
        Self {
            steps: Vec::new(),
            held: Vec::new(),
            waiting_for: Vec::new(),
            look_again: None,
        }
    }
}

/// Something a plan waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Why, in one word.
    pub reason: Reason,
    /// What a person should read.
    pub message: String,
}

impl Waiting {
    /// Waits for this reason.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
        }
    }
}

impl<S> Plan<S> {
    /// Holds back all that is not done yet.
    pub fn hold_all(&mut self) {
        self.held.append(&mut self.steps);
    }

    /// Adds something to wait for.
    pub fn wait(&mut self, reason: Reason, message: impl Into<String>) {
        self.waiting_for.push(Waiting::new(reason, message));
    }

    /// The same plan, its steps as another type has them.
    pub fn map<T>(self, mut step: impl FnMut(S) -> T) -> Plan<T> {
        Plan {
            steps: self.steps.into_iter().map(&mut step).collect(),
            held: self.held.into_iter().map(step).collect(),
            waiting_for: self.waiting_for,
            look_again: self.look_again,
        }
    }

    /// Looks again at `at`, or earlier if that was planned already.
    pub fn look_again_at(&mut self, at: Timestamp) {
        self.look_again = Some(self.look_again.map_or(at, |planned| planned.min(at)));
    }
}
