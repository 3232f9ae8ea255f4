use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::{Bucket, Limits, table};
use crate::clock::later;
use crate::testing::{advance, ask, call, group, rest, run, signed, sim_with};
use crate::{Clock, FaultKind, FaultSpec, Outcome, Sim};

fn limited() -> Sim {
    sim_with(|options| options.limits = Limits::Aws)
}

fn admitted(sim: &Sim, calls: usize, action: &str, params: &[(&str, &str)]) -> usize {
    let answers = (0..calls).map(|_| ask(sim, action, params));
    let throttled = |body: &str| body.contains("<Code>RequestLimitExceeded</Code>");
    answers.filter(|reply| !throttled(&reply.body)).count()
}

#[test]
fn calls_are_refused_only_when_limits_are_asked_for() {
    let sim = sim_with(|_| {});
    assert_eq!(admitted(&sim, 300, "DescribeVpcs", &[]), 300);
    assert!(sim.limits().is_empty());
    sim.set_limits(Limits::Aws);
    assert_eq!(admitted(&sim, 300, "DescribeVpcs", &[]), 100);
}

#[test]
fn each_class_has_its_bucket_and_its_refill() {
    let (filter, page) = (("Filter.1.Name", "vpc-id"), ("MaxResults", "1000"));
    let filtered = [filter, ("Filter.1.Value.1", "vpc-1")];
    for (action, params, capacity, per_second) in [
        ("DescribeVpcs", &[][..], 100, 20),
        ("DescribeInstances", &[], 50, 10),
        (
            "DescribeInstances",
            &[("InstanceId.1", "i-0123456789abcdef0")],
            50,
            10,
        ),
        ("DescribeInstances", &filtered, 100, 20),
        ("DescribeInstances", &[page], 100, 20),
        ("DescribeVolumes", &[], 50, 10),
        ("ModifyVpcAttribute", &[], 50, 5),
        ("AuthorizeSecurityGroupIngress", &[], 50, 5),
        ("AuthorizeSecurityGroupEgress", &[], 50, 5),
        ("RevokeSecurityGroupIngress", &[], 50, 5),
        ("CreateSnapshot", &[], 100, 5),
        ("CreateTags", &[], 100, 10),
        ("CopyImage", &[], 100, 1),
        ("LockSnapshot", &[], 50, 5),
        ("UnlockSnapshot", &[], 50, 5),
        ("DescribeLockedSnapshots", &[], 100, 20),
        ("DeleteSnapshot", &[], 100, 5),
        ("ModifySnapshotAttribute", &[], 100, 5),
        ("DescribeSnapshotAttribute", &[], 100, 20),
        ("ModifyImageAttribute", &[], 100, 5),
        ("DescribeImageAttribute", &[], 100, 20),
        ("GetSnapshotBlockPublicAccessState", &[], 100, 20),
        ("RunInstances", &[], 5, 2),
        ("StopInstances", &[], 50, 5),
        ("TerminateInstances", &[], 100, 5),
    ] {
        let sim = limited();
        assert_eq!(
            admitted(&sim, 130, action, params),
            capacity,
            "{action} {params:?}"
        );
        advance(&sim, 1);
        assert_eq!(
            admitted(&sim, 30, action, params),
            per_second,
            "{action} {params:?}"
        );
    }
}

#[test]
fn the_rarest_call_is_let_through_once_in_ten_seconds() {
    let sim = limited();
    let count = |sim: &Sim| admitted(sim, 2, "EnableSnapshotBlockPublicAccess", &[]);
    assert_eq!(count(&sim), 1);
    advance(&sim, 9);
    assert_eq!(count(&sim), 0);
    advance(&sim, 1);
    assert_eq!(count(&sim), 1);
}

#[test]
fn actions_accounts_and_regions_do_not_share_a_bucket() {
    let sim = limited();
    assert_eq!(admitted(&sim, 101, "DescribeVpcs", &[]), 100);
    assert_eq!(admitted(&sim, 100, "DescribeSubnets", &[]), 100);
    assert_eq!(admitted(&sim, 60, "DescribeInstances", &[]), 50);
    assert_eq!(
        admitted(&sim, 100, "DescribeInstances", &[("MaxResults", "5")]),
        100
    );
    for (key, region) in [("444455556666", "ap-northeast-1"), ("test", "us-east-1")] {
        let Outcome::Answered(response) = sim.handle(&signed(key, region, "DescribeVpcs", &[])) else {
            panic!("not answered")
        };
        assert_eq!(response.status(), 200);
    }
}

#[test]
fn a_refused_call_has_no_effect_and_is_in_the_log() {
    let sim = limited();
    for _ in 0..5 {
        run(&sim, &[]);
    }
    let reply = ask(&sim, "RunInstances", &[("MaxCount", "1")]);
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (503, "RequestLimitExceeded")
    );
    let last = sim.calls().pop().unwrap();
    assert!(last.throttled && !last.effect && last.delivered);
    assert_eq!(sim.counts()["RunInstances"]["RequestLimitExceeded"], 1);
    let bucket = &sim.limits()[0];
    assert_eq!(
        (bucket.bucket.as_str(), bucket.taken, bucket.refused),
        ("RunInstances", 5, 1)
    );
    assert_eq!(sim.throttled(), 1);
}

