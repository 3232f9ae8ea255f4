mod act;
mod backup;
mod determinism;
mod flows;
mod herd;
mod latency;
mod more_faults;
mod stale;

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use crate::testing::{Reply, advance, ask, call, refused, request, run, signed, sim};
use crate::{Effect, FaultKind, FaultSpec, Hold, Matching, Outcome, Sim};

const LAUNCH: [(&str, &str); 4] = [
    ("ImageId", "ami-0123456789abcdef0"),
    ("InstanceType", "t3.micro"),
    ("MinCount", "1"),
    ("MaxCount", "1"),
];

fn held(sim: &Sim, action: &str, params: &[(&str, &str)]) -> Hold {
    match sim.handle(&request(action, params)) {
        Outcome::Held(hold) => hold,
        Outcome::Answered(response) => panic!("answered: {response:?}"),
        Outcome::Delayed(_) => panic!("delayed"),
        Outcome::Lost => panic!("lost"),
    }
}

fn instances(sim: &Sim) -> usize {
    sim.state(None, None)["instances"].as_array().unwrap().len()
}

#[test]
fn an_unknown_action_is_refused_as_ec2_refuses_it() {
    let sim = sim();
    let reply = ask(&sim, "DescribeMoon", &[]);
    assert_eq!((reply.status, reply.code().as_str()), (400, "InvalidAction"));
    assert!(reply.body.ends_with("</Response>"), "{}", reply.body);
    assert!(
        reply.body.contains("<Response><Errors><Error><Code>"),
        "{}",
        reply.body
    );
}

#[test]
fn an_answer_ends_in_the_name_of_its_operation() {
    let reply = call(&sim(), "DescribeVpcs", &[]);
    assert!(reply.body.ends_with("</DescribeVpcsResponse>"), "{}", reply.body);
}

#[test]
fn an_unsigned_form_is_answered_in_the_default_region() {
    let sim = sim();
    let form = http::Request::post("/")
        .body("Action=DescribeAvailabilityZones".into())
        .unwrap();
    let Outcome::Answered(response) = sim.handle(&form) else {
        panic!("not answered")
    };
    assert_eq!(
        Reply::new(&response).all("zoneName"),
        ["ap-northeast-1a", "ap-northeast-1c", "ap-northeast-1d"]
    );
}

#[test]
fn an_unsigned_form_in_the_version_of_sts_reaches_sts() {
    let sim = sim();
    let form = http::Request::post("/")
        .body("Action=Nothing&Version=2011-06-15".into())
        .unwrap();
    let Outcome::Answered(response) = sim.handle(&form) else {
        panic!("not answered")
    };
    assert!(Reply::new(&response).body.ends_with("</ErrorResponse>"));
}

#[test]
fn a_service_that_is_not_simulated_is_refused() {
    let sim = sim();
    let mut request = request("ListQueues", &[]);
    let credential = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/sqs/aws4_request, Signature=0";
    request
        .headers_mut()
        .insert("authorization", credential.parse().unwrap());
    let Outcome::Answered(response) = sim.handle(&request) else {
        panic!("not answered")
    };
    assert_eq!(Reply::new(&response).code(), "UnknownService");
}

#[test]
fn the_same_seed_and_calls_give_the_same_ids() {
    assert_eq!(run(&sim(), &[]), run(&sim(), &[]));
}

#[test]
fn accounts_and_regions_are_apart() {
    let sim = sim();
    run(&sim, &[]);
    for (key, region) in [("444455556666", "ap-northeast-1"), ("test", "us-east-1")] {
        let Outcome::Answered(response) = sim.handle(&signed(key, region, "DescribeInstances", &[])) else {
            panic!("not answered")
        };
        assert!(
            Reply::new(&response).all("instanceId").is_empty(),
            "{key} {region}"
        );
    }
    assert_eq!(call(&sim, "DescribeInstances", &[]).all("instanceId").len(), 1);
}

#[test]
fn an_assumed_role_acts_in_its_account() {
    let sim = sim();
    let params = [
        ("RoleArn", "arn:aws:iam::444455556666:role/path/reader"),
        ("RoleSessionName", "me"),
    ];
    let key = call(&sim, "AssumeRole", &params).text("AccessKeyId");
    let Outcome::Answered(response) = sim.handle(&signed(&key, "us-east-1", "GetCallerIdentity", &[])) else {
        panic!("not answered")
    };
    let reply = Reply::new(&response);
    assert_eq!(reply.text("Account"), "444455556666");
    assert_eq!(
        reply.text("Arn"),
        "arn:aws:sts::444455556666:assumed-role/reader/me"
    );
    assert!(
        reply.body.ends_with("</GetCallerIdentityResponse>"),
        "{}",
        reply.body
    );
}

