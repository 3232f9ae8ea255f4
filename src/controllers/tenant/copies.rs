//! What AWS says of a Tenant's copies: whether each set is locked, and whether others can use any of them.
//!
//! Read from the newest view, as everything that is judged. Where AWS Backup holds the copies its vault's lock counts.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;

use crate::{
    api::{Backup, BackupPhase, Engine, names::tags},
    clock::{elapsed, later},
    cloud::{ImageState, Observed, SnapshotId, SnapshotState, Tags, Vault, VaultName},
    cluster::Kind,
    inventory::{View, is_guarded_image},
    plan::{backup::TIMEOUT, vault::vault_lack},
    promises::{CopiesSeen, Lock},
};

/// For how long after its end a set may still be on its way to its locks: AWS locks one snapshot a call, and the locks
/// of twenty thousand take more than an hour. Longer than a run may take is no delay.
const LOCKED_WITHIN: Duration = TIMEOUT;

/// Where the copies of one Tenant are looked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Copying<'a> {
    /// The Tenant's uid, which is on everything of its.
    pub(super) uid: &'a str,
    /// What is known of AWS; `None` while no class says where to look.
    pub(super) view: Option<&'a View>,
    /// How many good days are kept.
    pub(super) good_days: u32,
    /// How long after its slot a run may still be under way: a copy so young need not have been read.
    pub(super) longest: Duration,
    /// The present instant.
    pub(super) now: Timestamp,
}

impl Copying<'_> {
    /// What AWS says.
    pub(super) fn seen<'b>(&self, backups: impl IntoIterator<Item = &'b Backup>) -> CopiesSeen {
        let held = backups
            .into_iter()
            .filter(|backup| backup.phase() == Some(BackupPhase::Complete));
        let locks: BTreeMap<String, Lock> = held
            .map(|backup| (backup.key().name, self.lock(backup)))
            .collect();
        CopiesSeen {
            locks,
            exposed: self.exposed(),
        }
    }

    /// When a set must be locked that is not yet: then it is to be judged again.
    pub(super) fn look_again<'b>(&self, backups: impl IntoIterator<Item = &'b Backup>) -> Option<Timestamp> {
        let ends = backups.into_iter().filter_map(|backup| {
            let is_new = backup.phase() == Some(BackupPhase::Complete) && !was_locked(backup);
            is_new.then(|| locked_by(backup)).flatten()
        });
        ends.filter(|end| *end > self.now).min()
    }

    fn lock(&self, backup: &Backup) -> Lock {
        let Some(view) = self.view else {
            return Lock::Unknown;
        };
        let lock = match backup.engine().unwrap_or(Engine::EC2) {
            Engine::EC2 => snapshot_locks(view, backup, self.now),
            Engine::AWSBackup => return self.vault_lock(view, backup),
        };
        let is_coming = !was_locked(backup) && locked_by(backup).is_some_and(|end| self.now < end);
        if lock < Lock::Coming && is_coming {
            return Lock::Coming;
        }
        lock
    }

    fn vault_lock(&self, view: &View, backup: &Backup) -> Lock {
        let Some(name) = vault_of(backup) else {
            return Lock::Unknown;
        };
        match view.vault(&VaultName::from(name)) {
            Observed::Unknown => Lock::Unknown,
            seen => match vault_lack(seen, self.good_days) {
                Some(_) => Lock::Missing,
                None => Lock::Held,
            },
        }
    }

    /// What the vault of these sets lacks.
    pub(super) fn vault_lack(&self, vault: &VaultName) -> Option<String> {
        let seen: Observed<&Vault> = self.view?.vault(vault);
        vault_lack(seen, self.good_days)
    }

    /// Whether that is not known.
    pub(super) fn is_vault_unknown(&self, vault: &VaultName) -> bool {
        self.view.is_none_or(|view| view.vault(vault).is_unknown())
    }

    fn exposed(&self) -> Observed<BTreeSet<String>> {
        let Some(view) = self.view else {
            return Observed::Unknown;
        };
        // What was made just now was made private, and its turn comes.
        let is_old = |made_at: Timestamp| elapsed(made_at, self.now) > self.longest;
        let is_own = |carried: &Tags| carried.get(tags::UID).is_some_and(|uid| uid == self.uid);
        let open: BTreeSet<String> = view
            .exposed()
            .into_iter()
            .filter(|copy| is_own(copy.tags))
            .map(|copy| format!("{} is {}", copy.id, copy.sharing))
            .collect();
        if !open.is_empty() {
            Observed::Present(open)
        } else if self
            .unread_in(view, is_old)
            .is_some_and(|unread| unread.is_empty())
        {
            Observed::Absent
        } else {
            Observed::Unknown
        }
    }

    /// The copies of which AWS did not say yet who can use them; `None` while it is not known which copies there are.
    pub(super) fn unread(&self) -> Option<BTreeSet<String>> {
        self.unread_in(self.view?, |_| true)
    }

    /// Of which copies, of those made at such a time, AWS did not say who can use them; `None` while it is not known which
    /// there are.
    fn unread_in(&self, view: &View, counts: impl Fn(Timestamp) -> bool) -> Option<BTreeSet<String>> {
        let snapshots = match view.snapshots_tagged(tags::UID, self.uid) {
            Observed::Unknown => return None,
            Observed::Absent => Vec::new(),
            Observed::Present(snapshots) => snapshots,
        };
        let images = match view.images_tagged(tags::UID, self.uid) {
            Observed::Unknown => return None,
            Observed::Absent => Vec::new(),
            Observed::Present(images) => images,
        };
        let is_read = |id: &SnapshotId| {
            view.is_public(id).present().is_some() && view.sharing_of(id).present().is_some()
        };
        let snapshots = snapshots
            .into_iter()
            .filter(|snapshot| snapshot.state == SnapshotState::Completed && counts(snapshot.started_at))
            // What is not ours to guard nobody reads.
            .filter(|snapshot| view.guards(snapshot) && !is_read(&snapshot.id))
            .map(|snapshot| snapshot.id.to_string());
        let images = images
            .into_iter()
            .filter(|image| image.state == ImageState::Available && counts(image.created_at))
            .filter(|image| is_guarded_image(&image.tags))
            .filter(|image| view.image_sharing_of(&image.id).present().is_none())
            .map(|image| image.id.to_string());
        Some(snapshots.chain(images).collect())
    }
}

