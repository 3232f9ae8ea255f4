//! The inventory without its calls: takes what sweeps and writes found, gives views. Pure, but for being changed.

mod record;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use jiff::Timestamp;

use super::{
    checks::Checks,
    copies::Copies,
    facts::Turn,
    owner::{Owner, Resource},
    protection::Protection,
    shelf::{Begun, Shelf},
    timetable::{Ended, ListingKind, Timetable},
    view::View,
};
use crate::cloud::{
    BackupJob, CloudError, Image, Impaired, Instance, InstanceId, Listed, SecurityGroup, Snapshot,
    SnapshotLock, Vault, VaultName, Volume,
};

/// What one listing brought, or several.
#[derive(Clone, Debug, Default)]
pub struct Swept {
    /// The owners of every resource that is different from what the listing before found, vanished ones included, of
    /// those whose writes of ours the listings caught up with, of instances whose checks turned, of snapshots whose lock
    /// is another or whose sharing is, and who watches a job that is in another state.
    pub changed: BTreeSet<Owner>,
    /// Something can now be told absent, and before could not: whoever waited for that looks again, also without a
    /// resource to be named by. Said once for all kinds, when none is still on its way there.
    pub became_conclusive: bool,
    /// It was looked for copies of ours that are open to others, and there are such.
    pub is_exposed: bool,
    /// The calls that failed; what they would have told stays as old as it was.
    pub failed: Vec<CloudError>,
}

impl Swept {
    /// Takes in what another listing brought.
    pub(super) fn join(&mut self, other: Self) {
        self.changed.extend(other.changed);
        self.became_conclusive |= other.became_conclusive;
        self.is_exposed |= other.is_exposed;
        self.failed.extend(other.failed);
    }
}

/// A complete listing of some kind.
pub(super) enum Answer {
    Instances(Listed<Instance>),
    Volumes(Listed<Volume>),
    Groups(Listed<SecurityGroup>),
    Snapshots(Listed<Snapshot>),
    StatusChecks(Listed<Impaired>),
    Locks(Listed<SnapshotLock>),
    PublicSnapshots(Listed<Snapshot>),
    Images(Listed<Image>),
    BackupJobs(Listed<BackupJob>),
    Vaults(Listed<(VaultName, Option<Vault>)>),
}

impl Answer {
    fn pages(&self) -> u32 {
        match self {
            Self::Instances(listed) => listed.pages,
            Self::Volumes(listed) => listed.pages,
            Self::Groups(listed) => listed.pages,
            Self::Snapshots(listed) => listed.pages,
            Self::StatusChecks(listed) => listed.pages,
            Self::Locks(listed) => listed.pages,
            Self::PublicSnapshots(listed) => listed.pages,
            Self::Images(listed) => listed.pages,
            Self::BackupJobs(listed) => listed.pages,
            Self::Vaults(listed) => listed.pages,
        }
    }
}

#[derive(Default)]
pub(super) struct State {
    turn: Turn,
    pub(super) timetable: Timetable,
    instances: Shelf<Instance>,
    volumes: Shelf<Volume>,
    groups: Shelf<SecurityGroup>,
    pub(super) snapshots: Shelf<Snapshot>,
    pub(super) images: Shelf<Image>,
    checks: Checks,
    /// What keeps and guards snapshots and images.
    pub(super) copies: Copies,
    protection: Protection,
    /// The listings that failed the last time.
    failing: BTreeSet<ListingKind>,
    /// Something became conclusive, and that was not said yet.
    is_news_kept: bool,
}

impl State {
    /// Nothing is known, and everything is listed so often at most.
    pub(super) fn new(period: Duration) -> Self {
        Self {
            timetable: Timetable::new(period),
            ..Self::default()
        }
    }

    /// Marks the begin of a reading or the end of a write.
    pub(super) fn begin(&mut self, at: Timestamp) -> Begun {
        self.turn.0 += 1;
        Begun { turn: self.turn, at }
    }

    /// Marks the begin of a listing.
    pub(super) fn begin_listing(&mut self, kind: ListingKind, at: Timestamp) -> Begun {
        self.timetable.begin(kind, at);
        self.begin(at)
    }

    pub(super) fn view(&self, now: Timestamp) -> View {
        View {
            now,
            instances: self.instances.facts().clone(),
            volumes: self.volumes.facts().clone(),
            groups: self.groups.facts().clone(),
            snapshots: self.snapshots.facts().clone(),
            images: self.images.facts().clone(),
            copies: self.copies.known().clone(),
            checks: self.checks.clone(),
            protection: Arc::clone(self.protection.known()),
            version: self.version(),
        }
    }

    fn version(&self) -> u64 {
        self.instances.version()
            + self.volumes.version()
            + self.groups.version()
            + self.snapshots.version()
            + self.images.version()
    }

