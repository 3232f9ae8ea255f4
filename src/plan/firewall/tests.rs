use std::collections::BTreeSet;

use proptest::{collection::btree_set, prelude::*};

use super::{simulate::simulate, *};
use crate::{
    api::{Cidr, EgressRule, Port},
    cloud::SecurityGroupId,
};

fn v4() -> impl Strategy<Value = IpNet> {
    (any::<u32>(), 0u8..=32)
        .prop_map(|(bits, length)| IpNet::V4(Ipv4Net::new(bits.into(), length).unwrap()).trunc())
}

fn v6() -> impl Strategy<Value = IpNet> {
    (any::<u128>(), 0u8..=128)
        .prop_map(|(bits, length)| IpNet::V6(Ipv6Net::new(bits.into(), length).unwrap()).trunc())
}

fn peers() -> impl Strategy<Value = Peer> {
    prop_oneof![
        6 => v4().prop_map(Peer::Cidr),
        3 => v6().prop_map(Peer::Cidr),
        1 => (0..4).prop_map(|n| Peer::Group(SecurityGroupId::new(format!("sg-{n}")))),
        1 => (0..4).prop_map(|n| Peer::PrefixList(format!("pl-{n}"))),
    ]
}

pub(crate) fn any_rule() -> impl Strategy<Value = Rule> {
    let direction = prop_oneof![Just(Direction::Ingress), Just(Direction::Egress)];
    // Few ports, so that the desired and the observed meet.
    let ports = prop_oneof![
        Just((Protocol::Tcp, 443)),
        Just((Protocol::Tcp, 80)),
        Just((Protocol::Tcp, 22)),
        Just((Protocol::Udp, 53)),
        Just((Protocol::All, -1)),
        Just((Protocol::Other("icmp".to_owned()), -1)),
    ];
    (direction, ports, peers()).prop_map(|(direction, (protocol, port), peer)| Rule {
        direction,
        protocol,
        from_port: port,
        to_port: port,
        peer,
    })
}

/// Two sets of rules that share some.
fn pairs(size: usize) -> impl Strategy<Value = (BTreeSet<Rule>, BTreeSet<Rule>)> {
    let rules = move || btree_set(any_rule(), 0..size);
    (rules(), rules(), rules()).prop_map(|(shared, one, other)| {
        (
            one.union(&shared).cloned().collect(),
            other.union(&shared).cloned().collect(),
        )
    })
}

