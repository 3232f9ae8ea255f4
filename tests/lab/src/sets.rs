//! The copies of environments that AWS truly holds, and which of them must be there.
//!
//! A set is what one call made of all volumes of an instance at one time: snapshots, or a recovery point of AWS Backup.
//! Its day is told by when AWS began it and by the slot of its Backup, which nobody can change.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{
    SignedDuration, Timestamp,
    civil::Date,
    tz::{TimeZone, TimeZoneDatabase},
};
use yagura::{
    api::{Backup, BackupPolicy, names::tags},
    cluster::{Cluster, Kind, MemoryCluster},
};

use crate::truth::{Snapshot, Truth, says};

/// A set that AWS began so soon after its slot is of the slot's day, whatever day it is by then.
const OF_THE_SLOT: SignedDuration = SignedDuration::from_hours(2);

/// How many good days are guaranteed where no policy says more.
const GOOD_DAYS: usize = 3;

/// The zone of days where no policy names one.
const ZONE: &str = "Asia/Tokyo";

/// What is guaranteed.
#[derive(Clone, Debug)]
pub struct Guarantee {
    /// Where days begin and end.
    pub zone: TimeZone,
    /// How many distinct good days are held, once there were as many.
    pub good_days: usize,
}

impl Guarantee {
    /// By the policies that stand; in a run all name the same zone.
    pub fn of(cluster: &MemoryCluster) -> Self {
        let policies = cluster.cached_all::<BackupPolicy>();
        let mut zones = policies.iter().filter_map(|policy| policy.spec.time_zone.clone());
        let zone = zones.next().unwrap_or_else(|| ZONE.to_owned());
        let asked = policies.iter().filter_map(|policy| {
            let retention = policy.spec.retention.as_ref()?;
            usize::try_from(retention.good_days?).ok()
        });
        Self {
            zone: TimeZoneDatabase::bundled().get(&zone).unwrap_or(TimeZone::UTC),
            good_days: asked.max().unwrap_or_default().max(GOOD_DAYS),
        }
    }

    fn day(&self, slot: Option<Timestamp>, begun: Timestamp) -> Date {
        let is_of_slot = |slot: &Timestamp| begun.duration_since(*slot).abs() <= OF_THE_SLOT;
        self.zone
            .to_datetime(slot.filter(is_of_slot).unwrap_or(begun))
            .date()
    }
}

/// A set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set {
    /// The uid of the Tenant it is of.
    pub owner: String,
    /// Its day.
    pub day: Date,
    /// When it was to begin, where a slot was its reason.
    pub slot: Option<Timestamp>,
    /// When AWS began it.
    pub begun: Timestamp,
    /// Whether it has a good copy of every volume.
    pub is_whole: bool,
    /// Whether AWS says that it failed.
    pub has_failed: bool,
    /// The ids of its snapshots, or the ARN of its recovery point.
    pub ids: BTreeSet<String>,
    /// Until when none of it can be deleted; `None` where something of it can be.
    pub locked_until: Option<Timestamp>,
}

impl Set {
    /// Whether a lock holds all of it.
    pub fn is_locked(&self, at: Timestamp) -> bool {
        self.locked_until.is_some_and(|until| until > at)
    }
}

/// Every set that carries our tags, of whatever Tenant.
pub fn all(truth: &Truth, cluster: &MemoryCluster) -> Vec<Set> {
    let guarantee = Guarantee::of(cluster);
    let backups = cluster.cached_all::<Backup>();
    let backups: BTreeMap<_, _> = backups
        .iter()
        .map(|backup| (backup.uid(), &backup.spec))
        .collect();
    let mut by_call = BTreeMap::<_, Vec<&Snapshot>>::new();
    for snapshot in truth.snapshots.iter().filter(|one| !one.is_of_aws_backup()) {
        let call = (&snapshot.description, snapshot.started_at);
        by_call.entry(call).or_default().push(snapshot);
    }
    let volumes = volumes(truth);
    let sets = by_call.into_iter().filter_map(|((uid, begun), snapshots)| {
        // A stranger may have taken the tags of some: they are copies of the same Tenant still.
        let spec = backups.get(uid.as_str());
        let by_object = || spec.and_then(|spec| spec.tenant_uid.clone());
        let owner = snapshots
            .iter()
            .find_map(|one| owner(&one.tags))
            .or_else(by_object)?;
        let slot = spec.and_then(|spec| Some(spec.scheduled_time.as_ref()?.0));
        let good = snapshots.iter().filter(|one| one.state == "completed");
        let good: BTreeSet<_> = good.map(|one| one.volume_id.as_str()).collect();
        let wanted = volumes.get(owner.as_str());
        Some(Set {
            day: guarantee.day(slot, begun),
            slot,
            begun,
            is_whole: wanted.is_some_and(|wanted| wanted.is_subset(&good)),
            has_failed: snapshots.iter().any(|one| one.state == "error"),
            ids: snapshots.iter().map(|one| one.id.clone()).collect(),
            locked_until: locked_until(&snapshots),
            owner,
        })
    });
    sets.chain(points(truth, &guarantee)).collect()
}

/// The recovery points of AWS Backup that carry our tags.
fn points(truth: &Truth, guarantee: &Guarantee) -> Vec<Set> {
    let images: BTreeMap<_, _> = truth.images.iter().map(|one| (one.id.as_str(), one)).collect();
    let found = truth.recovery_points.iter().filter_map(|point| {
        let image = images.get(point.image_id.as_deref()?)?;
        let slot = image.tags.get(tags::SLOT).and_then(|slot| slot.parse().ok());
        Some(Set {
            owner: owner(&image.tags)?,
            day: guarantee.day(slot, point.created_at),
            slot,
            begun: point.created_at,
            is_whole: point.status == "COMPLETED",
            has_failed: point.status == "PARTIAL",
            ids: BTreeSet::from([point.arn.clone()]),
            locked_until: None,
        })
    });
    found.collect()
}

fn owner(found: &BTreeMap<String, String>) -> Option<String> {
    let is_ours = says(found, tags::CLUSTER, crate::CLUSTER_ID);
    found.get(tags::UID).filter(|_| is_ours).cloned()
}

/// The volumes that a set of each Tenant must have, by its uid.
fn volumes(truth: &Truth) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut found = BTreeMap::<_, BTreeSet<_>>::new();
    for instance in truth.instances.iter().filter(|instance| instance.is_live()) {
        if let Some(uid) = instance.tags.get(tags::UID) {
            let volumes = instance.volumes.values().map(String::as_str);
            found.entry(uid.as_str()).or_default().extend(volumes);
        }
    }
    found
}

fn locked_until(snapshots: &[&Snapshot]) -> Option<Timestamp> {
    let ends = snapshots.iter().map(|one| one.lock.as_ref()?.expires_at);
    ends.collect::<Option<Vec<_>>>()?.into_iter().min()
}

/// The distinct days of a Tenant with a whole set, without what is of these ids.
pub fn good_days(sets: &[Set], owner: &str, without: &BTreeSet<String>) -> BTreeSet<Date> {
    let good = sets
        .iter()
        .filter(|set| set.owner == owner && set.is_whole && set.ids.is_disjoint(without));
    good.map(|set| set.day).collect()
}

/// How many good days of its Tenant are newer than a set.
pub fn newer_days(sets: &[Set], set: &Set) -> usize {
    let good = good_days(sets, &set.owner, &set.ids);
    good.range(set.day..).filter(|day| **day > set.day).count()
}

#[cfg(test)]
mod tests;
