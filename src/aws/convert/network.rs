//! Security groups, their rules, and VPCs.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types as sdk;
use ipnet::{IpNet, Ipv4Net};

use super::{Unreadable, required, tags::tags};
use crate::cloud::{
    Address, AllocationId, AssociationId, Direction, InstanceId, NetworkInterfaceId, NewGroup, Peer,
    Protocol, Rule, SecurityGroup, SecurityGroupId, VpcId,
};

/// What AWS says for a port, or ICMP's type and code, that can be any.
const ANY_PORT: i32 = -1;

/// What AWS says for every protocol.
const ANY_PROTOCOL: &str = "-1";

pub(in crate::aws) fn security_group(group: sdk::SecurityGroup) -> Result<SecurityGroup, Unreadable> {
    let id = required(group.group_id.clone(), "groupId")?;
    read_group(group).map_err(|unreadable| unreadable.within(&id))
}

fn read_group(group: sdk::SecurityGroup) -> Result<SecurityGroup, Unreadable> {
    let mut rules = BTreeSet::new();
    let ingress = group.ip_permissions.unwrap_or_default().into_iter();
    let egress = group.ip_permissions_egress.unwrap_or_default().into_iter();
    for permission in ingress {
        rules.extend(read_rules(Direction::Ingress, permission)?);
    }
    for permission in egress {
        rules.extend(read_rules(Direction::Egress, permission)?);
    }
    Ok(SecurityGroup {
        id: SecurityGroupId::new(required(group.group_id, "groupId")?),
        name: required(group.group_name, "groupName")?,
        vpc_id: VpcId::new(required(group.vpc_id, "vpcId")?),
        rules,
        tags: tags(group.tags)?,
    })
}

/// A group as AWS makes it, before any listing has shown it.
pub(in crate::aws) fn new_group(id: SecurityGroupId, group: &NewGroup) -> SecurityGroup {
    let allow_all = Rule {
        direction: Direction::Egress,
        protocol: Protocol::All,
        from_port: ANY_PORT,
        to_port: ANY_PORT,
        peer: Peer::Cidr(IpNet::V4(Ipv4Net::default())),
    };
    SecurityGroup {
        id,
        name: group.name.clone(),
        vpc_id: group.vpc_id.clone(),
        rules: BTreeSet::from([allow_all]),
        tags: group.tags.clone(),
    }
}

/// AWS packs rules that differ only in their peer into one permission.
fn read_rules(direction: Direction, permission: sdk::IpPermission) -> Result<Vec<Rule>, Unreadable> {
    let protocol = protocol(required(permission.ip_protocol, "ipProtocol")?);
    let mut peers = Vec::new();
    for range in permission.ip_ranges.unwrap_or_default() {
        peers.push(Peer::Cidr(cidr(range.cidr_ip)?));
    }
    for range in permission.ipv6_ranges.unwrap_or_default() {
        peers.push(Peer::Cidr(cidr(range.cidr_ipv6)?));
    }
    for pair in permission.user_id_group_pairs.unwrap_or_default() {
        peers.push(Peer::Group(SecurityGroupId::new(required(
            pair.group_id,
            "groupId",
        )?)));
    }
    for list in permission.prefix_list_ids.unwrap_or_default() {
        peers.push(Peer::PrefixList(required(list.prefix_list_id, "prefixListId")?));
    }
    let rule = |peer| Rule {
        direction,
        protocol: protocol.clone(),
        from_port: permission.from_port.unwrap_or(ANY_PORT),
        to_port: permission.to_port.unwrap_or(ANY_PORT),
        peer,
    };
    Ok(peers.into_iter().map(rule).collect())
}

fn protocol(word: String) -> Protocol {
    match word.as_str() {
        ANY_PROTOCOL => Protocol::All,
        "tcp" | "6" => Protocol::Tcp,
        "udp" | "17" => Protocol::Udp,
        _ => Protocol::Other(word),
    }
}

fn cidr(text: Option<String>) -> Result<IpNet, Unreadable> {
    let text = required(text, "cidr")?;
    text.parse()
        .map_err(|_| Unreadable::new(format!("{text} is not an address range")))
}

