use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;

use crate::testing::{Reply, request, sim_with};
use crate::{Clock, FaultKind, FaultSpec, ManualClock, Sim};

pub(super) type Answer = Pin<Box<dyn Future<Output = Option<http::Response<Bytes>>>>>;

fn slow(seed: u64) -> Sim {
    sim_with(|options| {
        options.seed = seed;
        options.latency = Duration::from_millis(20)..=Duration::from_millis(300);
    })
}

pub(super) fn clock(sim: &Sim) -> ManualClock {
    match sim.clock() {
        Clock::Manual(clock) => clock.clone(),
        Clock::Wall => panic!("tests run on the manual clock"),
    }
}

/// Sends calls at once; `tag` tells them apart in the log.
fn send(sim: &Sim, count: usize) -> Vec<Answer> {
    let one = |at: usize| {
        let request = request("CreateVpc", &[("CidrBlock", &format!("10.{at}.0.0/16"))]);
        let sim = sim.clone();
        Box::pin(async move { sim.answer(&request).await }) as Answer
    };
    (0..count).map(one).collect()
}

/// Moves the clock from wait to wait until all are answered; gives the answers in their order.
pub(super) fn drive(sim: &Sim, mut answers: Vec<Answer>) -> Vec<String> {
    let (mut ctx, mut bodies) = (Context::from_waker(Waker::noop()), Vec::new());
    loop {
        answers.retain_mut(|answer| match answer.as_mut().poll(&mut ctx) {
            Poll::Ready(response) => {
                bodies.push(Reply::new(&response.unwrap()).body);
                false
            }
            Poll::Pending => true,
        });
        let Some(next) = clock(sim).next_wait() else {
            assert!(answers.is_empty(), "nobody waits for the clock");
            return bodies;
        };
        clock(sim).set(next);
    }
}

fn arrivals(sim: &Sim) -> Vec<String> {
    sim.calls()
        .iter()
        .map(|call| call.params["CidrBlock"].clone())
        .collect()
}

#[test]
fn calls_made_at_once_arrive_out_of_order_and_all_are_answered() {
    let sim = slow(1);
    let start = clock(&sim).now();
    drive(&sim, send(&sim, 20));
    let arrived = arrivals(&sim);
    assert_eq!(arrived.len(), 20);
    assert!(!arrived.is_sorted_by_key(|cidr| cidr.split('.').nth(1).unwrap().parse::<u8>().unwrap()));
    let waits = sim.calls().into_iter().map(|call| call.at.duration_since(start));
    let range = jiff::SignedDuration::from_millis(20)..=jiff::SignedDuration::from_millis(300);
    assert!(waits.into_iter().all(|wait| range.contains(&wait)));
    let end = clock(&sim).now().duration_since(start);
    assert!(end.as_millis() > 300, "the answers take their time too: {end}");
}

#[test]
fn the_same_seed_gives_the_same_order_of_arrival() {
    let order = |seed: u64| {
        let sim = slow(seed);
        drive(&sim, send(&sim, 12));
        arrivals(&sim)
    };
    assert_eq!(order(3), order(3));
    assert_ne!(order(3), order(4));
}

#[test]
fn a_request_whose_client_goes_away_on_the_way_never_arrives() {
    let sim = slow(0);
    let mut answers = send(&sim, 1);
    let mut ctx = Context::from_waker(Waker::noop());
    assert!(answers[0].as_mut().poll(&mut ctx).is_pending());
    drop(answers);
    clock(&sim).advance(Duration::from_secs(1));
    assert!(sim.calls().is_empty());
    assert_eq!(clock(&sim).next_wait(), None);
}

#[test]
fn an_answer_that_is_lost_is_not_waited_for() {
    let sim = slow(0);
    sim.add_fault(FaultSpec::new("CreateVpc", FaultKind::Drop));
    let mut answers = send(&sim, 1);
    let mut ctx = Context::from_waker(Waker::noop());
    assert!(answers[0].as_mut().poll(&mut ctx).is_pending());
    clock(&sim).set(clock(&sim).next_wait().unwrap());
    let Poll::Ready(None) = answers[0].as_mut().poll(&mut ctx) else {
        panic!("not lost")
    };
    assert_eq!(clock(&sim).next_wait(), None);
}
