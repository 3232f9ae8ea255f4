use std::collections::BTreeSet;

use aws_sdk_ec2::types as sdk;
use proptest::prelude::*;

use super::{Unreadable, instance, sdk_rules, security_group, snapshot, volume};
use crate::cloud::{Direction, InstanceState, Peer, Protocol, Rule};

fn peers() -> impl Strategy<Value = Peer> {
    prop_oneof![
        (any::<u32>(), 0u8..=32).prop_map(|(bits, length)| {
            let range = ipnet::Ipv4Net::new(bits.into(), length).unwrap().trunc();
            Peer::Cidr(range.into())
        }),
        (any::<u128>(), 0u8..=128).prop_map(|(bits, length)| {
            let range = ipnet::Ipv6Net::new(bits.into(), length).unwrap().trunc();
            Peer::Cidr(range.into())
        }),
        "sg-[0-9a-f]{17}".prop_map(|id| Peer::Group(id.into())),
        "pl-[0-9a-f]{8}".prop_map(Peer::PrefixList),
    ]
}

fn rules(direction: Direction) -> impl Strategy<Value = BTreeSet<Rule>> {
    let protocol = prop_oneof![
        Just((Protocol::All, -1, -1)),
        (0..=65535i32).prop_map(|port| (Protocol::Tcp, port, port)),
        (0..=1024i32).prop_map(|port| (Protocol::Udp, port, 65535)),
        Just((Protocol::Other("icmp".to_owned()), -1, -1)),
        Just((Protocol::Other("47".to_owned()), -1, -1)),
    ];
    let rule = (protocol, peers()).prop_map(move |((protocol, from_port, to_port), peer)| Rule {
        direction,
        protocol,
        from_port,
        to_port,
        peer,
    });
    prop::collection::btree_set(rule, 0..20)
}

proptest! {
    #[test]
    fn rules_survive_the_way_to_aws_and_back(
        ingress in rules(Direction::Ingress),
        egress in rules(Direction::Egress),
    ) {
        let group = sdk::SecurityGroup::builder()
            .group_id("sg-1")
            .group_name("web")
            .vpc_id("vpc-1")
            .set_ip_permissions(Some(sdk_rules(ingress.iter())))
            .set_ip_permissions_egress(Some(sdk_rules(egress.iter())))
            .build();
        let read = security_group(group).unwrap();
        prop_assert_eq!(read.rules, ingress.union(&egress).cloned().collect::<BTreeSet<_>>());
    }
}

#[test]
fn rules_that_differ_only_in_their_peer_travel_together() {
    let rule = |range: &str| Rule {
        direction: Direction::Ingress,
        protocol: Protocol::Tcp,
        from_port: 22,
        to_port: 22,
        peer: Peer::Cidr(range.parse().unwrap()),
    };
    let rules = [rule("192.0.2.0/24"), rule("198.51.100.0/24")];
    assert_eq!(sdk_rules(rules.iter()).len(), 1);
}

#[test]
fn what_is_missing_is_said_and_where() {
    let group = sdk::SecurityGroup::builder()
        .group_id("sg-1")
        .group_name("web")
        .build();
    let error = security_group(group).unwrap_err();
    assert_eq!(error, Unreadable::new("sg-1: vpcId is missing"));
    assert!(volume(sdk::Volume::builder().build()).is_err());
    assert!(snapshot(sdk::Snapshot::builder().snapshot_id("snap-1").build()).is_err());
    assert!(instance(sdk::Instance::builder().instance_id("i-1").build()).is_err());
}

#[test]
fn a_terminated_instance_is_read_without_what_it_no_longer_has() {
    let state = sdk::InstanceState::builder()
        .name(sdk::InstanceStateName::Terminated)
        .build();
    let gone = sdk::Instance::builder()
        .instance_id("i-1")
        .image_id("ami-1")
        .instance_type(sdk::InstanceType::from("m6i.large"))
        .launch_time(aws_smithy_types::DateTime::from_secs(0))
        .state(state)
        .build();
    assert_eq!(instance(gone).unwrap().state, InstanceState::Terminated);
}

#[test]
fn a_state_that_nobody_knows_is_an_error() {
    let state = sdk::InstanceState::builder()
        .name(sdk::InstanceStateName::from("hibernating"))
        .build();
    let odd = sdk::Instance::builder().instance_id("i-1").state(state).build();
    assert!(instance(odd).is_err());
}
