//! The conditions of a status while they are written anew, and the one word they come to.

use jiff::Timestamp;

use super::conditions::{FALSE, TRUE, UNKNOWN, clear_condition, find_condition, is_true, set_condition};
use crate::api::{Condition, ConditionType, Reason, time};

/// A reason with its message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Because {
    /// Why, in one word.
    pub reason: Reason,
    /// What a person should read; the same while nothing changes.
    pub message: String,
}

impl Because {
    /// For this reason.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
        }
    }
}

/// Where an object stands as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// As its spec says.
    Ready(Because),
    /// Not as its spec says, and the operator is at work or waits for AWS.
    Working(Because),
    /// Not as its spec says, and not because of the operator: a person's doing, which is respected.
    Resting(Because),
    /// A person must act.
    Stalled(Because),
    /// Not known.
    Unknown(Because),
}

impl Standing {
    /// The same, with what is behind it told too, where it is so because AWS is not known.
    #[must_use]
    pub fn with_trouble(mut self, trouble: Option<String>) -> Self {
        let (Self::Ready(because)
        | Self::Working(because)
        | Self::Resting(because)
        | Self::Stalled(because)
        | Self::Unknown(because)) = &mut self;
        if because.reason == Reason::ViewStale
            && let Some(trouble) = trouble
        {
            because.message = format!("{}: {trouble}", because.message);
        }
        self
    }
}

/// The conditions of one status.
#[derive(Clone, Debug)]
pub struct Conditions {
    all: Vec<Condition>,
    generation: i64,
    now: Timestamp,
}

impl Conditions {
    /// Begins with what the status said before.
    pub fn over(previous: &[Condition], generation: i64, now: Timestamp) -> Self {
        Self {
            all: previous.to_vec(),
            generation,
            now,
        }
    }

    /// Sets one that holds or does not; `None`: not known.
    pub fn set(&mut self, type_: ConditionType, holds: Option<bool>, because: &Because) {
        let status = match holds {
            Some(true) => TRUE,
            Some(false) => FALSE,
            None => UNKNOWN,
        };
        let next = Condition {
            type_: type_.as_str().to_owned(),
            status: status.to_owned(),
            reason: because.reason.as_str().to_owned(),
            message: because.message.clone(),
            observed_generation: Some(self.generation),
            last_transition_time: time(self.now),
        };
        set_condition(&mut self.all, next);
    }

    /// Takes one away.
    pub fn clear(&mut self, type_: ConditionType) {
        clear_condition(&mut self.all, type_.as_str());
    }

    /// One of them.
    pub fn find(&self, type_: ConditionType) -> Option<&Condition> {
        find_condition(&self.all, type_.as_str())
    }

    /// Whether it holds.
    pub fn is_true(&self, type_: ConditionType) -> bool {
        is_true(&self.all, type_.as_str())
    }

    /// Sets `Ready` and what goes with it, and gives all of them.
    pub fn settle(mut self, standing: &Standing) -> Vec<Condition> {
        let (ready, abnormal, because) = match standing {
            Standing::Ready(because) => (Some(true), None, because),
            Standing::Working(because) => (Some(false), Some(ConditionType::Reconciling), because),
            Standing::Resting(because) => (Some(false), None, because),
            Standing::Stalled(because) => (Some(false), Some(ConditionType::Stalled), because),
            Standing::Unknown(because) => (None, Some(ConditionType::Reconciling), because),
        };
        self.set(ConditionType::Ready, ready, because);
        for type_ in [ConditionType::Reconciling, ConditionType::Stalled] {
            if abnormal == Some(type_) {
                self.set(type_, Some(true), because);
            } else {
                self.clear(type_);
            }
        }
        self.all
    }
}
