use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::{LAUNCH, instances};
use crate::testing::{Reply, advance, ask, call, refused, request, run, sim};
use crate::{Delayed, Effect, FaultKind, FaultSpec, Outcome, Sim};

const PAGE: (&str, &str) = ("MaxResults", "5");

fn delayed(sim: &Sim, action: &str, params: &[(&str, &str)]) -> Delayed {
    match sim.handle(&request(action, params)) {
        Outcome::Delayed(delayed) => delayed,
        _ => panic!("not delayed"),
    }
}

/// Every page of a listing, at most so many.
fn pages(sim: &Sim, most: usize) -> Vec<Vec<String>> {
    let (mut pages, mut token) = (Vec::new(), None::<String>);
    while pages.len() < most {
        let mut params = vec![PAGE];
        if let Some(token) = &token {
            params.push(("NextToken", token));
        }
        let reply = call(sim, "DescribeInstances", &params);
        pages.push(reply.all("instanceId"));
        token = reply.all("nextToken").pop();
        if token.is_none() {
            break;
        }
    }
    pages
}

#[test]
fn errors_of_aws_come_instead_of_the_effect() {
    for (kind, status, code) in [
        (FaultKind::Throttle, 503, "RequestLimitExceeded"),
        (FaultKind::Unavailable, 503, "Unavailable"),
        (FaultKind::Deny, 403, "UnauthorizedOperation"),
    ] {
        let sim = sim();
        sim.add_fault(FaultSpec::new("*", kind));
        let reply = ask(&sim, "RunInstances", &LAUNCH);
        assert_eq!((reply.status, reply.code().as_str()), (status, code));
        assert_eq!(instances(&sim), 0);
        let fault = sim.faults().pop().unwrap();
        assert_eq!((fault.fired, fault.effects, fault.untrue), (1, 0, 1));
    }
}

#[test]
fn a_fault_counts_the_effects_that_took_place_all_the_same() {
    let sim = sim();
    sim.add_fault(FaultSpec::new("RunInstances", FaultKind::Unavailable).striking(Effect::After));
    assert_eq!(refused(&sim, "RunInstances", &LAUNCH), "Unavailable");
    assert_eq!(instances(&sim), 1);
    assert_eq!(sim.faults()[0].effects, 1);
}

#[test]
fn sts_is_throttled_in_its_own_words() {
    let sim = sim();
    sim.add_fault(FaultSpec::new("GetCallerIdentity", FaultKind::Throttle));
    let reply = ask(&sim, "GetCallerIdentity", &[]);
    assert_eq!((reply.status, reply.code().as_str()), (400, "Throttling"));
}

#[test]
fn a_listing_without_end_gives_its_first_page_and_one_token_for_ever() {
    let sim = sim();
    for _ in 0..7 {
        run(&sim, &[]);
    }
    sim.add_fault(FaultSpec::new("*", FaultKind::EndlessToken));
    let seen = pages(&sim, 6);
    assert_eq!(seen.len(), 6, "{seen:?}");
    assert!(
        seen.iter().all(|page| *page == seen[0] && page.len() == 5),
        "{seen:?}"
    );
    assert_eq!(pages(&sim, 6).len(), 2, "one listing, as ordered");
    assert_eq!(sim.faults()[0].fired, 6);
}

#[test]
fn the_token_of_a_listing_without_end_is_good_when_the_fault_is_gone() {
    let sim = sim();
    sim.add_fault(FaultSpec::new("DescribeInstances", FaultKind::EndlessToken));
    let token = call(&sim, "DescribeInstances", &[]).text("nextToken");
    sim.clear_faults();
    let reply = call(&sim, "DescribeInstances", &[("NextToken", &token)]);
    assert!(reply.all("nextToken").is_empty());
}

#[test]
fn a_page_comes_twice_and_the_listing_goes_on() {
    let sim = sim();
    for _ in 0..12 {
        run(&sim, &[]);
    }
    let plain = pages(&sim, 9);
    assert_eq!(plain.len(), 3);
    sim.add_fault(FaultSpec {
        skip: 1,
        ..FaultSpec::new("DescribeInstances", FaultKind::DuplicatePage)
    });
    let seen = pages(&sim, 9);
    assert_eq!(
        seen,
        [&plain[0], &plain[1], &plain[1], &plain[2]].map(Clone::clone)
    );
    assert_eq!(sim.faults()[0].fired, 1);
}

#[test]
fn pages_are_repeated_of_listings_only() {
    let sim = sim();
    sim.add_fault(FaultSpec::new("*", FaultKind::DuplicatePage).forever());
    sim.add_fault(FaultSpec::new("*", FaultKind::EndlessToken).forever());
    sim.add_fault(FaultSpec::stale_read("*", 1).forever());
    run(&sim, &[]);
    assert_eq!(sim.faults().iter().map(|fault| fault.fired).sum::<u32>(), 0);
}

#[test]
fn a_delayed_answer_comes_when_the_clock_is_there() {
    let sim = sim();
    sim.add_fault(FaultSpec::delay("RunInstances", Duration::from_secs(40)));
    let delayed = delayed(&sim, "RunInstances", &LAUNCH);
    assert_eq!(instances(&sim), 1, "its effect took place");
    let mut answer = pin!(delayed.due());
    let mut ctx = Context::from_waker(Waker::noop());
    assert!(answer.as_mut().poll(&mut ctx).is_pending());
    advance(&sim, 39);
    assert!(answer.as_mut().poll(&mut ctx).is_pending());
    assert!(!sim.calls()[0].delivered);
    advance(&sim, 1);
    let Poll::Ready(response) = answer.as_mut().poll(&mut ctx) else {
        panic!("still on its way")
    };
    assert!(Reply::new(&response).body.ends_with("</RunInstancesResponse>"));
    assert!(sim.calls()[0].delivered);
    assert_eq!(sim.faults()[0].effects, 1);
}

#[test]
fn a_delayed_request_has_its_effect_later_even_when_its_client_has_gone() {
    let sim = sim();
    let late = FaultSpec::delay("RunInstances", Duration::from_secs(40)).striking(Effect::Before);
    sim.add_fault(late.forever());
    drop(delayed(&sim, "RunInstances", &LAUNCH));
    let waiting = delayed(&sim, "RunInstances", &LAUNCH);
    assert_eq!(instances(&sim), 0);
    advance(&sim, 39);
    assert_eq!(instances(&sim), 0);
    advance(&sim, 1);
    assert_eq!(instances(&sim), 2);
    assert!(sim.calls()[0].effect && !sim.calls()[0].delivered);
    let mut ctx = Context::from_waker(Waker::noop());
    assert!(pin!(waiting.due()).poll(&mut ctx).is_ready());
    assert!(sim.calls()[1].delivered);
}

#[test]
fn a_fault_can_be_written_in_json() {
    let fault: FaultSpec = serde_json::from_value(serde_json::json!({
        "operation": "DescribeInstances", "kind": "staleRead", "versions": 3, "times": 0,
    }))
    .unwrap();
    assert_eq!(fault, FaultSpec::stale_read("DescribeInstances", 3).forever());
    let delay: FaultSpec = serde_json::from_value(serde_json::json!({
        "operation": "RunInstances", "kind": "delay", "delay": "40s",
    }))
    .unwrap();
    assert_eq!(delay, FaultSpec::delay("RunInstances", Duration::from_secs(40)));
}
