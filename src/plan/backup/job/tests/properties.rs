//! What holds for every run, whatever happens to it.

use proptest::prelude::*;

use super::{
    simulate::{Course, Operator, Sim},
    *,
};
use crate::plan::backup::tests::{properties as calls, simulate::Fate};

fn fates() -> impl Strategy<Value = Fate> {
    prop_oneof![9 => calls::fates(), 1 => Just(Fate::DiesBeforeTheReport)]
}

fn courses(fails: impl Strategy<Value = bool> + Clone) -> impl Strategy<Value = Vec<Course>> {
    let course = (0_i64..=120, 0_i64..3_600, fails, any::<bool>());
    let course = course.prop_map(|(lag, begins, fails, is_untagged)| Course {
        lag,
        begins,
        fails,
        is_untagged,
    });
    prop::collection::vec(course, 4)
}

/// Lets one operator, and those that follow it when it dies, work until the run ends. Passes take their fate from
/// the list, and succeed after it.
fn work(sim: &mut Sim, mut fates: Vec<Fate>, stale: i64) {
    let mut operator = Operator::default();
    for _ in 0..2_000 {
        if sim.run.ended.is_some() {
            return;
        }
        sim.sweep(&mut operator, stale);
        if !step(sim, &mut operator, &mut fates) {
            operator = Operator::default();
        }
        sim.now += 30;
    }
}

