//! Address ranges.

use std::fmt;
use std::net::IpAddr;

/// A range of addresses, its host bits cleared as AWS does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cidr {
    address: IpAddr,
    length: u8,
}

impl Cidr {
    /// Reads `ADDRESS/LENGTH`; `None` when it is not one.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, length) = text.split_once('/')?;
        let (address, length): (IpAddr, u8) = (address.parse().ok()?, length.parse().ok()?);
        let address = match address {
            IpAddr::V4(v4) if length <= 32 => {
                let mask = u32::MAX.checked_shl(u32::from(32 - length)).unwrap_or(0);
                IpAddr::V4((u32::from(v4) & mask).into())
            }
            IpAddr::V6(v6) if length <= 128 => {
                let mask = u128::MAX.checked_shl(u32::from(128 - length)).unwrap_or(0);
                IpAddr::V6((u128::from(v6) & mask).into())
            }
            _ => return None,
        };
        Some(Self { address, length })
    }

    pub(crate) fn is_v4(self) -> bool {
        self.address.is_ipv4()
    }

    pub(crate) fn length(self) -> u8 {
        self.length
    }

    /// The first IPv4 address and how many there are; `None` for IPv6.
    pub(crate) fn v4_span(self) -> Option<(u32, u64)> {
        match self.address {
            IpAddr::V4(first) => Some((u32::from(first), 1 << (32 - self.length))),
            IpAddr::V6(_) => None,
        }
    }

    /// Whether all of `inner` lies in this range.
    pub(crate) fn contains(self, inner: Self) -> bool {
        inner.length >= self.length && inner.truncated(self.length) == self
    }

    /// Whether the ranges share an address.
    pub(crate) fn overlaps(self, other: Self) -> bool {
        self.contains(other) || other.contains(self)
    }

    fn truncated(self, length: u8) -> Self {
        Self::parse(&format!("{}/{length}", self.address)).unwrap_or(self)
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

#[cfg(test)]
mod tests;
