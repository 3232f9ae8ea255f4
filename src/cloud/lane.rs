//! On whose behalf AWS is called.

/// Why a call is made, in the order in which calls take precedence over each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// The isolation of an incident, and its undoing: each second counts.
    Contain,
    /// What a person just asked for.
    UserChange,
    /// Making AWS again what it should be.
    Drift,
    /// Backups that are due.
    Backup,
    /// Removing what nobody needs any more.
    CleanUp,
}

impl Lane {
    /// All of them, in order of precedence.
    pub const ALL: [Self; 5] = [
        Self::Contain,
        Self::UserChange,
        Self::Drift,
        Self::Backup,
        Self::CleanUp,
    ];

    /// The lane in one word, as metrics and logs name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Contain => "contain",
            Self::UserChange => "user_change",
            Self::Drift => "drift",
            Self::Backup => "backup",
            Self::CleanUp => "clean_up",
        }
    }
}
