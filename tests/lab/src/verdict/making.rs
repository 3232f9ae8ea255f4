//! Making things: of each there may be one.

use yagura::api::names::tags;

use super::Case;
use crate::truth::says;

/// An environment has one instance, ever; the same launch may be asked for again, for its token makes no second one.
pub(super) fn launch(case: &Case<'_>) -> Vec<String> {
    let token = case.call.get("ClientToken");
    let Some(uid) = tag(case, tags::UID) else {
        return vec!["launches an instance without an owner".to_owned()];
    };
    let Some(owner) = case.history.tenants().find(|tenant| tenant.uid == uid) else {
        return vec![format!("launches an instance for {uid}, which is nobody")];
    };
    let mut wrong = Vec::new();
    if token.is_none() {
        wrong.push("launches without a token".to_owned());
    }
    if case.history.recent().all(|version| !version.kept.contains(uid)) {
        wrong.push(format!(
            "launches an instance for {}, which was let go",
            owner.key
        ));
    }
    let others = case.truth.instances.iter().filter(|instance| {
        let is_its = owner.bound.contains(&instance.id) || says(&instance.tags, tags::UID, uid);
        is_its && instance.client_token.as_deref() != token
    });
    wrong.extend(
        others.map(|other| format!("launches a second instance of {} beside {}", owner.key, other.id)),
    );
    wrong
}

/// An environment has one group; a name that is taken is refused by AWS.
pub(super) fn group(case: &Case<'_>) -> Vec<String> {
    let name = case.call.get("GroupName").unwrap_or_default();
    let Some(uid) = tag(case, tags::UID) else {
        return vec!["makes a group without an owner".to_owned()];
    };
    let groups = case.truth.groups(uid).into_iter();
    let others = groups.filter(|group| group.name != name);
    others
        .map(|other| format!("makes a second group of {uid} beside {}", other.id))
        .collect()
}

/// A Backup has one set of snapshots; one of which AWS says that it failed is none.
pub(super) fn snapshots(case: &Case<'_>) -> Vec<String> {
    let description = case.call.get("Description").unwrap_or_default();
    let made = case.truth.snapshots.iter();
    let made = made.filter(|snapshot| snapshot.description == description && snapshot.state != "error");
    made.map(|one| format!("makes a second set of {description} beside {}", one.id))
        .collect()
}

/// So has it one job of AWS Backup; the same may be asked for again, for its token makes no second one.
pub(super) fn job(case: &Case<'_>) -> Vec<String> {
    let call = case.call;
    let Some(token) = call.get("IdempotencyToken") else {
        return vec!["starts a job without a token".to_owned()];
    };
    let Some(backup) = call.get(&format!("RecoveryPointTags.{}", tags::BACKUP)) else {
        return vec!["starts a job for no Backup".to_owned()];
    };
    let jobs = case.truth.backup_jobs.iter();
    let others = jobs.filter(|job| {
        says(&job.tags, tags::BACKUP, backup) && job.token.as_deref() != Some(token) && !job.has_failed()
    });
    others
        .map(|other| format!("starts a second job of {backup} beside {}", other.id))
        .collect()
}

/// The value of a tag that what is made will have.
fn tag<'a>(case: &Case<'a>, key: &str) -> Option<&'a str> {
    let call = case.call;
    let (name, _) = call.params.iter().find(|(name, value)| {
        name.starts_with("TagSpecification.") && name.ends_with(".Key") && *value == key
    })?;
    call.get(&format!("{}.Value", name.strip_suffix(".Key")?))
}
