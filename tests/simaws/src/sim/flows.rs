//! Connections to instances.

use std::net::IpAddr;

use super::Sim;
use crate::state::Flow;

impl Sim {
    /// Opens a TCP connection from `peer` to an instance, in whatever account and region it is. It opens
    /// when the instance runs and a rule of its groups lets the peer in; once open it stays so without
    /// the rule, until the instance stops or ends, or the flow is cut. Tells whether it is open.
    pub fn open_flow(&self, instance_id: &str, peer: IpAddr, port: u16) -> bool {
        let mut state = self.lock();
        let backend = &mut state.backend;
        let region = backend.world.region_of_instance(instance_id);
        region.is_some_and(|region| {
            region.settle(backend.options.clock.now(), &backend.options.timings);
            region.open_flow(instance_id, peer, port)
        })
    }

    /// The open flows of an instance.
    pub fn flows(&self, instance_id: &str) -> Vec<Flow> {
        let mut state = self.lock();
        let backend = &mut state.backend;
        let Some(region) = backend.world.region_of_instance(instance_id) else {
            return Vec::new();
        };
        region.settle(backend.options.clock.now(), &backend.options.timings);
        let flows = region.flows.values();
        flows
            .filter(|flow| flow.instance_id == instance_id)
            .cloned()
            .collect()
    }

    /// Ends the flows of an instance as a command on it would, those of one peer or all; tells how many.
    pub fn cut_flows(&self, instance_id: &str, peer: Option<IpAddr>) -> usize {
        let mut state = self.lock();
        let region = state.backend.world.region_of_instance(instance_id);
        region.map_or(0, |region| region.cut_flows(instance_id, peer))
    }
}
