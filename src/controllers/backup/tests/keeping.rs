//! Locks, and what becomes of sets when newer days come.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use simaws::{FaultKind, FaultSpec};

use super::{bed::Bed, *};
use crate::{
    api::{BackupPolicySpec, Retention, TenantClass},
    cloud::{SnapshotId, SnapshotLock},
    controllers::{Subnets, TenantClassReconciler},
    engine::Stepper,
};

const HOUR: Duration = Duration::from_secs(3_600);

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

async fn locks(bed: &Bed) -> Vec<SnapshotLock> {
    bed.stage.cloud.list_locks().await.unwrap().items
}

fn ids(bed: &Bed, name: &str) -> Vec<String> {
    bed.backup(name).status.clone().unwrap().methods[0]
        .snapshot_ids
        .clone()
}

async fn unlock(bed: &Bed, id: &str) {
    let request = bed.stage.stranger().unlock_snapshot().snapshot_id(id);
    request.send().await.unwrap();
}

/// The Backup of 03:15 UTC on this day of May.
fn named(day: u32) -> String {
    format!("web-203105{day:02}0315")
}

/// When the first Backup is looked at again, if nothing wakes it.
fn next_look(bed: &Bed) -> Timestamp {
    let queue = bed.context().wakes.queue(ControllerName::Backup).unwrap();
    queue.next_at().unwrap_or(Timestamp::MAX)
}

/// How many of the Backup's snapshots are there.
async fn left(bed: &Bed, name: &str) -> usize {
    let key = format!("acme/{name}");
    let snapshots = bed.snapshots().await;
    snapshots
        .iter()
        .filter(|snapshot| snapshot.tags.get(tags::BACKUP) == Some(&key))
        .count()
}

#[tokio::test]
async fn a_complete_set_is_locked_and_protected_only_when_aws_says_so() {
    let (bed, instance) = Bed::new().await;
    bed.daily_at("03:15", "UTC");
    bed.until("2031-05-01T03:25:00Z").await;
    let status = bed.backup(&named(1)).status.clone().unwrap();
    let locks = locks(&bed).await;
    assert_eq!(locks.len(), instance.volumes.len());
    let began = status.methods[0].started_at.clone().unwrap().0;
    for lock in &locks {
        assert!(
            lock.until.unwrap() >= began + jiff::SignedDuration::from_hours(96),
            "{lock:?}"
        );
        assert_eq!(lock.mode, crate::cloud::LockMode::Governance);
    }
    let earliest = locks.iter().filter_map(|lock| lock.until).min();
    assert_eq!(status.locked_until.map(|until| until.0), earliest);
    let (accepted, protected) = (status.accepted_at.unwrap(), status.protected_at.unwrap());
    assert!(accepted.0 < protected.0);
    assert_eq!(
        bed.stage.calls_of(Operation::LockSnapshot),
        instance.volumes.len()
    );
    // The slot of the day that replaces it comes before the end of its lock.
    assert_eq!(status.expires_at.map(|at| at.0), earliest);
    assert_eq!((status.engine, status.good_days), (Some(Engine::EC2), Some(3)));
}

#[tokio::test]
async fn a_lock_that_aws_does_not_show_yet_is_no_protection() {
    let (bed, _) = Bed::new().await;
    bed.daily_at("03:15", "UTC");
    bed.until("2031-05-01T03:14:30Z").await;
    while bed.stage.calls_of(Operation::LockSnapshot) == 0 {
        bed.pass_time(Duration::from_secs(1)).await;
        assert!(bed.now() < at("2031-05-01T04:00:00Z"));
    }
    let status = bed.backup(&named(1)).status.clone().unwrap();
    assert_eq!(
        (status.phase, status.protected_at),
        (Some(BackupPhase::Complete), None)
    );
}

#[tokio::test]
async fn a_lock_that_is_denied_is_said_and_set_when_it_is_permitted() {
    let (bed, _) = Bed::new().await;
    bed.daily_at("03:15", "UTC");
    bed.until("2031-05-01T03:14:30Z").await;
    bed.stage
        .error(Operation::LockSnapshot, "UnauthorizedOperation", 403);
    while bed.stage.calls_of(Operation::LockSnapshot) == 0 {
        bed.pass_time(Duration::from_secs(1)).await;
        assert!(bed.now() < at("2031-05-01T04:00:00Z"));
    }
    let status = bed.backup(&named(1)).status.clone().unwrap();
    let message = status.methods[0].message.clone().unwrap();
    assert!(message.contains("ec2:LockSnapshot"), "{message}");
    assert_eq!(status.protected_at, None);
    bed.live(Duration::from_secs(1_200)).await;
    let status = bed.backup(&named(1)).status.clone().unwrap();
    assert!(status.protected_at.is_some());
    assert_eq!(status.methods[0].message, None);
}

