//! What the inventory knows of snapshots and images beside themselves: their locks, to whom they are open, and the jobs
//! and vaults of AWS Backup.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;

use super::{
    marks::Marks,
    owner::{
        Owner, Resource, is_guarded_image, is_guarded_snapshot, is_own_recovery_point, owners_of_exposed,
    },
    sharing::{Rank, Rotation},
    shelf::Begun,
    state::{State, Swept},
    timetable::{Ended, ListingKind},
    view::guarded_as,
    watches::{Vaults, Watches},
};
use crate::{
    api::names::tags,
    clock::{elapsed, later},
    cloud::{
        BackupJob, BackupJobId, CloudError, Image, ImageId, ImageState, Listed, Sharing, Snapshot,
        SnapshotId, SnapshotLock, SnapshotState, Vault, VaultName,
    },
};

/// How long after its last listing a site is given up that no class names any more.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(24 * 3600);

/// What is known at one moment. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub(super) locks: Marks<SnapshotLock>,
    pub(super) public: Marks<Snapshot>,
    pub(super) snapshots: Rotation<SnapshotId>,
    pub(super) images: Rotation<ImageId>,
    pub(super) jobs: Marks<BackupJob>,
    pub(super) vaults: Vaults,
}

/// What is known, and who asks for what.
#[derive(Debug, Default)]
pub(super) struct Copies {
    known: Known,
    watches: Watches,
    /// When the last turn of the rotation began of which something was read, or nothing was to be read.
    read_at: Option<Timestamp>,
}

/// What one turn of the rotation found of one kind of copy; `None`: it is gone, or could not be read.
pub(super) type Readings<Id> = Vec<(Id, Option<Sharing>)>;

impl Copies {
    pub(super) fn known(&self) -> &Known {
        &self.known
    }

    pub(super) fn listed_at(&self, kind: ListingKind) -> Option<Timestamp> {
        match kind {
            ListingKind::Locks => self.known.locks.listed_at(),
            ListingKind::PublicSnapshots => self.known.public.listed_at(),
            ListingKind::BackupJobs => self.known.jobs.listed_at(),
            ListingKind::Vaults => self.known.vaults.oldest_at(),
            ListingKind::Sharing => self.read_at,
            _ => None,
        }
    }

    pub(super) fn is_conclusive(&self, kind: ListingKind, now: Timestamp) -> bool {
        match kind {
            ListingKind::Locks => self.known.locks.is_conclusive(now),
            ListingKind::PublicSnapshots => self.known.public.is_conclusive(now),
            ListingKind::BackupJobs => self.known.jobs.is_conclusive(now),
            _ => false,
        }
    }

    pub(super) fn locked(&mut self, lock: SnapshotLock, done: Begun) {
        let id = lock.id.clone();
        self.known.locks.write(&id, Some(lock), done);
    }

    pub(super) fn snapshot_closed(&mut self, id: &SnapshotId, done: Begun) {
        self.known.public.write(id, None, done);
        self.known.snapshots.closed(id, done.turn);
    }

    pub(super) fn image_closed(&mut self, id: &ImageId, done: Begun) {
        self.known.images.closed(id, done.turn);
    }
}

impl State {
    /// Lists from now on what somebody watches, and nothing that nobody does.
    pub(super) fn end_old_watches(&mut self, now: Timestamp) {
        let copies = &mut self.copies;
        copies.watches.end_old(now);
        let watches_jobs = copies.watches.jobs_since().is_some();
        if !watches_jobs {
            copies.known.jobs = Marks::default();
        }
        let vaults = copies.watches.vaults();
        copies.known.vaults.keep(&vaults);
        self.timetable.want(ListingKind::BackupJobs, watches_jobs);
        self.timetable.want(ListingKind::Vaults, !vaults.is_empty());
    }

