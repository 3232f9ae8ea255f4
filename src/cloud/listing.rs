//! What a listing brings besides its items: what it cost, and the checks that only failing instances show.

use std::{collections::BTreeSet, fmt};

use super::InstanceId;

/// A complete listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed<T> {
    /// Every item. One that moved between two pages while they were read can be here twice.
    pub items: Vec<T>,
    /// How many calls it took.
    pub pages: u32,
}

/// What AWS checks of a running instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StatusCheck {
    /// Whether the instance itself answers.
    Instance,
    /// Whether what it runs on works.
    System,
    /// Whether its volumes can be reached.
    AttachedEbs,
}

impl StatusCheck {
    /// Every check.
    pub const ALL: [Self; 3] = [Self::Instance, Self::System, Self::AttachedEbs];

    /// The name in AWS's console.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Instance => "instance status check",
            Self::System => "system status check",
            Self::AttachedEbs => "attached EBS status check",
        }
    }
}

impl fmt::Display for StatusCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A running instance of which checks fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Impaired {
    /// The instance, whoever owns it.
    pub id: InstanceId,
    /// The checks that fail, at least one.
    pub checks: BTreeSet<StatusCheck>,
}