#[tokio::test]
async fn a_lock_that_a_stranger_removed_is_put_back_with_an_event() {
    let (bed, _) = Bed::new().await;
    bed.daily_at("03:15", "UTC");
    bed.until("2031-05-01T03:40:00Z").await;
    let before = locks(&bed).await;
    let robbed = ids(&bed, &named(1))[0].clone();
    unlock(&bed, &robbed).await;
    bed.live(Duration::from_secs(600)).await;
    assert_eq!(locks(&bed).await, before);
    let told: Vec<_> = bed
        .events()
        .into_iter()
        .filter(|reason| *reason == Reason::LockRestored)
        .collect();
    assert_eq!(told.len(), 1);
}

#[tokio::test]
async fn the_fourth_good_day_takes_the_first_with_it_once_its_lock_is_over() {
    let (bed, instance) = Bed::new().await;
    let volumes = instance.volumes.len();
    bed.daily_at("03:15", "UTC");
    bed.until("2031-05-04T06:00:00Z").await;
    // Replaced, and locked for a day still.
    assert_eq!(left(&bed, &named(1)).await, volumes);
    assert_eq!(bed.phase(&named(1)), Some(BackupPhase::Complete));
    bed.until("2031-05-05T06:00:00Z").await;
    assert_eq!(left(&bed, &named(1)).await, 0);
    let status = bed.backup(&named(1)).status.clone().unwrap();
    assert_eq!(status.phase, Some(BackupPhase::Expired));
    assert!(status.expiring_since.is_some() && status.gone_at.is_some());
    let ready = find_condition(&status.conditions, "Ready").unwrap();
    assert_eq!(ready.reason, "RetentionEnded");
    assert!(find_condition(&status.conditions, "Stalled").is_none());
    for day in 2..=5 {
        assert_eq!(left(&bed, &named(day)).await, volumes, "day {day}");
    }
    assert!(!bed.events().contains(&Reason::SnapshotsGone));
    // Each was locked once: in ordinary times nothing is prolonged.
    assert_eq!(bed.stage.calls_of(Operation::LockSnapshot), 5 * volumes);
    assert_eq!(bed.stage.calls_of(Operation::DeleteSnapshot), volumes);
}

#[tokio::test]
async fn days_that_fail_keep_the_older_ones_locked_and_there() {
    let (bed, instance) = Bed::new().await;
    let volumes = instance.volumes.len();
    bed.daily_at("03:15", "UTC");
    bed.until("2031-05-03T12:00:00Z").await;
    for day in 4..=6 {
        for _ in 0..planner::MAX_SETS {
            bed.stage.fault(Operation::CreateSnapshots, FaultKind::Fail);
        }
        bed.until(&format!("2031-05-{day:02}T12:00:00Z")).await;
        assert_eq!(bed.phase(&named(day)), Some(BackupPhase::Failed));
        let locked = locks(&bed).await;
        let next_but_one = bed.now() + jiff::SignedDuration::from_hours(39);
        for kept in 1..=3 {
            assert_eq!(left(&bed, &named(kept)).await, volumes);
            for id in ids(&bed, &named(kept)) {
                let lock = locked.iter().find(|lock| lock.id == SnapshotId::new(&id));
                let until = lock.and_then(|lock| lock.until);
                assert!(until >= Some(next_but_one), "day {kept} on {day}: {until:?}");
            }
        }
    }
    assert_eq!(bed.stage.calls_of(Operation::DeleteSnapshot), 0);
    assert!(
        !bed.events().contains(&Reason::LockRestored),
        "nobody touched them"
    );
    // Three good days later what failed goes too, with all its attempts.
    bed.until("2031-05-12T12:00:00Z").await;
    for day in 1..=6 {
        assert_eq!(left(&bed, &named(day)).await, 0, "day {day}");
        assert_eq!(bed.phase(&named(day)), Some(BackupPhase::Expired), "day {day}");
    }
    let status = bed.backup(&named(4)).status.clone().unwrap();
    assert_eq!(
        find_condition(&status.conditions, "Failed").unwrap().status,
        "True"
    );
}