    /// Lists the jobs that were created since; whether that is sooner than without it.
    pub(super) fn watch_jobs(&mut self, since: Timestamp, now: Timestamp) -> bool {
        let reaches_further = self.copies.watches.jobs(since, now);
        self.timetable.want(ListingKind::BackupJobs, true);
        if reaches_further {
            // What earlier listings did not show, they were not asked for.
            let from = self.begin(now).turn;
            self.copies.known.jobs.doubt(from);
            self.timetable.ask(ListingKind::BackupJobs, now);
        }
        reaches_further
    }

    /// Wakes this owner when that job changes.
    pub(super) fn watch_job_for(&mut self, owner: Owner, id: BackupJobId, now: Timestamp) {
        self.copies.watches.job_for(owner, id, now);
    }

    /// Looks at this vault now and then; whether that is news.
    pub(super) fn watch_vault(&mut self, name: &VaultName, now: Timestamp) -> bool {
        let is_new = self.copies.watches.vault(name, now);
        self.timetable.want(ListingKind::Vaults, true);
        if is_new {
            self.timetable.ask(ListingKind::Vaults, now);
        }
        is_new
    }

    /// Since when jobs are watched.
    pub(super) fn jobs_since(&self) -> Option<Timestamp> {
        self.copies.watches.jobs_since()
    }

    /// The vaults that are watched.
    pub(super) fn watched_vaults(&self) -> Vec<VaultName> {
        self.copies.watches.vaults()
    }

    pub(super) fn take_locks(
        &mut self,
        listed: Listed<SnapshotLock>,
        begun: Begun,
        changed: &mut BTreeSet<Owner>,
    ) {
        let pages = listed.pages;
        let differing = self.copies.known.locks.list(listed.items, begun);
        for id in &differing.ids {
            // Locks of others' snapshots are listed too, and are nobody's here.
            if let Some(snapshot) = self.snapshots.facts().last_known_by_id(id) {
                snapshot.owners(changed);
            }
        }
        if differing.is_missing {
            self.timetable.ask_again(ListingKind::Locks, begun.at, pages);
        }
    }

    pub(super) fn take_public(&mut self, found: Vec<Snapshot>, begun: Begun, changed: &mut BTreeSet<Owner>) {
        let differing = self.copies.known.public.list(found, begun);
        self.exposure_changed(&differing.ids, changed);
    }

