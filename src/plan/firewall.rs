//! Which rules a security group should hold, and the calls that make it hold exactly those.
//!
//! Deliberately absent: who owns a group. Whoever asks for steps has settled that first.

use std::collections::BTreeSet;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::{
    api::{self, AcceptedAccess},
    cloud::{Direction, Observed, Peer, Protocol, Rule},
};

/// How many rules AWS lets a group hold per direction and address family, unless the quota was raised. The
/// default is taken: a group that fits it fits every account.
pub const RULE_QUOTA: usize = 60;

/// What every environment may reach: HTTPS, DNS and the time, at any address, since groups know no host names.
const EGRESS_DEFAULTS: [(Protocol, u16); 4] = [
    (Protocol::Tcp, 443),
    (Protocol::Tcp, 53),
    (Protocol::Udp, 53),
    (Protocol::Udp, 123),
];

/// What is done with rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RuleChange {
    /// They are added.
    Authorize,
    /// They are removed.
    Revoke,
}

/// One call: rules of one direction, added or removed together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleStep {
    /// What is done.
    pub change: RuleChange,
    /// The direction of every rule.
    pub direction: Direction,
    /// The rules.
    pub rules: BTreeSet<Rule>,
}

/// The rules that an environment's own group holds while `access` is in force.
pub fn desired_rules(access: &AcceptedAccess) -> BTreeSet<Rule> {
    let mut rules = egress_defaults();
    for source in networks(&access.cidrs) {
        for port in &access.ports {
            rules.insert(rule(Direction::Ingress, Protocol::Tcp, port.number(), source));
        }
    }
    for entry in &access.egress {
        for destination in networks(&entry.cidrs) {
            rules.insert(rule(
                Direction::Egress,
                protocol(entry.protocol),
                entry.port,
                destination,
            ));
        }
    }
    rules
}

fn egress_defaults() -> BTreeSet<Rule> {
    let anywhere = [IpNet::V4(Ipv4Net::default()), IpNet::V6(Ipv6Net::default())];
    EGRESS_DEFAULTS
        .iter()
        .flat_map(|(protocol, port)| {
            anywhere.map(|to| rule(Direction::Egress, protocol.clone(), i32::from(*port), to))
        })
        .collect()
}

fn networks(cidrs: &[api::Cidr]) -> impl Iterator<Item = IpNet> + '_ {
    // The API server lets no other in; what was stored before it judged opens nothing.
    cidrs
        .iter()
        .filter_map(api::Cidr::network)
        .map(|network| network.trunc())
}

fn protocol(protocol: api::Protocol) -> Protocol {
    match protocol {
        api::Protocol::Tcp => Protocol::Tcp,
        api::Protocol::Udp => Protocol::Udp,
    }
}

fn rule(direction: Direction, protocol: Protocol, port: i32, network: IpNet) -> Rule {
    Rule {
        direction,
        protocol,
        from_port: port,
        to_port: port,
        peer: Peer::Cidr(network),
    }
}

/// The network that shares an address with `source`, if any of these does. A source of every address is not asked
/// about: written out, it says what it does.
pub fn overlapping<'a>(source: &api::Cidr, networks: &'a [IpNet]) -> Option<&'a IpNet> {
    if source.is_any() {
        return None;
    }
    let source = source.network()?;
    networks
        .iter()
        .find(|network| network.contains(&source) || source.contains(*network))
}

/// The calls that bring a group from `observed` to `desired`; none when they agree, or nothing is known, or there
/// is no group.
pub fn plan_rules(
    desired: &BTreeSet<Rule>,
    observed: &Observed<BTreeSet<Rule>>,
    quota: usize,
) -> Vec<RuleStep> {
    let Observed::Present(current) = observed else {
        return Vec::new();
    };
    let mut steps = Vec::new();
    for direction in [Direction::Ingress, Direction::Egress] {
        let missing: BTreeSet<_> = of(direction, desired.difference(current));
        let surplus: BTreeSet<_> = of(direction, current.difference(desired));
        let union: BTreeSet<_> = of(direction, desired.union(current));
        // Open before closing, so that a narrowed range never drops live traffic; only what must make room for
        // the new rules goes first.
        let first = if missing.is_empty() {
            BTreeSet::new()
        } else {
            excess(&union, &surplus, quota)
        };
        let rest: BTreeSet<_> = surplus.difference(&first).cloned().collect();
        let calls = [
            (RuleChange::Revoke, first),
            (RuleChange::Authorize, missing),
            (RuleChange::Revoke, rest),
        ];
        steps.extend(
            calls
                .into_iter()
                .filter(|(_, rules)| !rules.is_empty())
                .map(|(change, rules)| RuleStep {
                    change,
                    direction,
                    rules,
                }),
        );
    }
    steps
}

fn of<'a>(direction: Direction, rules: impl Iterator<Item = &'a Rule>) -> BTreeSet<Rule> {
    rules
        .filter(|rule| rule.direction == direction)
        .cloned()
        .collect()
}

/// The part of `surplus` that must go before everything in `union` fits the quota.
fn excess(union: &BTreeSet<Rule>, surplus: &BTreeSet<Rule>, quota: usize) -> BTreeSet<Rule> {
    let mut over = Families::ALL.map(|family| family.count(union).saturating_sub(quota));
    let mut first = BTreeSet::new();
    for rule in surplus {
        let helps = Families::ALL
            .iter()
            .zip(over)
            .any(|(family, over)| over > 0 && family.holds(rule));
        if !helps {
            continue;
        }
        first.insert(rule.clone());
        for (family, over) in Families::ALL.iter().zip(&mut over) {
            if family.holds(rule) {
                *over = over.saturating_sub(1);
            }
        }
    }
    first
}

/// The address families, each with a quota of its own.
#[derive(Clone, Copy)]
enum Families {
    V4,
    V6,
}

impl Families {
    const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// Whether the rule counts against this family; one that names a group or a list counts against both.
    fn holds(self, rule: &Rule) -> bool {
        match (&rule.peer, self) {
            (Peer::Cidr(IpNet::V4(_)), Self::V6) | (Peer::Cidr(IpNet::V6(_)), Self::V4) => false,
            (Peer::Cidr(_) | Peer::Group(_) | Peer::PrefixList(_), _) => true,
        }
    }

    fn count(self, rules: &BTreeSet<Rule>) -> usize {
        rules.iter().filter(|rule| self.holds(rule)).count()
    }
}

/// The rule as a person reads it, such as `tcp 22 from 0.0.0.0/0`.
pub fn describe(rule: &Rule) -> String {
    let protocol = match &rule.protocol {
        Protocol::All => "all traffic",
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
        Protocol::Other(name) => name,
    };
    let ports = match (&rule.protocol, rule.from_port, rule.to_port) {
        (Protocol::All, _, _) | (_, -1, _) => String::new(),
        (_, from, to) if from == to => format!(" {from}"),
        (_, from, to) => format!(" {from}-{to}"),
    };
    let way = match rule.direction {
        Direction::Ingress => "from",
        Direction::Egress => "to",
    };
    let peer = match &rule.peer {
        Peer::Cidr(network) => network.to_string(),
        Peer::Group(id) => id.to_string(),
        Peer::PrefixList(id) => id.clone(),
    };
    format!("{protocol}{ports} {way} {peer}")
}

#[cfg(test)]
pub(crate) mod simulate;
#[cfg(test)]
pub(crate) mod tests;