#[tokio::test]
async fn it_is_written_down_before_anything_is_deleted_and_a_restart_goes_on() {
    let (mut bed, _) = Bed::new().await;
    bed.daily_at("03:15", "UTC");
    bed.until("2031-05-05T03:14:00Z").await;
    let first = named(1);
    // Nothing of it can be deleted now, but the decision can be made.
    while bed
        .backup(&first)
        .status
        .clone()
        .unwrap()
        .expiring_since
        .is_none()
    {
        assert_eq!(bed.stage.calls_of(Operation::DeleteSnapshot), 0);
        bed.stage
            .error(Operation::DeleteSnapshot, "RequestLimitExceeded", 503);
        bed.live(Duration::from_secs(30)).await;
        assert!(bed.now() < at("2031-05-05T06:00:00Z"));
    }
    bed.restart();
    bed.live(HOUR).await;
    assert_eq!(left(&bed, &first).await, 0);
    assert_eq!(bed.phase(&first), Some(BackupPhase::Expired));
}

#[tokio::test]
async fn two_operators_expire_a_set_once_and_leave_the_rest() {
    let (bed, instance) = Bed::new().await;
    bed.daily_at("03:15", "UTC");
    bed.until("2031-05-05T03:14:00Z").await;
    let other = bed.second();
    for _ in 0..60 {
        bed.stage.advance(Duration::from_secs(30));
        bed.sweep().await;
        other.sweep().await;
        other.wake();
        futures::join!(bed.settle(), other.step());
    }
    assert_eq!(bed.phase(&named(1)), Some(BackupPhase::Expired));
    for day in 2..=5 {
        assert_eq!(left(&bed, &named(day)).await, instance.volumes.len(), "day {day}");
    }
}

#[tokio::test]
async fn a_policy_that_is_not_accepted_lets_nothing_expire() {
    let (bed, instance) = Bed::new().await;
    bed.daily_at("03:15", "UTC");
    bed.until("2031-05-04T12:00:00Z").await;
    let nonsense = BackupPolicySpec {
        time_zone: Some("Mars/Olympus".into()),
        ..BackupPolicySpec::default()
    };
    bed.policy("daily", nonsense);
    bed.until("2031-05-05T12:00:00Z").await;
    for day in 1..=5 {
        assert_eq!(left(&bed, &named(day)).await, instance.volumes.len(), "day {day}");
    }
    bed.daily_at("03:15", "UTC");
    bed.until("2031-05-06T12:00:00Z").await;
    let mut there = Vec::new();
    for day in 1..=6 {
        if left(&bed, &named(day)).await > 0 {
            there.push(day);
        }
    }
    assert_eq!(there, [3, 4, 5, 6]);
}

#[tokio::test]
async fn a_policy_that_vanishes_keeps_what_was_made_by_it_as_long_as_it_said() {
    let (bed, instance) = Bed::new().await;
    let long = BackupPolicySpec {
        at: Some("03:15".into()),
        time_zone: Some("UTC".into()),
        retention: Some(Retention { good_days: Some(6) }),
        ..BackupPolicySpec::default()
    };
    bed.policy("daily", long);
    bed.until("2031-05-03T12:00:00Z").await;
    bed.cluster
        .delete::<crate::api::BackupPolicy>(&Key::new("acme", "daily"));
    // By the terms it would be replaced by now, and its lock would be over.
    bed.until("2031-05-07T04:00:00Z").await;
    for id in ids(&bed, &named(3)) {
        unlock(&bed, &id).await;
    }
    bed.until("2031-05-08T12:00:00Z").await;
    assert_eq!(left(&bed, &named(3)).await, instance.volumes.len());
}