    fn exposure_changed<'a>(
        &self,
        ids: impl IntoIterator<Item = &'a SnapshotId>,
        changed: &mut BTreeSet<Owner>,
    ) {
        for id in ids {
            let snapshot = self.snapshots.facts().last_known_by_id(id);
            if let Some(carried) = guarded_as(self.images.facts(), id, snapshot) {
                owners_of_exposed(carried, changed);
            }
        }
    }

    pub(super) fn take_jobs(&mut self, found: Vec<BackupJob>, begun: Begun, changed: &mut BTreeSet<Owner>) {
        let differing = self.copies.known.jobs.list(found, begun);
        for id in &differing.ids {
            changed.extend(self.copies.watches.owners_of(id).cloned());
        }
        if !differing.ids.is_empty() {
            // A job that goes on has made an image, or finished it.
            self.timetable.ask(ListingKind::Images, begun.at);
        }
    }

    pub(super) fn take_vaults(&mut self, found: Vec<(VaultName, Option<Vault>)>, at: Timestamp) {
        for (name, vault) in found {
            self.copies.known.vaults.look(name, vault, at);
        }
    }

    /// A vault that could not be looked at is tried again after the usual period.
    pub(super) fn vaults_failed(&mut self, begun_at: Timestamp, period: Duration) {
        self.timetable.ask(ListingKind::Vaults, later(begun_at, period));
    }

    /// A turn of the rotation begins: when it did, and whose it is.
    pub(super) fn begin_reading(&mut self, now: Timestamp) -> (Begun, Vec<SnapshotId>, Vec<ImageId>) {
        let begun = self.begin_listing(ListingKind::Sharing, now);
        let snapshots = self.snapshots.facts().last_known();
        let snapshots = snapshots.filter(|snapshot| is_guarded_snapshot(&snapshot.tags));
        let snapshots = snapshots.map(|snapshot| {
            let rank = Rank {
                is_pending: snapshot.state == SnapshotState::Pending,
                begun_at: Reverse(snapshot.started_at),
            };
            (snapshot.id.clone(), rank)
        });
        // Behind an image of ours, whatever AWS copied onto them.
        let shelf = self.snapshots.facts();
        let is_named = |id: &SnapshotId| {
            let known = shelf.last_known_by_id(id);
            known.is_some_and(|known| {
                is_guarded_snapshot(&known.tags) || known.tags.contains_key(tags::RELEASED)
            })
        };
        let own = self.images.facts().last_known();
        let own = own.filter(|image| is_own_recovery_point(&image.tags));
        let behind = own.flat_map(|image| {
            let ids = image.snapshots.iter().filter(|id| !is_named(id));
            ids.map(|id| (id.clone(), rank_of(image)))
        });
        let behind: BTreeMap<_, _> = behind.collect();
        let snapshots = snapshots.chain(behind);
        let images = self.images.facts().last_known();
        let images = images.filter(|image| is_guarded_image(&image.tags));
        let images = images.map(|image| (image.id.clone(), rank_of(image)));
        let (snapshots, images) = (snapshots.collect(), images.collect());
        let known = &mut self.copies.known;
        let snapshots = known.snapshots.due(snapshots, now);
        (begun, snapshots, known.images.due(images, now))
    }

    /// Takes what a turn of the rotation found, and the calls that failed.
    pub(super) fn end_reading(
        &mut self,
        begun: Begun,
        (snapshots, images): (Readings<SnapshotId>, Readings<ImageId>),
        failed: Vec<CloudError>,
        now: Timestamp,
    ) -> Swept {
        let mut swept = Swept::default();
        let calls = snapshots.len() + images.len();
        let ended = match failed.last() {
            Some(error) if failed.len() == calls => Ended::Failed(error.kind),
            Some(_) | None => {
                self.copies.read_at = Some(begun.at);
                Ended::Complete(0)
            }
        };
        let known = &mut self.copies.known;
        let snapshots = known.snapshots.read(snapshots, begun.turn, now);
        let images = known.images.read(images, begun.turn, now);
        self.exposure_changed(&snapshots, &mut swept.changed);
        for id in &images {
            if let Some(image) = self.images.facts().last_known_by_id(id) {
                owners_of_exposed(&image.tags, &mut swept.changed);
            }
        }
        self.timetable.end(ListingKind::Sharing, begun.at, (ended, now));
        swept.failed = failed;
        // What was known before is told with each listing of public snapshots.
        swept.is_exposed = !(snapshots.is_empty() && images.is_empty()) && self.is_exposed(now);
        swept
    }

    /// Whether a copy of ours is open to others, as far as was last known.
    pub(super) fn is_exposed(&self, now: Timestamp) -> bool {
        !self.view(now).exposed().is_empty()
    }

    /// How long the copy waited for its turn that waited longest.
    pub(super) fn rotation(&self) -> Option<Duration> {
        let known = &self.copies.known;
        known.snapshots.length().max(known.images.length())
    }

    /// Whether anything of ours is there that others' eyes must be kept from.
    pub(super) fn holds_copies(&self, now: Timestamp) -> bool {
        let listed = [ListingKind::Snapshots, ListingKind::Images].map(|kind| self.listed_at(kind));
        let is_recent = |at: Timestamp| elapsed(at, now) < GIVEN_UP_AFTER;
        if !listed.into_iter().flatten().any(is_recent) {
            return false;
        }
        let snapshots = self.snapshots.facts().last_known();
        let mut snapshots = snapshots.filter(|snapshot| is_guarded_snapshot(&snapshot.tags));
        let mut images = self.images.facts().last_known();
        snapshots.next().is_some() || images.any(|image| is_guarded_image(&image.tags))
    }
}

fn rank_of(image: &Image) -> Rank {
    Rank {
        is_pending: image.state == ImageState::Pending,
        begun_at: Reverse(image.created_at),
    }
}
