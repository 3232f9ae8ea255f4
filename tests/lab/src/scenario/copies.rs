//! The scenarios of copies over days: what stands before them, what people do to copies, and when they are over.

use std::time::Duration;

use jiff::Timestamp;
use yagura::{
    api::{Backup, BackupPhase, BackupPolicy},
    clock::{Clock, elapsed, later},
    cluster::Cluster,
};

use super::{OTHER_ACCOUNT, SLOT, Scenario};
use crate::{
    Broken, Engine, World, objects,
    sets::{self, Guarantee, Set},
    truth::Truth,
};

/// A slot that does not come in a run.
const NEVER: &str = "23:00";

const DAY: Duration = Duration::from_secs(24 * 3600);

/// How long before the next slot the operator is there again.
const LEAD: Duration = Duration::from_secs(300);

/// How long a run of the set-up may take, locks included.
const RUN: Duration = Duration::from_secs(3600);

/// Declares what a scenario needs beside its environments.
pub(super) fn declare(scenario: Scenario, world: &World) -> Result<(), Broken> {
    if matches!(
        scenario,
        Scenario::SlotJobs | Scenario::JobExpiry | Scenario::Exposure
    ) {
        Engine::Awsbackup.prepare(world, objects::class_with_key())?;
    }
    match scenario {
        Scenario::SlotBackup | Scenario::Expiry => {
            world.put::<BackupPolicy>(objects::daily(SLOT))?;
        }
        Scenario::SlotJobs | Scenario::JobExpiry => {
            let tenants = scenario.tenants();
            world.put::<BackupPolicy>(objects::daily_by_jobs("daily", SLOT, tenants))?;
        }
        Scenario::Exposure => {
            world.put::<BackupPolicy>(objects::daily(NEVER))?;
            world.put::<BackupPolicy>(objects::daily_by_jobs("jobs", NEVER, &["wiki"]))?;
        }
        _ => {}
    }
    Ok(())
}

/// Brings about the copies that are there before the act.
pub(super) fn prepare(scenario: Scenario, world: &mut World) -> Result<(), Broken> {
    match scenario {
        // The first day's lock has ended when the fifth slot comes.
        Scenario::Expiry => days(world, 4),
        Scenario::JobExpiry => days(world, 3),
        Scenario::Exposure => {
            for tenant in scenario.tenants() {
                world.put::<Backup>(objects::backup(&format!("copy-of-{tenant}"), tenant))?;
            }
            world.run_until("the copies", RUN, |world| all_kept(world, 2))
        }
        _ => Ok(()),
    }
}

/// Lives through so many days, of each only the minutes around the slot.
fn days(world: &mut World, days: usize) -> Result<(), Broken> {
    for day in 1..=days {
        world.run_until("the day's copy", RUN, |world| all_kept(world, day))?;
        let next = next_slot(world)?;
        let wake = next.checked_sub(LEAD).unwrap_or(next);
        for place in 0..world.settings.operators {
            world.stop(place, wake);
        }
        world.run_for(elapsed(world.clock.now(), wake))?;
    }
    Ok(())
}

fn next_slot(world: &World) -> Result<Timestamp, Broken> {
    let backups = world.cluster.cached_all::<Backup>();
    let slots = backups
        .iter()
        .filter_map(|backup| backup.spec.scheduled_time.as_ref());
    let last = slots.map(|time| time.0).max();
    let last = last.ok_or_else(|| Broken::SetUp("no slot came".to_owned()))?;
    Ok(later(last, DAY))
}

/// Whether there are so many whole sets, complete and locked where something locks them.
fn all_kept(world: &World, count: usize) -> bool {
    let Ok(found) = Truth::of(world, None).map(|truth| sets::all(&truth, &world.cluster)) else {
        return false;
    };
    let is_kept = |set: &&Set| set.is_whole && (set.is_locked(world.clock.now()) || is_of_job(set));
    let backups = world.cluster.cached_all::<Backup>();
    let complete = backups.iter().filter(|backup| is_complete(backup)).count();
    found.iter().filter(is_kept).count() >= count && complete >= count
}

fn is_of_job(set: &Set) -> bool {
    set.ids.iter().all(|id| id.starts_with("arn:"))
}

fn is_complete(backup: &Backup) -> bool {
    let status = backup.status.as_ref();
    status.and_then(|status| status.phase) == Some(BackupPhase::Complete)
}

/// Somebody opens a copy of each engine, and takes the lock from another.
pub(super) fn expose(world: &World) -> Result<(), Broken> {
    let truth = Truth::of(world, None)?;
    let own = |one: &&crate::truth::Snapshot| !one.is_of_aws_backup();
    let snapshots: Vec<_> = truth.snapshots.iter().filter(own).collect();
    let point = truth.recovery_points.first();
    let image = point.and_then(|point| point.image_id.as_deref());
    let ([first, .., last], Some(image)) = (&snapshots[..], image) else {
        return Err(Broken::SetUp("there is nothing to open".to_owned()));
    };
    world.someone(
        "ModifySnapshotAttribute",
        &[
            ("SnapshotId", &first.id),
            ("Attribute", "createVolumePermission"),
            ("CreateVolumePermission.Add.1.UserId", OTHER_ACCOUNT),
        ],
    )?;
    world.someone(
        "ModifyImageAttribute",
        &[
            ("ImageId", image),
            ("LaunchPermission.Add.1.UserId", OTHER_ACCOUNT),
        ],
    )?;
    world
        .someone("UnlockSnapshot", &[("SnapshotId", &last.id)])
        .map(drop)
}

/// Why it is not over yet, by what AWS holds.
pub(super) fn open(scenario: Scenario, world: &World) -> Result<Vec<String>, Broken> {
    let truth = Truth::of(world, None)?;
    let all = sets::all(&truth, &world.cluster);
    let (now, wanted) = (world.clock.now(), Guarantee::of(&world.cluster).good_days);
    let mut open = Vec::new();
    if matches!(scenario, Scenario::Expiry | Scenario::JobExpiry) {
        let newest = all.iter().filter(|set| set.is_whole).map(|set| set.begun).max();
        if newest.is_none_or(|newest| elapsed(newest, now) > DAY / 2) {
            open.push("no set of the day".to_owned());
        }
        let old = all
            .iter()
            .filter(|set| sets::newer_days(&all, set) >= wanted && !set.is_locked(now));
        open.extend(old.map(|set| format!("the set of {} is still there", set.day)));
    }
    let is_newest = |set: &&Set| set.is_whole && !is_of_job(set) && sets::newer_days(&all, set) < wanted;
    let bare = all.iter().filter(is_newest).filter(|set| !set.is_locked(now));
    open.extend(bare.map(|set| format!("the set of {} is not locked", set.day)));
    Ok(open)
}
