//! Types that several kinds share.

use std::borrow::Cow;
use std::fmt;

use jiff::{Timestamp, Unit};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{Resource, ResourceExt};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// Pattern of a name that fits one DNS label.
pub(super) const DNS_LABEL: &str = "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$";

/// Pattern of the name of an object.
pub(super) const DNS_SUBDOMAIN: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";

/// A suspension has a reason, and a reason stands for a suspension.
pub(super) const SUSPEND_RULE: &str =
    "has(self.suspend) && self.suspend ? has(self.suspendReason) : !has(self.suspendReason)";

/// What to say where it does not.
pub(super) const SUSPEND_MESSAGE: &str = "suspend: true needs suspendReason, which does not stand without it";

/// An enum whose form on the wire is the name of the variant.
macro_rules! words {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$variant_meta:meta])* $variant:ident),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash,
            serde::Serialize, serde::Deserialize, schemars::JsonSchema,
        )]
        pub enum $name { $($(#[$variant_meta])* $variant),+ }

        impl $name {
            /// Every value, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The value as it stands in objects.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant)),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(super) use words;

/// A string with rules of its own, judged by the API server wherever it is used.
macro_rules! text {
    ($(#[$meta:meta])* pub struct $name:ident = $schema:expr;) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl<T: Into<String>> From<T> for $name {
            fn from(text: T) -> Self {
                Self(text.into())
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    };
}

text! {
    /// An environment's label, as promised to its customer.
    pub struct Label = json_schema!({
        "type": "string",
        "maxLength": 63,
        "pattern": "^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$",
    });
}

impl Label {
    /// The form in which labels are compared: two that differ in case only are one label.
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

text! {
    /// An IPv4 or IPv6 range in its canonical form (AWS stores no other, so any other would read as
    /// drift for ever).
    pub struct Cidr = json_schema!({
        "type": "string",
        "maxLength": 43,
        "x-kubernetes-validations": [{
            "rule": "isCIDR(self) && string(cidr(self).masked()) == self",
            "messageExpression":
                "self + ' is not a canonical CIDR (network address, lower case, shortest form)'",
        }],
    });
}

impl Cidr {
    /// The range as a network, or nothing when it is none (the API server lets none in).
    pub fn network(&self) -> Option<ipnet::IpNet> {
        self.0.parse().ok()
    }

    /// Whether the range holds every address of its family.
    pub fn is_any(&self) -> bool {
        self.network().is_some_and(|network| network.prefix_len() == 0)
    }
}

text! {
    /// The id of an AMI.
    pub struct ImageId = json_schema!({
        "type": "string",
        "maxLength": 21,
        "pattern": "^ami-[0-9a-f]{8,17}$",
    });
}

/// A port on which an environment may serve its customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i32", into = "i32")]
pub enum Port {
    /// HTTPS, 443.
    Https,
    /// HTTP, 80: for the redirect to HTTPS only.
    Http,
}

impl Port {
    /// The number.
    pub const fn number(self) -> i32 {
        match self {
            Self::Https => 443,
            Self::Http => 80,
        }
    }
}

impl From<Port> for i32 {
    fn from(port: Port) -> Self {
        port.number()
    }
}

impl TryFrom<i32> for Port {
    type Error = String;

    fn try_from(number: i32) -> Result<Self, Self::Error> {
        match number {
            443 => Ok(Self::Https),
            80 => Ok(Self::Http),
            other => Err(format!("port {other} is neither 443 nor 80")),
        }
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number().fmt(f)
    }
}

impl JsonSchema for Port {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Port".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "integer", "format": "int32", "enum": [443, 80]})
    }
}

/// A transport protocol.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub enum Protocol {
    /// TCP.
    #[default]
    #[serde(rename = "TCP")]
    Tcp,
    /// UDP.
    #[serde(rename = "UDP")]
    Udp,
}

impl Protocol {
    /// The protocol as AWS writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

words! {
    /// A way to back an environment up. This build has one.
    pub enum Method {
        /// Snapshots of all volumes of the instance, taken at one moment.
        Snapshot,
    }
}

words! {
    /// What takes the snapshots.
    pub enum Engine {
        /// EC2 itself: all volumes at one moment, begun at the time that is declared, each snapshot locked.
        EC2,
        /// AWS Backup: a job for each instance into the class's vault, which begins within the hour.
        AWSBackup,
    }
}

words! {
    /// How snapshots are locked.
    pub enum LockMode {
        /// Whoever has the right in AWS may shorten or remove a lock.
        Governance,
        /// Nobody may, not even the owner of the account.
        Compliance,
    }
}

/// Which object: its namespace (empty for cluster-scoped kinds) and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The namespace; empty for cluster-scoped kinds.
    pub namespace: String,
    /// The name.
    pub name: String,
}

impl Key {
    /// The key of an object of that name in that namespace.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            namespace: namespace.into(),
            name: name.into(),
        }
    }

    /// The key of `object`.
    pub fn of<K: Resource>(object: &K) -> Self {
        Self {
            namespace: object.namespace().unwrap_or_default(),
            name: object.name_any(),
        }
    }

    /// The key that [`Display`](fmt::Display) wrote as `namespace/name`, for reading it back from a tag.
    pub fn parse(text: &str) -> Option<Self> {
        let (namespace, name) = text.split_once('/')?;
        let is_whole = !namespace.is_empty() && !name.is_empty() && !name.contains('/');
        is_whole.then(|| Self::new(namespace, name))
    }

    /// Another object of the same namespace.
    pub fn sibling(&self, name: impl Into<String>) -> Self {
        Self::new(self.namespace.clone(), name)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            return f.write_str(&self.name);
        }
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// `at` as it will read when the object comes back: Kubernetes keeps whole seconds, and a status that
/// differs from its stored form by a fraction would be written again for ever.
pub fn time(at: Timestamp) -> Time {
    Time(
        at.round(
            jiff::TimestampRound::new()
                .smallest(Unit::Second)
                .mode(jiff::RoundMode::Trunc),
        )
        .unwrap_or(at),
    )
}

#[cfg(test)]
mod tests;
