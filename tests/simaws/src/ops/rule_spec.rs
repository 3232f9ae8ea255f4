//! Reading rules from a request: `IpPermissions`, the older flat form, and a single rule.

use crate::ops::security_groups::check_text;
use crate::protocol::{ApiError, Params};
use crate::state::{Cidr, Direction, Peer, Ports, Region, RuleKey, SecurityGroup, kind};

/// A rule as a request names it.
pub(super) struct Wanted {
    pub(super) key: RuleKey,
    pub(super) description: Option<String>,
}

/// Whether the request names rules at all, other than by id.
pub(super) fn is_given(params: &Params) -> bool {
    params.get("IpProtocol").is_some()
        || params.get("SourceSecurityGroupName").is_some()
        || !params.structs("IpPermissions").is_empty()
}

/// The rules of a request; at least one.
pub(super) fn read(
    region: &Region,
    group: &SecurityGroup,
    params: &Params,
    direction: Direction,
) -> Result<Vec<Wanted>, ApiError> {
    let mut wanted: Vec<Wanted> = Vec::new();
    for permission in params.structs("IpPermissions") {
        let (protocol, ports) = protocol_and_ports(&permission)?;
        let sources = peers(region, group, &permission)?;
        if sources.is_empty() {
            return Err(ApiError::missing("IpRanges, Ipv6Ranges, PrefixListIds or Groups"));
        }
        for (peer, description) in sources {
            check_description(description.as_deref())?;
            let key = RuleKey {
                direction,
                protocol: protocol.clone(),
                ports,
                peer,
            };
            if wanted.iter().any(|other| other.key == key) {
                let text = "The same permission must not appear multiple times";
                return Err(ApiError::value(text));
            }
            wanted.push(Wanted { key, description });
        }
    }
    if let Some(cidr) = params.get("CidrIp") {
        let (protocol, ports) = protocol_and_ports(params)?;
        let key = RuleKey {
            direction,
            protocol,
            ports,
            peer: ipv4(cidr)?,
        };
        wanted.push(Wanted {
            key,
            description: None,
        });
    }
    if wanted.is_empty() {
        return Err(ApiError::missing("ipPermissions"));
    }
    Ok(wanted)
}

/// A rule given as one: `CidrIpv4`, `CidrIpv6`, `PrefixListId` or `ReferencedGroupId`.
pub(super) fn read_one(
    region: &Region,
    group: &SecurityGroup,
    params: &Params,
    direction: Direction,
) -> Result<Wanted, ApiError> {
    let (protocol, ports) = protocol_and_ports(params)?;
    let peer = if let Some(cidr) = params.get("CidrIpv4") {
        ipv4(cidr)?
    } else if let Some(cidr) = params.get("CidrIpv6") {
        ipv6(cidr)?
    } else if let Some(id) = params.get("PrefixListId") {
        prefix_list(id)?
    } else {
        referenced(region, group, params.required("ReferencedGroupId")?)?
    };
    let description = params.owned("Description");
    check_description(description.as_deref())?;
    Ok(Wanted {
        key: RuleKey {
            direction,
            protocol,
            ports,
            peer,
        },
        description,
    })
}

/// Refuses what AWS refuses in a rule's description.
pub(super) fn check_description(description: Option<&str>) -> Result<(), ApiError> {
    check_text("Description", description.unwrap_or_default())
}

/// A rule as AWS's messages write it.
pub(super) fn describe(key: &RuleKey) -> String {
    let peer = match &key.peer {
        Peer::Ipv4(text) | Peer::Ipv6(text) | Peer::Group(text) | Peer::PrefixList(text) => text,
    };
    let protocol = if key.protocol == "-1" {
        "ALL"
    } else {
        &key.protocol
    };
    match key.ports {
        None => format!("peer: {peer}, {protocol}, ALLOW"),
        Some((from, to)) => {
            format!(
                "peer: {peer}, {}, from port: {from}, to port: {to}, ALLOW",
                protocol.to_uppercase()
            )
        }
    }
}

/// A protocol under the one name AWS gives back, with its ports where it has some.
fn protocol_and_ports(params: &Params) -> Result<(String, Ports), ApiError> {
    let given = params.required("IpProtocol")?.to_ascii_lowercase();
    let protocol = match given.as_str() {
        "6" => "tcp",
        "17" => "udp",
        "1" => "icmp",
        "58" => "icmpv6",
        "all" => "-1",
        other => other,
    };
    let ports = (params.number::<i32>("FromPort")?, params.number::<i32>("ToPort")?);
    let ports = match (protocol, ports) {
        ("-1", _) => None,
        ("tcp" | "udp", (Some(from), Some(to))) => {
            if !(0..=65535).contains(&from) || !(0..=65535).contains(&to) || from > to {
                return Err(ApiError::value(format!(
                    "Invalid value '{from}-{to}' for portRange."
                )));
            }
            Some((from, to))
        }
        ("tcp" | "udp", _) => {
            let text = "Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.";
            return Err(ApiError::value(text));
        }
        ("icmp" | "icmpv6", (from, to)) => Some((from.unwrap_or(-1), to.unwrap_or(-1))),
        (number, _) if number.parse::<u8>().is_ok() => None,
        (other, _) => {
            return Err(ApiError::value(format!(
                "Invalid value '{other}' for IP protocol. Unknown protocol."
            )));
        }
    };
    Ok((protocol.to_owned(), ports))
}

fn peers(
    region: &Region,
    group: &SecurityGroup,
    permission: &Params,
) -> Result<Vec<(Peer, Option<String>)>, ApiError> {
    let mut peers = Vec::new();
    for range in permission.structs("IpRanges") {
        peers.push((ipv4(range.required("CidrIp")?)?, range.owned("Description")));
    }
    for range in permission.structs("Ipv6Ranges") {
        peers.push((ipv6(range.required("CidrIpv6")?)?, range.owned("Description")));
    }
    for list in permission.structs("PrefixListIds") {
        peers.push((
            prefix_list(list.required("PrefixListId")?)?,
            list.owned("Description"),
        ));
    }
    for other in permission.structs("Groups") {
        peers.push((
            referenced(region, group, other.required("GroupId")?)?,
            other.owned("Description"),
        ));
    }
    Ok(peers)
}

fn ipv4(text: &str) -> Result<Peer, ApiError> {
    match Cidr::parse(text) {
        Some(cidr) if cidr.is_v4() => Ok(Peer::Ipv4(cidr.to_string())),
        _ => Err(ApiError::value(format!("CIDR block {text} is malformed"))),
    }
}

fn ipv6(text: &str) -> Result<Peer, ApiError> {
    match Cidr::parse(text) {
        Some(cidr) if !cidr.is_v4() => Ok(Peer::Ipv6(cidr.to_string())),
        _ => Err(ApiError::value(format!("CIDR block {text} is malformed"))),
    }
}

/// Any well-formed prefix list exists.
fn prefix_list(id: &str) -> Result<Peer, ApiError> {
    kind::PREFIX_LIST.check(id)?;
    Ok(Peer::PrefixList(id.to_owned()))
}

fn referenced(region: &Region, group: &SecurityGroup, id: &str) -> Result<Peer, ApiError> {
    if id != group.id && region.group(id)?.vpc_id != group.vpc_id {
        let text = format!("You have specified two resources that belong to different networks: {id}.");
        return Err(ApiError::new("InvalidGroup.NotFound", text));
    }
    Ok(Peer::Group(id.to_owned()))
}
