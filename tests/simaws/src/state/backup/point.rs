//! Recovery points.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::{Lifecycle, Resource};
use crate::clock::later;
use crate::draw::{hash, part_of};
use crate::state::days_later;

/// AWS deletes at a random time in this span after the end of the lifecycle.
const DELETION_SPAN: Duration = Duration::from_secs(8 * 3600);

/// Where a recovery point is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum PointStatus {
    Creating,
    Completed,
    Partial,
    Deleting,
    /// Past its lifecycle, and AWS cannot delete it.
    Expired,
}

impl PointStatus {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Creating => "CREATING",
            Self::Completed => "COMPLETED",
            Self::Partial => "PARTIAL",
            Self::Deleting => "DELETING",
            Self::Expired => "EXPIRED",
        }
    }
}

/// What a job made: for an instance an image with its snapshots, for a volume a snapshot.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RecoveryPoint {
    pub(crate) arn: String,
    pub(crate) vault: String,
    pub(crate) vault_arn: String,
    pub(crate) resource: Resource,
    pub(crate) role_arn: String,
    pub(crate) status: PointStatus,
    pub(crate) status_message: Option<String>,
    pub(crate) lifecycle: Option<Lifecycle>,
    pub(crate) image_id: Option<String>,
    pub(crate) snapshot_ids: Vec<String>,
    pub(crate) size_bytes: u64,
    pub(crate) key_arn: Option<String>,
    /// When the present state ends by itself.
    pub(crate) due: Option<Timestamp>,
    pub(crate) created_at: Timestamp,
    pub(crate) completed_at: Option<Timestamp>,
}

impl RecoveryPoint {
    /// The end of its lifecycle.
    pub(crate) fn delete_at(&self) -> Option<Timestamp> {
        let days = self.lifecycle.as_ref()?.delete_after_days?;
        Some(days_later(self.created_at, u32::try_from(days).ok()?))
    }

    /// When AWS deletes it at the end of its lifecycle.
    pub(super) fn expires_at(&self) -> Option<Timestamp> {
        let span = part_of(DELETION_SPAN, hash(&format!("expiry/{}", self.arn)));
        self.delete_at().map(|at| later(at, span))
    }
}
