//! The same seed and the same calls give the same log, byte for byte, whatever goes on.

use std::time::Duration;

use super::LAUNCH;
use super::latency::{Answer, clock, drive};
use crate::testing::{request, sim_with};
use crate::{Effect, FaultKind, FaultSpec, Limits, Sim};

fn world(seed: u64) -> Sim {
    let sim = sim_with(|options| {
        options.seed = seed;
        options.latency = Duration::from_millis(20)..=Duration::from_millis(300);
        options.describe_lag_spread = Duration::from_secs(20);
        options.read_lag = Duration::from_secs(3);
        options.limits = Limits::Aws;
        options.other_client = 0.1;
    });
    sim.add_fault(FaultSpec {
        skip: 2,
        ..FaultSpec::new("RunInstances", FaultKind::Error).striking(Effect::After)
    });
    sim.add_fault(FaultSpec::delay("DescribeInstances", Duration::from_secs(4)));
    sim.add_fault(FaultSpec::new("CreateTags", FaultKind::Throttle));
    sim.add_fault(FaultSpec::new("DescribeInstances", FaultKind::DuplicatePage));
    sim
}

/// Everything that can be read of a run, as text.
fn story(seed: u64) -> String {
    let sim = world(seed);
    let mut ids = String::new();
    for round in 0..6 {
        let token = format!("round-{round}");
        let launch: Vec<_> = LAUNCH
            .into_iter()
            .chain([("ClientToken", token.as_str())])
            .collect();
        let mut calls = vec![("RunInstances", launch)];
        calls.push(("DescribeInstances", vec![("MaxResults", "5")]));
        calls.push((
            "CreateTags",
            vec![("ResourceId.1", crate::DEFAULT_VPC_ID), ("Tag.1.Key", "a")],
        ));
        calls.extend((0..20).map(|_| ("DescribeVolumes", Vec::new())));
        let answers = calls.into_iter().map(|(action, params)| {
            let request = request(action, &params);
            let sim = sim.clone();
            Box::pin(async move { sim.answer(&request).await }) as Answer
        });
        for body in drive(&sim, answers.collect()) {
            ids.push_str(&body);
        }
        clock(&sim).advance(Duration::from_secs(1));
    }
    let log = serde_json::to_string(&sim.calls()).unwrap();
    let faults = serde_json::to_string(&sim.faults()).unwrap();
    let limits = serde_json::to_string(&sim.limits()).unwrap();
    let state = sim.state(None, None);
    format!("{log}\n{faults}\n{limits}\n{state}\n{ids}")
}

#[test]
fn the_same_seed_and_calls_give_the_same_log_byte_for_byte() {
    for seed in 0..4 {
        assert_eq!(story(seed), story(seed), "seed {seed}");
    }
    assert_ne!(story(0), story(1));
}