#[tokio::test]
async fn an_object_with_nothing_left_goes_fourteen_days_later_and_others_stay() {
    let (bed, _) = Bed::new().await;
    bed.daily_at("03:15", "UTC");
    bed.until("2031-05-05T06:00:00Z").await;
    assert!(bed.names().contains(&named(1)));
    bed.until("2031-05-18T06:00:00Z").await;
    assert!(bed.names().contains(&named(1)), "{:?}", bed.names());
    bed.until("2031-05-19T06:00:00Z").await;
    assert!(!bed.names().contains(&named(1)), "{:?}", bed.names());
    assert!(bed.names().contains(&named(2)));
    assert!(bed.names().contains(&named(19)));
}

#[tokio::test]
async fn more_than_a_day_brings_is_braked_until_a_person_says_so() {
    let (bed, instance) = Bed::new().await;
    let volumes = instance.volumes.len();
    bed.daily_at("03:15", "UTC");
    bed.until("2031-05-01T04:00:00Z").await;
    for n in 0..9 {
        bed.by_hand(&format!("by-hand-{n}"), "web");
        bed.pass_time(Duration::from_secs(120)).await;
    }
    bed.until("2031-05-05T12:00:00Z").await;
    let gone = |bed: &Bed| {
        let names = (0..9).map(|n| format!("by-hand-{n}")).chain([named(1)]);
        names
            .filter(|name| bed.phase(name) == Some(BackupPhase::Expired))
            .count()
    };
    assert_eq!(gone(&bed), 5);
    assert!(
        elapsed(bed.now(), next_look(&bed)) > HOUR / 2,
        "nothing looks again and again"
    );
    let classes = Stepper::new(Arc::clone(bed.context()))
        .with(TenantClassReconciler::new(Arc::new(Subnets::default())));
    while classes.run_due().await > 0 {}
    let key = Key::new("", "tokyo");
    let class = bed.cluster.cached::<TenantClass>(&key).unwrap();
    let conditions = class.status.clone().unwrap().conditions;
    let braked = find_condition(&conditions, "Braked").unwrap();
    assert_eq!(
        (braked.status.as_str(), braked.reason.as_str()),
        ("True", "TooManyExpiries")
    );

    bed.until("2031-05-06T12:00:00Z").await;
    assert_eq!(gone(&bed), 5, "it does not come off by itself");
    let mut resumed = (*class).clone();
    resumed.metadata.annotations =
        Some([("yagura.dev/resume-expiry".to_owned(), bed.now().to_string())].into());
    bed.cluster.put(&resumed);
    while classes.run_due().await > 0 {}
    // The class wakes them: nobody waits until they look by themselves.
    bed.live(Duration::from_secs(300)).await;
    assert_eq!(gone(&bed), 10);
    while classes.run_due().await > 0 {}
    let class = bed.cluster.cached::<TenantClass>(&key).unwrap();
    let conditions = class.status.clone().unwrap().conditions;
    assert_eq!(find_condition(&conditions, "Braked"), None);
    for day in 3..=6 {
        assert_eq!(left(&bed, &named(day)).await, volumes, "day {day}");
    }
}

#[tokio::test]
async fn a_snapshot_that_an_image_uses_stays_and_is_tried_again_a_day_later() {
    let (bed, instance) = Bed::new().await;
    bed.daily_at("03:15", "UTC");
    bed.until("2031-05-01T06:00:00Z").await;
    let used = ids(&bed, &named(1))[0].clone();
    let image = bed.stage.image_from(&used).await;
    bed.until("2031-05-05T12:00:00Z").await;
    assert_eq!(left(&bed, &named(1)).await, 1, "the others of the set went");
    let status = bed.backup(&named(1)).status.clone().unwrap();
    assert_eq!(
        (status.phase, status.gone_at),
        (Some(BackupPhase::Complete), None)
    );
    let message = status.methods[0].message.clone().unwrap();
    assert!(message.contains(&used) && message.contains("InUse"), "{message}");
    let calls = bed.stage.calls_of(Operation::DeleteSnapshot);
    assert_eq!(calls, instance.volumes.len(), "not again before a day is over");
    bed.stage.deregister(&image).await;
    bed.until("2031-05-06T12:00:00Z").await;
    assert_eq!(left(&bed, &named(1)).await, 0);
    assert_eq!(bed.phase(&named(1)), Some(BackupPhase::Expired));
}

