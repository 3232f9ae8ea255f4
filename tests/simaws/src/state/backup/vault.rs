//! Backup vaults and their locks.

use jiff::Timestamp;
use serde::Serialize;

use super::Lifecycle;
use crate::state::Tags;

/// What recovery points are in.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Vault {
    pub(crate) name: String,
    pub(crate) arn: String,
    pub(crate) encryption_key_arn: String,
    pub(crate) creator_request_id: Option<String>,
    pub(crate) lock: Option<VaultLock>,
    pub(crate) policy: Option<String>,
    pub(crate) notifications: Option<Notifications>,
    pub(crate) tags: Tags,
    pub(crate) created_at: Timestamp,
}

/// What keeps a vault's recovery points.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VaultLock {
    pub(crate) min_retention_days: Option<i64>,
    pub(crate) max_retention_days: Option<i64>,
    /// From when on nobody can change it; absent: it stays changeable.
    pub(crate) lock_date: Option<Timestamp>,
}

/// Whom a vault tells of its events.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Notifications {
    pub(crate) topic_arn: String,
    pub(crate) events: Vec<String>,
}

impl VaultLock {
    /// Whether it can no longer be changed.
    pub(crate) fn is_fixed(&self, now: Timestamp) -> bool {
        self.lock_date.is_some_and(|date| date <= now)
    }

    /// Why a job with this lifecycle fails, if it does. Without an end it is kept for ever.
    pub(super) fn refusal(&self, lifecycle: &Lifecycle) -> Option<String> {
        let days = lifecycle.delete_after_days.unwrap_or(i64::MAX);
        if let Some(least) = self.min_retention_days.filter(|least| days < *least) {
            return Some(format!(
                "Retention period {days} days is less than the minimum retention of {least} days of the backup vault lock"
            ));
        }
        let most = self.max_retention_days.filter(|most| days > *most)?;
        Some(format!(
            "Retention period exceeds the maximum retention of {most} days of the backup vault lock"
        ))
    }
}
