//! What is guaranteed of groups, interfaces and subnets.

use std::collections::BTreeSet;

use aws_sdk_ec2::types::ResourceType;
use yagura::cloud::{Direction, ErrorKind, Peer, Protocol, Rule, VpcId};

use super::stand::{Stand, range, tagged, tcp};

pub(super) async fn groups_of_ours_are_listed_and_no_others(stand: &Stand) {
    let (one, two) = (stand.group("one").await, stand.group("two").await);
    let mut theirs = stand.new_group("theirs");
    theirs.tags = stand.their_tags("theirs");
    stand.cloud.create_group(&theirs).await.unwrap();
    let untagged = stand.group("untagged").await;
    stand.untag(untagged.id.as_str(), "yagura.dev/cluster").await;
    let mut listed = stand.listed_groups().await.unwrap();
    listed.sort_by(|one, other| one.name.cmp(&other.name));
    assert_eq!(listed, [one, two]);
}

pub(super) async fn a_group_is_found_by_its_id_whatever_its_tags_say(stand: &Stand) {
    let mut group = stand.group("untagged").await;
    stand.untag(group.id.as_str(), "yagura.dev/cluster").await;
    group.tags.remove("yagura.dev/cluster");
    assert_eq!(stand.cloud.find_group(&group.id).await, Ok(Some(group)));
    let nowhere = stand.cloud.find_group(&"sg-0abcdef0123456789".into()).await;
    assert_eq!(nowhere, Ok(None));
}

pub(super) async fn a_group_is_found_by_its_name_in_its_vpc_only(stand: &Stand) {
    let name = stand.name("named");
    let elsewhere = another_vpc(stand).await;
    let mut order = stand.new_group("named");
    order.vpc_id = elsewhere.clone();
    let there = stand.cloud.create_group(&order).await.unwrap();
    let find = async |vpc: &VpcId, name: &str| stand.cloud.find_group_named(vpc, name).await;
    assert_eq!(find(&stand.vpc, &name).await, Ok(None));
    let here = stand.group("named").await;
    stand.untag(here.id.as_str(), "yagura.dev/cluster").await;
    let found = find(&stand.vpc, &name).await.unwrap().unwrap();
    assert_eq!(found.id, here.id);
    assert_eq!(find(&elsewhere, &name).await, Ok(Some(there)));
    assert_eq!(find(&stand.vpc, &stand.name("name*")).await, Ok(None));
}

pub(super) async fn a_new_group_lets_everything_out(stand: &Stand) {
    let order = stand.new_group("new");
    let group = stand.cloud.create_group(&order).await.unwrap();
    let everything = Rule {
        direction: Direction::Egress,
        protocol: Protocol::All,
        from_port: -1,
        to_port: -1,
        peer: range("0.0.0.0/0"),
    };
    assert_eq!(group.rules, BTreeSet::from([everything]));
    assert_eq!((&group.name, &group.vpc_id), (&order.name, &order.vpc_id));
    assert_eq!(group.tags, order.tags);
    assert_eq!(stand.cloud.find_group(&group.id).await, Ok(Some(group)));
}

pub(super) async fn the_name_of_a_group_is_taken_once(stand: &Stand) {
    let group = stand.group("once").await;
    let refused = stand.cloud.create_group(&stand.new_group("once")).await;
    assert_eq!(refused.unwrap_err().kind, ErrorKind::Duplicate);
    assert_eq!(stand.listed_groups().await, Ok(vec![group]));
}

pub(super) async fn a_group_in_use_is_not_deleted_and_a_free_one_is_gone(stand: &Stand) {
    let instance = stand.instance("used").await;
    let used = instance.interfaces[0].groups.first().unwrap();
    let refused = stand.cloud.delete_group(used).await;
    assert_eq!(refused.unwrap_err().kind, ErrorKind::IncorrectState);
    let (free, named) = (stand.group("free").await, stand.group("named").await);
    let rules = BTreeSet::from([tcp(Direction::Ingress, 443, Peer::Group(named.id.clone()))]);
    stand
        .cloud
        .authorize(&free.id, Direction::Ingress, &rules)
        .await
        .unwrap();
    let refused = stand.cloud.delete_group(&named.id).await;
    assert_eq!(refused.unwrap_err().kind, ErrorKind::IncorrectState);
    for id in [&free.id, &named.id] {
        stand.cloud.delete_group(id).await.unwrap();
        let again = stand.cloud.delete_group(id).await;
        assert_eq!(again.unwrap_err().kind, ErrorKind::NotFound);
        assert_eq!(stand.cloud.find_group(id).await, Ok(None));
    }
}

pub(super) async fn an_interface_takes_a_whole_set_of_groups_twice(stand: &Stand) {
    let instance = stand.instance("swapped").await;
    let (one, two) = (stand.group("one").await, stand.group("two").await);
    let groups = BTreeSet::from([one.id, two.id]);
    let interface = &instance.interfaces[0];
    for groups in [&groups, &groups, &interface.groups] {
        let set = stand.cloud.set_interface_groups(&interface.id, groups).await;
        assert_eq!(set, Ok(()));
        assert_eq!(&stand.look(&instance).await.interfaces[0].groups, groups);
    }
}

pub(super) async fn a_subnet_is_found_with_the_ranges_of_its_vpc(stand: &Stand) {
    let subnet = stand.cloud.find_subnet(&stand.subnet).await.unwrap().unwrap();
    assert_eq!((&subnet.id, &subnet.vpc_id), (&stand.subnet, &stand.vpc));
    let ranges: Vec<_> = subnet.vpc_cidrs.into_iter().map(Peer::Cidr).collect();
    assert_eq!(ranges, [range("172.31.0.0/16")]);
    let nowhere = stand.cloud.find_subnet(&"subnet-0abcdef0123456789".into()).await;
    assert_eq!(nowhere, Ok(None));
}

async fn another_vpc(stand: &Stand) -> VpcId {
    let tags = tagged(ResourceType::Vpc, &stand.their_tags("vpc"));
    let request = stand.stranger.create_vpc().cidr_block("10.9.0.0/16");
    let made = request.tag_specifications(tags).send().await.unwrap();
    VpcId::new(made.vpc.unwrap().vpc_id.unwrap())
}
