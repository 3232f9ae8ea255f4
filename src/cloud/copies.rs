//! What keeps and guards copies of volumes: locks, sharing, images, and the jobs and vaults of AWS Backup.

use std::{collections::BTreeSet, fmt, time::Duration};

use jiff::Timestamp;

use super::{AccountId, BackupJobId, ImageId, InstanceId, SnapshotId, Tags, VaultName};

/// How a snapshot is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LockMode {
    /// Whoever has the right to may shorten or remove the lock.
    Governance,
    /// Nobody may, once the cooling-off period is over.
    Compliance,
}

/// The lock of a snapshot. One that has expired is no lock and is never listed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SnapshotLock {
    /// The snapshot.
    pub id: SnapshotId,
    /// Its mode.
    pub mode: LockMode,
    /// Until when the snapshot cannot be deleted; `None` while AWS has not said: it is not complete yet.
    pub until: Option<Timestamp>,
}

/// To whom a snapshot or an image is opened besides its owner.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Sharing {
    /// Everybody may use it.
    pub public: bool,
    /// These accounts may. Organisations and their units, to which only images can be opened, are in it by their ARN.
    pub accounts: BTreeSet<AccountId>,
}

impl Sharing {
    /// Whether nobody but the owner may use it.
    pub fn is_private(&self) -> bool {
        !self.public && self.accounts.is_empty()
    }
}

impl fmt::Display for Sharing {
    /// To whom, as the end of a sentence: `public and shared with 111122223333`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let accounts: Vec<_> = self.accounts.iter().map(AccountId::as_str).collect();
        let named = accounts.join(", ");
        match (self.public, accounts.is_empty()) {
            (true, true) => f.write_str("public"),
            (true, false) => write!(f, "public and shared with {named}"),
            (false, _) => write!(f, "shared with {named}"),
        }
    }
}

/// A machine image of ours: what AWS Backup keeps of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Image {
    /// Its id.
    pub id: ImageId,
    /// Where it is in its life.
    pub state: ImageState,
    /// When it was made.
    pub created_at: Timestamp,
    /// Whether everybody may use it.
    pub public: bool,
    /// The snapshots behind it.
    pub snapshots: BTreeSet<SnapshotId>,
    /// Its tags.
    pub tags: Tags,
}

/// Where an image is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ImageState {
    /// Its snapshots are being taken.
    Pending,
    /// Whole.
    Available,
    /// It failed, or is on its way out.
    Unusable,
}

/// A backup that AWS Backup is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NewBackupJob {
    /// Makes the call idempotent.
    pub token: String,
    /// The instance.
    pub instance_id: InstanceId,
    /// The vault.
    pub vault: VaultName,
    /// The role that AWS Backup works as.
    pub role_arn: String,
    /// Tags of the recovery point, which is an image.
    pub tags: Tags,
    /// How long it may wait to begin before AWS gives it up; AWS takes an hour at least.
    pub start_within: Duration,
    /// After how many days AWS deletes the recovery point by itself; `None` keeps it until it is deleted.
    pub delete_after_days: Option<u32>,
}

/// Where a job of AWS Backup is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JobState {
    /// Not begun: created or pending.
    Waiting,
    /// At work, or being stopped.
    Running,
    /// Done.
    Completed,
    /// It ended without the whole backup: failed, partial, aborted or expired.
    Failed,
}

/// A job of AWS Backup.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BackupJob {
    /// Its id.
    pub id: BackupJobId,
    /// Where it is in its life.
    pub state: JobState,
    /// AWS's word for that, such as `EXPIRED`.
    pub state_name: String,
    /// AWS's reason, when it failed.
    pub message: Option<String>,
    /// When AWS took the request. When it began to copy only the image that it made says.
    pub created_at: Timestamp,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// What it made, an ARN; `None` before it exists.
    pub recovery_point: Option<String>,
    /// Whether what it made is encrypted.
    pub encrypted: bool,
    /// The size of the volumes in bytes.
    pub bytes: Option<i64>,
}

/// A vault of AWS Backup.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Vault {
    /// Its name.
    pub name: VaultName,
    /// The key it encrypts with, an ARN.
    pub kms_key_id: Option<String>,
    /// Its lock.
    pub lock: Option<VaultLock>,
}

/// The lock of a vault: while there is one, no recovery point in it can be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct VaultLock {
    /// The least number of days that a recovery point is kept; AWS takes no shorter lifecycle.
    pub min_retention_days: Option<u32>,
    /// The largest number of days that a recovery point is kept; AWS takes no longer lifecycle, nor one without an end.
    pub max_retention_days: Option<u32>,
    /// From when on nobody can remove the lock; `None`: it can always be removed.
    pub final_from: Option<Timestamp>,
}
