//! Copies of environments: which may be deleted, locked and closed.

use jiff::Timestamp;
use yagura::api::names::tags;

use super::Case;
use crate::{
    sets::{self, Guarantee, Set},
    truth::says,
};

/// A snapshot may be deleted when as many newer good days are held as are guaranteed.
pub(super) fn delete(case: &Case<'_>) -> Vec<String> {
    let id = case.call.get("SnapshotId").unwrap_or_default();
    let Some(snapshot) = case.truth.snapshots.iter().find(|one| one.id == id) else {
        // Nothing is there to be destroyed.
        return Vec::new();
    };
    if snapshot.is_of_aws_backup() {
        return vec![format!("deletes {id}, which AWS Backup made")];
    }
    if !says(&snapshot.tags, tags::CLUSTER, crate::CLUSTER_ID) {
        return vec![format!("deletes {id}, which does not carry our tag")];
    }
    if snapshot.tags.contains_key(tags::RELEASED) {
        return vec![format!("deletes {id}, which was let go")];
    }
    delete_of(case, id)
}

/// So may a recovery point.
pub(super) fn delete_point(case: &Case<'_>) -> Vec<String> {
    let arn = case.call.get("RecoveryPointArn").unwrap_or_default();
    let is_there = case.truth.recovery_points.iter().any(|point| point.arn == arn);
    if is_there {
        delete_of(case, arn)
    } else {
        Vec::new()
    }
}

fn delete_of(case: &Case<'_>, id: &str) -> Vec<String> {
    let cluster = case.history.cluster();
    let all = sets::all(case.truth, cluster);
    let Some(set) = all.iter().find(|set| set.ids.contains(id)) else {
        return vec![format!("deletes {id}, which is not ours")];
    };
    let Some(owner) = case.history.tenants().find(|tenant| tenant.uid == set.owner) else {
        return vec![format!("deletes {id}, which is nobody's")];
    };
    let mut wrong = Vec::new();
    if case
        .history
        .recent()
        .all(|version| !version.kept.contains(&owner.uid))
    {
        wrong.push(format!("deletes {id} of {}, which is gone", owner.key));
    }
    if case
        .history
        .recent()
        .all(|version| version.isolated.contains(&owner.name))
    {
        wrong.push(format!("deletes {id} of {}, which is isolated", owner.key));
    }
    let (newer, wanted) = (sets::newer_days(&all, set), Guarantee::of(cluster).good_days);
    if newer < wanted {
        let Set { day, .. } = set;
        wrong.push(format!(
            "deletes {id} of {} for {day}, and only {newer} newer days are good",
            owner.key
        ));
    }
    wrong
}

/// A lock may be set on what is ours, and prolonged; Compliance can never be taken back.
pub(super) fn lock(case: &Case<'_>) -> Vec<String> {
    let id = case.call.get("SnapshotId").unwrap_or_default();
    let Some(snapshot) = case.truth.snapshots.iter().find(|one| one.id == id) else {
        return Vec::new();
    };
    let mut wrong = nobodys(case, id);
    if snapshot.is_of_aws_backup() {
        wrong.push(format!("locks {id}, which AWS Backup made"));
    }
    if case.call.get("LockMode").is_some_and(|mode| mode != "governance") {
        wrong.push(format!("locks {id} so that nobody can take it back"));
    }
    let until = case.call.get("ExpirationDate");
    let until = until.and_then(|until| until.parse::<Timestamp>().ok());
    let before = snapshot.lock.as_ref().and_then(|lock| lock.expires_at);
    match (until, before) {
        (None, _) => wrong.push(format!("locks {id} without saying until when")),
        (Some(until), Some(before)) if until < before => {
            wrong.push(format!("shortens the lock of {id} from {before} to {until}"));
        }
        _ => {}
    }
    wrong
}

/// Who may use a copy may become fewer only.
pub(super) fn close(case: &Case<'_>) -> Vec<String> {
    let (snapshot, image) = (case.call.get("SnapshotId"), case.call.get("ImageId"));
    let id = snapshot.or(image).unwrap_or_default();
    let mut wrong = nobodys(case, id);
    let opens = |(name, value): (&String, &String)| {
        name.contains("Permission.Add.") || name == "OperationType" && value == "add"
    };
    if case.call.params.iter().any(opens) {
        wrong.push(format!("opens {id} to somebody"));
    }
    wrong
}

fn nobodys(case: &Case<'_>, id: &str) -> Vec<String> {
    let found = case.tags(id);
    let is_ours = found.is_some_and(|found| says(found, tags::CLUSTER, crate::CLUSTER_ID));
    let is_there = found.is_some();
    (is_there && !is_ours && case.owner(id).is_none())
        .then(|| format!("changes {id}, which is nobody's"))
        .into_iter()
        .collect()
}
