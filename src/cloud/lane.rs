//! Which work goes first when AWS's rate limits make calls wait.

use std::fmt;

/// The work a call belongs to, in the order of precedence: what is listed first goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Isolating what an Incident names, and undoing it.
    Contain,
    /// Bringing about what a person just declared.
    UserChange,
    /// Looking whether AWS is as declared, and repairing what is not.
    Drift,
    /// Taking backups.
    Backup,
    /// Work that nobody waits for.
    CleanUp,
}

impl Lane {
    /// Every lane, in the order of precedence.
    pub const ALL: [Self; 5] = [
        Self::Contain,
        Self::UserChange,
        Self::Drift,
        Self::Backup,
        Self::CleanUp,
    ];

    /// The name in metrics and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Contain => "contain",
            Self::UserChange => "user_change",
            Self::Drift => "drift",
            Self::Backup => "backup",
            Self::CleanUp => "clean_up",
        }
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