#[test]
fn a_dry_run_says_that_it_would_succeed_and_does_nothing() {
    let sim = sim();
    let params: Vec<_> = LAUNCH.into_iter().chain([("DryRun", "true")]).collect();
    let reply = ask(&sim, "RunInstances", &params);
    assert_eq!((reply.status, reply.code().as_str()), (412, "DryRunOperation"));
    assert_eq!(instances(&sim), 0);
    let last = sim.calls().pop().unwrap();
    assert!(last.dry_run && !last.effect && last.delivered);
}

#[test]
fn a_denied_action_is_refused_even_as_a_dry_run() {
    let sim = sim();
    sim.deny("ec2:Run*");
    for params in [&LAUNCH[..], &[LAUNCH[0], ("DryRun", "true")]] {
        let reply = ask(&sim, "RunInstances", params);
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (403, "UnauthorizedOperation")
        );
    }
    assert_eq!(instances(&sim), 0);
    sim.permit_all();
    run(&sim, &[]);
}

#[test]
fn a_held_answer_comes_after_its_effect_and_waits_for_the_release() {
    let sim = sim();
    let fault = sim.add_fault(FaultSpec::new("RunInstances", FaultKind::Hold));
    let hold = held(&sim, "RunInstances", &LAUNCH);
    assert_eq!(instances(&sim), 1, "the effect took place");
    assert_eq!(sim.faults()[0].held, [1]);
    assert!(!sim.calls()[0].delivered && sim.calls()[0].effect);
    let mut answer = pin!(hold.released());
    let mut ctx = Context::from_waker(Waker::noop());
    assert!(answer.as_mut().poll(&mut ctx).is_pending());
    call(&sim, "DescribeInstances", &[]);
    assert!(sim.release_fault(&fault));
    let Poll::Ready(response) = answer.as_mut().poll(&mut ctx) else {
        panic!("still held")
    };
    assert!(Reply::new(&response).body.ends_with("</RunInstancesResponse>"));
    assert!(sim.calls()[0].delivered);
    assert!(sim.faults()[0].held.is_empty());
}

#[test]
fn a_call_held_before_its_effect_acts_when_it_is_released() {
    let sim = sim();
    let spec = FaultSpec {
        effect: Some(Effect::Before),
        ..FaultSpec::new("RunInstances", FaultKind::Hold)
    };
    let fault = sim.add_fault(spec);
    let hold = held(&sim, "RunInstances", &LAUNCH);
    assert_eq!(instances(&sim), 0);
    assert_eq!(sim.calls()[0].code, "");
    sim.release_fault(&fault);
    let mut answer = pin!(hold.released());
    assert!(
        answer
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_ready()
    );
    assert_eq!(instances(&sim), 1);
    assert_eq!(
        (sim.calls()[0].code.as_str(), sim.calls()[0].effect),
        ("OK", true)
    );
    assert_eq!(sim.counts()["RunInstances"]["OK"], 1);
}

#[test]
fn a_client_that_gives_up_is_held_no_more_and_its_call_never_acts() {
    let sim = sim();
    let spec = FaultSpec {
        effect: Some(Effect::Before),
        ..FaultSpec::new("RunInstances", FaultKind::Hold)
    };
    let fault = sim.add_fault(spec);
    drop(held(&sim, "RunInstances", &LAUNCH));
    assert!(sim.faults()[0].held.is_empty());
    sim.release_fault(&fault);
    assert_eq!(instances(&sim), 0);
}

#[test]
fn removing_the_faults_lets_held_calls_go_on() {
    let sim = sim();
    sim.add_fault(FaultSpec::new("RunInstances", FaultKind::Hold));
    let hold = held(&sim, "RunInstances", &LAUNCH);
    sim.clear_faults();
    assert!(
        pin!(hold.released())
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_ready()
    );
}

#[test]
fn a_dropped_answer_had_its_effect_and_its_token_finds_it_again() {
    let sim = sim();
    sim.add_fault(FaultSpec::new("RunInstances", FaultKind::Drop));
    let params: Vec<_> = LAUNCH.into_iter().chain([("ClientToken", "one")]).collect();
    assert!(matches!(
        sim.handle(&request("RunInstances", &params)),
        Outcome::Lost
    ));
    let lost = &sim.calls()[0];
    assert!(lost.effect && !lost.delivered && lost.code == "OK");
    call(&sim, "RunInstances", &params);
    assert_eq!(instances(&sim), 1);
    assert!(sim.calls()[1].replayed && !sim.calls()[1].effect);
}