/// The vault that holds what a Backup made.
pub(super) fn vault_of(backup: &Backup) -> Option<&str> {
    let mut methods = backup.status.iter().flat_map(|status| &status.methods);
    methods.find_map(|method| method.vault.as_deref())
}

/// The locks of a set's snapshots: as good as the worst of them.
fn snapshot_locks(view: &View, backup: &Backup, now: Timestamp) -> Lock {
    let methods = backup.status.iter().flat_map(|status| &status.methods);
    let locks =
        methods
            .flat_map(|method| &method.snapshot_ids)
            .map(|id| match view.lock_of(&SnapshotId::new(id)) {
                Observed::Unknown => Lock::Unknown,
                Observed::Absent => Lock::Missing,
                // Without an end it begins when the snapshot is complete.
                Observed::Present(lock) if lock.until.is_none_or(|until| until > now) => Lock::Held,
                Observed::Present(_) => Lock::Missing,
            });
    locks.min().unwrap_or(Lock::Unknown)
}

/// Whether every snapshot was once seen to be locked: from then on a lock that is not there was lost.
fn was_locked(backup: &Backup) -> bool {
    let status = backup.status.as_ref();
    status.is_some_and(|status| status.protected_at.is_some())
}

/// When a set must be locked at the latest.
fn locked_by(backup: &Backup) -> Option<Timestamp> {
    let methods = backup.status.iter().flat_map(|status| &status.methods);
    let ended = methods
        .filter_map(|method| method.finished_at.as_ref())
        .map(|at| at.0)
        .max()?;
    Some(later(ended, LOCKED_WITHIN))
}
