//! What the mode of a Tenant lets its backups do.

use std::time::Duration;

use super::{bed::Bed, *};
use crate::{
    api::{Mode, Tenant},
    cloud::Operation,
    engine::ControllerName,
};

fn in_mode(bed: &Bed, mode: Mode) {
    let mut tenant = (*bed.cluster.cached::<Tenant>(&Key::new("acme", "web")).unwrap()).clone();
    tenant.spec.mode = Some(mode);
    bed.cluster.put(&tenant);
}

#[tokio::test]
async fn a_backup_by_hand_is_refused_in_mode_observe_and_taken_when_the_mode_lets_it() {
    let (bed, _) = Bed::new().await;
    in_mode(&bed, Mode::Observe);
    bed.by_hand("before-upgrade", "web");
    bed.live(Duration::from_secs(120)).await;
    assert_eq!(bed.stage.calls_of(Operation::CreateSnapshots), 0);
    let status = bed.backup("before-upgrade").status.clone().unwrap();
    let stalled = find_condition(&status.conditions, "Stalled").unwrap();
    assert_eq!(stalled.reason, "Observing");
    assert!(stalled.message.contains("spec.mode"), "{}", stalled.message);

    in_mode(&bed, Mode::Protect);
    bed.live(Duration::from_secs(1_200)).await;
    assert_eq!(bed.phase("before-upgrade"), Some(BackupPhase::Complete));
}

#[tokio::test]
async fn in_mode_observe_no_slot_is_taken_and_what_is_kept_is_looked_at_seldom() {
    let (bed, _) = Bed::new().await;
    bed.daily_at("03:15", "UTC");
    bed.until("2031-05-01T03:40:00Z").await;
    assert_eq!(bed.phase("web-203105010315"), Some(BackupPhase::Complete));
    in_mode(&bed, Mode::Observe);
    bed.settle().await;
    let calls = |operation| bed.stage.calls_of(operation);
    let before = (calls(Operation::CreateSnapshots), calls(Operation::LockSnapshot));
    bed.until("2031-05-04T12:00:00Z").await;
    assert_eq!(bed.names().len(), 1, "{:?}", bed.names());
    let after = (calls(Operation::CreateSnapshots), calls(Operation::LockSnapshot));
    assert_eq!(after, before);
    let queue = bed.context().wakes.queue(ControllerName::Backup).unwrap();
    let next = queue.next_at().unwrap();
    assert!(next >= bed.now() + Duration::from_secs(60), "{next} is too soon");

    in_mode(&bed, Mode::Enforce);
    bed.live(Duration::from_secs(1_200)).await;
    assert!(
        calls(Operation::LockSnapshot) > before.1,
        "its locks are prolonged again"
    );
}
