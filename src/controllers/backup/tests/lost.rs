//! Backups whose objects are gone while AWS still has their sets.

use std::time::Duration;

use super::{bed::Bed, *};
use crate::{
    api::{BackupPolicySpec, Retention},
    cloud::Tags,
};

const BY_HAND: &str = "before-upgrade";

/// A night and a Backup by hand, both complete.
async fn with_two_sets() -> Bed {
    let (bed, _) = Bed::new().await;
    bed.by_hand(BY_HAND, "web");
    bed.until("2031-05-01T15:40:00Z").await;
    assert_eq!(bed.phase(BY_HAND), Some(BackupPhase::Complete));
    assert_eq!(bed.phase(FIRST), Some(BackupPhase::Complete));
    bed
}

fn forget(bed: &Bed, name: &str) {
    bed.cluster.delete::<Backup>(&Key::new("acme", name));
}

async fn ids(bed: &Bed) -> Vec<String> {
    let snapshots = bed.snapshots().await;
    snapshots.iter().map(|snapshot| snapshot.id.to_string()).collect()
}

#[tokio::test]
async fn a_slots_object_comes_back_however_old_its_set_is() {
    let bed = with_two_sets().await;
    bed.policy(
        "daily",
        BackupPolicySpec {
            retention: Some(Retention { good_days: Some(30) }),
            ..BackupPolicySpec::default()
        },
    );
    bed.until("2031-05-12T16:00:00Z").await;
    let before = ids(&bed).await;
    forget(&bed, FIRST);
    bed.pass_time(Duration::from_secs(120)).await;
    let again = bed.backup(FIRST);
    assert_eq!(again.spec.reason.as_deref(), Some("Found"));
    assert_eq!(bed.phase(FIRST), Some(BackupPhase::Complete), "{again:#?}");
    let status = again.status.clone().unwrap();
    assert_eq!(
        status.start_skew_seconds,
        Some(0),
        "as AWS says it, and not as it is now"
    );
    assert_eq!(ids(&bed).await, before, "nothing is taken for it");
}

#[tokio::test]
async fn an_object_of_a_backup_by_hand_comes_back_from_the_tags_of_its_set() {
    let bed = with_two_sets().await;
    let before = ids(&bed).await;
    forget(&bed, BY_HAND);
    bed.pass_time(Duration::from_secs(120)).await;
    let again = bed.backup(BY_HAND);
    assert_eq!(again.spec.reason.as_deref(), Some("Found"));
    assert_eq!(again.spec.scheduled_time, None);
    assert_eq!(bed.phase(BY_HAND), Some(BackupPhase::Complete), "{again:#?}");
    assert_eq!(ids(&bed).await, before);
}

#[tokio::test]
async fn a_new_operator_makes_all_objects_again_that_a_cluster_lost() {
    let mut bed = with_two_sets().await;
    let before = ids(&bed).await;
    forget(&bed, FIRST);
    forget(&bed, BY_HAND);
    bed.restart();
    bed.pass_time(Duration::from_secs(300)).await;
    assert_eq!(bed.names(), [BY_HAND, FIRST]);
    assert_eq!(bed.phase(FIRST), Some(BackupPhase::Complete));
    assert_eq!(bed.phase(BY_HAND), Some(BackupPhase::Complete));
    assert_eq!(ids(&bed).await, before);
}

#[tokio::test]
async fn a_set_that_was_let_go_or_deleted_gets_no_object() {
    let bed = with_two_sets().await;
    let snapshots = bed.snapshots().await;
    let of = |name: &str| -> Vec<_> {
        let tag = format!("acme/{name}");
        let found = snapshots
            .iter()
            .filter(|snapshot| snapshot.tags[tags::BACKUP] == tag);
        found.map(|snapshot| snapshot.id.clone()).collect()
    };
    let released = Tags::from([(tags::RELEASED.to_owned(), "2031-05-01T16:00:00Z".to_owned())]);
    let names: Vec<_> = of(BY_HAND).iter().map(ToString::to_string).collect();
    bed.stage.cloud.set_tags(&names, &released).await.unwrap();
    bed.until("2031-05-12T16:00:00Z").await;
    let left = ids(&bed).await;
    for id in of(FIRST) {
        assert!(!left.contains(&id.to_string()), "newer days replaced it");
    }
    for id in of(BY_HAND) {
        assert!(left.contains(&id.to_string()), "what was let go is not touched");
    }
    forget(&bed, FIRST);
    forget(&bed, BY_HAND);
    bed.pass_time(Duration::from_secs(900)).await;
    assert!(!bed.names().contains(&FIRST.to_owned()), "{:?}", bed.names());
    assert!(!bed.names().contains(&BY_HAND.to_owned()), "{:?}", bed.names());
}

#[tokio::test]
async fn a_name_that_a_new_backup_took_stays_the_new_ones() {
    let bed = with_two_sets().await;
    forget(&bed, BY_HAND);
    bed.by_hand(BY_HAND, "web");
    bed.pass_time(Duration::from_secs(600)).await;
    assert_eq!(
        bed.backup(BY_HAND).spec.reason.as_deref(),
        Some("before the upgrade")
    );
    assert_eq!(bed.phase(BY_HAND), Some(BackupPhase::Complete));
}

#[tokio::test]
async fn two_operators_make_a_lost_object_again_once() {
    let bed = with_two_sets().await;
    let second = bed.second();
    second.sweep().await;
    second.sweep().await;
    forget(&bed, FIRST);
    second.wake();
    second.step().await;
    bed.pass_time(Duration::from_secs(120)).await;
    assert_eq!(bed.names(), [BY_HAND, FIRST]);
    assert_eq!(bed.phase(FIRST), Some(BackupPhase::Complete));
}
