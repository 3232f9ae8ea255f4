//! Sweeps of the lab, in the size that every test run can afford. `lab crash` runs them whole.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    thread,
};

use lab::{
    Broken, Cut, Loss, NOT_CALLED_YET, Scenario, When,
    crash::{self, Plan, Swept, Trial},
    play::Played,
};
use yagura::cloud::Operation;

/// Of so many effects one is cut off; which ones, the scenario's place in the list decides.
const STRIDE: u64 = 3;

/// The fewest runs that are worth the name.
const FEWEST: usize = 64;

/// Does something for every scenario, two at a time.
fn for_all<T: Send>(work: impl Fn(usize, Scenario) -> T + Sync) -> Vec<T> {
    let all: Vec<_> = Scenario::ALL.into_iter().enumerate().collect();
    let (one, other) = all.split_at(all.len() / 2);
    let half = |half: &[(usize, Scenario)]| -> Vec<T> {
        half.iter().map(|(at, scenario)| work(*at, *scenario)).collect()
    };
    thread::scope(|scope| {
        let one = scope.spawn(|| half(one));
        let mut done = half(other);
        done.extend(one.join().unwrap());
        done
    })
}

/// The operations that the door to AWS names.
fn used() -> BTreeSet<Operation> {
    let mut waiting = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src/aws")];
    let mut code = String::new();
    while let Some(path) = waiting.pop() {
        let is_test = |path: &PathBuf| {
            path.file_stem()
                .is_some_and(|stem| stem == "tests" || stem == "stage")
        };
        if path.is_dir() {
            let entries = fs::read_dir(&path).unwrap();
            let entries = entries.map(|entry| entry.unwrap().path());
            waiting.extend(entries.filter(|path| !is_test(path)));
        } else {
            code.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
    let names: BTreeSet<_> = code
        .split(|char: char| !char.is_alphanumeric() && char != ':')
        .filter_map(|word| word.strip_prefix("Operation::"))
        .collect();
    let all = Operation::ALL.into_iter();
    all.filter(|operation| names.contains(operation.to_string().as_str()))
        .collect()
}

/// One run without a cut.
fn whole(scenario: Scenario, seed: u64, operators: usize) -> Played {
    let trial = Trial {
        scenario,
        seed,
        cut: None,
        operators,
    };
    trial.run().unwrap_or_else(|why| panic!("lab run {trial}: {why}"))
}

/// A part of the sweep that `lab crash` runs whole.
fn sweep_a_part(loss: Loss, first_seed: u64) {
    let swept = for_all(|at, scenario| {
        let seed = first_seed + at as u64;
        let plan = Plan {
            scenario,
            seed,
            loss,
            operators: 1,
        };
        let swept = crash::sweep(plan, |effect| (effect + seed).is_multiple_of(STRIDE));
        let swept = swept.unwrap_or_else(|why| panic!("{scenario} --seed {seed}: {why}"));
        let Swept { runs, effects, .. } = &swept;
        println!("{scenario}: {effects} effects, {runs} runs");
        swept
    });
    let runs: usize = swept.iter().map(|swept| swept.runs).sum();
    println!("{runs} runs");
    let failed = swept.iter().flat_map(|swept| &swept.failed);
    let failed =
        failed.map(|failed| format!("lab run {}\n  at \"{}\": {}", failed.trial, failed.at, failed.why));
    let failed: Vec<_> = failed.collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(runs >= FEWEST, "only {runs} runs");
}

#[test]
fn every_operation_is_called_in_a_scenario_that_ends_well() {
    let called = for_all(|_, scenario| {
        let played = whole(scenario, 0, 1);
        for operation in scenario.calls() {
            assert!(
                played.operations.contains(operation),
                "{operation} is not called in {scenario}"
            );
        }
        played.operations
    });
    let called: BTreeSet<_> = called.into_iter().flatten().collect();
    let used = used();
    assert!(used.len() > 20, "the operations were not found: {used:?}");
    let missing: BTreeSet<_> = used.difference(&called).copied().collect();
    assert_eq!(
        missing,
        NOT_CALLED_YET.into(),
        "what is called in no scenario, and what is held not to be called at all"
    );
}

#[test]
fn a_crash_at_any_effect_duplicates_and_loses_nothing() {
    sweep_a_part(Loss::Process, 0);
}

#[test]
fn a_lost_answer_at_any_effect_duplicates_and_loses_nothing() {
    sweep_a_part(Loss::Answer, 100);
}

#[test]
fn two_operators_at_once_do_each_thing_once() {
    for_all(|at, scenario| whole(scenario, 200 + at as u64, 2));
}

/// A sweep that cuts nothing off would find nothing, for ever.
#[test]
fn a_cut_that_does_not_happen_fails_its_run() {
    let trial = Trial {
        scenario: Scenario::BackupByHand,
        seed: 0,
        cut: Some(Cut {
            effect: 10_000,
            when: When::Before,
            loss: Loss::Process,
        }),
        operators: 1,
    };
    let why = trial.run().unwrap_err();
    assert!(matches!(why, Broken::NotFired(_)), "{why}");
}