fn step(sim: &mut Sim, operator: &mut Operator, fates: &mut Vec<Fate>) -> bool {
    let plan = plan(&sim.run, &sim.observe(operator), at(sim.now));
    let fate = if plan.steps.is_empty() {
        Fate::Answered
    } else {
        fates.pop().unwrap_or(Fate::Answered)
    };
    let read = sim.version;
    sim.pass(operator, &plan, read, fate)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn a_run_converges_on_one_job_whatever_happens_on_the_way(
        fates in prop::collection::vec(fates(), 0..8),
        courses in courses(Just(false)),
        stale in 0_i64..=30,
    ) {
        let mut sim = Sim::new(courses);
        work(&mut sim, fates, stale);
        prop_assert!(matches!(sim.outcome, Some(Outcome::Complete(_))), "{:?}", sim.outcome);
        prop_assert_eq!(sim.jobs(), 1);
        let end = plan(&sim.run, &sim.observe(&Operator::default()), at(sim.now));
        prop_assert_eq!(end, Plan::outcome(Outcome::Unchanged), "an ended run plans nothing");
    }

    #[test]
    fn jobs_that_fail_are_repeated_at_most_twice_and_never_beside_one_another(
        fates in prop::collection::vec(fates(), 0..4),
        courses in courses(any::<bool>()),
    ) {
        let mut sim = Sim::new(courses);
        work(&mut sim, fates, 0);
        prop_assert!(sim.jobs() <= MAX_SETS);
        prop_assert!(sim.good_jobs() <= 1);
        let is_complete = matches!(sim.outcome, Some(Outcome::Complete(_)));
        prop_assert_eq!(is_complete, sim.good_jobs() == 1, "{:?}", sim.outcome);
        prop_assert!(is_complete || sim.jobs() == MAX_SETS, "given up too early: {:?}", sim.outcome);
    }

    #[test]
    fn two_operators_at_once_start_one_job(
        order in prop::collection::vec((any::<bool>(), fates(), 1_i64..60), 1..60),
        courses in courses(Just(false)),
        stale in 0_i64..=30,
    ) {
        let mut sim = Sim::new(courses);
        let mut operators = [Operator::default(), Operator::default()];
        // A plan that was made waits for its turn to be applied, for as long as it likes: the token bears that.
        let mut held: [Option<(Plan, u64)>; 2] = [None, None];
        for (which, fate, pause) in order {
            let which = usize::from(which);
            sim.sweep(&mut operators[which], stale);
            let (made, read) = held[which].take().unwrap_or_else(|| {
                (plan(&sim.run, &sim.observe(&operators[which]), at(sim.now)), sim.version)
            });
            if !sim.pass(&mut operators[which], &made, read, fate) {
                operators[which] = Operator::default();
            }
            let other = 1 - which;
            if held[other].is_none() {
                sim.sweep(&mut operators[other], stale);
                let seen = sim.observe(&operators[other]);
                held[other] = Some((plan(&sim.run, &seen, at(sim.now)), sim.version));
            }
            sim.now += pause;
        }
        work(&mut sim, Vec::new(), stale);
        prop_assert_eq!(sim.jobs(), 1);
    }

    #[test]
    fn an_object_that_is_lost_under_way_asks_for_the_same_job(
        lost_at in prop::collection::vec(0_u32..150, 1..3),
        fates in prop::collection::vec(fates(), 0..4),
        courses in courses(Just(false)),
    ) {
        let mut sim = Sim::new(courses);
        let (mut operator, mut fates) = (Operator::default(), fates);
        for turn in 0..150 {
            if lost_at.contains(&turn) {
                sim.lose_the_object();
            }
            sim.sweep(&mut operator, 0);
            if sim.run.ended.is_none() && !step(&mut sim, &mut operator, &mut fates) {
                operator = Operator::default();
            }
            sim.now += 30;
        }
        work(&mut sim, Vec::new(), 0);
        prop_assert_eq!(sim.jobs(), 1);
        prop_assert!(matches!(sim.outcome, Some(Outcome::Complete(_))), "{:?}", sim.outcome);
    }

    #[test]
    fn a_run_whose_job_is_no_longer_listed_ends_by_its_image(
        courses in courses(Just(false)),
        forgets_at in 0_u32..150,
    ) {
        let mut sim = Sim::new(courses);
        let mut operator = Operator::default();
        for turn in 0..200 {
            sim.forgets_jobs = turn >= forgets_at;
            sim.sweep(&mut operator, 0);
            if sim.run.ended.is_none() {
                step(&mut sim, &mut operator, &mut Vec::new());
            }
            sim.now += 30;
        }
        prop_assert_eq!(sim.jobs(), 1);
        prop_assert!(matches!(sim.outcome, Some(Outcome::Complete(_))), "{:?}", sim.outcome);
    }

    #[test]
    fn the_order_of_images_and_snapshots_does_not_matter(
        picked in prop::collection::vec((1_u32..4, 0_u8..3), 0..6),
        turned in 0_usize..6,
        now in 0_i64..30_000,
        n in 1_u32..4,
    ) {
        let mut images: Vec<_> = picked
            .iter()
            .enumerate()
            .map(|(i, &(n, state))| Image {
                id: ImageId::new(format!("ami-{n}-{i}")),
                state: [ImageState::Pending, ImageState::Available, ImageState::Unusable][usize::from(state)],
                ..image(n)
            })
            .collect();
        let mut snapshots = vec![snapshot(0, 1900), snapshot(1, 1901)];
        let showing = |images: &[Image], snapshots: &[Snapshot]| World {
            images: Observed::Present(images.to_vec()),
            snapshots: Observed::Present(snapshots.to_vec()),
            ..with_job(Observed::Absent)
        };
        let one = plan(&started(n, 2), &showing(&images, &snapshots), at(now));
        let places = images.len().max(1);
        images.rotate_left(turned % places);
        snapshots.reverse();
        prop_assert_eq!(one, plan(&started(n, 2), &showing(&images, &snapshots), at(now)));
    }

    #[test]
    fn what_is_unknown_is_left_alone(
        now in 0_i64..100_000,
        n in 0_u32..4,
        ended in any::<bool>(),
        is_job_known in any::<bool>(),
    ) {
        let run = Run {
            ended: ended.then_some(Ended::Complete),
            ..if n == 0 { run() } else { started(n, 2) }
        };
        let world = World {
            images: Observed::Unknown,
            snapshots: Observed::Unknown,
            target: Observed::Unknown,
            job: is_job_known.then(|| ("job-1".into(), Observed::Unknown)),
            ..world()
        };
        let plan = plan(&run, &world, at(now));
        prop_assert_eq!(plan.steps, []);
        prop_assert!(!matches!(plan.outcome, Outcome::Failed(..) | Outcome::Expired));
    }
}
