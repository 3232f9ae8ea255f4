//! What AWS would hold after a step: the planner author's own model.

use std::collections::BTreeSet;

use super::{ClassStep, QuarantineWorld};
use crate::{
    cloud::{Direction, Observed, Peer, Protocol, Rule, SecurityGroup},
    plan::firewall,
};

/// The rule that AWS gives every new group.
pub(super) fn allow_all_egress() -> BTreeSet<Rule> {
    BTreeSet::from([Rule {
        direction: Direction::Egress,
        protocol: Protocol::All,
        from_port: -1,
        to_port: -1,
        peer: Peer::Cidr("0.0.0.0/0".parse().unwrap()),
    }])
}

/// The world after `step`.
pub(super) fn simulate(mut world: QuarantineWorld, step: &ClassStep) -> QuarantineWorld {
    if let ClassStep::CreateGroup(new) = step {
        world.group = Observed::Present(SecurityGroup {
            id: "sg-new".into(),
            name: new.name.clone(),
            vpc_id: new.vpc_id.clone(),
            rules: allow_all_egress(),
            tags: new.tags.clone(),
        });
        return world;
    }
    let Observed::Present(group) = &mut world.group else {
        return world;
    };
    match step {
        ClassStep::CreateGroup(_) => {}
        ClassStep::ChangeRules { change, .. } => {
            group.rules = firewall::simulate::simulate(std::mem::take(&mut group.rules), change);
        }
        ClassStep::SetTags { tags, .. } => group.tags.extend(tags.clone()),
    }
    world
}
