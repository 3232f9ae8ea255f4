use std::net::IpAddr;

use crate::testing::{advance, call, group, run, sim};
use crate::{DEFAULT_VPC_ID, Sim};

const OFFICE: &str = "203.0.113.7";

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn allow(sim: &Sim, group: &str, from: &str) {
    let params = [
        ("GroupId", group),
        ("IpPermissions.1.IpProtocol", "tcp"),
        ("IpPermissions.1.FromPort", "22"),
        ("IpPermissions.1.ToPort", "22"),
        ("IpPermissions.1.IpRanges.1.CidrIp", from),
    ];
    call(sim, "AuthorizeSecurityGroupIngress", &params);
}

fn revoke(sim: &Sim, group: &str, from: &str) {
    let params = [
        ("GroupId", group),
        ("IpPermissions.1.IpProtocol", "tcp"),
        ("IpPermissions.1.FromPort", "22"),
        ("IpPermissions.1.ToPort", "22"),
        ("IpPermissions.1.IpRanges.1.CidrIp", from),
    ];
    call(sim, "RevokeSecurityGroupIngress", &params);
}

/// A running instance in a group of its own that lets the office in.
fn open_instance(sim: &Sim) -> (String, String) {
    let group = group(sim, DEFAULT_VPC_ID, "office");
    allow(sim, &group, "203.0.113.0/24");
    let id = run(sim, &[("SecurityGroupId.1", &group)]);
    advance(sim, 10);
    (id, group)
}

#[test]
fn a_flow_opens_when_a_rule_lets_its_peer_in() {
    let sim = sim();
    let (id, _) = open_instance(&sim);
    for (peer, port, opens) in [
        (OFFICE, 22, true),
        (OFFICE, 443, false),
        ("198.51.100.1", 22, false),
        ("2001:db8::1", 22, false),
    ] {
        assert_eq!(sim.open_flow(&id, ip(peer), port), opens, "{peer} {port}");
    }
    assert_eq!(sim.flows(&id).len(), 1);
    assert_eq!(sim.state(None, None)["flows"][0]["peer"], OFFICE);
}

#[test]
fn nothing_opens_to_an_instance_that_does_not_run() {
    let sim = sim();
    let group = group(&sim, DEFAULT_VPC_ID, "office");
    allow(&sim, &group, "0.0.0.0/0");
    let id = run(&sim, &[("SecurityGroupId.1", &group)]);
    assert!(!sim.open_flow(&id, ip(OFFICE), 22), "it is pending");
    advance(&sim, 10);
    assert!(sim.open_flow(&id, ip(OFFICE), 22));
    assert!(!sim.open_flow("i-0123456789abcdef0", ip(OFFICE), 22));
}

#[test]
fn an_open_flow_survives_its_rule_until_it_is_cut() {
    let sim = sim();
    let (id, group) = open_instance(&sim);
    assert!(sim.open_flow(&id, ip(OFFICE), 22));
    assert!(sim.open_flow(&id, ip("203.0.113.8"), 22));
    revoke(&sim, &group, "203.0.113.0/24");
    assert_eq!(sim.flows(&id).len(), 2);
    assert!(sim.open_flow(&id, ip(OFFICE), 22), "it is open still");
    assert_eq!(sim.cut_flows(&id, Some(ip(OFFICE))), 1);
    assert!(!sim.open_flow(&id, ip(OFFICE), 22), "no rule lets it in again");
    assert_eq!(sim.cut_flows(&id, None), 1);
    assert!(sim.flows(&id).is_empty());
}

#[test]
fn stopping_and_terminating_end_the_flows_of_the_instance_alone() {
    for action in ["StopInstances", "TerminateInstances"] {
        let sim = sim();
        let (id, group) = open_instance(&sim);
        let other = run(&sim, &[("SecurityGroupId.1", &group)]);
        advance(&sim, 10);
        assert!(sim.open_flow(&id, ip(OFFICE), 22) && sim.open_flow(&other, ip(OFFICE), 22));
        call(&sim, action, &[("InstanceId.1", &id)]);
        assert!(sim.flows(&id).is_empty());
        assert_eq!(sim.flows(&other).len(), 1);
    }
}

#[test]
fn members_of_a_named_group_are_let_in_by_their_address() {
    let sim = sim();
    let inside = run(&sim, &[]);
    let target = run(&sim, &[]);
    advance(&sim, 10);
    let address = sim.state(None, None)["instances"]
        .as_array()
        .unwrap()
        .iter()
        .find(|instance| instance["id"] == inside.as_str())
        .unwrap()["privateIp"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        sim.open_flow(&target, ip(&address), 5432),
        "both are in the default group"
    );
    assert!(!sim.open_flow(&target, ip("172.31.200.200"), 5432));
}
