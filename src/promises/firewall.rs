//! P11, P15 and P16: who reaches the environment, over what, and by which way its operators come in.
//!
//! Judged on every group attached to the instance, since any of them opens it. One group whose rules are not
//! known is enough not to know, unless another already breaks the promise.

use std::{collections::BTreeSet, fmt};

use ipnet::IpNet;

use super::{AttachedGroup, Facts, Finding, GroupRole, fail, list, pass, unknown, unseen};
use crate::{
    cloud::{Direction, Observed, Peer, Protocol, Rule},
    terms::Terms,
};

/// SSH.
const SSH: i32 = 22;
/// HTTP, which a policy may open for nothing but a redirect to HTTPS.
const HTTP: i32 = 80;

/// Ranges that are not reached from the Internet: private, shared, loopback and link-local addresses.
const NOT_PUBLIC: [&str; 9] = [
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "fc00::/7",
    "fe80::/10",
    "::1/128",
];

/// P11: no source gets in that the accepted policy does not name.
///
/// A base group's rules for sources that are not public are the class's own business, such as monitoring.
pub(super) fn limits_sources(facts: &Facts) -> Finding {
    let ingress = match Ingress::of(facts) {
        Ok(ingress) => ingress,
        Err(finding) => return finding,
    };
    let Some(declared) = &facts.declared_ingress else {
        return unknown("the accepted access policy is not known");
    };
    let surplus: BTreeSet<Shown<'_>> = ingress
        .rules
        .iter()
        .filter(|(_, rule)| !declared.contains(*rule))
        .filter(|(role, rule)| *role != GroupRole::Base || reach(&rule.peer) != Reach::Private)
        .map(|(_, rule)| Shown(rule))
        .collect();
    if !surplus.is_empty() {
        return fail(format!("not in the access policy: {}", list(surplus)));
    }
    ingress.verdict("only the sources of the access policy get in")
}

/// P15: public addresses reach the ports of the terms and no other.
pub(super) fn is_https_only(terms: &Terms, facts: &Facts) -> Finding {
    let ingress = match Ingress::of(facts) {
        Ok(ingress) => ingress,
        Err(finding) => return finding,
    };
    let is_allowed = |rule: &Rule| {
        let port = u16::try_from(rule.from_port).ok();
        rule.protocol == Protocol::Tcp
            && rule.from_port == rule.to_port
            && port.is_some_and(|port| terms.public_ports.contains(&port))
    };
    let is_redirect = |rule: &Rule| {
        let is_declared = facts
            .declared_ingress
            .as_ref()
            .is_some_and(|declared| declared.contains(rule));
        rule.protocol == Protocol::Tcp && rule.from_port == HTTP && rule.to_port == HTTP && is_declared
    };
    let others: Vec<&Rule> = ingress
        .rules
        .iter()
        .map(|(_, rule)| *rule)
        .filter(|rule| !is_allowed(rule))
        .collect();
    let broken: BTreeSet<Shown<'_>> = others
        .iter()
        .copied()
        .filter(|rule| reach(&rule.peer) == Reach::Public && !is_redirect(rule))
        .map(Shown)
        .collect();
    if !broken.is_empty() {
        return fail(format!("open to public addresses: {}", list(broken)));
    }
    if others.iter().any(|rule| is_redirect(rule)) {
        return unknown("port 80 is open; that it only redirects to HTTPS is not measured by this build");
    }
    if others.iter().any(|rule| reach(&rule.peer) == Reach::Unknown) {
        return unknown("the addresses of a prefix list are not measured by this build");
    }
    ingress.verdict("public addresses reach HTTPS only")
}

