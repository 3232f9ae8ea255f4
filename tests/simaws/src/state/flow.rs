//! Connections to instances. A security group decides whether one may open; those that are open go on
//! when the rule that let them in is gone, for the group tracks them.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::Serialize;

use super::{Cidr, Direction, InstanceState, Interface, Peer, Region, RuleKey};

/// An open TCP connection from a peer to an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Flow {
    /// The instance.
    pub instance_id: String,
    /// Who opened it.
    pub peer: IpAddr,
    /// The port on the instance.
    pub port: u16,
    /// When.
    pub opened_at: Timestamp,
}

impl Region {
    /// Opens a flow if the instance runs and a rule lets the peer in; tells whether it is open.
    pub(crate) fn open_flow(&mut self, instance_id: &str, peer: IpAddr, port: u16) -> bool {
        let key = key(instance_id, peer, port);
        if self.flows.contains_key(&key) {
            return true;
        }
        if !self.lets_in(instance_id, peer, port) {
            return false;
        }
        let flow = Flow {
            instance_id: instance_id.to_owned(),
            peer,
            port,
            opened_at: self.now,
        };
        self.flows.insert(key, flow);
        true
    }

    /// Ends the flows of an instance, of one peer or of all; tells how many.
    pub(crate) fn cut_flows(&mut self, instance_id: &str, peer: Option<IpAddr>) -> usize {
        let before = self.flows.len();
        self.flows
            .retain(|_, flow| flow.instance_id != instance_id || peer.is_some_and(|peer| flow.peer != peer));
        before - self.flows.len()
    }

    fn lets_in(&self, instance_id: &str, peer: IpAddr, port: u16) -> bool {
        let Some(instance) = self.instances.get(instance_id) else {
            return false;
        };
        if instance.state != InstanceState::Running {
            return false;
        }
        let interfaces = instance
            .interface_ids
            .iter()
            .filter_map(|id| self.interfaces.get(id));
        let groups = interfaces.flat_map(|interface| &interface.group_ids);
        groups
            .filter_map(|id| self.groups.get(id))
            .flat_map(|group| group.rules.values())
            .any(|rule| self.admits(&rule.key, peer, port))
    }

    fn admits(&self, rule: &RuleKey, peer: IpAddr, port: u16) -> bool {
        let for_tcp = matches!(rule.protocol.as_str(), "tcp" | "6" | "-1");
        let for_port = rule
            .ports
            .is_none_or(|(from, to)| (from..=to).contains(&i32::from(port)));
        rule.direction == Direction::Ingress && for_tcp && for_port && self.is_peer(&rule.peer, peer)
    }

    fn is_peer(&self, named: &Peer, peer: IpAddr) -> bool {
        match named {
            Peer::Ipv4(cidr) | Peer::Ipv6(cidr) => {
                let length = if peer.is_ipv4() { 32 } else { 128 };
                let alone = Cidr::parse(&format!("{peer}/{length}"));
                alone.is_some_and(|alone| {
                    Cidr::parse(cidr)
                        .is_some_and(|range| range.is_v4() == peer.is_ipv4() && range.contains(alone))
                })
            }
            Peer::Group(id) => {
                let address = peer.to_string();
                let is_it = |interface: &Interface| {
                    interface.private_ip == address && interface.group_ids.contains(id)
                };
                self.interfaces.values().any(is_it)
            }
            // What is in a prefix list is not known here.
            Peer::PrefixList(_) => false,
        }
    }
}

fn key(instance_id: &str, peer: IpAddr, port: u16) -> String {
    format!("{instance_id} {peer} {port}")
}
