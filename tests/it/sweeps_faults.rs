//! The lab's sweeps of faults, stale reads and two operators, in the size that every test run can afford. `lab faults`,
//! `lab stale` and `lab twins` run them whole.

use std::{
    collections::{BTreeMap, BTreeSet},
    thread,
};

use lab::{
    NOT_CALLED_YET, Scenario,
    faults::{self, Fault},
    stale, twins,
    verdict::Seen,
};
use yagura::cloud::Operation;

/// Does every job, two at a time: runs share nothing.
fn each<J: Clone + Send + Sync, T: Send>(jobs: &[J], work: impl Fn(&J) -> T + Sync) -> Vec<T> {
    // In turns, so that long ones that follow each other are shared.
    let half = |of: usize| -> Vec<T> { jobs.iter().skip(of).step_by(2).map(&work).collect() };
    thread::scope(|scope| {
        let other = scope.spawn(|| half(1));
        let mut done = half(0);
        done.extend(other.join().unwrap());
        done
    })
}

#[test]
fn every_fault_of_every_operation_is_told_of_and_outlived() {
    let mut pairs = BTreeMap::new();
    for trial in faults::all(0) {
        pairs.entry((trial.operation, trial.fault)).or_insert(trial);
    }
    let operations: BTreeSet<_> = pairs.keys().map(|(operation, _)| *operation).collect();
    let kinds: BTreeSet<_> = pairs.keys().map(|(_, fault)| *fault).collect();
    let mut called: BTreeSet<_> = Operation::ALL.into_iter().collect();
    called.retain(|operation| !NOT_CALLED_YET.contains(operation));
    assert_eq!(operations, called);
    assert_eq!(kinds, Fault::ALL.into_iter().collect());
    let trials: Vec<_> = pairs.into_values().collect();
    println!("{} combinations of operation and fault", trials.len());
    let failed = each(&trials, |trial| {
        let why = trial.run().err()?;
        Some(format!("lab faults {trial}\n  {why}"))
    });
    let failed: Vec<_> = failed.into_iter().flatten().collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn no_call_destroys_anything_however_old_the_listings_are() {
    let seeds: Vec<u64> = (0..64).collect();
    let outcomes = each(&seeds, |seed| {
        stale::run(*seed).map_err(|why| format!("lab stale --first-seed {seed} --seeds 1\n  {why}"))
    });
    let mut seen = Seen::default();
    let (mut untrue, mut failed) = (0, Vec::new());
    for outcome in outcomes {
        match outcome {
            Ok(outcome) => {
                seen.add(&outcome.seen);
                untrue += outcome.untrue;
            }
            Err(why) => failed.push(why),
        }
    }
    println!(
        "{untrue} untrue listings, {} calls that could destroy",
        seen.total()
    );
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(untrue > 64, "the listings told the truth");
    for operation in [
        "CreateSecurityGroup",
        "CreateSnapshots",
        "CreateTags",
        "ModifyInstanceAttribute",
        "ModifyNetworkInterfaceAttribute",
        "RevokeSecurityGroupIngress",
        "RunInstances",
    ] {
        assert!(seen.calls.contains_key(operation), "no {operation} in {seen:?}");
    }
}

#[test]
fn two_operators_at_once_make_nothing_twice_and_destroy_nothing() {
    let scenarios = Scenario::ALL.into_iter();
    // One seed of the two has an AWS whose listings lag.
    let jobs: Vec<_> = scenarios
        .flat_map(|scenario| [(scenario, 0), (scenario, 1)])
        .collect();
    let outcomes = each(&jobs, |(scenario, seed)| {
        let again = format!("lab twins --scenario {scenario} --first-seed {seed} --seeds 1");
        twins::run(*scenario, *seed).map_err(|why| format!("{again}\n  {why}"))
    });
    let mut seen = Seen::default();
    let mut failed = Vec::new();
    for outcome in outcomes {
        match outcome {
            Ok(one) => seen.add(&one),
            Err(why) => failed.push(why),
        }
    }
    println!("{} calls that could destroy", seen.total());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(seen.total() > 50, "{seen:?}");
}
