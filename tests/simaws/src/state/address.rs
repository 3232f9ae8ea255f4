//! Elastic IPs.

use jiff::Timestamp;
use serde::Serialize;

use super::{Interface, Region, Tags, kind};
use crate::protocol::{ApiError, Listed};

/// An Elastic IP.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Address {
    pub(crate) id: String,
    pub(crate) public_ip: String,
    pub(crate) association: Option<Association>,
    pub(crate) tags: Tags,
    pub(crate) created_at: Timestamp,
}

/// That an address is on an interface.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Association {
    pub(crate) id: String,
    pub(crate) interface_id: String,
}

impl Address {
    /// The interface it is on.
    pub(crate) fn interface<'a>(&self, region: &'a Region) -> Option<&'a Interface> {
        region.interfaces.get(&self.association.as_ref()?.interface_id)
    }
}

impl Listed for Address {
    const FILTERS: &'static [&'static str] = &[
        "allocation-id",
        "association-id",
        "domain",
        "instance-id",
        "network-interface-id",
        "private-ip-address",
        "public-ip",
    ];

    fn tags(&self) -> &Tags {
        &self.tags
    }

    fn created_at(&self) -> Timestamp {
        self.created_at
    }

    fn values(&self, filter: &str, region: &Region) -> Vec<String> {
        let association = self.association.as_ref();
        let interface = self.interface(region);
        let found = match filter {
            "association-id" => association.map(|it| it.id.clone()),
            "domain" => Some("vpc".to_owned()),
            "instance-id" => interface.and_then(|it| Some(it.attachment.as_ref()?.instance_id.clone())),
            "network-interface-id" => association.map(|it| it.interface_id.clone()),
            "private-ip-address" => interface.map(|it| it.private_ip.clone()),
            "public-ip" => Some(self.public_ip.clone()),
            _ => Some(self.id.clone()),
        };
        found.into_iter().collect()
    }
}

impl Region {
    pub(crate) fn address(&self, id: &str) -> Result<&Address, ApiError> {
        kind::ADDRESS.check(id)?;
        self.addresses.get(id).ok_or_else(|| kind::ADDRESS.not_found(id))
    }

    /// The address of an interface.
    pub(crate) fn address_of(&self, interface: &Interface) -> Option<&Address> {
        self.addresses.get(interface.address_id.as_ref()?)
    }

    /// A new address, out of a range that nobody has: it is for measuring networks.
    pub(crate) fn new_address(&mut self, tags: Tags) -> &Address {
        self.addresses_given += 1;
        let number = self.addresses_given;
        let id = self.ids.id(kind::ADDRESS.prefix);
        let address = Address {
            id: id.clone(),
            public_ip: format!(
                "198.{}.{}.{}",
                18 + (number >> 16 & 1),
                number >> 8 & 255,
                number & 255
            ),
            association: None,
            tags,
            created_at: self.now,
        };
        self.addresses.entry(id).or_insert(address)
    }

    /// Puts an address on an interface, in place of the one that is there; gives the association's id.
    pub(crate) fn associate(&mut self, address_id: &str, interface_id: &str) -> Option<String> {
        self.disassociate(address_id);
        let before = self.interfaces.get(interface_id)?.address_id.clone();
        if let Some(before) = before {
            self.disassociate(&before);
        }
        let association = Association {
            id: self.ids.id(kind::ASSOCIATION.prefix),
            interface_id: interface_id.to_owned(),
        };
        let id = association.id.clone();
        self.addresses.get_mut(address_id)?.association = Some(association);
        self.interfaces.get_mut(interface_id)?.address_id = Some(address_id.to_owned());
        Some(id)
    }

    /// Takes an address off its interface, if it is on one.
    pub(crate) fn disassociate(&mut self, address_id: &str) {
        let association = self
            .addresses
            .get_mut(address_id)
            .and_then(|address| address.association.take());
        let interface = association.and_then(|it| self.interfaces.get_mut(&it.interface_id));
        if let Some(interface) = interface {
            interface.address_id = None;
        }
    }
}
