//! What is known of AWS at one moment.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;

use super::{
    checks::Checks,
    copies::Known,
    facts::Facts,
    owner::{ATTACHED_TO, INDEXED, NAMED, Resource, group_term},
};
use crate::{
    api::names::tags,
    cloud::{
        Image, Instance, InstanceId, Observed, SecurityGroup, SecurityGroupId, Snapshot, SnapshotId,
        StatusCheck, Volume, VolumeId, VpcId,
    },
};

mod copies;
mod whole;

pub(super) use copies::guarded_as;
pub use copies::{CopyId, Exposed};

/// How old a listing may be and still be believed. Ten of the usual periods of 30 s, and two of the longest that many
/// pages lead to: one that fails now and then stops nothing, and nobody acts on a picture that a person may have
/// changed long ago.
pub const MAX_AGE: Duration = Duration::from_secs(5 * 60);

/// What is known at one moment: dated, immutable, cheap to hold.
///
/// *Guarantees*: `Absent` only if two listings in a row, the last one begun within [`MAX_AGE`], did not show it.
/// A list is never empty (that is `Absent`), and is `Unknown` while one that belongs to it was missed only once.
/// Instances that are shutting down or terminated are in it as long as AWS lists them.
#[derive(Clone, Debug)]
pub struct View {
    pub(super) now: Timestamp,
    pub(super) instances: Facts<Instance>,
    pub(super) volumes: Facts<Volume>,
    pub(super) groups: Facts<SecurityGroup>,
    pub(super) snapshots: Facts<Snapshot>,
    pub(super) images: Facts<Image>,
    pub(super) copies: Known,
    pub(super) checks: Checks,
    pub(super) protection: Arc<BTreeMap<InstanceId, bool>>,
    pub(super) version: u64,
}

impl View {
    /// The moment.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// When the oldest of its listings of resources was begun; `None` while one is missing. What was made since may not
    /// be in it.
    pub fn listed_at(&self) -> Option<Timestamp> {
        let listed = [
            self.instances.listed_at(),
            self.volumes.listed_at(),
            self.groups.listed_at(),
            self.snapshots.listed_at(),
        ];
        listed.into_iter().min().flatten()
    }

    /// When its listing of volumes was begun.
    pub fn volumes_listed_at(&self) -> Option<Timestamp> {
        self.volumes.listed_at()
    }

    /// The instance of this id.
    pub fn instance(&self, id: &InstanceId) -> Observed<&Instance> {
        self.instances.by_id(id, self.now)
    }

    /// The instances whose tag `yagura.dev/uid` has this value.
    pub fn instances_of(&self, uid: &str) -> Observed<Vec<&Instance>> {
        self.instances.by_term(tags::UID, uid, self.now)
    }

    /// The instances that carry this tag.
    pub fn instances_tagged(&self, key: &str, value: &str) -> Observed<Vec<&Instance>> {
        tagged(&self.instances, key, value, self.now)
    }

    /// Every instance.
    pub fn instances(&self) -> Observed<Vec<&Instance>> {
        self.instances.matching(|_| true, self.now)
    }

    /// Whether terminating this instance by the API is refused.
    ///
    /// `Unknown` until it was first read or written; then as of its last turn in the rotation, which comes after
    /// as many seconds as there are live instances, or one sweep if that is longer.
    pub fn protected(&self, id: &InstanceId) -> Observed<bool> {
        match self.instance(id) {
            Observed::Unknown => Observed::Unknown,
            Observed::Absent => Observed::Absent,
            Observed::Present(_) => match self.protection.get(id) {
                Some(protected) => Observed::Present(*protected),
                None => Observed::Unknown,
            },
        }
    }

    /// The status checks of this instance that fail; `Absent` if none does.
    ///
    /// AWS checks running instances only, so it is `Absent` for any other.
    pub fn failing_checks(&self, id: &InstanceId) -> Observed<&BTreeSet<StatusCheck>> {
        self.checks.of(id, self.now)
    }

    /// The volume of this id.
    pub fn volume(&self, id: &VolumeId) -> Observed<&Volume> {
        self.volumes.by_id(id, self.now)
    }

    /// The volumes attached to this instance, as far as they carry our cluster tag.
    pub fn volumes_of(&self, instance: &InstanceId) -> Observed<Vec<&Volume>> {
        self.volumes.by_term(ATTACHED_TO, instance.as_str(), self.now)
    }

    /// The volumes that carry this tag.
    pub fn volumes_tagged(&self, key: &str, value: &str) -> Observed<Vec<&Volume>> {
        tagged(&self.volumes, key, value, self.now)
    }

    /// The group of this id.
    pub fn group(&self, id: &SecurityGroupId) -> Observed<&SecurityGroup> {
        self.groups.by_id(id, self.now)
    }

    /// The group of this name in this VPC, without regard to case.
    pub fn group_named(&self, vpc: &VpcId, name: &str) -> Observed<&SecurityGroup> {
        let found = self.groups.by_term(NAMED, &group_term(vpc, name), self.now);
        match found.map(|groups| groups.into_iter().next()) {
            Observed::Unknown => Observed::Unknown,
            Observed::Absent | Observed::Present(None) => Observed::Absent,
            Observed::Present(Some(group)) => Observed::Present(group),
        }
    }

    /// The groups whose tag `yagura.dev/uid` has this value.
    pub fn groups_of(&self, uid: &str) -> Observed<Vec<&SecurityGroup>> {
        self.groups.by_term(tags::UID, uid, self.now)
    }

    /// The groups that carry this tag.
    pub fn groups_tagged(&self, key: &str, value: &str) -> Observed<Vec<&SecurityGroup>> {
        tagged(&self.groups, key, value, self.now)
    }

    /// Every group.
    pub fn groups(&self) -> Observed<Vec<&SecurityGroup>> {
        self.groups.matching(|_| true, self.now)
    }

    /// The snapshot of this id.
    pub fn snapshot(&self, id: &SnapshotId) -> Observed<&Snapshot> {
        self.snapshots.by_id(id, self.now)
    }

    /// The snapshots whose tag `yagura.dev/backup` has this value.
    pub fn snapshots_of_backup(&self, backup: &str) -> Observed<Vec<&Snapshot>> {
        self.snapshots.by_term(tags::BACKUP, backup, self.now)
    }

    /// When the last two complete listings of snapshots began, the newer first.
    ///
    /// For a call that nothing guards: what it did shows in a listing only if that began long enough after it.
    pub fn snapshots_listed(&self) -> [Option<Timestamp>; 2] {
        let listing = self.snapshots.listing.as_ref();
        [
            listing.map(|listing| listing.begun_at),
            listing.and_then(|listing| listing.previous_at),
        ]
    }

    /// The snapshots that carry this tag.
    pub fn snapshots_tagged(&self, key: &str, value: &str) -> Observed<Vec<&Snapshot>> {
        tagged(&self.snapshots, key, value, self.now)
    }
}

fn tagged<'a, T: Resource>(
    facts: &'a Facts<T>,
    key: &str,
    value: &str,
    now: Timestamp,
) -> Observed<Vec<&'a T>> {
    match INDEXED.into_iter().find(|indexed| *indexed == key) {
        Some(indexed) => facts.by_term(indexed, value, now),
        None => facts.matching(|item| item.tags().get(key).is_some_and(|v| v == value), now),
    }
}