/// Rules as AWS takes them: one permission for all that differ only in their peer.
pub(in crate::aws) fn sdk_rules<'a>(rules: impl Iterator<Item = &'a Rule>) -> Vec<sdk::IpPermission> {
    let mut permissions: BTreeMap<_, sdk::builders::IpPermissionBuilder> = BTreeMap::new();
    for rule in rules {
        let same = permissions
            .entry((&rule.protocol, rule.from_port, rule.to_port))
            .or_insert_with(|| permission(rule));
        *same = with_peer(same.clone(), &rule.peer);
    }
    permissions
        .into_values()
        .map(sdk::builders::IpPermissionBuilder::build)
        .collect()
}

fn permission(rule: &Rule) -> sdk::builders::IpPermissionBuilder {
    let permission = sdk::IpPermission::builder();
    let permission = match &rule.protocol {
        // Ports mean nothing here, and AWS answers without them.
        Protocol::All => return permission.ip_protocol(ANY_PROTOCOL),
        Protocol::Tcp => permission.ip_protocol("tcp"),
        Protocol::Udp => permission.ip_protocol("udp"),
        Protocol::Other(word) => permission.ip_protocol(word),
    };
    permission.from_port(rule.from_port).to_port(rule.to_port)
}

fn with_peer(
    permission: sdk::builders::IpPermissionBuilder,
    peer: &Peer,
) -> sdk::builders::IpPermissionBuilder {
    match peer {
        Peer::Cidr(range @ IpNet::V4(_)) => {
            permission.ip_ranges(sdk::IpRange::builder().cidr_ip(range.to_string()).build())
        }
        Peer::Cidr(range @ IpNet::V6(_)) => {
            permission.ipv6_ranges(sdk::Ipv6Range::builder().cidr_ipv6(range.to_string()).build())
        }
        Peer::Group(id) => {
            permission.user_id_group_pairs(sdk::UserIdGroupPair::builder().group_id(id.as_str()).build())
        }
        Peer::PrefixList(id) => {
            permission.prefix_list_ids(sdk::PrefixListId::builder().prefix_list_id(id).build())
        }
    }
}

pub(in crate::aws) fn address(address: sdk::Address) -> Result<Address, Unreadable> {
    let public_ip = required(address.public_ip, "publicIp")?;
    let allocation_id = required(address.allocation_id, "allocationId");
    let allocation_id = allocation_id.map_err(|unreadable| unreadable.within(&public_ip))?;
    // One that is on nothing comes with empty words from some.
    let given = |id: Option<String>| id.filter(|id| !id.is_empty());
    Ok(Address {
        allocation_id: AllocationId::new(allocation_id),
        association_id: given(address.association_id).map(AssociationId::new),
        instance_id: given(address.instance_id).map(InstanceId::new),
        interface_id: given(address.network_interface_id).map(NetworkInterfaceId::new),
        tags: tags(address.tags).map_err(|unreadable| unreadable.within(&public_ip))?,
        public_ip,
    })
}

/// Every address range in force in a VPC.
pub(in crate::aws) fn vpc_cidrs(vpc: sdk::Vpc) -> Result<Vec<IpNet>, Unreadable> {
    let v4 = vpc.cidr_block_association_set.unwrap_or_default().into_iter();
    let v4 = v4.map(|range| (range.cidr_block_state, range.cidr_block));
    let v6 = vpc
        .ipv6_cidr_block_association_set
        .unwrap_or_default()
        .into_iter();
    let v6 = v6.map(|range| (range.ipv6_cidr_block_state, range.ipv6_cidr_block));
    let mut cidrs = BTreeSet::new();
    for (state, range) in v4.chain(v6) {
        if is_in_force(state) {
            cidrs.insert(cidr(range)?);
        }
    }
    // The first range is told twice, by some answers only here.
    if let Some(primary) = vpc.cidr_block {
        cidrs.insert(cidr(Some(primary))?);
    }
    Ok(cidrs.into_iter().collect())
}

/// A range counts from its coming until it is gone: whoever holds an address of it is within the VPC.
fn is_in_force(state: Option<sdk::VpcCidrBlockState>) -> bool {
    let state = state.and_then(|state| state.state);
    !matches!(
        state,
        Some(sdk::VpcCidrBlockStateCode::Disassociated | sdk::VpcCidrBlockStateCode::Failed)
    )
}
