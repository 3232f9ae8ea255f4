//! When what a job made may be taken away.

use super::*;
use crate::plan::retention::{Fate, Hold};

const DAY: i64 = 86_400;

fn there(count: u32) -> Observed<Vec<Image>> {
    Observed::Present((1..=count).map(image).collect())
}

/// It is written down that this goes.
fn expiring(left: Observed<Vec<Image>>) -> World {
    World {
        recorded: Some("yagura".into()),
        images: left.clone(),
        listed: vec![at(5 * DAY - 30), at(5 * DAY)],
        kept: Kept {
            left,
            fate: Some(Fate::Goes),
            is_expiring: true,
            is_gone: false,
            tried: None,
        },
        ..world()
    }
}

fn locked(min: u32, world: World) -> World {
    let lock = VaultLock {
        min_retention_days: Some(min),
        max_retention_days: None,
        final_from: None,
    };
    World {
        vaults: vec![("yagura".into(), Observed::Present(vault(Some(lock))))],
        ..world
    }
}

fn tried(second: i64, refusal: Option<CloudError>, world: World) -> World {
    let tried = Tried {
        at: at(second),
        refusal,
    };
    World {
        kept: Kept {
            tried: Some(tried),
            ..world.kept.clone()
        },
        ..world
    }
}

fn deletes(world: &World, second: i64) -> Vec<String> {
    let steps = plan(&ended(), world, at(second)).steps.into_iter();
    steps
        .map(|step| match step {
            Step::Delete { image, vault } => format!("{vault}/{image}"),
            other => panic!("not a deletion but {other:?}"),
        })
        .collect()
}

#[test]
fn what_is_to_go_is_deleted_and_when_it_is_gone_that_is_said() {
    assert_eq!(
        deletes(&expiring(there(2)), 5 * DAY),
        ["yagura/ami-1", "yagura/ami-2"]
    );
    let gone = expiring(Observed::Absent);
    assert_eq!(plan(&ended(), &gone, at(5 * DAY)).outcome, Outcome::Retired);
    let once = World {
        listed: vec![at(5 * DAY)],
        ..gone.clone()
    };
    assert_eq!(plan(&ended(), &once, at(5 * DAY)).outcome, Outcome::Unchanged);
    let before = tried(5 * DAY - 10, None, gone);
    assert_eq!(
        plan(&ended(), &before, at(5 * DAY)).outcome,
        Outcome::Unchanged,
        "a listing from before the deletion says nothing"
    );
}

#[test]
fn nothing_is_deleted_while_images_or_vault_are_unknown_or_before_it_is_written_down() {
    assert_eq!(
        deletes(&expiring(Observed::Unknown), 5 * DAY),
        Vec::<String>::new()
    );
    let unknown_vault = World {
        vaults: Vec::new(),
        ..expiring(there(1))
    };
    assert_eq!(deletes(&unknown_vault, 5 * DAY), Vec::<String>::new());
    let mut undecided = expiring(there(1));
    undecided.kept.is_expiring = false;
    assert_eq!(deletes(&undecided, 5 * DAY), Vec::<String>::new());
}

#[test]
fn what_is_kept_again_is_not_deleted_any_more() {
    for fate in [Some(Fate::Guaranteed), Some(Fate::Held(Hold::Suspended)), None] {
        let mut world = expiring(there(1));
        world.kept.fate = fate;
        assert_eq!(deletes(&world, 5 * DAY), Vec::<String>::new(), "{fate:?}");
    }
}

#[test]
fn an_image_whose_tags_were_taken_is_nobodys_to_delete() {
    let mut world = expiring(there(1));
    world.kept.left = Observed::Absent;
    let plan = plan(&ended(), &world, at(5 * DAY));
    assert_eq!((plan.steps, plan.outcome), (Vec::new(), Outcome::Unchanged));
}

#[test]
fn a_lock_is_waited_for_and_named() {
    let world = locked(7, expiring(there(1)));
    let waits = plan(&ended(), &world, at(5 * DAY));
    let until = later(image(1).created_at, Duration::from_secs(7 * 86_400));
    assert_eq!((waits.steps, waits.look_again), (Vec::new(), Some(until)));
    assert!(waits.beside.told.unwrap().contains("lock of vault yagura"));
    assert_eq!(plan(&ended(), &world, until).steps.len(), 1);
}

