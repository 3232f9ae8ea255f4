//! Who shares what with whom: the isolation matrix, customer by customer, and Production against Verification.
//!
//! One comparison goes once through everything there is in an account and region, and finds by index: its cost grows
//! with what there is, not with the pairs of Tenants. What is shared names everybody who shares it, so that ten
//! thousand interfaces in one wrong group are one finding, not fifty million.
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

/// One environment, as far as it is kept apart from others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Party {
    /// Its customer.
    pub customer: String,
    /// Its Tenant.
    pub tenant: Key,
    /// That Tenant's uid.
    pub uid: String,
    /// What it is for; `None` for one that was let go, since no tag says it.
    pub environment: Option<Environment>,
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

/// Something that keeps two apart no longer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Breach {
    /// What.
    pub thing: Thing,
    /// The ones; of a way in, those who open it.
    these: Parties,
    /// The others; the same as the ones where it is shared.
    those: Parties,
}

/// Several environments, in order and each once.
type Parties = Vec<Arc<Party>>;

/// How many of the other side a message names.
const NAMED: usize = 2;

impl Breach {
    fn new(thing: Thing, mut these: Parties, mut those: Parties) -> Self {
        for side in [&mut these, &mut those] {
            side.sort();
            side.dedup();
        }
        Self { thing, these, those }
    }

    /// Whether this keeps the Tenant of this uid and another customer apart no longer.
    pub fn is_between_customers(&self, uid: &str) -> bool {
        self.pairs(uid).any(|(own, other)| own.customer != other.customer)
    }

    /// Whether of the Tenant of this uid and another one is for verification and one for production.
    pub fn is_between_environments(&self, uid: &str) -> bool {
        self.pairs(uid)
            .any(|(own, other)| are_of_two_kinds(own.environment, other.environment))
    }

    /// What to say to the Tenant of this uid, naming both sides and the thing. The same while nothing changes.
    pub fn told_to(&self, uid: &str) -> String {
        let opens = self.these.iter().any(|party| party.uid == uid);
        let mut own = String::new();
        let mut others: Vec<String> = Vec::new();
        for (party, other) in self.pairs(uid) {
            own = party.to_string();
            let other = other.to_string();
            if others.contains(&other) {
                continue;
            }
            if others.len() == NAMED {
                others.push("others".to_owned());
                break;
            }
            others.push(other);
        }
        let others = match others.split_last() {
            Some((last, [])) => last.clone(),
            Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
            None => String::new(),
        };
        let (from, to) = if opens { (own, others) } else { (others, own) };
        match &self.thing {
            Thing::Volume(id) => format!("volume {id} is shared by {from} and {to}"),
            Thing::Tagged(id) => format!("{id} carries the tags of {from} and {to}"),
            Thing::Group(id) => format!("security group {id} is shared by {from} and {to}"),
            Thing::Snapshot(id, volume) => format!("snapshot {id} of {volume} is shared by {from} and {to}"),
            Thing::Rule(id, other) => format!("security group {id} of {from} refers to {other} of {to}"),
            Thing::Range(id, range) => {
                format!("security group {id} of {from} lets in {range}, where {to} stands")
            }
        }
    }

    /// Every pair of this Tenant and one of the other side that it must have nothing in common with.
    fn pairs<'a>(&'a self, uid: &'a str) -> impl Iterator<Item = (&'a Party, &'a Party)> {
        let sides = [(&self.these, &self.those), (&self.those, &self.these)];
        sides.into_iter().flat_map(move |(side, opposite)| {
            let own = side.iter().find(|party| party.uid == uid);
            own.into_iter().flat_map(move |own| {
                let others = opposite.iter().filter(|other| self.thing.is_between(own, other));
                others.map(|other| (&**own, &**other))
            })
        })
    }
}

impl Thing {
    /// Whether it must not be between these two.
    fn is_between(&self, one: &Party, other: &Party) -> bool {
        one.customer != other.customer
            || (!self.is_way_in() && are_of_two_kinds(one.environment, other.environment))
    }
}

/// Whether one is for verification and one for production. Nobody can say it of what was let go.
fn are_of_two_kinds(one: Option<Environment>, other: Option<Environment>) -> bool {
    matches!((one, other), (Some(one), Some(other)) if one != other)
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

/// How many breaches a Tenant's row keeps: more than a message names, and few enough that a fleet of which every group
/// was opened to all the others fits in memory.
const KEPT: usize = 16;

/// The isolation matrix: for each Tenant, by uid, what stands against its separation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matrix {
    rows: HashMap<String, Row>,
}

impl Matrix {
    fn of(parties: &[Arc<Party>]) -> Self {
        let rows = parties.iter().map(|party| (party.uid.clone(), Row::default()));
        Self { rows: rows.collect() }
    }

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

    fn keep(&mut self, breach: &Arc<Breach>) {
        let both = [(&breach.these, &breach.those), (&breach.those, &breach.these)];
        // Where it is shared both sides are the same, and one is enough.
        let sides = if breach.these == breach.those { 1 } else { 2 };
        for (side, opposite) in both.into_iter().take(sides) {
            let kinds = kinds_of(opposite);
            let concerned = side
                .iter()
                .filter(|party| kinds.iter().any(|kind| breach.thing.is_between(party, kind)));
            for party in concerned {
                // What was let go has no row.
                let Some(row) = self.rows.get_mut(&party.uid) else {
                    continue;
                };
                let is_told = row.breaches.last().is_some_and(|last| Arc::ptr_eq(last, breach));
                match row.breaches.len() {
                    _ if is_told => {}
                    KEPT.. => row.more += 1,
                    _ => row.breaches.push(Arc::clone(breach)),
                }
            }
        }
    }
}

/// One of each customer and environment, as many as decide: the third customer is in conflict with whom one of the
/// first two is not, and one customer has three kinds at most.
fn kinds_of(parties: &Parties) -> Vec<&Party> {
    let mut kinds: Vec<&Party> = Vec::new();
    for party in parties {
        let is_same =
            |kind: &&Party| (&kind.customer, kind.environment) == (&party.customer, party.environment);
        if !kinds.iter().any(is_same) {
            kinds.push(party);
        }
        if kinds.len() == 4 {
            break;
        }
    }
    kinds
}

#[cfg(test)]
mod tests;