fn full(rules: &BTreeSet<Rule>) -> usize {
    [Direction::Ingress, Direction::Egress]
        .into_iter()
        .flat_map(|direction| {
            let of = of(direction, rules.iter());
            Families::ALL.map(|family| family.count(&of))
        })
        .max()
        .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_group_that_is_exact_needs_nothing(rules in btree_set(any_rule(), 0..40)) {
        prop_assert!(plan_rules(&rules, &Observed::Present(rules.clone()), RULE_QUOTA).is_empty());
    }

    #[test]
    fn applying_a_plan_leaves_nothing_to_plan((desired, current) in pairs(20)) {
        let plan = plan_rules(&desired, &Observed::Present(current.clone()), RULE_QUOTA);
        let after = plan.iter().fold(current, simulate);
        prop_assert_eq!(&after, &desired);
        prop_assert!(plan_rules(&desired, &Observed::Present(after), RULE_QUOTA).is_empty());
    }

    #[test]
    fn stopping_after_any_step_and_starting_over_converges((desired, current) in pairs(20), stops in 0usize..7) {
        let plan = plan_rules(&desired, &Observed::Present(current.clone()), 8);
        let stopped = plan.iter().take(stops).fold(current, simulate);
        let rest = plan_rules(&desired, &Observed::Present(stopped.clone()), 8);
        prop_assert_eq!(rest.iter().fold(stopped, simulate), desired);
    }

    #[test]
    fn no_call_asks_for_more_than_the_quota((desired, current) in pairs(30), room in 0usize..5) {
        // Both ends fit, as they do in AWS; only the way between them may not.
        let quota = full(&desired).max(full(&current)) + room;
        let mut rules = current.clone();
        for step in plan_rules(&desired, &Observed::Present(current), quota) {
            rules = simulate(rules, &step);
            prop_assert!(full(&rules) <= quota);
        }
    }

    #[test]
    fn what_stays_desired_is_never_revoked((desired, current) in pairs(20), quota in 1usize..20) {
        for step in plan_rules(&desired, &Observed::Present(current.clone()), quota) {
            match step.change {
                RuleChange::Authorize => prop_assert!(step.rules.is_subset(&desired)),
                RuleChange::Revoke => {
                    prop_assert!(step.rules.is_disjoint(&desired));
                    prop_assert!(step.rules.is_subset(&current));
                }
            }
            prop_assert!(step.rules.iter().all(|rule| rule.direction == step.direction));
        }
    }

    #[test]
    fn with_room_everything_is_opened_before_anything_closes((desired, current) in pairs(10)) {
        for direction in [Direction::Ingress, Direction::Egress] {
            let changes: Vec<_> = plan_rules(&desired, &Observed::Present(current.clone()), usize::MAX)
                .into_iter()
                .filter(|step| step.direction == direction)
                .map(|step| step.change)
                .collect();
            prop_assert!(changes.len() <= 2);
            prop_assert!(changes.is_sorted());
        }
    }

    #[test]
    fn an_unknown_world_is_left_alone(desired in btree_set(any_rule(), 0..10)) {
        prop_assert!(plan_rules(&desired, &Observed::Unknown, RULE_QUOTA).is_empty());
        prop_assert!(plan_rules(&desired, &Observed::Absent, RULE_QUOTA).is_empty());
    }

    #[test]
    fn the_order_of_sources_does_not_matter(
        mut cidrs in proptest::collection::vec(v4().prop_map(|n| Cidr::from(n.to_string())), 0..20),
    ) {
        let access = |cidrs: &[Cidr]| AcceptedAccess {
            cidrs: cidrs.to_vec(),
            ports: vec![Port::Https],
            ..AcceptedAccess::default()
        };
        let one = desired_rules(&access(&cidrs));
        cidrs.reverse();
        prop_assert_eq!(one, desired_rules(&access(&cidrs)));
    }
}

fn described(rules: &BTreeSet<Rule>, direction: Direction) -> Vec<String> {
    of(direction, rules.iter()).iter().map(describe).collect()
}

#[test]
fn sources_times_ports_are_opened_in_both_families() {
    let rules = desired_rules(&AcceptedAccess {
        policy: "office".to_owned(),
        cidrs: vec!["203.0.113.0/24".into(), "2001:db8::/32".into()],
        ports: vec![Port::Https, Port::Http],
        egress: Vec::new(),
    });
    assert_eq!(
        described(&rules, Direction::Ingress),
        [
            "tcp 80 from 203.0.113.0/24",
            "tcp 80 from 2001:db8::/32",
            "tcp 443 from 203.0.113.0/24",
            "tcp 443 from 2001:db8::/32",
        ]
    );
}

#[test]
fn without_a_policy_nothing_comes_in_and_only_the_defaults_go_out() {
    let rules = desired_rules(&AcceptedAccess::default());
    assert!(described(&rules, Direction::Ingress).is_empty());
    assert_eq!(
        described(&rules, Direction::Egress),
        [
            "tcp 53 to 0.0.0.0/0",
            "tcp 53 to ::/0",
            "tcp 443 to 0.0.0.0/0",
            "tcp 443 to ::/0",
            "udp 53 to 0.0.0.0/0",
            "udp 53 to ::/0",
            "udp 123 to 0.0.0.0/0",
            "udp 123 to ::/0",
        ]
    );
}

#[test]
fn what_a_policy_lets_out_comes_to_the_defaults() {
    let rules = desired_rules(&AcceptedAccess {
        egress: vec![EgressRule {
            port: 587,
            cidrs: vec!["198.51.100.10/32".into()],
            ..EgressRule::default()
        }],
        ..AcceptedAccess::default()
    });
    let out = described(&rules, Direction::Egress);
    assert_eq!(out.len(), 9);
    assert!(out.contains(&"tcp 587 to 198.51.100.10/32".to_owned()));
}

#[test]
fn a_rule_for_everything_reads_as_one() {
    let rule = Rule {
        direction: Direction::Egress,
        protocol: Protocol::All,
        from_port: -1,
        to_port: -1,
        peer: Peer::Cidr("0.0.0.0/0".parse().unwrap()),
    };
    assert_eq!(describe(&rule), "all traffic to 0.0.0.0/0");
}
