use crate::testing::{advance, ask, call, run, sim};
use crate::{Sim, StatusCheck};

/// The instances whose check is impaired.
fn impaired(sim: &Sim, filter: &str) -> Vec<String> {
    let params = [
        ("Filter.1.Name", filter),
        ("Filter.1.Value.1", "impaired"),
        ("MaxResults", "1000"),
    ];
    call(sim, "DescribeInstanceStatus", &params).all("instanceId")
}

#[test]
fn each_check_is_found_by_its_own_filter_until_it_is_healed() {
    let sim = sim();
    let (sick, _well) = (run(&sim, &[]), run(&sim, &[]));
    advance(&sim, 2);
    let checks = [
        ("instance-status.status", StatusCheck::Instance),
        ("system-status.status", StatusCheck::System),
        ("attached-ebs-status.status", StatusCheck::Ebs),
    ];
    for (filter, check) in checks {
        assert!(impaired(&sim, filter).is_empty());
        assert!(sim.impair(&sick, check));
        for (other, _) in checks {
            let expected = if other == filter {
                vec![sick.clone()]
            } else {
                vec![]
            };
            assert_eq!(impaired(&sim, other), expected, "{filter} seen by {other}");
        }
        assert!(sim.heal(&sick, check));
        assert!(impaired(&sim, filter).is_empty());
    }
    assert!(!sim.impair("i-0123456789abcdef0", StatusCheck::System));
}

#[test]
fn an_impaired_check_says_since_when() {
    let sim = sim();
    let id = run(&sim, &[]);
    advance(&sim, 60);
    sim.impair(&id, StatusCheck::System);
    advance(&sim, 60);
    sim.impair(&id, StatusCheck::System);
    let status = call(&sim, "DescribeInstanceStatus", &[("InstanceId.1", &id)]);
    assert_eq!(status.text("impairedSince"), "2026-01-01T00:01:00.000Z");
    let reachability = [
        ("Filter.1.Name", "system-status.reachability"),
        ("Filter.1.Value.1", "failed"),
    ];
    assert_eq!(
        call(&sim, "DescribeInstanceStatus", &reachability).all("instanceId"),
        [id]
    );
}

#[test]
fn a_stopped_instance_has_no_verdict_and_a_start_brings_another_host() {
    let sim = sim();
    let id = run(&sim, &[]);
    advance(&sim, 2);
    sim.impair(&id, StatusCheck::System);
    sim.impair(&id, StatusCheck::Instance);
    call(&sim, "StopInstances", &[("InstanceId.1", &id)]);
    advance(&sim, 2);
    assert!(impaired(&sim, "system-status.status").is_empty());
    let all = call(&sim, "DescribeInstanceStatus", &[("IncludeAllInstances", "true")]);
    assert_eq!(all.all("instanceId"), [id.as_str()]);
    assert!(all.body.contains("not-applicable"));
    call(&sim, "StartInstances", &[("InstanceId.1", &id)]);
    advance(&sim, 2);
    assert!(impaired(&sim, "system-status.status").is_empty());
    assert_eq!(impaired(&sim, "instance-status.status"), [id]);
}

#[test]
fn pages_hold_impaired_instances_only_and_end_without_a_token() {
    let sim = sim();
    for round in 0..20 {
        let id = run(&sim, &[]);
        if round % 2 == 0 {
            sim.impair(&id, StatusCheck::Instance);
        }
    }
    advance(&sim, 2);
    let filter = [
        ("Filter.1.Name", "instance-status.status"),
        ("Filter.1.Value.1", "impaired"),
        ("MaxResults", "7"),
    ];
    let first = call(&sim, "DescribeInstanceStatus", &filter);
    assert_eq!(first.all("instanceId").len(), 7);
    let token = first.text("nextToken");
    let second = [&filter[..], &[("NextToken", token.as_str())]].concat();
    let second = call(&sim, "DescribeInstanceStatus", &second);
    assert_eq!(
        (second.all("instanceId").len(), second.all("nextToken").len()),
        (3, 0)
    );
    assert_eq!(
        ask(&sim, "DescribeInstanceStatus", &[("MaxResults", "1001")]).code(),
        "InvalidParameterValue"
    );
}