#[test]
fn a_throttle_by_a_fault_is_not_one_by_a_bucket() {
    let sim = limited();
    sim.add_fault(FaultSpec::new("*", FaultKind::Throttle));
    ask(&sim, "DescribeVpcs", &[]);
    assert!(!sim.calls()[0].throttled);
    assert_eq!(sim.throttled(), 0);
}

#[test]
fn a_dry_run_takes_a_token_too_but_none_for_instances() {
    let sim = limited();
    let dry = [("DryRun", "true"), ("MaxCount", "900")];
    assert_eq!(admitted(&sim, 6, "RunInstances", &dry), 5);
    assert_eq!(sim.limits().len(), 1);
}

#[test]
fn instances_are_counted_whether_in_one_call_or_many() {
    let sim = limited();
    let ids: Vec<(String, String)> = (1..=600)
        .map(|at| (format!("InstanceId.{at}"), format!("i-0{at:016x}")))
        .collect();
    let params: Vec<(&str, &str)> = ids
        .iter()
        .map(|(name, id)| (name.as_str(), id.as_str()))
        .collect();
    assert_eq!(admitted(&sim, 2, "TerminateInstances", &params), 1);
    advance(&sim, 10);
    assert_eq!(admitted(&sim, 2, "TerminateInstances", &params), 1, "20 a second");
}

#[test]
fn another_client_takes_its_part_of_what_flows_in() {
    let sim = sim_with(|options| {
        options.limits = Limits::Aws;
        options.other_client = 0.1;
    });
    assert_eq!(admitted(&sim, 130, "DescribeVpcs", &[]), 100);
    advance(&sim, 5);
    assert_eq!(admitted(&sim, 130, "DescribeVpcs", &[]), 90);
}

#[test]
fn no_token_is_lost_or_won_by_drawing_often() {
    let start = Timestamp::UNIX_EPOCH;
    let rate = table::Rate {
        capacity: 1,
        refill: 0.1,
    };
    let mut bucket = Bucket::full(rate, start);
    assert!(bucket.take(start, 0.0, 1));
    let mut taken = 0;
    for step in 1..=1_000_000_u64 {
        let now = later(start, Duration::from_millis(step));
        taken += u32::from(bucket.take(now, 0.0, 1));
    }
    assert_eq!(taken, 100, "1,000 s at a token in ten");
}

#[test]
fn sts_has_no_bucket_here() {
    let sim = limited();
    for _ in 0..300 {
        call(&sim, "GetCallerIdentity", &[]);
    }
}

#[test]
fn a_group_a_call_converges_at_the_rate_of_aws() {
    let sim = limited();
    let made = (0..).map(|at| group(&sim, crate::DEFAULT_VPC_ID, &format!("g-{at}")));
    assert_eq!(made.take(50).count(), 50);
    let Clock::Manual(clock) = sim.clock() else {
        panic!("tests run on the manual clock")
    };
    for at in 0..20 {
        assert_eq!(admitted(&sim, 1, "CreateSecurityGroup", &[]), 0, "{at}");
        clock.advance(Duration::from_millis(200));
        group(&sim, crate::DEFAULT_VPC_ID, &format!("h-{at}"));
    }
}

/// How many of so many calls of AWS Backup are let in.
fn admitted_to_backup(sim: &Sim, calls: usize, (method, uri): (&str, &str)) -> usize {
    let answers = (0..calls).map(|_| rest(sim, method, uri, &Value::Null));
    answers
        .filter(|(_, told)| told["Code"] != "ThrottlingException")
        .count()
}

#[test]
fn aws_backup_takes_so_many_calls_of_an_action_a_second() {
    for (call, per_second) in [
        (("PUT", "/backup-jobs"), 5),
        (("PUT", "/backup-vaults/day"), 5),
        (("DELETE", "/backup-vaults/day/recovery-points/x"), 5),
        (("PUT", "/backup-vaults/day/vault-lock"), 5),
        (("GET", "/backup-jobs/x"), 15),
        (("GET", "/backup-vaults/day/access-policy"), 15),
        (("GET", "/backup-jobs"), 20),
        (("GET", "/backup-vaults/day/recovery-points"), 20),
    ] {
        let sim = limited();
        for _ in 0..3 {
            assert_eq!(admitted_to_backup(&sim, 60, call), per_second, "{call:?}");
            advance(&sim, 1);
        }
        advance(&sim, 60);
        assert_eq!(
            admitted_to_backup(&sim, 60, call),
            per_second,
            "no more is saved up"
        );
    }
}

#[test]
fn all_calls_of_aws_backup_together_have_a_limit_too() {
    let sim = limited();
    let reads = [
        ("GET", "/backup-jobs"),
        ("GET", "/backup-vaults"),
        ("GET", "/backup-vaults/day/recovery-points"),
    ];
    let let_in: Vec<usize> = reads
        .into_iter()
        .map(|call| admitted_to_backup(&sim, 30, call))
        .collect();
    assert_eq!(let_in, [20, 20, 10]);
    // EC2's buckets are its own.
    assert_eq!(admitted(&sim, 130, "DescribeVpcs", &[]), 100);
    let (status, told) = rest(&sim, "GET", "/backup-jobs", &Value::Null);
    assert_eq!(
        (status, &*told["Code"].to_string()),
        (400, "\"ThrottlingException\"")
    );
    assert!(sim.calls().pop().unwrap().throttled);
    let all = sim
        .limits()
        .into_iter()
        .find(|it| it.bucket == "backup:*")
        .unwrap();
    assert_eq!((all.capacity, all.taken), (50, 50));
}
