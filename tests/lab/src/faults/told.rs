//! What the objects say of themselves.

use yagura::{
    api::{AccessPolicy, Backup, BackupPolicy, Incident, Tenant, TenantClass},
    cluster::{Cluster, Kind},
};

use crate::World;

/// The condition, of whatever object, whose message tells of this call and one of these words.
pub(super) fn find(world: &World, operation: &str, words: &[&str]) -> Option<String> {
    let names = |text: &String| text.contains(operation) && words.iter().any(|word| text.contains(word));
    all(world).into_iter().find(names)
}

/// What tells of this call and one of these words beside the conditions: the message of a Backup's method, or an event.
/// What keeps and guards a copy changes no condition of its Backup, which is complete whatever becomes of the call.
pub(super) fn find_beside(world: &World, operation: &str, words: &[&str]) -> Option<String> {
    let names = |text: &String| text.contains(operation) && words.iter().any(|word| text.contains(word));
    let backups = world.cluster.cached_all::<Backup>().into_iter();
    let messages = backups.flat_map(|backup| {
        let methods = backup.status.clone().unwrap_or_default().methods.into_iter();
        let messages = methods.filter_map(|method| method.message);
        let key = backup.key();
        messages
            .map(move |message| format!("Backup {key}: {message}"))
            .collect::<Vec<_>>()
    });
    let events = world
        .cluster
        .events()
        .into_iter()
        .map(|(kind, key, happened)| format!("{kind} {key} {}: {}", happened.reason, happened.message));
    messages.chain(events).find(names)
}

/// Every condition of every object: `Tenant acme/jira Ready=False CallFailed: message`.
pub(super) fn all(world: &World) -> Vec<String> {
    let mut all = Vec::new();
    of::<TenantClass>(world, &mut all);
    of::<Tenant>(world, &mut all);
    of::<AccessPolicy>(world, &mut all);
    of::<BackupPolicy>(world, &mut all);
    of::<Backup>(world, &mut all);
    of::<Incident>(world, &mut all);
    all
}

fn of<K: Kind>(world: &World, all: &mut Vec<String>) {
    for object in world.cluster.cached_all::<K>() {
        let conditions = object.status().map(K::conditions).unwrap_or_default();
        all.extend(conditions.iter().map(|condition| {
            let (type_, status) = (&condition.type_, &condition.status);
            let (reason, message) = (&condition.reason, &condition.message);
            format!(
                "{} {} {type_}={status} {reason}: {message}",
                K::NAME,
                object.key()
            )
        }));
    }
}
