//! How to ask AWS whether the steps of a plan are permitted.

use std::collections::BTreeSet;

use crate::{
    cloud::{Launch, Probe, SecurityGroupId},
    plan::{
        firewall::RuleChange,
        tenant::{TenantAction, TenantStep},
    },
};

/// One question for each call and each kind of resource: policies tell resources apart by what they are and by our
/// tags, and all of one Tenant carry the same. What does not exist yet cannot be asked about.
pub fn probes(steps: &[TenantStep]) -> Vec<Probe> {
    let mut asked = BTreeSet::new();
    let all = steps.iter().flat_map(|step| of(&step.action));
    all.filter(|(probe, resource)| asked.insert((probe.operation(), kind_of(resource))))
        .map(|(probe, _)| probe)
        .collect()
}

/// The kind of a resource, by how its id begins.
fn kind_of(id: &str) -> String {
    id.split('-').next().unwrap_or_default().to_owned()
}

/// The questions about one step, each with the resource it is about.
fn of(action: &TenantAction) -> Vec<(Probe, String)> {
    match action {
        TenantAction::RecordLaunch(_) | TenantAction::Bind(_) => Vec::new(),
        TenantAction::CreateGroup(group) => vec![(Probe::CreateGroup(group.clone()), String::new())],
        TenantAction::ChangeRules { group, change } => {
            let probe = match change.change {
                RuleChange::Authorize => Probe::Authorize(group.clone(), change.direction),
                RuleChange::Revoke => Probe::Revoke(group.clone(), change.direction),
            };
            let question = exists(group).then(|| (probe, group.to_string()));
            question.into_iter().collect()
        }
        TenantAction::Launch(launch) => {
            let groups = launch.groups.iter().filter(|group| exists(group));
            let launch = Launch {
                groups: groups.cloned().collect(),
                ..launch.clone()
            };
            vec![(Probe::Launch(launch), String::new())]
        }
        TenantAction::SetTags { ids, tags } => ids
            .iter()
            .map(|id| (Probe::SetTags(id.clone(), tags.clone()), id.clone()))
            .collect(),
        // Both are the same call, and a policy does not see the difference.
        TenantAction::Protect(id) | TenantAction::KeepVolumes(id, _) => {
            vec![(Probe::Protect(id.clone()), id.to_string())]
        }
        TenantAction::SetMetadataOptions(id, options) => {
            vec![(Probe::SetMetadataOptions(id.clone(), *options), id.to_string())]
        }
        TenantAction::SetInterfaceGroups(id, groups) => {
            let groups = groups.iter().filter(|group| exists(group)).cloned().collect();
            vec![(Probe::SetInterfaceGroups(id.clone(), groups), id.to_string())]
        }
        TenantAction::Stop(id) => vec![(Probe::Stop(id.clone()), id.to_string())],
        TenantAction::Start(id) => vec![(Probe::Start(id.clone()), id.to_string())],
        TenantAction::Reboot(id) => vec![(Probe::Reboot(id.clone()), id.to_string())],
        // AWS answers for the type and for the protection alike.
        TenantAction::SetInstanceType(id, _) => vec![(Probe::Protect(id.clone()), id.to_string())],
        TenantAction::GrowVolume { volume, size_gib } => {
            vec![(Probe::GrowVolume(volume.clone(), *size_gib), volume.to_string())]
        }
        TenantAction::RecordChange(_)
        | TenantAction::EndChange
        | TenantAction::RecordGrowth { .. }
        | TenantAction::RecordRestart(_) => Vec::new(),
    }
}

/// Whether this group is there, and not one whose name stands for its id.
fn exists(group: &SecurityGroupId) -> bool {
    group.as_str().starts_with("sg-")
}
