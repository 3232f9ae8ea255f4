//! Why a task did not succeed, in words for the person who ran it.

use std::error::Error;
use std::fmt;

/// The one error of xtask: nothing here is handled, everything is told.
#[derive(Debug)]
pub(crate) struct Failure {
    text: String,
    /// Ctrl-C or SIGTERM, not a fault.
    interrupted: bool,
}

/// What every task ends with.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        // Ctrl-C reaches a kubectl or cargo of ours too: what fails after a signal fails because of it.
        Self {
            text: text.into(),
            interrupted: crate::signals::came(),
        }
    }

    pub(crate) fn interrupted() -> Self {
        Self {
            text: "interrupted".to_owned(),
            interrupted: true,
        }
    }

    pub(crate) fn is_interrupt(&self) -> bool {
        self.interrupted
    }

    /// Wraps any error with what was attempted: `map_err(Failure::of("read x"))`.
    pub(crate) fn of<E: Error>(attempt: impl fmt::Display) -> impl FnOnce(E) -> Self {
        move |error| Self::new(format!("could not {attempt}: {}", chain(&error)))
    }

    /// Adds a paragraph, such as the end of a log.
    pub(crate) fn with(mut self, paragraph: &str) -> Self {
        self.text.push('\n');
        self.text.push_str(paragraph);
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<controlplane::Error> for Failure {
    fn from(error: controlplane::Error) -> Self {
        Self::new(chain(&error))
    }
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
