//! The lock of a snapshot, which keeps it from being deleted.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::clock::later;

const HOUR: u64 = 3600;

/// How firmly a lock holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LockMode {
    /// Whoever may unlock, can.
    Governance,
    /// After its cooling-off period nobody can.
    Compliance,
}

/// What a lock is at some instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LockState {
    Governance,
    ComplianceCooloff,
    Compliance,
    Expired,
}

impl LockState {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Governance => "governance",
            Self::ComplianceCooloff => "compliance-cooloff",
            Self::Compliance => "compliance",
            Self::Expired => "expired",
        }
    }
}

/// A lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SnapshotLock {
    pub(crate) mode: LockMode,
    pub(crate) duration_days: u32,
    pub(crate) cool_off_hours: Option<u32>,
    pub(crate) created_on: Timestamp,
    /// When the duration began; not yet while the snapshot is pending.
    pub(crate) starts_at: Option<Timestamp>,
    /// Known from the start with an expiration date, after the snapshot's completion with a duration.
    pub(crate) expires_at: Option<Timestamp>,
}

impl SnapshotLock {
    pub(crate) fn state(&self, now: Timestamp) -> LockState {
        if self.expires_at.is_some_and(|at| at <= now) {
            return LockState::Expired;
        }
        match self.mode {
            LockMode::Governance => LockState::Governance,
            LockMode::Compliance if self.cool_off_until().is_some_and(|until| now < until) => {
                LockState::ComplianceCooloff
            }
            LockMode::Compliance => LockState::Compliance,
        }
    }

    pub(crate) fn is_held(&self, now: Timestamp) -> bool {
        self.state(now) != LockState::Expired
    }

    pub(crate) fn cool_off_until(&self) -> Option<Timestamp> {
        self.cool_off_hours
            .map(|hours| later(self.created_on, Duration::from_secs(u64::from(hours) * HOUR)))
    }

    /// When it ends, were its snapshot completed at `now` at the latest.
    pub(crate) fn ends(&self, now: Timestamp) -> Timestamp {
        self.expires_at
            .unwrap_or_else(|| days_later(now, self.duration_days))
    }

    /// The snapshot completed: a duration begins now.
    pub(crate) fn start(&mut self, at: Timestamp) {
        self.expires_at = Some(self.ends(at));
        self.starts_at.get_or_insert(at);
    }
}

/// `time` moved forward by whole days.
pub(crate) fn days_later(time: Timestamp, days: u32) -> Timestamp {
    later(time, Duration::from_secs(u64::from(days) * 24 * HOUR))
}