#[test]
fn only_what_the_lock_lets_go_is_deleted() {
    let young = Image {
        created_at: at(6 * DAY),
        ..image(2)
    };
    let world = locked(4, expiring(Observed::Present(vec![young, image(1)])));
    assert_eq!(deletes(&world, 7 * DAY), ["yagura/ami-1"]);
}

#[test]
fn a_refused_or_ignored_deletion_is_told_and_tried_again_a_day_later() {
    for refusal in [None, Some(refusal(ErrorKind::IncorrectState))] {
        let word = if refusal.is_some() {
            "is not deleted"
        } else {
            "agreed"
        };
        let world = tried(5 * DAY, refusal, expiring(there(1)));
        let waits = plan(&ended(), &world, at(6 * DAY - 1));
        assert_eq!((waits.steps, waits.look_again), (Vec::new(), Some(at(6 * DAY))));
        assert!(waits.beside.told.unwrap().contains(word));
        assert_eq!(deletes(&world, 6 * DAY).len(), 1);
    }
    let just_now = plan(
        &ended(),
        &tried(5 * DAY, None, expiring(there(1))),
        at(5 * DAY + 60),
    );
    assert_eq!(just_now.beside.told, None, "that takes a moment");
}

#[test]
fn a_run_that_failed_has_nothing_left_once_its_images_are_gone() {
    let failed = Run {
        ended: Some(Ended::Otherwise),
        ..started(3, 2)
    };
    let mut world = expiring(Observed::Absent);
    world.kept.is_expiring = false;
    assert_eq!(plan(&failed, &world, at(5 * DAY)).outcome, Outcome::NothingLeft);
    world.kept.left = there(1);
    assert_eq!(plan(&failed, &world, at(5 * DAY)).outcome, Outcome::Unchanged);
    world.kept.is_gone = true;
    assert_eq!(plan(&failed, &world, at(5 * DAY)).outcome, Outcome::Unchanged);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 512, ..proptest::prelude::ProptestConfig::default() })]

    #[test]
    fn nothing_is_deleted_that_does_not_go_or_that_the_lock_keeps(
        fate in 0_usize..5,
        is_expiring in proptest::bool::ANY,
        is_known in proptest::bool::ANY,
        min in proptest::option::of(0_u32..9),
        ages in proptest::collection::vec(0_i64..10, 0..4),
        tried_at in proptest::option::of(0_i64..10),
        now in 10_i64..12,
    ) {
        let fate = [
            None,
            Some(Fate::Guaranteed),
            Some(Fate::Held(Hold::NoRecentDay)),
            Some(Fate::Locked(None)),
            Some(Fate::Goes),
        ][fate];
        let images: Vec<_> = ages
            .iter()
            .enumerate()
            .map(|(i, &day)| Image {
                id: ImageId::new(format!("ami-{i}")),
                created_at: at(day * DAY),
                ..image(1)
            })
            .collect();
        let left = if is_known { Observed::Present(images.clone()) } else { Observed::Unknown };
        let mut world = expiring(left);
        world.kept.fate = fate;
        world.kept.is_expiring = is_expiring;
        if let Some(min) = min {
            world = locked(min, world);
        }
        if let Some(day) = tried_at {
            world = tried(day * DAY, None, world);
        }
        let may_go = is_known && is_expiring && matches!(fate, Some(Fate::Goes | Fate::Locked(_)));
        for step in plan(&ended(), &world, at(now * DAY)).steps {
            let Step::Delete { image: id, .. } = step else {
                panic!("not a deletion but {step:?}");
            };
            let image = images.iter().find(|image| image.id == id).unwrap();
            let kept_until = later(image.created_at, Duration::from_secs(86_400 * u64::from(min.unwrap_or(0))));
            assert!(may_go, "{fate:?}");
            assert!(kept_until <= at(now * DAY), "the lock keeps it");
            assert!(tried_at.is_none_or(|day| day < now), "twice a day");
        }
    }
}
