//! VPCs, subnets and network interfaces.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use jiff::Timestamp;
use serde::Serialize;

use super::{Cidr, Region, Tags};
use crate::protocol::Listed;

/// A virtual network.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Vpc {
    pub(crate) id: String,
    #[serde(serialize_with = "as_text")]
    pub(crate) cidr: Cidr,
    pub(crate) ipv6_cidr: Option<String>,
    pub(crate) is_default: bool,
    pub(crate) tenancy: String,
    pub(crate) dns_hostnames: bool,
    pub(crate) dns_support: bool,
    pub(crate) tags: Tags,
    pub(crate) created_at: Timestamp,
}

impl Listed for Vpc {
    const FILTERS: &'static [&'static str] = &["cidr", "is-default", "owner-id", "state", "vpc-id"];

    fn tags(&self) -> &Tags {
        &self.tags
    }

    fn created_at(&self) -> Timestamp {
        self.created_at
    }

    fn values(&self, filter: &str, region: &Region) -> Vec<String> {
        vec![match filter {
            "cidr" => self.cidr.to_string(),
            "is-default" => self.is_default.to_string(),
            "owner-id" => region.account.clone(),
            "state" => "available".to_owned(),
            _ => self.id.clone(),
        }]
    }
}

/// A part of a VPC in one zone.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Subnet {
    pub(crate) id: String,
    pub(crate) vpc_id: String,
    #[serde(serialize_with = "as_text")]
    pub(crate) cidr: Cidr,
    pub(crate) zone: String,
    pub(crate) default_for_zone: bool,
    pub(crate) tags: Tags,
    pub(crate) created_at: Timestamp,
    /// Host numbers in use.
    #[serde(skip)]
    pub(crate) used: BTreeSet<u32>,
    /// The host number given out last: addresses are not reused at once, as with AWS.
    #[serde(skip)]
    pub(crate) last_used: u32,
}

/// The first four addresses and the last one are AWS's own.
const RESERVED_FIRST: u32 = 4;
const RESERVED: u64 = 5;

impl Subnet {
    /// How many addresses are left.
    pub(crate) fn free(&self) -> u64 {
        let size = self.cidr.v4_span().map_or(0, |(_, size)| size);
        size.saturating_sub(RESERVED + self.used.len() as u64)
    }

    /// Takes a free address.
    pub(crate) fn take_address(&mut self) -> Option<Ipv4Addr> {
        let (first, size) = self.cidr.v4_span()?;
        if self.free() == 0 {
            return None;
        }
        let usable = u32::try_from(size.saturating_sub(RESERVED)).ok()?;
        let start = self.last_used.max(RESERVED_FIRST - 1) + 1 - RESERVED_FIRST;
        let host = (0..usable)
            .map(|step| RESERVED_FIRST + (start + step) % usable)
            .find(|host| !self.used.contains(host))?;
        self.used.insert(host);
        self.last_used = host;
        Some(Ipv4Addr::from(first + host))
    }

    /// Gives an address back.
    pub(crate) fn release_address(&mut self, address: &str) {
        if let (Ok(address), Some((first, _))) = (address.parse::<Ipv4Addr>(), self.cidr.v4_span()) {
            self.used.remove(&u32::from(address).wrapping_sub(first));
        }
    }
}

impl Listed for Subnet {
    const FILTERS: &'static [&'static str] = &[
        "availability-zone",
        "availabilityZone",
        "cidr-block",
        "default-for-az",
        "owner-id",
        "state",
        "subnet-id",
        "vpc-id",
    ];

    fn tags(&self) -> &Tags {
        &self.tags
    }

    fn created_at(&self) -> Timestamp {
        self.created_at
    }

    fn values(&self, filter: &str, region: &Region) -> Vec<String> {
        vec![match filter {
            "availability-zone" | "availabilityZone" => self.zone.clone(),
            "cidr-block" => self.cidr.to_string(),
            "default-for-az" => self.default_for_zone.to_string(),
            "owner-id" => region.account.clone(),
            "state" => "available".to_owned(),
            "vpc-id" => self.vpc_id.clone(),
            _ => self.id.clone(),
        }]
    }
}

/// A network interface.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Interface {
    pub(crate) id: String,
    pub(crate) vpc_id: String,
    pub(crate) subnet_id: String,
    pub(crate) zone: String,
    pub(crate) private_ip: String,
    pub(crate) mac: String,
    pub(crate) description: String,
    pub(crate) group_ids: Vec<String>,
    pub(crate) source_dest_check: bool,
    pub(crate) attachment: Option<InterfaceAttachment>,
    /// The Elastic IP that is on it, by its allocation.
    pub(crate) address_id: Option<String>,
    pub(crate) tags: Tags,
    pub(crate) created_at: Timestamp,
}

/// That an interface belongs to an instance.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InterfaceAttachment {
    pub(crate) id: String,
    pub(crate) instance_id: String,
    pub(crate) device_index: u32,
    pub(crate) delete_on_termination: bool,
    pub(crate) attached_at: Timestamp,
}

impl Interface {
    pub(crate) fn status(&self) -> &'static str {
        if self.attachment.is_some() {
            "in-use"
        } else {
            "available"
        }
    }
}

impl Listed for Interface {
    const FILTERS: &'static [&'static str] = &[
        "attachment.attachment-id",
        "attachment.delete-on-termination",
        "attachment.device-index",
        "attachment.instance-id",
        "availability-zone",
        "description",
        "group-id",
        "group-name",
        "mac-address",
        "network-interface-id",
        "owner-id",
        "private-ip-address",
        "status",
        "subnet-id",
        "vpc-id",
    ];

    fn tags(&self) -> &Tags {
        &self.tags
    }

    fn created_at(&self) -> Timestamp {
        self.created_at
    }

    fn values(&self, filter: &str, region: &Region) -> Vec<String> {
        let attachment = self.attachment.as_ref();
        let value = match filter {
            "attachment.attachment-id" => return attachment.iter().map(|it| it.id.clone()).collect(),
            "attachment.instance-id" => return attachment.iter().map(|it| it.instance_id.clone()).collect(),
            "attachment.device-index" => {
                return attachment.iter().map(|it| it.device_index.to_string()).collect();
            }
            "attachment.delete-on-termination" => {
                return attachment
                    .iter()
                    .map(|it| it.delete_on_termination.to_string())
                    .collect();
            }
            "group-id" => return self.group_ids.clone(),
            "group-name" => {
                let groups = self.group_ids.iter().filter_map(|id| region.groups.get(id));
                return groups.map(|group| group.name.clone()).collect();
            }
            "availability-zone" => &self.zone,
            "description" => &self.description,
            "mac-address" => &self.mac,
            "owner-id" => &region.account,
            "private-ip-address" => &self.private_ip,
            "status" => return vec![self.status().to_owned()],
            "subnet-id" => &self.subnet_id,
            "vpc-id" => &self.vpc_id,
            _ => &self.id,
        };
        vec![value.clone()]
    }
}

fn as_text<S: serde::Serializer>(cidr: &Cidr, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(cidr)
}
