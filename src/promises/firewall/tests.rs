use std::collections::BTreeSet;

use crate::{
    cloud::{Direction, Observed, Protocol, Rule},
    promises::{
        AttachedGroup, Facts, GroupRole, Verdict,
        tests::{kept, rule, said, tcp, verdict},
    },
};

fn with_group(role: GroupRole, rules: Observed<BTreeSet<Rule>>) -> Facts {
    let mut facts = kept();
    if let Observed::Present(groups) = &mut facts.groups {
        groups.push(AttachedGroup {
            id: "sg-more".into(),
            role,
            rules,
        });
    }
    facts
}

fn with_rule(role: GroupRole, rule: Rule) -> Facts {
    with_group(role, Observed::Present(BTreeSet::from([rule])))
}

#[test]
fn the_declared_sources_alone_pass() {
    for id in [11, 15, 16] {
        assert_eq!(verdict(id, &kept()), Verdict::Pass, "P{id}");
    }
}

#[test]
fn a_rule_of_a_stranger_breaks_the_limit_of_sources() {
    let facts = with_rule(GroupRole::Own, tcp(443, "198.51.100.7/32"));
    let reason = "not in the access policy: tcp 443 from 198.51.100.7/32".to_owned();
    assert_eq!(said(11, &facts), (Verdict::Fail, reason));
    assert_eq!(verdict(15, &facts), Verdict::Pass);
    assert_eq!(
        verdict(11, &with_rule(GroupRole::Foreign, tcp(8080, "10.0.0.0/8"))),
        Verdict::Fail
    );
}

#[test]
fn a_closed_environment_limits_its_sources() {
    let mut facts = kept();
    facts.declared_ingress = Some(BTreeSet::new());
    facts.groups = Observed::Present(vec![AttachedGroup {
        id: "sg-quarantine".into(),
        role: GroupRole::Quarantine,
        rules: Observed::Present(BTreeSet::new()),
    }]);
    for id in [11, 15, 16] {
        assert_eq!(verdict(id, &facts), Verdict::Pass, "P{id}");
    }
}

#[test]
fn monitoring_from_inside_is_no_customers_source_but_from_outside_it_is_broken() {
    let inside = with_rule(GroupRole::Base, tcp(9100, "10.9.0.0/16"));
    assert_eq!(
        (verdict(11, &inside), verdict(15, &inside)),
        (Verdict::Pass, Verdict::Pass)
    );
    let outside = with_rule(GroupRole::Base, tcp(9100, "192.0.2.0/24"));
    assert_eq!(
        (verdict(11, &outside), verdict(15, &outside)),
        (Verdict::Fail, Verdict::Fail)
    );
    let list = with_rule(GroupRole::Base, tcp(9100, "pl-0123"));
    assert_eq!(
        (verdict(11, &list), verdict(15, &list)),
        (Verdict::Fail, Verdict::Unknown)
    );
}

#[test]
fn anything_but_https_open_to_the_public_fails() {
    for open in [
        tcp(8443, "0.0.0.0/0"),
        rule(Protocol::Tcp, (443, 444), "203.0.113.0/24"),
        rule(Protocol::Udp, (443, 443), "203.0.113.0/24"),
        rule(Protocol::All, (-1, -1), "::/0"),
        rule(Protocol::Other("icmp".to_owned()), (-1, -1), "0.0.0.0/0"),
        // Half of it is private, half of it is not.
        tcp(8443, "10.0.0.0/7"),
    ] {
        assert_eq!(
            verdict(15, &with_rule(GroupRole::Own, open.clone())),
            Verdict::Fail,
            "{open:?}"
        );
    }
    let facts = with_rule(GroupRole::Own, rule(Protocol::All, (-1, -1), "::/0"));
    assert_eq!(
        said(15, &facts).1,
        "open to public addresses: everything from ::/0"
    );
}

#[test]
fn ports_for_private_addresses_and_egress_are_no_public_traffic() {
    let mut egress = tcp(8443, "0.0.0.0/0");
    egress.direction = Direction::Egress;
    for closed in [
        tcp(8443, "fd12::/48"),
        tcp(8443, "100.64.3.0/24"),
        tcp(8443, "sg-peer"),
        egress,
    ] {
        assert_eq!(
            verdict(15, &with_rule(GroupRole::Own, closed.clone())),
            Verdict::Pass,
            "{closed:?}"
        );
    }
}

#[test]
fn a_declared_redirect_is_unknown_and_an_undeclared_one_fails() {
    let http = tcp(80, "203.0.113.0/24");
    let mut facts = with_rule(GroupRole::Own, http.clone());
    assert_eq!(verdict(15, &facts), Verdict::Fail);
    facts.declared_ingress.as_mut().unwrap().insert(http);
    assert_eq!(verdict(15, &facts), Verdict::Unknown);
}

#[test]
fn any_rule_that_covers_ssh_fails() {
    for open in [
        tcp(22, "10.20.7.7/32"),
        rule(Protocol::Tcp, (0, 65535), "sg-peer"),
        rule(Protocol::All, (-1, -1), "10.0.0.0/8"),
        rule(Protocol::Other("6".to_owned()), (20, 25), "10.0.0.0/8"),
    ] {
        assert_eq!(
            verdict(16, &with_rule(GroupRole::Base, open.clone())),
            Verdict::Fail,
            "{open:?}"
        );
    }
    assert_eq!(
        verdict(16, &with_rule(GroupRole::Own, tcp(2222, "10.0.0.0/8"))),
        Verdict::Pass
    );
    let facts = with_rule(GroupRole::Own, rule(Protocol::Tcp, (20, 25), "10.0.0.0/8"));
    assert_eq!(said(16, &facts).1, "open to SSH: tcp 20-25 from 10.0.0.0/8");
}

#[test]
fn a_group_nobody_read_is_unknown_unless_another_fails() {
    for unread in [Observed::Unknown, Observed::Absent] {
        let mut facts = with_group(GroupRole::Foreign, unread);
        for id in [11, 15, 16] {
            let reason = "the rules of sg-more were not seen".to_owned();
            assert_eq!(said(id, &facts), (Verdict::Unknown, reason), "P{id}");
        }
        if let Observed::Present(groups) = &mut facts.groups {
            groups[0].rules = Observed::Present(BTreeSet::from([tcp(22, "0.0.0.0/0")]));
        }
        for id in [11, 15, 16] {
            assert_eq!(verdict(id, &facts), Verdict::Fail, "P{id}");
        }
    }
}

#[test]
fn no_instance_and_no_groups_are_unknown() {
    for groups in [Observed::Unknown, Observed::Absent, Observed::Present(Vec::new())] {
        let facts = Facts { groups, ..kept() };
        for id in [11, 15, 16] {
            assert_eq!(verdict(id, &facts), Verdict::Unknown, "P{id}");
        }
    }
    assert_eq!(
        verdict(
            11,
            &Facts {
                declared_ingress: None,
                ..kept()
            }
        ),
        Verdict::Unknown
    );
}
