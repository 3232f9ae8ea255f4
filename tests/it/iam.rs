//! The IAM policy against what the operator calls: a right that nothing uses is one too many, and a call without a
//! right fails on the day it is needed.

use std::{collections::BTreeSet, fs, path::Path, thread};

use lab::{NOT_CALLED_YET, Scenario, play};
use serde_json::Value;
use simaws::Call;

/// Given by a policy only where the operator enters other accounts, since a statement must name the roles.
const ENTER: &str = "sts:AssumeRole";

/// Every call of the operator in one scenario, in its own account and in others.
fn calls(scenario: Scenario) -> Vec<Call> {
    let mut sim = None;
    let played = play::play(scenario, play::settings(0), |world| {
        sim = Some(world.sim.clone());
    });
    played.unwrap_or_else(|why| panic!("{scenario}: {why}"));
    let calls = sim.expect("a run has an AWS").calls();
    // What people do in a scenario is not signed.
    calls
        .into_iter()
        .filter(|call| call.access_key.is_some())
        .collect()
}

/// The calls of every scenario, two at a time.
fn all_calls() -> Vec<Call> {
    let (some, others) = Scenario::ALL.split_at(Scenario::ALL.len() / 2);
    thread::scope(|scope| {
        let run = |scenarios: &[Scenario]| -> Vec<Call> {
            scenarios.iter().flat_map(|scenario| calls(*scenario)).collect()
        };
        let some = scope.spawn(move || run(some));
        let mut calls = run(others);
        calls.extend(some.join().unwrap());
        calls
    })
}

fn action(call: &Call) -> String {
    format!("{}:{}", call.service, call.operation)
}

/// The actions that a policy permits.
fn permitted(policy: &Value) -> BTreeSet<String> {
    let statements = policy["Statement"].as_array().unwrap().iter();
    let actions = statements.flat_map(|statement| statement["Action"].as_array().unwrap());
    let actions = actions.map(|action| action.as_str().unwrap().to_owned());
    actions.collect()
}

#[test]
fn the_policy_permits_what_is_called_and_nothing_else() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/iam-policy.json");
    let policy: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let mut permitted = permitted(&policy);
    assert!(permitted.insert(ENTER.to_owned()), "the policy names no role");
    let listed: BTreeSet<_> = yagura::iam::actions().into_iter().map(str::to_owned).collect();
    assert_eq!(permitted, listed);

    let calls = all_calls();
    let called: BTreeSet<_> = calls.iter().map(action).collect();
    // Asking whether a call is permitted is no use of the right, and a refused call is none either.
    let done = calls.iter().filter(|call| !call.dry_run && call.code == "OK");
    let used: BTreeSet<_> = done.map(action).collect();
    println!("{} calls, {} actions", calls.len(), used.len());
    let unused: BTreeSet<_> = permitted.difference(&used).cloned().collect();
    let expected = NOT_CALLED_YET.map(|operation| operation.action().to_owned());
    assert_eq!(unused, expected.into(), "permitted and used in no scenario");
    let missing: Vec<_> = called.difference(&permitted).collect();
    assert!(missing.is_empty(), "called and not permitted: {missing:?}");
}
