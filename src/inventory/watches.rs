//! What is listed only while somebody asks for it: jobs and vaults of AWS Backup.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;

use super::owner::Owner;
use crate::{
    clock::elapsed,
    cloud::{BackupJobId, Observed, Vault, VaultName},
};

/// How long after it was last asked for a watch ends. A job may wait for an hour, so who waits for it looks again, and
/// asks, within that.
pub(super) const WATCH: Duration = Duration::from_secs(15 * 60);

/// How long a look at a vault is believed: two of the longest periods, so that one that fails leaves nothing unknown.
const VAULT_MAX_AGE: Duration = Duration::from_secs(25 * 60);

/// A whole minute: ten thousand runs of one slot ask from few instants.
const STEP: i64 = 60;

/// Who watches what.
#[derive(Debug, Default)]
pub(super) struct Watches {
    /// Since when jobs are watched, and when that was last asked for.
    jobs: BTreeMap<Timestamp, Timestamp>,
    /// Whom a change of a job wakes.
    owners: BTreeMap<BackupJobId, (BTreeSet<Owner>, Timestamp)>,
    vaults: BTreeMap<VaultName, Timestamp>,
}

impl Watches {
    /// Watches the jobs created since; says whether no other watch reaches so far back.
    pub(super) fn jobs(&mut self, since: Timestamp, now: Timestamp) -> bool {
        let seconds = since.as_second();
        let since = Timestamp::from_second(seconds - seconds.rem_euclid(STEP)).unwrap_or(since);
        let is_first = self.jobs_since().is_none_or(|earliest| since < earliest);
        self.jobs.insert(since, now);
        is_first
    }

    /// Wakes this owner when the job changes.
    pub(super) fn job_for(&mut self, owner: Owner, id: BackupJobId, now: Timestamp) {
        let (owners, asked_at) = self.owners.entry(id).or_insert_with(|| (BTreeSet::new(), now));
        owners.insert(owner);
        *asked_at = now;
    }

    /// Watches this vault; says whether nobody did.
    pub(super) fn vault(&mut self, name: &VaultName, now: Timestamp) -> bool {
        self.vaults.insert(name.clone(), now).is_none()
    }

    /// Since when jobs are watched; `None` while none is.
    pub(super) fn jobs_since(&self) -> Option<Timestamp> {
        self.jobs.first_key_value().map(|(since, _)| *since)
    }

    /// Whom a change of this job wakes.
    pub(super) fn owners_of(&self, id: &BackupJobId) -> impl Iterator<Item = &Owner> {
        self.owners.get(id).into_iter().flat_map(|(owners, _)| owners)
    }

    /// The vaults that are watched.
    pub(super) fn vaults(&self) -> Vec<VaultName> {
        self.vaults.keys().cloned().collect()
    }

    /// Ends the watches that were not asked for again.
    pub(super) fn end_old(&mut self, now: Timestamp) {
        let is_kept = |asked_at: &Timestamp| elapsed(*asked_at, now) < WATCH;
        self.jobs.retain(|_, asked_at| is_kept(asked_at));
        self.owners.retain(|_, (_, asked_at)| is_kept(asked_at));
        self.vaults.retain(|_, asked_at| is_kept(asked_at));
    }
}

#[derive(Clone, Debug)]
struct Looked {
    at: Timestamp,
    found: Option<Vault>,
}

/// The vaults as they were last looked at.
#[derive(Clone, Debug, Default)]
pub(super) struct Vaults(Arc<BTreeMap<VaultName, Looked>>);

impl Vaults {
    /// The vault of this name. One look by its name is enough to say that there is none.
    pub(super) fn of(&self, name: &VaultName, now: Timestamp) -> Observed<&Vault> {
        match self.0.get(name) {
            Some(looked) if elapsed(looked.at, now) <= VAULT_MAX_AGE => {
                looked.found.as_ref().map_or(Observed::Absent, Observed::Present)
            }
            Some(_) | None => Observed::Unknown,
        }
    }

    /// When the one that was looked at longest ago was.
    pub(super) fn oldest_at(&self) -> Option<Timestamp> {
        self.0.values().map(|looked| looked.at).min()
    }

    /// Takes a look.
    pub(super) fn look(&mut self, name: VaultName, found: Option<Vault>, at: Timestamp) {
        Arc::make_mut(&mut self.0).insert(name, Looked { at, found });
    }

    /// Forgets the others.
    pub(super) fn keep(&mut self, watched: &[VaultName]) {
        if self.0.keys().any(|name| !watched.contains(name)) {
            Arc::make_mut(&mut self.0).retain(|name, _| watched.contains(name));
        }
    }
}