    /// When the last complete listing of this kind began.
    pub(super) fn listed_at(&self, kind: ListingKind) -> Option<Timestamp> {
        match kind {
            ListingKind::Instances => self.instances.facts().listed_at(),
            ListingKind::Volumes => self.volumes.facts().listed_at(),
            ListingKind::Groups => self.groups.facts().listed_at(),
            ListingKind::Snapshots => self.snapshots.facts().listed_at(),
            ListingKind::StatusChecks => self.checks.listed_at(),
            ListingKind::Images => self.images.facts().listed_at(),
            other => self.copies.listed_at(other),
        }
    }

    /// Whether every kind of resource was listed at least once, as far as anything waits for it.
    pub(super) fn has_swept(&self) -> bool {
        let mut needed = ListingKind::ALL.into_iter().filter(|kind| kind.is_needed());
        needed.all(|kind| self.listed_at(kind).is_some())
    }

    /// Takes what a listing of this kind found, or that it failed.
    pub(super) fn take(
        &mut self,
        kind: ListingKind,
        begun: Begun,
        answer: Result<Answer, CloudError>,
        now: Timestamp,
    ) -> Swept {
        let mut swept = Swept::default();
        let was_conclusive = self.tells(kind, now);
        let ended = match answer {
            Ok(answer) => {
                self.failing.remove(&kind);
                let ended = Ended::Complete(answer.pages());
                self.shelve(answer, begun, &mut swept.changed);
                ended
            }
            Err(error) => {
                self.failing.insert(kind);
                let ended = Ended::Failed(error.kind);
                swept.failed.push(error);
                ended
            }
        };
        self.timetable.end(kind, begun.at, (ended, now));
        self.is_news_kept |= kind.is_told() && !was_conclusive && self.tells(kind, now);
        swept.became_conclusive = self.tells_news(now);
        swept.is_exposed = kind.shows_exposure() && self.is_exposed(now);
        swept
    }

    fn shelve(&mut self, answer: Answer, begun: Begun, changed: &mut BTreeSet<Owner>) {
        match answer {
            Answer::Instances(listed) => {
                self.instances.list(listed.items, begun, changed);
                let instances = &self.instances;
                self.protection.retain(|id| instances.knows(id));
            }
            Answer::Volumes(listed) => self.volumes.list(listed.items, begun, changed),
            Answer::Groups(listed) => self.groups.list(listed.items, begun, changed),
            Answer::Snapshots(listed) => self.snapshots.list(listed.items, begun, changed),
            Answer::StatusChecks(listed) => {
                for id in self.checks.list(listed.items, begun.at) {
                    // Others' instances are listed too, and are nobody's here.
                    if let Some(instance) = self.instances.facts().by_id(&id, begun.at).present() {
                        instance.owners(changed);
                    }
                }
            }
            Answer::Images(listed) => self.images.list(listed.items, begun, changed),
            Answer::Locks(listed) => self.take_locks(listed, begun, changed),
            Answer::PublicSnapshots(listed) => self.take_public(listed.items, begun, changed),
            Answer::BackupJobs(listed) => self.take_jobs(listed.items, begun, changed),
            Answer::Vaults(listed) => self.take_vaults(listed.items, begun.at),
        }
    }

    /// Whether this kind can be told absent.
    fn tells(&self, kind: ListingKind, now: Timestamp) -> bool {
        match kind {
            ListingKind::Instances => self.instances.facts().is_conclusive(now),
            ListingKind::Volumes => self.volumes.facts().is_conclusive(now),
            ListingKind::Groups => self.groups.facts().is_conclusive(now),
            ListingKind::Snapshots => self.snapshots.facts().is_conclusive(now),
            ListingKind::StatusChecks => self.checks.is_conclusive(now),
            ListingKind::Images => self.images.facts().is_conclusive(now),
            other => self.copies.is_conclusive(other, now),
        }
    }

    /// Whether it is said now that something became conclusive: it wakes everything, so it waits for the kinds that
    /// will be so in a moment, and not for those that fail.
    fn tells_news(&mut self, now: Timestamp) -> bool {
        let is_settled = |kind: ListingKind| self.tells(kind, now) || self.failing.contains(&kind);
        let mut kinds = ListingKind::ALL.into_iter().filter(|kind| kind.is_told());
        let is_told = self.is_news_kept && kinds.all(is_settled);
        self.is_news_kept &= !is_told;
        is_told
    }

    /// The live instances whose protection this sweep reads.
    pub(super) fn protection_due(&mut self, now: Timestamp) -> Vec<InstanceId> {
        let listing = self.instances.facts().listing.as_ref();
        let items = listing.iter().flat_map(|listing| listing.items());
        let live = items.filter(|instance| instance.state.is_live());
        let live = live.map(|instance| instance.id.clone()).collect();
        self.protection.due(live, now)
    }

    /// Takes what a reading found, or that it failed.
    pub(super) fn protection_read(
        &mut self,
        id: &InstanceId,
        found: Option<bool>,
        begun: Begun,
        changed: &mut BTreeSet<Owner>,
    ) {
        if self.protection.read(id, found, begun.turn)
            && let Some(instance) = self.instances.facts().by_id(id, begun.at).present()
        {
            instance.owners(changed);
        }
    }
}
