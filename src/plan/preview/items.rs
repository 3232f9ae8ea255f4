//! The items of one step.

use std::collections::BTreeSet;

use super::Change;
use crate::{
    api::PlanOp,
    cloud::{
        Direction, Instance, InstanceId, Launch, MetadataOptions, NetworkInterfaceId, NewGroup, Operation,
        SecurityGroupId, Tags,
    },
    plan::{
        firewall::{RuleChange, RuleStep, describe},
        tenant::{ChangeRecord, TenantAction, TenantIdentity, TenantWorld},
    },
};

/// What this step changes in AWS; nothing where only Kubernetes learns of it.
pub(super) fn of(identity: &TenantIdentity, world: &TenantWorld, action: &TenantAction) -> Vec<Change> {
    match action {
        TenantAction::RecordLaunch(_) | TenantAction::Bind(_) => Vec::new(),
        TenantAction::CreateGroup(group) => vec![of_group(group)],
        TenantAction::ChangeRules { group, change } => of_rules(group, change),
        TenantAction::Launch(launch) => vec![of_launch(identity, launch)],
        TenantAction::SetTags { ids, tags } => of_tags(world, ids, tags),
        TenantAction::Protect(id) => vec![
            Item::of(
                Operation::ModifyInstanceAttribute,
                id.as_str(),
                "terminationProtection",
            )
            .changes("off", "on"),
        ],
        TenantAction::SetMetadataOptions(id, options) => of_metadata(world, id.as_str(), *options),
        TenantAction::KeepVolumes(_, volumes) => volumes
            .iter()
            .map(|volume| {
                Item::of(
                    Operation::ModifyInstanceAttribute,
                    volume.id.as_str(),
                    "deleteOnTermination",
                )
                .changes("true", "false")
            })
            .collect(),
        TenantAction::SetInterfaceGroups(id, groups) => of_interface(world, id, groups),
        TenantAction::RecordChange(record) => of_record(world, record),
        TenantAction::Stop(_)
        | TenantAction::SetInstanceType(..)
        | TenantAction::Start(_)
        | TenantAction::EndChange
        | TenantAction::RecordGrowth { .. }
        | TenantAction::GrowVolume { .. }
        | TenantAction::RecordRestart(_)
        | TenantAction::Reboot(_) => of_change(world, action).into_iter().collect(),
    }
}

/// What is written down before a stop: type and start are later passes', and belong to the same change, so that it reads
/// alike whether its window is open or not.
fn of_record(world: &TenantWorld, record: &ChangeRecord) -> Vec<Change> {
    let (Some(id), Some(to)) = (&world.bound, &record.to) else {
        return Vec::new();
    };
    let follow = [
        TenantAction::SetInstanceType(id.clone(), to.clone()),
        TenantAction::Start(id.clone()),
    ];
    follow
        .iter()
        .filter_map(|action| of_change(world, action))
        .collect()
}

/// What the spec asks of an instance that runs.
fn of_change(world: &TenantWorld, action: &TenantAction) -> Option<Change> {
    let power = |operation, id: &InstanceId| Item::of(operation, id.as_str(), "power");
    Some(match action {
        TenantAction::SetInstanceType(id, to) => {
            let found = instance(world, id.as_str()).map(|instance| instance.instance_type.clone());
            let item = Item::of(Operation::ModifyInstanceAttribute, id.as_str(), "instanceType");
            item.disruptive(true)
                .change(PlanOp::Change, found, Some(to.clone()))
        }
        TenantAction::Stop(id) => power(Operation::StopInstances, id)
            .disruptive(true)
            .changes("running", "stopped"),
        TenantAction::Start(id) => power(Operation::StartInstances, id).changes("stopped", "running"),
        TenantAction::Reboot(id) => power(Operation::RebootInstances, id)
            .disruptive(true)
            .changes("running", "rebooted"),
        TenantAction::GrowVolume { volume, size_gib } => {
            let volumes = world.volumes.present().into_iter().flatten();
            let mut found = volumes.filter(|found| found.id == *volume);
            let from = found.next().map(|found| format!("{} GiB", found.size_gib));
            let item = Item::of(Operation::ModifyVolume, volume.as_str(), "size");
            item.change(PlanOp::Change, from, Some(format!("{size_gib} GiB")))
        }
        _ => return None,
    })
}

/// A change whose kind is not said yet.
struct Item {
    operation: Operation,
    resource: String,
    field: String,
    disruptive: bool,
}

impl Item {
    fn of(operation: Operation, resource: impl Into<String>, field: impl Into<String>) -> Self {
        Self {
            operation,
            resource: resource.into(),
            field: field.into(),
            disruptive: false,
        }
    }

    /// Marks it as what may break something, if it does.
    fn disruptive(mut self, disruptive: bool) -> Self {
        self.disruptive = disruptive;
        self
    }

    fn creates(self, what: impl Into<String>) -> Change {
        self.change(PlanOp::Create, None, Some(what.into()))
    }

    fn adds(self, what: impl Into<String>) -> Change {
        self.change(PlanOp::Add, None, Some(what.into()))
    }

    fn removes(self, what: impl Into<String>) -> Change {
        self.change(PlanOp::Remove, Some(what.into()), None)
    }

    fn changes(self, from: impl Into<String>, to: impl Into<String>) -> Change {
        self.change(PlanOp::Change, Some(from.into()), Some(to.into()))
    }

    fn change(self, op: PlanOp, from: Option<String>, to: Option<String>) -> Change {
        Change {
            op,
            resource: self.resource,
            field: self.field,
            from,
            to,
            disruptive: self.disruptive,
            operation: self.operation,
        }
    }
}

