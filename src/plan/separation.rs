//! Who shares what with whom: the isolation matrix, customer by customer, and Production against Verification.
//!
//! One comparison goes once through everything there is in an account and region, and finds by index: its cost grows
//! with what there is, not with the pairs of Tenants. What is shared names everybody who shares it, so that ten
//! thousand interfaces in one wrong group are one finding, not fifty million; and who shares the same is kept once.
//!
//! Whose a thing is: an instance by the token of its launch, which AWS keeps and nobody can change; a group by its name,
//! which holds the Tenant's uid; everything by the uid in its tags. What a live Tenant's tags do not name is still its
//! customer's: an environment that was let go is compared too.
//!
//! What is compared, and why so much:
//! - Groups on interfaces, volumes, snapshots, images and tags, between customers and between environments.
//! - Rules, between customers only: both of one customer's environments are its own, and only what they are made of must
//!   differ.
//! - Ranges of *ingress* that hold the private address of another customer's instance in the same VPC. Egress is left
//!   out: every environment may reach HTTPS and DNS anywhere, and what gets in the other side decides. A source of
//!   every address (`0.0.0.0/0`, `::/0`) is left out too: it is written out in a policy, says what it does, and names no
//!   neighbour. Any narrower range counts, were it half of all addresses: policies with such are refused.
//! - The class's base groups and its quarantine group never count: every customer carries them by declaration, and what
//!   they let through the other promises judge.
//!
//! Deliberately absent: peerings and network ACLs, which no rule here can widen; accounts that are no customer's, which
//! the guard of copies looks after.

mod compare;
mod register;
mod rows;
mod sides;

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    sync::Arc,
};

use ipnet::IpNet;

pub use self::compare::compare;
use crate::{
    api::{Environment, Key},
    cloud::{Image, Instance, SecurityGroup, SecurityGroupId, Snapshot, Volume},
};

/// One environment, as far as it is kept apart from others. In order, those of one customer come together, and of these
/// those for one purpose.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Party {
    /// Its customer.
    pub customer: String,
    /// What it is for; `None` for one that was let go, since no tag says it.
    pub environment: Option<Environment>,
    /// Its Tenant.
    pub tenant: Key,
    /// That Tenant's uid.
    pub uid: String,
    /// Its label.
    pub label: String,
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (customer {}", self.tenant, self.customer)?;
        match self.environment {
            Some(Environment::Production) => f.write_str(")"),
            Some(Environment::Verification) => f.write_str(", Verification)"),
            None => f.write_str(", let go)"),
        }
    }
}

/// What is compared: everything of one account and region, as it was last known.
#[derive(Debug, Default)]
pub struct Ground<'a> {
    /// Every Tenant.
    pub parties: Vec<Arc<Party>>,
    /// The groups that all Tenants of a class carry.
    pub base_groups: BTreeSet<SecurityGroupId>,
    /// The names of the classes' quarantine groups, in small letters.
    pub quarantine_names: BTreeSet<String>,
    /// The instances.
    pub instances: Vec<&'a Instance>,
    /// The volumes.
    pub volumes: Vec<&'a Volume>,
    /// The groups.
    pub groups: Vec<&'a SecurityGroup>,
    /// The snapshots.
    pub snapshots: Vec<&'a Snapshot>,
    /// The images.
    pub images: Vec<&'a Image>,
}

/// What is shared, or how one gets to the other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Thing {
    /// A volume is attached to an instance of one and is another's.
    Volume(String),
    /// Its tags name several.
    Tagged(String),
    /// A security group is on interfaces of several, or on another's than whose it is.
    Group(String),
    /// A snapshot of one has the data of another's volume.
    Snapshot(String, String),
    /// A security group refers to another.
    Rule(String, String),
    /// A security group lets in a range of addresses.
    Range(String, IpNet),
}

impl Thing {
    /// Whether it lets one in to the other, rather than being both of theirs.
    pub fn is_way_in(&self) -> bool {
        matches!(self, Self::Rule(..) | Self::Range(..))
    }
}

/// Something that keeps one apart from others no longer, as that one is told of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Breach {
    /// What.
    pub thing: Thing,
    /// That in words, naming both sides.
    pub text: String,
    /// Whether another is another customer's.
    pub is_between_customers: bool,
    /// Whether of it and another one is for verification and one for production.
    pub is_between_environments: bool,
}

/// What was found of one Tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// What is shared with others, or a way in between them, in order.
    pub breaches: Vec<Arc<Breach>>,
    /// How many are left out of that list.
    pub more: usize,
    /// Security groups on its interfaces whose rules are not known: they may let anybody in.
    pub unseen: BTreeSet<SecurityGroupId>,
}

/// The isolation matrix: for each Tenant, by uid, what stands against its separation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matrix {
    rows: HashMap<String, Row>,
}

impl Matrix {
    /// The row of the Tenant of this uid; `None`: it was not compared.
    pub fn row(&self, uid: &str) -> Option<&Row> {
        self.rows.get(uid)
    }

    /// The uids of the Tenants whose rows differ, those that only one of the two has included.
    pub fn differing<'a>(&'a self, before: &'a Self) -> BTreeSet<&'a str> {
        let differs = |(uid, row): &(&String, &Row)| before.rows.get(*uid) != Some(*row);
        let new = self.rows.iter().filter(differs).map(|(uid, _)| uid);
        let gone = before.rows.keys().filter(|uid| !self.rows.contains_key(*uid));
        new.chain(gone).map(String::as_str).collect()
    }
}

#[cfg(test)]
mod tests;
