//! Looks at what AWS holds, all week long, and once a day at what became of the slot.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::{Timestamp, civil::Date};
use yagura::{
    api::{Backup, BackupPhase, BackupPolicy, Key, Tenant},
    clock::{Clock, elapsed},
    cluster::{Cluster, Kind},
};

use super::{Event, Setup, earlier, faint, sick};
use crate::{
    Broken, Engine, World,
    sets::{self, Guarantee, Set},
    truth::Truth,
};

/// How soon after it may be deleted a set must be gone: the operator looks when it knows that a lock ends, and again after
/// each run.
const DELETED_WITHIN: Duration = Duration::from_secs(3600);

/// How soon after AWS began it a set must be locked: completed, seen by a sweep, checked, and 50 locks at once.
const LOCKED_WITHIN: Duration = Duration::from_secs(1800);

/// What became of a day's slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Day {
    /// What it had in store.
    pub event: Event,
    /// How many environments have one whole set of the slot.
    pub whole: usize,
    /// How many sets of the slot failed.
    pub failed: usize,
    /// How many environments have no set of it.
    pub none: usize,
    /// How late AWS began the last set that is whole.
    pub skew: Duration,
    /// The same in the operator's words, of the slowest policy.
    pub told_skew: Option<i32>,
    /// How many good days each environment holds: the fewest and the most.
    pub held: (usize, usize),
    /// How many of its sets are locked of those that have newer good days enough.
    pub locked_longer: usize,
}

/// What somebody who looks at AWS knows.
pub(super) struct Looks {
    setup: Setup,
    pub(super) days: Vec<Day>,
    pub(super) wrong: Vec<String>,
    /// Every good day that there ever was, by Tenant.
    good: BTreeMap<String, BTreeSet<Date>>,
    told: BTreeSet<String>,
}

impl Looks {
    pub(super) fn new(setup: Setup) -> Self {
        Self {
            setup,
            days: Vec::new(),
            wrong: Vec::new(),
            good: BTreeMap::new(),
            told: BTreeSet::new(),
        }
    }

    /// Something is wrong; said once.
    fn tell(&mut self, what: String, now: Timestamp) {
        let line = format!("{now}: {what}");
        if self.told.insert(what) {
            self.wrong.push(line);
        }
    }

    /// One look at what must hold at every moment: the guaranteed days are there and locked.
    pub(super) fn look(&mut self, world: &World) -> Result<(), Broken> {
        let now = world.clock.now();
        let all = sets::all(&Truth::of(world, None)?, &world.cluster);
        let wanted = Guarantee::of(&world.cluster).good_days;
        for tenant in world.cluster.cached_all::<Tenant>() {
            let (uid, key) = (tenant.uid(), tenant.key());
            let held = sets::good_days(&all, uid, &BTreeSet::new());
            let ever = self.good.entry(uid.to_owned()).or_default();
            ever.extend(held.iter().copied());
            let newest: BTreeSet<_> = ever.iter().rev().take(wanted).copied().collect();
            for lost in newest.difference(&held) {
                self.tell(format!("{key} lost the good day {lost}"), now);
            }
            if self.setup.engine == Engine::Ec2 {
                let is_bare = |set: &&Set| {
                    set.owner == uid
                        && set.is_whole
                        && newest.contains(&set.day)
                        && set.begun < earlier(now, LOCKED_WITHIN)
                        && !set.is_locked(now)
                };
                for set in all.iter().filter(is_bare) {
                    self.tell(format!("{key}: the set of {} is not locked", set.day), now);
                }
            }
        }
        Ok(())
    }

