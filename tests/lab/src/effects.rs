//! The effects of one process, numbered as they happen, and the one at which it is cut off.
//!
//! An effect is what changes the world outside: a call to AWS that is no read, a write to Kubernetes.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// On which side of its effect a call is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum When {
    /// The request never arrives.
    Before,
    /// It took effect, and the answer never comes.
    After,
}

impl When {
    /// Both sides.
    pub const ALL: [Self; 2] = [Self::Before, Self::After];
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Before => "before",
            Self::After => "after",
        })
    }
}

/// What is lost with the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// The whole process.
    Process,
    /// Only this call: the process lives and never hears of it.
    Answer,
}

/// The end of one effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Which effect, from 1.
    pub effect: u64,
    /// On which side of it.
    pub when: When,
    /// What is lost.
    pub loss: Loss,
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It goes its way.
    Goes,
    /// It is cut off on this side of its effect.
    Cut(When, Loss),
}

#[derive(Default)]
struct State {
    is_counting: bool,
    names: Vec<String>,
    cut: Option<Cut>,
    has_fired: bool,
    is_dead: bool,
}

/// The effects of one process; clones are the same ones.
#[derive(Clone, Default)]
pub struct Effects(Arc<Mutex<State>>);

impl Effects {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts to count, and cuts one off.
    pub fn watch(&self, cut: Option<Cut>) {
        let mut state = self.state();
        state.is_counting = true;
        state.names.clear();
        state.cut = cut;
        state.has_fired = false;
    }

    /// What they were, in order.
    pub fn names(&self) -> Vec<String> {
        self.state().names.clone()
    }

    /// Whether the cut was made.
    pub fn has_fired(&self) -> bool {
        self.state().has_fired
    }

    /// Whether the process is to end here: none of its tasks may go on.
    pub fn is_dead(&self) -> bool {
        self.state().is_dead
    }

    /// Numbers an effect that is about to happen.
    pub(crate) fn begin(&self, name: impl FnOnce() -> String) -> Fate {
        let mut state = self.state();
        if !state.is_counting {
            return Fate::Goes;
        }
        state.names.push(name());
        match state.cut {
            Some(cut) if cut.effect == state.names.len() as u64 => Fate::Cut(cut.when, cut.loss),
            _ => Fate::Goes,
        }
    }

    /// The call that was to be cut off is.
    pub(crate) fn fire(&self, loss: Loss) {
        let mut state = self.state();
        state.has_fired = true;
        state.is_dead |= loss == Loss::Process;
    }
}
