use std::time::Duration;

use crate::testing::{advance, call, run, sim, sim_with};
use crate::{FaultSpec, Sim};

fn listed(sim: &Sim) -> usize {
    call(sim, "DescribeInstances", &[]).all("instanceId").len()
}

#[test]
fn a_stale_read_answers_from_so_many_changes_ago() {
    let sim = sim_with(|options| options.history = 5);
    for _ in 0..4 {
        run(&sim, &[]);
    }
    for versions in 1..=4 {
        sim.add_fault(FaultSpec::stale_read("DescribeInstances", versions));
        assert_eq!(listed(&sim), 4 - versions);
    }
    assert_eq!(listed(&sim), 4);
    assert!(
        sim.faults()
            .iter()
            .all(|fault| (fault.fired, fault.untrue) == (1, 1))
    );
}

#[test]
fn a_stale_read_sees_things_as_they_were_and_changes_nothing() {
    let sim = sim_with(|options| options.history = 2);
    let id = run(&sim, &[]);
    advance(&sim, 10);
    call(&sim, "TerminateInstances", &[("InstanceId.1", &id)]);
    advance(&sim, 10);
    sim.add_fault(FaultSpec::stale_read("*", 1));
    let state = |sim: &Sim| call(sim, "DescribeInstances", &[]).text("instanceState");
    assert!(state(&sim).contains("running"));
    assert!(state(&sim).contains("terminated"));
}

#[test]
fn a_stale_read_of_what_has_not_changed_is_not_counted_as_untrue() {
    let sim = sim_with(|options| options.history = 2);
    run(&sim, &[]);
    sim.add_fault(FaultSpec::stale_read("DescribeVpcs", 1));
    call(&sim, "DescribeVpcs", &[]);
    assert_eq!((sim.faults()[0].fired, sim.faults()[0].untrue), (1, 0));
}

#[test]
fn no_more_is_kept_than_is_asked_for_and_the_oldest_is_the_last_resort() {
    let sim = sim_with(|options| options.history = 2);
    for _ in 0..4 {
        run(&sim, &[]);
    }
    sim.add_fault(FaultSpec::stale_read("DescribeInstances", 4));
    assert_eq!(listed(&sim), 2);
}

#[test]
fn a_fault_has_what_it_looks_back_on_kept_from_then_on() {
    let sim = sim();
    sim.add_fault(FaultSpec {
        skip: 1,
        ..FaultSpec::stale_read("DescribeInstances", 2)
    });
    for _ in 0..2 {
        run(&sim, &[]);
    }
    assert_eq!((listed(&sim), listed(&sim)), (2, 0));
}

#[test]
fn a_lagging_read_knows_no_less_than_the_lag_allows() {
    let sim = sim_with(|options| options.read_lag = Duration::from_secs(10));
    for _ in 0..20 {
        run(&sim, &[]);
        advance(&sim, 1);
    }
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..50 {
        seen.insert(listed(&sim));
    }
    assert!(seen.iter().all(|count| (11..=20).contains(count)), "{seen:?}");
    assert!(seen.len() > 5, "{seen:?}");
    advance(&sim, 10);
    assert_eq!(listed(&sim), 20);
}

#[test]
fn a_lagging_read_does_not_see_a_tag_at_once() {
    let sim = sim();
    let id = run(&sim, &[]);
    sim.set_read_lag(Duration::from_secs(5));
    advance(&sim, 60);
    let tag = [
        ("ResourceId.1", id.as_str()),
        ("Tag.1.Key", "a"),
        ("Tag.1.Value", "b"),
    ];
    call(&sim, "CreateTags", &tag);
    let tagged = |sim: &Sim| call(sim, "DescribeInstances", &[]).body.contains("<key>a</key>");
    assert!((0..20).any(|_| !tagged(&sim)));
    advance(&sim, 5);
    assert!((0..20).all(|_| tagged(&sim)));
}

#[test]
fn each_resource_has_a_lag_of_its_own() {
    let sim = sim_with(|options| options.describe_lag_spread = Duration::from_secs(100));
    for _ in 0..50 {
        run(&sim, &[]);
    }
    let mut last = 0;
    for _ in 0..9 {
        advance(&sim, 10);
        let now = listed(&sim);
        assert!(now >= last, "what was seen stays seen");
        last = now;
        assert!((1..50).contains(&now), "{now}");
    }
    advance(&sim, 10);
    assert_eq!(listed(&sim), 50);
}
