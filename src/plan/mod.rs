//! What to do, as arithmetic: from what is desired, what is observed and the time, to steps.
//!
//! **Invariant:** nothing in here waits, reads a clock or names the API server or the AWS SDK.

pub mod backup;
pub mod backup_days;
pub mod backup_policy;
pub mod selection;
pub mod slot;

use jiff::Timestamp;

use crate::api::Reason;

/// What one pass should do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan<S> {
    /// The steps, in order; a failed one stops those behind it.
    pub steps: Vec<S>,
    /// What must come true by itself before there is more to do. Waiting is not an error.
    pub waiting_for: Vec<Waiting>,
    /// When to look again though nothing changed.
    pub look_again: Option<Timestamp>,
}

impl<S> Default for Plan<S> {
    fn default() -> Self {
        Self {
            steps: Vec::new(),
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