#[test]
fn an_error_comes_instead_of_the_effect_as_often_as_ordered() {
    let sim = sim();
    let id = sim.add_fault(FaultSpec {
        times: 2,
        skip: 1,
        ..FaultSpec::new("*", FaultKind::Error)
    });
    run(&sim, &[]);
    for _ in 0..2 {
        let reply = ask(&sim, "RunInstances", &LAUNCH);
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (503, "RequestLimitExceeded")
        );
    }
    run(&sim, &[]);
    assert_eq!(instances(&sim), 2);
    let fault = sim.faults().pop().unwrap();
    assert_eq!((fault.id, fault.fired, fault.passed), (id, 2, 1));
    assert_eq!(sim.counts()["RunInstances"]["RequestLimitExceeded"], 2);
}

#[test]
fn an_error_can_hide_an_effect_that_took_place() {
    let sim = sim();
    let spec = FaultSpec {
        effect: Some(Effect::After),
        code: Some("InternalError".to_owned()),
        status: Some(500),
        ..FaultSpec::new("RunInstances", FaultKind::Error)
    };
    sim.add_fault(spec);
    assert_eq!(refused(&sim, "RunInstances", &LAUNCH), "InternalError");
    assert_eq!(instances(&sim), 1);
    assert!(sim.calls()[0].effect);
}

#[test]
fn a_fault_strikes_only_calls_with_its_parameter_and_never_dry_runs_unasked() {
    let sim = sim();
    let matching = Matching {
        param: Some("InstanceType".to_owned()),
        contains: "m5.".to_owned(),
    };
    let spec = FaultSpec {
        matching: Some(matching),
        ..FaultSpec::new("RunInstances", FaultKind::Error)
    };
    sim.add_fault(spec);
    run(&sim, &[]);
    let large = [LAUNCH[0], ("InstanceType", "m5.large"), LAUNCH[2], LAUNCH[3]];
    let dry: Vec<_> = large.into_iter().chain([("DryRun", "true")]).collect();
    assert_eq!(refused(&sim, "RunInstances", &dry), "DryRunOperation");
    assert_eq!(refused(&sim, "RunInstances", &large), "RequestLimitExceeded");
}

#[test]
fn a_truncated_answer_is_cut_in_half() {
    let sim = sim();
    sim.add_fault(FaultSpec::new("DescribeInstances", FaultKind::Truncate));
    let cut = ask(&sim, "DescribeInstances", &[]);
    assert_eq!(cut.status, 200);
    assert!(!cut.body.ends_with("Response>"), "{}", cut.body);
}

#[test]
fn what_a_failing_call_made_fails_later() {
    let sim = sim();
    sim.add_fault(FaultSpec::new("RunInstances", FaultKind::Fail));
    run(&sim, &[]);
    advance(&sim, 3);
    let reply = call(&sim, "DescribeInstances", &[]);
    assert!(
        reply.text("instanceState").contains("terminated"),
        "{}",
        reply.body
    );
    assert!(reply.text("stateReason").contains("Server.InternalError"));
}

#[test]
fn a_lagging_describe_does_not_show_what_is_young() {
    let sim = sim();
    sim.set_describe_lag(std::time::Duration::from_secs(5));
    let id = run(&sim, &[]);
    assert!(call(&sim, "DescribeInstances", &[]).all("instanceId").is_empty());
    assert_eq!(
        refused(&sim, "DescribeInstances", &[("InstanceId.1", &id)]),
        "InvalidInstanceID.NotFound"
    );
    assert_eq!(instances(&sim), 1);
    advance(&sim, 5);
    assert_eq!(call(&sim, "DescribeInstances", &[]).all("instanceId"), [id]);
}

#[test]
fn a_reset_forgets_everything() {
    let sim = sim();
    let first = run(&sim, &[]);
    sim.add_fault(FaultSpec::new("*", FaultKind::Error));
    sim.reset();
    assert!(sim.calls().is_empty() && sim.faults().is_empty());
    assert_eq!(instances(&sim), 0);
    assert_eq!(run(&sim, &[]), first);
}

#[test]
fn the_log_tells_who_asked_for_what() {
    let sim = sim();
    run(&sim, &[]);
    let logged = serde_json::to_value(&sim.calls()[0]).unwrap();
    assert_eq!(logged["operation"], "RunInstances");
    assert_eq!(logged["accessKey"], "test");
    assert_eq!(logged["userAgent"], "test");
    assert_eq!(logged["account"], "111122223333");
    assert_eq!(logged["region"], "ap-northeast-1");
    assert_eq!(logged["params"]["InstanceType"], "t3.micro");
    assert_eq!(logged["status"], 200);
}
