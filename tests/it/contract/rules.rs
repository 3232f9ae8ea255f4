//! What is guaranteed of the rules of a group.

use std::collections::BTreeSet;

use yagura::cloud::{Direction, ErrorKind, Peer, Protocol, Rule, SecurityGroup, SecurityGroupId};

use super::stand::{Stand, range, tcp};

const INGRESS: Direction = Direction::Ingress;
const EGRESS: Direction = Direction::Egress;

pub(super) async fn all_are_added_or_none(stand: &Stand) {
    let group = stand.group("none").await;
    let cloud = &stand.cloud;
    let one = BTreeSet::from([tcp(INGRESS, 443, range("198.51.100.0/24"))]);
    let mut both = BTreeSet::from([tcp(INGRESS, 443, range("2001:db8::/32"))]);
    both.extend(one.iter().cloned());
    cloud.authorize(&group.id, INGRESS, &one).await.unwrap();
    let refused = cloud.authorize(&group.id, INGRESS, &both).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Duplicate);
    assert_eq!(rules(stand, &group, INGRESS).await, one);
    let refused = cloud
        .authorize(&group.id, EGRESS, &group.rules)
        .await
        .unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Duplicate);
}

pub(super) async fn every_kind_is_read_back_as_written(stand: &Stand) {
    let group = stand.group("kinds").await;
    let other = stand.group("other").await;
    for direction in [INGRESS, EGRESS] {
        let ports = |protocol, from_port, to_port| Rule {
            direction,
            protocol,
            from_port,
            to_port,
            peer: range("203.0.113.7/32"),
        };
        let written = BTreeSet::from([
            tcp(direction, 443, range("198.51.100.0/24")),
            tcp(direction, 443, range("198.51.100.0/25")),
            tcp(direction, 443, range("2001:db8::/32")),
            tcp(direction, 443, Peer::Group(other.id.clone())),
            tcp(direction, 443, Peer::Group(group.id.clone())),
            ports(Protocol::Tcp, 8000, 8080),
            ports(Protocol::Udp, 0, 65535),
            ports(Protocol::Other("icmp".to_owned()), -1, -1),
            ports(Protocol::All, -1, -1),
        ]);
        stand
            .cloud
            .authorize(&group.id, direction, &written)
            .await
            .unwrap();
        let mut read = rules(stand, &group, direction).await;
        read.retain(|rule| !group.rules.contains(rule));
        assert_eq!(read, written);
    }
}

pub(super) async fn those_named_are_removed_and_no_others(stand: &Stand) {
    let group = stand.group("removed").await;
    let cloud = &stand.cloud;
    let kept = BTreeSet::from([tcp(INGRESS, 443, range("198.51.100.0/24"))]);
    let removed = BTreeSet::from([
        tcp(INGRESS, 443, range("2001:db8::/32")),
        tcp(INGRESS, 22, range("198.51.100.0/24")),
    ]);
    let all = kept.union(&removed).cloned().collect();
    cloud.authorize(&group.id, INGRESS, &all).await.unwrap();
    cloud.revoke(&group.id, INGRESS, &removed).await.unwrap();
    assert_eq!(rules(stand, &group, INGRESS).await, kept);
    cloud.revoke(&group.id, EGRESS, &group.rules).await.unwrap();
    assert_eq!(rules(stand, &group, EGRESS).await, BTreeSet::new());
    assert_eq!(rules(stand, &group, INGRESS).await, kept);
}

pub(super) async fn a_missing_one_cannot_be_removed(stand: &Stand) {
    let group = stand.group("missing").await;
    for direction in [INGRESS, EGRESS] {
        let missing = BTreeSet::from([tcp(direction, 443, range("198.51.100.0/24"))]);
        let refused = stand.cloud.revoke(&group.id, direction, &missing).await;
        assert_eq!(refused.unwrap_err().kind, ErrorKind::NotFound);
    }
}

pub(super) async fn a_missing_group_is_not_found(stand: &Stand) {
    let nowhere = SecurityGroupId::from("sg-0abcdef0123456789");
    for direction in [INGRESS, EGRESS] {
        let rule = BTreeSet::from([tcp(direction, 443, range("198.51.100.0/24"))]);
        let added = stand.cloud.authorize(&nowhere, direction, &rule).await;
        let removed = stand.cloud.revoke(&nowhere, direction, &rule).await;
        let kinds = [added, removed].map(|refused| refused.unwrap_err().kind);
        assert_eq!(kinds, [ErrorKind::NotFound; 2]);
    }
}

/// The rules of one direction as they are now.
async fn rules(stand: &Stand, group: &SecurityGroup, direction: Direction) -> BTreeSet<Rule> {
    let group = stand.cloud.find_group(&group.id).await.unwrap().unwrap();
    let mut rules = group.rules;
    rules.retain(|rule| rule.direction == direction);
    rules
}