/// P16: SSH is closed, since this build has no register of terminals it could be open to.
pub(super) fn keeps_maintenance_private(facts: &Facts) -> Finding {
    let ingress = match Ingress::of(facts) {
        Ok(ingress) => ingress,
        Err(finding) => return finding,
    };
    let open: BTreeSet<Shown<'_>> = ingress
        .rules
        .iter()
        .filter(|(_, rule)| covers_ssh(rule))
        .map(|(_, rule)| Shown(rule))
        .collect();
    if !open.is_empty() {
        return fail(format!("open to SSH: {}", list(open)));
    }
    ingress.verdict("no rule opens port 22")
}

fn covers_ssh(rule: &Rule) -> bool {
    match &rule.protocol {
        Protocol::All => true,
        Protocol::Tcp => (rule.from_port..=rule.to_port).contains(&SSH),
        // AWS also takes a protocol by number, and 6 is TCP.
        Protocol::Other(number) => number == "6" && (rule.from_port..=rule.to_port).contains(&SSH),
        Protocol::Udp => false,
    }
}

/// The ingress rules in force on an instance, and whether they are all there are.
struct Ingress<'a> {
    rules: Vec<(GroupRole, &'a Rule)>,
    unread: BTreeSet<&'a str>,
}

impl<'a> Ingress<'a> {
    /// The rules, or what is to be said when nothing can be.
    fn of(facts: &'a Facts) -> Result<Self, Finding> {
        if !facts.sees_aws() {
            return Err(unseen());
        }
        let groups = match &facts.groups {
            Observed::Present(groups) if !groups.is_empty() => groups,
            Observed::Present(_) | Observed::Absent => {
                return Err(unknown("no instance with groups was seen"));
            }
            Observed::Unknown => return Err(unknown("the groups of the instance are not known")),
        };
        let mut ingress = Self {
            rules: Vec::new(),
            unread: BTreeSet::new(),
        };
        for AttachedGroup { id, role, rules } in groups {
            match rules {
                Observed::Present(rules) => {
                    let inbound = rules.iter().filter(|rule| rule.direction == Direction::Ingress);
                    ingress.rules.extend(inbound.map(|rule| (*role, rule)));
                }
                Observed::Absent | Observed::Unknown => {
                    ingress.unread.insert(id.as_str());
                }
            }
        }
        Ok(ingress)
    }

    /// A pass, if nothing was left unread.
    fn verdict(&self, reason: &str) -> Finding {
        if self.unread.is_empty() {
            pass(reason)
        } else {
            unknown(format!("the rules of {} were not seen", list(&self.unread)))
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    Public,
    Private,
    Unknown,
}

/// Whether public addresses are at the other end of a rule.
fn reach(peer: &Peer) -> Reach {
    match peer {
        Peer::Cidr(range) if is_private(range) => Reach::Private,
        Peer::Cidr(_) => Reach::Public,
        // The members of a group stand in the same or a peered network.
        Peer::Group(_) => Reach::Private,
        Peer::PrefixList(_) => Reach::Unknown,
    }
}

fn is_private(range: &IpNet) -> bool {
    NOT_PUBLIC
        .iter()
        .filter_map(|known| known.parse::<IpNet>().ok())
        .any(|known| known.contains(range))
}

/// A rule as a person reads it: `tcp 443 from 203.0.113.0/24`.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Shown<'a>(&'a Rule);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Rule {
            protocol,
            from_port,
            to_port,
            peer,
            ..
        } = self.0;
        match protocol {
            Protocol::All => f.write_str("everything")?,
            Protocol::Tcp => f.write_str("tcp ")?,
            Protocol::Udp => f.write_str("udp ")?,
            Protocol::Other(word) => write!(f, "protocol {word} ")?,
        }
        if *protocol != Protocol::All {
            match (*from_port, *to_port) {
                (from, to) if from == to => write!(f, "{from}")?,
                (from, to) => write!(f, "{from}-{to}")?,
            }
        }
        match peer {
            Peer::Cidr(range) => write!(f, " from {range}"),
            Peer::Group(id) => write!(f, " from {id}"),
            Peer::PrefixList(id) => write!(f, " from {id}"),
        }
    }
}

#[cfg(test)]
mod tests;
