//! What this process remembers of its own calls and no listing shows yet.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;

use crate::{
    clock::elapsed,
    cloud::{Site, Tags, VolumeId},
};

/// The memory of one process. Losing it loses nothing but time.
#[derive(Debug)]
pub(super) struct Memory {
    started_at: Timestamp,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// By the Tenant's uid.
    launches: HashMap<String, Called>,
    volume_tags: HashMap<VolumeId, (Timestamp, Tags)>,
    /// The volumes that a listing showed while it was too early for it to show all, by the Tenant's uid.
    early_volumes: HashMap<String, BTreeSet<VolumeId>>,
    /// Whose restart AWS refused to make, though it is written down as dealt with; by the Tenant's uid.
    refused_restarts: BTreeSet<String>,
    /// Since when the first sweep of a site is waited for.
    awaited_since: HashMap<Site, Timestamp>,
}

/// How soon to look again while a first sweep is a matter of seconds, and for how long it is taken to be one.
const SWEEP_SOON: Duration = Duration::from_secs(2);
const SWEEP_SOON_FOR: Duration = Duration::from_secs(10);

/// How soon to look again once it fails: it wakes everything when it succeeds, and thousands of Tenants wait.
const SWEEP_LATER: Duration = Duration::from_secs(30);

#[derive(Clone, Debug)]
struct Called {
    token: String,
    at: Timestamp,
    is_refused: bool,
}

impl Memory {
    pub(super) fn new(started_at: Timestamp) -> Self {
        Self {
            started_at,
            kept: Mutex::default(),
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A launch is asked for, or was.
    pub(super) fn launch_called(&self, uid: &str, token: &str, at: Timestamp, is_refused: bool) {
        let called = Called {
            token: token.to_owned(),
            at,
            is_refused,
        };
        self.kept().launches.insert(uid.to_owned(), called);
    }

    /// The latest time at which a launch may have been asked for, and whether its token was refused. An earlier
    /// process may have asked until this one began.
    pub(super) fn last_call(&self, uid: &str, token: &str) -> (Timestamp, bool) {
        match self.kept().launches.get(uid) {
            Some(called) => (
                called.at.max(self.started_at),
                called.is_refused && called.token == token,
            ),
            None => (self.started_at, false),
        }
    }

    /// The instance is bound: its launch is over.
    pub(super) fn launch_over(&self, uid: &str) {
        self.kept().launches.remove(uid);
    }

    /// Tags were set on a volume that the listing may lack.
    pub(super) fn volume_tagged(&self, id: VolumeId, tags: Tags, at: Timestamp) {
        self.kept().volume_tags.insert(id, (at, tags));
    }

    /// The tags that were set on a volume since this listing was begun.
    pub(super) fn tags_of_volume(&self, id: &VolumeId, listed_at: Option<Timestamp>) -> Option<Tags> {
        let mut kept = self.kept();
        let (at, tags) = kept.volume_tags.get(id)?;
        if listed_at.is_some_and(|listed_at| listed_at > *at) {
            kept.volume_tags.remove(id);
            return None;
        }
        Some(tags.clone())
    }

    /// A listing that may have been too early to show every volume showed these. The answer is all that any such
    /// listing showed: one that is missing now was taken out of it, and is not just late.
    pub(super) fn listed_early(&self, uid: &str, ids: impl Iterator<Item = VolumeId>) -> BTreeSet<VolumeId> {
        let mut kept = self.kept();
        let shown = kept.early_volumes.entry(uid.to_owned()).or_default();
        shown.extend(ids);
        shown.clone()
    }

    /// AWS refused to restart the instance of this Tenant.
    pub(super) fn restart_refused(&self, uid: &str) {
        self.kept().refused_restarts.insert(uid.to_owned());
    }

    /// The restart was made.
    pub(super) fn restart_made(&self, uid: &str) {
        self.kept().refused_restarts.remove(uid);
    }

    /// Whether AWS refused the restart that is written down as dealt with.
    pub(super) fn is_restart_refused(&self, uid: &str) -> bool {
        self.kept().refused_restarts.contains(uid)
    }

    /// How soon to look again where only the first sweep of this site is missing.
    pub(super) fn wait_for_sweep(&self, site: &Site, now: Timestamp) -> Duration {
        let since = *self.kept().awaited_since.entry(site.clone()).or_insert(now);
        if elapsed(since, now) < SWEEP_SOON_FOR {
            SWEEP_SOON
        } else {
            SWEEP_LATER
        }
    }

    /// It is not early any more: a listing shows all there is.
    pub(super) fn listed_in_time(&self, uid: &str) {
        self.kept().early_volumes.remove(uid);
    }
}

#[cfg(test)]
mod tests;