    /// A look at what became of a slot, and at what should be gone by now.
    pub(super) fn day(
        &mut self,
        world: &World,
        (day, event, slot): (usize, Event, Timestamp),
    ) -> Result<(), Broken> {
        let now = world.clock.now();
        let all = sets::all(&Truth::of(world, None)?, &world.cluster);
        let wanted = Guarantee::of(&world.cluster).good_days;
        let mut row = Day {
            event,
            whole: 0,
            failed: 0,
            none: 0,
            skew: Duration::ZERO,
            told_skew: told_skew(world),
            held: (usize::MAX, 0),
            locked_longer: 0,
        };
        for tenant in world.cluster.cached_all::<Tenant>() {
            let (uid, key) = (tenant.uid(), tenant.key());
            let of_slot = all
                .iter()
                .filter(|set| set.owner == uid && set.slot == Some(slot));
            let (whole, other): (Vec<_>, Vec<_>) = of_slot.partition(|set| set.is_whole);
            for set in &whole {
                row.skew = row.skew.max(elapsed(slot, set.begun));
            }
            row.whole += usize::from(whole.len() == 1);
            row.failed += other.iter().filter(|set| set.has_failed).count();
            row.none += usize::from(whole.is_empty() && other.is_empty());
            let expected = self.expected(event, &key);
            if (whole.len(), other.len()) != expected {
                let (whole, other) = (whole.len(), other.len());
                self.tell(
                    format!("day {day}: {key} has {whole} whole sets and {other} others, not {expected:?}"),
                    now,
                );
            }
            let held = sets::good_days(&all, uid, &BTreeSet::new()).len();
            row.held = (row.held.0.min(held), row.held.1.max(held));
            for set in all.iter().filter(|set| set.owner == uid) {
                if sets::newer_days(&all, set) < wanted {
                    continue;
                }
                row.locked_longer += usize::from(set.is_locked(now));
                // A set that failed goes with the whole one of its run.
                let is_held = |other: &&Set| {
                    other.owner == set.owner
                        && other.slot == set.slot
                        && other.is_locked(earlier(now, DELETED_WITHIN))
                };
                if !all.iter().any(|other| is_held(&other)) {
                    self.tell(
                        format!("{key} still has the set of {}: {:?}", set.day, set.ids),
                        now,
                    );
                }
            }
        }
        self.objects(world, (day, event, slot));
        self.days.push(row);
        Ok(())
    }

    /// How many whole sets and how many others a slot comes to.
    fn expected(&self, event: Event, key: &Key) -> (usize, usize) {
        match event {
            Event::LongOutage => (0, 0),
            // What a job made goes when it fails.
            Event::SickVolume if *key == sick() && self.setup.engine == Engine::Awsbackup => (0, 0),
            Event::SickVolume if *key == sick() => (0, 3),
            Event::SickVolume if *key == faint() && self.setup.engine == Engine::Ec2 => (1, 1),
            _ => (1, 0),
        }
    }

    /// Each slot is one object, which says what became of it.
    fn objects(&mut self, world: &World, (day, event, slot): (usize, Event, Timestamp)) {
        let now = world.clock.now();
        let backups = world.cluster.cached_all::<Backup>();
        for tenant in world.cluster.cached_all::<Tenant>() {
            let key = tenant.key();
            let is_its = |backup: &&std::sync::Arc<Backup>| {
                backup.spec.tenant_uid.as_deref() == Some(tenant.uid())
                    && backup.spec.scheduled_time.as_ref().map(|time| time.0) == Some(slot)
            };
            let found: Vec<_> = backups.iter().filter(is_its).collect();
            let [backup] = found[..] else {
                self.tell(format!("day {day}: {key} has {} Backups", found.len()), now);
                continue;
            };
            let status = backup.status.clone().unwrap_or_default();
            let (phase, late) = match event {
                Event::LongOutage => (BackupPhase::Missed, None),
                Event::SickVolume if key == sick() => (BackupPhase::Failed, None),
                Event::ShortOutage => (BackupPhase::Complete, Some(true)),
                Event::Quiet | Event::SickVolume => (BackupPhase::Complete, Some(false)),
            };
            let is_late = late.is_none() || status.late == late;
            if status.phase != Some(phase) || !is_late {
                let (found, late) = (status.phase, status.late);
                self.tell(
                    format!("day {day}: the Backup of {key} is {found:?}, late {late:?}"),
                    now,
                );
            }
        }
    }
}

/// The largest skew of the last run in the words of any policy.
fn told_skew(world: &World) -> Option<i32> {
    let policies = world.cluster.cached_all::<BackupPolicy>();
    let skews = policies
        .iter()
        .filter_map(|policy| policy.status.as_ref()?.max_skew_seconds);
    skews.max()
}

/// What an environment says of its protection.
pub(super) fn protection(world: &World, key: &Key) -> String {
    let tenant = world.cluster.cached::<Tenant>(key);
    let status = tenant
        .and_then(|tenant| tenant.status.clone())
        .unwrap_or_default();
    let conditions = status.conditions.iter();
    let protected = conditions.filter(|one| one.type_ == "Protected");
    let said = protected.map(|one| format!("{} {}: {}", one.status, one.reason, one.message));
    said.collect()
}

/// The deletions that AWS refused, and the calls that it throttled: in a week there should be none.
pub(super) fn refused(world: &World) -> Vec<String> {
    let mut found = Vec::new();
    let counts = world.sim.counts();
    for operation in ["DeleteSnapshot", "DeleteRecoveryPoint"] {
        let codes = counts.get(operation).into_iter().flatten();
        let refused = codes.filter(|(code, _)| !["OK", "DryRunOperation"].contains(&code.as_str()));
        found.extend(refused.map(|(code, count)| format!("{operation} was refused {count} times: {code}")));
    }
    if world.sim.throttled() > 0 {
        found.push(format!("{} calls were throttled", world.sim.throttled()));
    }
    found
}
