//! The groups of interfaces: cutting off, reconnecting and repairing.

use std::collections::BTreeSet;

use super::Case;

/// An interface may be put into quarantine only when somebody asks for it and its groups are on record, and out of it
/// only when nobody does, into what is on record; any other change puts it into its own group.
pub(super) fn set_groups(case: &Case<'_>) -> Vec<String> {
    let Some(id) = case.call.get("NetworkInterfaceId") else {
        return vec!["names no interface".to_owned()];
    };
    let next: BTreeSet<_> = case
        .call
        .list("SecurityGroupId")
        .into_iter()
        .map(str::to_owned)
        .collect();
    let instance = case
        .truth
        .instances
        .iter()
        .find(|one| one.interface_ids.iter().any(|own| own == id));
    let interface = case.truth.network_interfaces.iter().find(|one| one.id == id);
    let (Some(instance), Some(interface)) = (instance, interface) else {
        // What is not there loses nothing.
        return Vec::new();
    };
    let Some(owner) = case.owner(&instance.id) else {
        return vec![format!("changes the groups of {id}, which is nobody's")];
    };
    let quarantines = case.quarantines();
    let is_quarantine = |groups: &BTreeSet<String>| groups.iter().any(|id| quarantines.contains(id.as_str()));
    let groups = case.truth.groups(&owner.uid);
    let own: BTreeSet<_> = groups.iter().map(|group| group.id.clone()).collect();
    let records = case.history.originals(id);
    let (was_isolated, is_isolated) = (is_quarantine(&interface.group_ids), is_quarantine(&next));
    let mut wrong = Vec::new();
    if is_isolated {
        if case
            .history
            .recent()
            .all(|version| !version.isolated.contains(&owner.name))
        {
            wrong.push(format!("isolates {id}, and nobody asks for that"));
        }
        if next.len() != 1 {
            wrong.push(format!("isolates {id} into {next:?}"));
        }
        let keeps = |record: &BTreeSet<String>| {
            !record.is_empty()
                && !is_quarantine(record)
                && (was_isolated || *record == own || *record == interface.group_ids)
        };
        if !records.iter().any(keeps) {
            wrong.push(format!(
                "isolates {id} out of {:?} while {records:?} are on record",
                interface.group_ids
            ));
        }
        return wrong;
    }
    if was_isolated
        && case
            .history
            .recent()
            .all(|version| version.isolated.contains(&owner.name))
    {
        wrong.push(format!("frees {id}, which is to be isolated"));
    }
    if next != own && !records.contains(&next) {
        wrong.push(format!("puts {id} into {next:?} instead of {own:?}"));
    }
    wrong
}
