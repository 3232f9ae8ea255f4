//! What holds for every run, whatever happens to it.

use proptest::prelude::*;

use super::{
    simulate::{Fate, Operator, Sim},
    *,
};

pub(in crate::plan::backup) fn fates() -> impl Strategy<Value = Fate> {
    use Fate::*;
    prop::sample::select(vec![
        Answered,
        LostBeforeTheEffect,
        LostAfterTheEffect,
        Throttled,
        Denied,
        DiesBeforeTheRecord,
        DiesBeforeTheCall,
        DiesBeforeTheEffect,
        DiesAfterTheEffect,
    ])
}

/// Lets one operator, and those that follow it when it dies, work until the run ends. Calls take their fate from
/// the list, and succeed after it.
fn work(sim: &mut Sim, mut fates: Vec<Fate>, stale: i64) {
    let mut operator = Operator::default();
    for _ in 0..2_000 {
        if sim.run.ended.is_some() {
            return;
        }
        sim.sweep(&mut operator, stale);
        let plan = plan(&sim.run, &sim.observe(&operator), at(sim.now));
        let fate = if plan.steps.is_empty() {
            Fate::Answered
        } else {
            fates.pop().unwrap_or(Fate::Answered)
        };
        let read = sim.version;
        if !sim.apply(&mut operator, &plan, read, fate) {
            operator = Operator::default();
        }
        sim.now += 30;
    }
}

fn lags() -> impl Strategy<Value = Vec<i64>> {
    prop::collection::vec(0_i64..=120, 4)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn a_run_converges_on_one_set_whatever_happens_on_the_way(
        fates in prop::collection::vec(fates(), 0..8),
        lags in lags(),
        stale in 0_i64..=30,
    ) {
        let mut sim = Sim::new(run(), lags, Vec::new());
        work(&mut sim, fates, stale);
        prop_assert!(matches!(sim.outcome, Some(Outcome::Complete(_))), "{:?}", sim.outcome);
        prop_assert_eq!(sim.sets(), 1);
        let end = plan(&sim.run, &sim.observe(&Operator::default()), at(sim.now));
        prop_assert_eq!(end, Plan::outcome(Outcome::Unchanged), "an ended run plans nothing");
    }

    #[test]
    fn sets_that_fail_are_repeated_at_most_twice(
        fates in prop::collection::vec(fates(), 0..4),
        lags in lags(),
        fails in prop::collection::vec(any::<bool>(), 0..5),
    ) {
        let mut sim = Sim::new(run(), lags, fails);
        work(&mut sim, fates, 0);
        prop_assert!(sim.sets() <= MAX_SETS);
        prop_assert!(sim.good_sets() <= 1);
        let is_complete = matches!(sim.outcome, Some(Outcome::Complete(_)));
        prop_assert_eq!(is_complete, sim.good_sets() == 1);
        prop_assert!(is_complete || sim.sets() == MAX_SETS, "given up too early: {:?}", sim.outcome);
    }

    #[test]
    fn two_operators_at_once_make_one_set(
        order in prop::collection::vec((any::<bool>(), fates(), 1_i64..60), 1..60),
        lags in lags(),
        stale in 0_i64..=30,
    ) {
        let mut sim = Sim::new(run(), lags, Vec::new());
        let mut operators = [Operator::default(), Operator::default()];
        // A plan that was made waits for its turn to be applied, for as long as a call may be delayed.
        let mut held: [Option<(Plan, u64, i64)>; 2] = [None, None];
        for (which, fate, pause) in order {
            let which = usize::from(which);
            sim.sweep(&mut operators[which], stale);
            let (plan, read, made) = held[which].take().unwrap_or_else(|| {
                (plan(&sim.run, &sim.observe(&operators[which]), at(sim.now)), sim.version, sim.now)
            });
            if sim.apply_record(&plan, read, fate) && sim.now - made < 60 {
                sim.apply_call(&mut operators[which], &plan, fate);
            }
            let other = 1 - which;
            if held[other].is_none() {
                sim.sweep(&mut operators[other], stale);
                let seen = sim.observe(&operators[other]);
                held[other] = Some((super::plan(&sim.run, &seen, at(sim.now)), sim.version, sim.now));
            }
            sim.now += pause;
        }
        work(&mut sim, Vec::new(), stale);
        prop_assert_eq!(sim.sets(), 1);
    }

    #[test]
    fn a_plan_stopped_after_its_first_step_and_started_over_converges(lags in lags(), second in any::<bool>()) {
        let mut sim = Sim::new(run(), lags, Vec::new());
        let mut operator = Operator::default();
        sim.sweep(&mut operator, 0);
        let first = plan(&sim.run, &sim.observe(&operator), at(sim.now));
        let read = sim.version;
        if second {
            sim.apply(&mut operator, &first, read, Fate::DiesAfterTheEffect);
        } else {
            sim.apply(&mut operator, &first, read, Fate::DiesBeforeTheCall);
        }
        work(&mut sim, Vec::new(), 0);
        prop_assert_eq!(sim.sets(), 1);
    }

    #[test]
    fn the_order_of_the_snapshots_does_not_matter(
        picked in prop::collection::vec((1_u32..4, 0_u32..2, any::<bool>()), 0..6),
        turned in 0_usize..6,
        now in 0_i64..30_000,
    ) {
        let mut snapshots: Vec<_> = picked
            .iter()
            .map(|&(n, i, whole)| if whole { snapshot(n, i, 3) } else { failed_snapshot(n, i, 3) })
            .collect();
        snapshots.sort_by(|a, b| a.id.cmp(&b.id));
        snapshots.dedup_by(|a, b| a.id == b.id);
        let one = plan(&started(1, 2), &showing(snapshots.clone()), at(now));
        let places = snapshots.len().max(1);
        snapshots.rotate_left(turned % places);
        prop_assert_eq!(one, plan(&started(1, 2), &showing(snapshots), at(now)));
    }

    #[test]
    fn what_is_unknown_is_left_alone(now in 0_i64..100_000, attempts in 0_u32..4, ended in any::<bool>()) {
        let attempts: Vec<_> = (1..=attempts).map(|n| Attempt { n, at: at(2) }).collect();
        let run = Run {
            accepted: attempts.first().map(|first| first.at),
            attempts,
            ended: ended.then_some(Ended::Complete),
            ..run()
        };
        let world = World { snapshots: Observed::Unknown, target: Observed::Unknown, ..empty_world() };
        let plan = plan(&run, &world, at(now));
        prop_assert_eq!(plan.steps, []);
        prop_assert!(!matches!(plan.outcome, Outcome::Failed(..) | Outcome::Expired));
    }
}