fn of_group(group: &NewGroup) -> Change {
    Item::of(Operation::CreateSecurityGroup, &group.name, "securityGroup")
        .creates(format!("in {}", group.vpc_id))
}

fn of_rules(group: &SecurityGroupId, step: &RuleStep) -> Vec<Change> {
    let operation = match (step.change, step.direction) {
        (RuleChange::Authorize, Direction::Ingress) => Operation::AuthorizeSecurityGroupIngress,
        (RuleChange::Authorize, Direction::Egress) => Operation::AuthorizeSecurityGroupEgress,
        (RuleChange::Revoke, Direction::Ingress) => Operation::RevokeSecurityGroupIngress,
        (RuleChange::Revoke, Direction::Egress) => Operation::RevokeSecurityGroupEgress,
    };
    let rules = step.rules.iter().map(describe);
    let item = || Item::of(operation, group.as_str(), "rule");
    match step.change {
        RuleChange::Authorize => rules.map(|rule| item().adds(rule)).collect(),
        // Whoever comes by it stays out from then on.
        RuleChange::Revoke => rules.map(|rule| item().disruptive(true).removes(rule)).collect(),
    }
}

fn of_launch(identity: &TenantIdentity, launch: &Launch) -> Change {
    let mut what = format!(
        "{} from {} in {}",
        launch.instance_type, launch.image_id, launch.subnet_id
    );
    if !launch.volumes.is_empty() {
        let volumes = launch.volumes.iter().map(|volume| match volume.size_gib {
            Some(size) => format!("{} {size} GiB", volume.device),
            None => volume.device.clone(),
        });
        let volumes: Vec<_> = volumes.collect();
        what = format!("{what}, volumes {}", volumes.join(", "));
    }
    let groups: Vec<_> = launch.groups.iter().map(SecurityGroupId::as_str).collect();
    let what = format!("{what}, groups {}", groups.join(", "));
    Item::of(Operation::RunInstances, &identity.label, "instance").creates(what)
}

fn of_tags(world: &TenantWorld, ids: &[String], tags: &Tags) -> Vec<Change> {
    let pairs = ids
        .iter()
        .flat_map(|id| tags.iter().map(move |(key, value)| (id, key, value)));
    pairs
        .map(|(id, key, value)| {
            let item = Item::of(Operation::CreateTags, id, format!("tag {key}"));
            match tags_of(world, id).and_then(|found| found.get(key)) {
                Some(found) => item.changes(found, value),
                None => item.adds(value),
            }
        })
        .collect()
}

/// The tags that a resource is known to carry.
fn tags_of<'a>(world: &'a TenantWorld, id: &str) -> Option<&'a Tags> {
    let group = world.group.present().filter(|group| group.id.as_str() == id);
    let volumes = world.volumes.present().into_iter().flatten();
    let mut volumes = volumes.filter(|volume| volume.id.as_str() == id);
    group
        .map(|group| &group.tags)
        .or_else(|| Some(&instance(world, id)?.tags))
        .or_else(|| Some(&volumes.next()?.tags))
}

/// The instance of this id, in whichever look it was seen.
fn instance<'a>(world: &'a TenantWorld, id: &str) -> Option<&'a Instance> {
    let looks = [world.kin.present(), world.labelled.present()];
    let looks = looks.into_iter().flatten().flatten();
    let alone = [world.instance.present(), world.launched.present()];
    let mut all = alone.into_iter().flatten().chain(looks);
    all.find(|instance| instance.id.as_str() == id)
}

fn of_metadata(world: &TenantWorld, id: &str, options: MetadataOptions) -> Vec<Change> {
    let operation = Operation::ModifyInstanceMetadataOptions;
    let tokens = |required: bool| if required { "required" } else { "optional" };
    let found = instance(world, id).map(|instance| instance.metadata);
    let mut changes = Vec::new();
    if found.is_none_or(|found| found.tokens_required != options.tokens_required) {
        // What still asks without a token gets no answer any more.
        let item = Item::of(operation, id, "httpTokens").disruptive(options.tokens_required);
        let from = found.map(|found| tokens(found.tokens_required).to_owned());
        let to = tokens(options.tokens_required).to_owned();
        changes.push(item.change(PlanOp::Change, from, Some(to)));
    }
    if found.is_none_or(|found| found.hop_limit != options.hop_limit) {
        // What asks from inside a container is a hop away.
        let is_lower = found.is_none_or(|found| found.hop_limit > options.hop_limit);
        let item = Item::of(operation, id, "httpPutResponseHopLimit").disruptive(is_lower);
        let from = found.map(|found| found.hop_limit.to_string());
        changes.push(item.change(PlanOp::Change, from, Some(options.hop_limit.to_string())));
    }
    changes
}

fn of_interface(
    world: &TenantWorld,
    id: &NetworkInterfaceId,
    groups: &BTreeSet<SecurityGroupId>,
) -> Vec<Change> {
    let item = || {
        Item::of(
            Operation::ModifyNetworkInterfaceAttribute,
            id.as_str(),
            "securityGroup",
        )
    };
    let interfaces = world.instance.present().into_iter();
    let mut interfaces = interfaces.flat_map(|instance| &instance.interfaces);
    let none = BTreeSet::new();
    let found = interfaces
        .find(|interface| interface.id == *id)
        .map_or(&none, |interface| &interface.groups);
    let added = groups.difference(found);
    let lost = found.difference(groups);
    added
        .map(|group| item().adds(group.as_str()))
        .chain(lost.map(|group| item().disruptive(true).removes(group.as_str())))
        .collect()
}
