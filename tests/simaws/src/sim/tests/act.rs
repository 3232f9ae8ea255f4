use super::{LAUNCH, instances};
use crate::testing::{refused, sim, sim_with};
use crate::{FaultKind, FaultSpec, Limits};

#[test]
fn what_others_do_is_neither_logged_nor_limited_nor_struck_nor_forbidden() {
    let sim = sim_with(|options| options.limits = Limits::Aws);
    sim.deny("*");
    sim.add_fault(FaultSpec::new("*", FaultKind::Error).forever());
    for _ in 0..20 {
        let answer = sim.act(None, "RunInstances", &LAUNCH).unwrap();
        assert!(answer.ends_with("</RunInstancesResponse>"));
    }
    assert_eq!(instances(&sim), 20);
    assert!(sim.calls().is_empty() && sim.limits().is_empty());
    assert_eq!(sim.faults()[0].fired, 0);
}

#[test]
fn what_others_do_wrong_is_told_in_the_words_of_aws() {
    let told = sim().act(
        None,
        "TerminateInstances",
        &[("InstanceId.1", "i-0123456789abcdef0")],
    );
    assert!(told.unwrap_err().starts_with("InvalidInstanceID.NotFound: "));
}

#[test]
fn others_act_in_the_account_and_region_that_is_named() {
    let sim = sim();
    let place = ("444455556666", "us-east-1");
    sim.act(Some(place), "RunInstances", &LAUNCH).unwrap();
    assert_eq!(instances(&sim), 0);
    let there = sim.resources("instances", Some(place.0), Some(place.1)).unwrap();
    assert_eq!(there.as_array().unwrap().len(), 1);
    assert!(sim.resources("moons", None, None).is_none());
}

#[test]
fn a_client_is_still_forbidden_what_others_may() {
    let sim = sim();
    sim.deny("RunInstances");
    sim.act(None, "RunInstances", &LAUNCH).unwrap();
    assert_eq!(refused(&sim, "RunInstances", &LAUNCH), "UnauthorizedOperation");
}
