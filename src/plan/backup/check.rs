//! Whether a set of snapshots is a backup one may rely on.

use std::collections::BTreeSet;

use crate::cloud::{Observed, Snapshot, SnapshotState, Volume, VolumeId};

use super::{Exposure, Target};

/// What is checked of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CheckName {
    /// AWS says of each snapshot that it is whole.
    SnapshotsCompleted,
    /// No snapshot is of an empty volume.
    SizesPositive,
    /// Each volume of the instance has a snapshot.
    VolumesCovered,
    /// Each snapshot is encrypted, with the key of its volume.
    EncryptionEqual,
    /// AWS Backup says of its job that it is complete.
    JobCompleted,
    /// Nobody but the account may use it.
    NotPublic,
    /// It is in a region of the terms.
    RegionOfTerms,
}

impl CheckName {
    /// The name as it stands in objects.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SnapshotsCompleted => "SnapshotsCompleted",
            Self::SizesPositive => "SizesPositive",
            Self::VolumesCovered => "VolumesCovered",
            Self::EncryptionEqual => "EncryptionEqual",
            Self::JobCompleted => "JobCompleted",
            Self::NotPublic => "NotPublic",
            Self::RegionOfTerms => "RegionOfTerms",
        }
    }
}

/// Something that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What.
    pub name: CheckName,
    /// What was found instead, when it was not as it should be.
    pub fault: Option<String>,
}

/// What a set is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// AWS is not done with it, or not all of it shows.
    Pending,
    /// It is whole and as it should be.
    Complete(Vec<Check>),
    /// It is not, and never will be.
    Failed(Vec<Check>),
}

/// Judges a set. `is_settled`: it is so old that all of it shows.
pub(super) fn judge(
    set: &[&Snapshot],
    target: &Observed<Target>,
    exposure: &Exposure,
    is_settled: bool,
) -> Judgement {
    if let Some(fault) = error_of(set) {
        return Judgement::Failed(vec![Check {
            name: CheckName::SnapshotsCompleted,
            fault: Some(fault),
        }]);
    }
    if set
        .iter()
        .any(|snapshot| snapshot.state == SnapshotState::Pending)
    {
        return Judgement::Pending;
    }
    let (attached, volumes): (&[VolumeId], &[Volume]) = match target {
        // There is nothing to compare it with yet.
        Observed::Unknown => return Judgement::Pending,
        // The instance is gone: what its volumes were is not known any more.
        Observed::Absent => (&[], &[]),
        Observed::Present(target) => (&target.attached, &target.volumes),
    };
    let missing = missing_volume(set, attached);
    if missing.is_some() && !is_settled {
        return Judgement::Pending;
    }
    let checks = vec![
        Check {
            name: CheckName::SnapshotsCompleted,
            fault: None,
        },
        Check {
            name: CheckName::SizesPositive,
            fault: empty_snapshot(set),
        },
        Check {
            name: CheckName::VolumesCovered,
            fault: missing.map(|volume| format!("volume {volume} has no snapshot in the set")),
        },
        Check {
            name: CheckName::EncryptionEqual,
            fault: wrong_encryption(set, volumes),
        },
        Check {
            name: CheckName::NotPublic,
            fault: public_snapshot(set, exposure),
        },
        Check {
            name: CheckName::RegionOfTerms,
            fault: exposure.region.clone(),
        },
    ];
    if checks.iter().all(|check| check.fault.is_none()) {
        Judgement::Complete(checks)
    } else {
        Judgement::Failed(checks)
    }
}

fn error_of(set: &[&Snapshot]) -> Option<String> {
    let failed = set
        .iter()
        .find(|snapshot| snapshot.state == SnapshotState::Error)?;
    let why = failed.state_message.as_deref().unwrap_or("AWS gives no reason");
    Some(format!("snapshot {} failed: {why}", failed.id))
}

fn missing_volume<'a>(set: &[&Snapshot], attached: &'a [VolumeId]) -> Option<&'a VolumeId> {
    let covered: BTreeSet<_> = set.iter().map(|snapshot| &snapshot.volume_id).collect();
    attached.iter().filter(|id| !covered.contains(id)).min()
}

fn empty_snapshot(set: &[&Snapshot]) -> Option<String> {
    let empty = set.iter().find(|snapshot| snapshot.size_gib <= 0)?;
    Some(format!("snapshot {} has no size", empty.id))
}

fn public_snapshot(set: &[&Snapshot], exposure: &Exposure) -> Option<String> {
    let public = set
        .iter()
        .find(|snapshot| exposure.public.contains(&snapshot.id))?;
    Some(format!("everybody may use snapshot {}", public.id))
}

fn wrong_encryption(set: &[&Snapshot], volumes: &[Volume]) -> Option<String> {
    set.iter().find_map(|snapshot| {
        if !snapshot.encrypted {
            return Some(format!("snapshot {} is not encrypted", snapshot.id));
        }
        let volume = volumes.iter().find(|volume| volume.id == snapshot.volume_id)?;
        (volume.kms_key_id != snapshot.kms_key_id).then(|| {
            format!(
                "snapshot {} has another key than its volume {}",
                snapshot.id, volume.id
            )
        })
    })
}
