//! Whole passes over a simulated AWS, with calls that fail, answers that are lost, and operators that die.

use std::{future::Future, time::Duration};

use proptest::prelude::*;
use simaws::{Effect, FaultKind, FaultSpec};

use super::{bed::Bed, *};
use crate::cloud::SnapshotState;

/// What happens to a call that takes a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Answered,
    LostBefore,
    LostAfter,
    Throttled,
    SetFails,
}

fn fates() -> impl Strategy<Value = Fate> {
    use Fate::*;
    prop::sample::select(vec![Answered, LostBefore, LostAfter, Throttled, SetFails])
}

fn order(bed: &Bed, fate: Fate) {
    let (kind, effect) = match fate {
        Fate::Answered => return,
        Fate::LostBefore => (FaultKind::Drop, Some(Effect::Before)),
        Fate::LostAfter => (FaultKind::Drop, Some(Effect::After)),
        Fate::Throttled => (FaultKind::Error, None),
        Fate::SetFails => (FaultKind::Fail, None),
    };
    let mut spec = FaultSpec::new("CreateSnapshots", kind);
    spec.effect = effect;
    spec.code = (fate == Fate::Throttled).then(|| "RequestLimitExceeded".to_owned());
    bed.stage.sim.add_fault(spec);
}

/// Works to the end, letting calls whose answer never comes time out.
async fn drive<T>(bed: &Bed, work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    loop {
        // In memory everything but a lost answer is there within a few turns.
        for _ in 0..50 {
            if let std::task::Poll::Ready(done) = futures::poll!(work.as_mut()) {
                return done;
            }
            tokio::task::yield_now().await;
        }
        bed.stage.advance(Duration::from_secs(10));
    }
}

/// How one night went.
#[derive(Debug)]
struct Night {
    phase: Option<BackupPhase>,
    /// The snapshots of each volume that are whole, and those that failed.
    whole: usize,
    failed: usize,
}

/// One night: each call takes its fate from the list, and the operator dies after some of the steps.
async fn night(fates: &[Fate], deaths: &[u8]) -> Night {
    let (mut bed, instance) = Bed::new().await;
    bed.until("2031-05-01T15:29:30Z").await;
    for fate in fates {
        order(&bed, *fate);
    }
    let mut step = 0_u8;
    while matches!(
        bed.phase_of_first(),
        None | Some(BackupPhase::Pending | BackupPhase::Running)
    ) {
        bed.stage.advance(Duration::from_secs(30));
        drive(&bed, bed.sweep()).await;
        drive(&bed, bed.settle()).await;
        if deaths.contains(&step) {
            bed.restart();
        }
        step += 1;
        assert!(step < 200, "it never ends");
    }
    let snapshots = bed.snapshots().await;
    let volumes = instance.volumes.len();
    let count = |state| {
        snapshots
            .iter()
            .filter(|snapshot| snapshot.state == state)
            .count()
            / volumes
    };
    Night {
        phase: bed.phase_of_first(),
        whole: count(SnapshotState::Completed),
        failed: count(SnapshotState::Error),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_slot_has_one_good_set_whatever_happens_in_the_night(
        fates in prop::collection::vec(fates(), 0..5),
        deaths in prop::collection::vec(0_u8..12, 0..3),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let night = runtime.block_on(night(&fates, &deaths));
        let expected = if night.whole == 1 {
            BackupPhase::Complete
        } else {
            // Given up, but only after every set there may be.
            prop_assert_eq!((night.whole, night.failed), (0, planner::MAX_SETS));
            BackupPhase::Failed
        };
        prop_assert_eq!(night.phase, Some(expected));
        prop_assert!(night.failed <= fates.iter().filter(|fate| **fate == Fate::SetFails).count());
    }
}

#[tokio::test]
async fn two_operators_at_once_make_one_set() {
    let (bed, instance) = Bed::new().await;
    let other = bed.second();
    bed.until("2031-05-01T15:29:30Z").await;
    for _ in 0..20 {
        bed.stage.advance(Duration::from_secs(30));
        bed.sweep().await;
        other.sweep().await;
        other.wake();
        futures::join!(bed.settle(), other.step());
    }
    assert_eq!(bed.phase_of_first(), Some(BackupPhase::Complete));
    assert_eq!(bed.stage.calls_of(Operation::CreateSnapshots), 1);
    assert_eq!(bed.snapshots().await.len(), instance.volumes.len());
}