#[tokio::test]
async fn while_locks_cannot_be_listed_a_set_waits_for_the_listing_and_is_locked_then() {
    let (bed, instance) = Bed::new().await;
    let denied = FaultSpec::new("DescribeLockedSnapshots", FaultKind::Deny).forever();
    bed.stage.sim.add_fault(denied);
    bed.until("2031-05-01T00:30:00Z").await;
    bed.daily_at("03:15", "UTC");
    bed.until("2031-05-01T03:30:00Z").await;
    assert_eq!(bed.phase(&named(1)), Some(BackupPhase::Complete));
    assert_eq!(
        bed.stage.calls_of(Operation::LockSnapshot),
        0,
        "unknown is not absent"
    );
    assert!(
        elapsed(bed.now(), next_look(&bed)) > HOUR / 2,
        "nothing looks again and again"
    );
    bed.stage.sim.clear_faults();
    bed.live(Duration::from_secs(300)).await;
    assert_eq!(locks(&bed).await.len(), instance.volumes.len());
    assert!(
        bed.backup(&named(1))
            .status
            .clone()
            .unwrap()
            .protected_at
            .is_some()
    );
}

#[tokio::test]
async fn a_lock_that_a_stranger_has_just_set_is_not_shortened() {
    let (bed, instance) = Bed::new().await;
    bed.daily_at("03:15", "UTC");
    bed.until("2031-05-01T03:14:30Z").await;
    while bed.stage.calls_of(Operation::CreateSnapshots) == 0 {
        bed.pass_time(Duration::from_secs(1)).await;
    }
    let own = bed.snapshots().await[0].id.clone();
    let month = bed.now() + jiff::SignedDuration::from_hours(30 * 24);
    bed.stage.lock(&own, month).await;
    // No listing shows it before the set is complete.
    while bed.stage.calls_of(Operation::LockSnapshot) < instance.volumes.len() {
        bed.stage
            .error(Operation::DescribeLockedSnapshots, "InternalError", 500);
        bed.pass_time(Duration::from_secs(30)).await;
        assert!(bed.now() < at("2031-05-01T03:20:00Z"));
    }
    let lock = locks(&bed).await.into_iter().find(|lock| lock.id == own).unwrap();
    assert_eq!(lock.until.unwrap().as_second(), month.as_second());
    bed.stage.sim.clear_faults();
    bed.live(Duration::from_secs(600)).await;
    let status = bed.backup(&named(1)).status.clone().unwrap();
    assert!(status.protected_at.is_some());
    assert!(!bed.events().contains(&Reason::LockRestored));
}

#[tokio::test]
async fn a_snapshot_that_comes_back_out_of_the_recycle_bin_is_said_once_and_left_alone() {
    let (bed, instance) = Bed::new().await;
    bed.daily_at("03:15", "UTC");
    bed.until("2031-05-05T06:00:00Z").await;
    assert_eq!(bed.phase(&named(1)), Some(BackupPhase::Expired));
    let carried = bed.snapshots().await;
    let of_second = format!("acme/{}", named(2));
    let like = carried
        .iter()
        .find(|snapshot| snapshot.tags.get(tags::BACKUP) == Some(&of_second))
        .unwrap();
    let mut restored = like.tags.clone();
    restored.insert(tags::BACKUP.to_owned(), format!("acme/{}", named(1)));
    restored.insert(tags::SLOT.to_owned(), "2031-05-01T03:15:00Z".to_owned());
    bed.stage.snapshot(&instance.volumes[0].id, &restored).await;
    let deleted = bed.stage.calls_of(Operation::DeleteSnapshot);
    bed.live(HOUR).await;
    let status = bed.backup(&named(1)).status.clone().unwrap();
    assert_eq!(status.phase, Some(BackupPhase::Expired));
    assert!(status.gone_at.is_some());
    let message = status.methods[0].message.clone().unwrap();
    assert!(message.contains("shows in AWS again"), "{message}");
    let told = |bed: &Bed| {
        let events = bed.events().into_iter();
        events.filter(|reason| *reason == Reason::SnapshotsBack).count()
    };
    assert_eq!(told(&bed), 1);
    bed.until("2031-05-20T06:00:00Z").await;
    assert_eq!(told(&bed), 1);
    assert!(
        bed.names().contains(&named(1)),
        "it is there, so its object stays"
    );
    assert_eq!(left(&bed, &named(1)).await, 1);
    assert!(
        bed.stage.calls_of(Operation::DeleteSnapshot) > deleted,
        "others go on"
    );
}
