//! What AWS says of a Tenant's copies shows in its condition and in its promises.

use serde_json::json;
use simaws::{FaultKind, FaultSpec};

use super::ready;
use crate::{
    api::{Backup, ConditionType, Verdict, names::tags},
    cluster::Kind,
    controllers::testing::Env,
    report::conditions::find_condition,
};

/// A stranger, who is no customer of ours.
const STRANGER: &str = "444455556666";

/// Locks are listed every two minutes, and each Tenant is judged anew every five, whoever is woken.
const JUDGED_WITHIN: u64 = 450;

/// A snapshot with the tags of a run of the Tenant, that is complete. Of a volume without encryption: AWS lets nobody
/// share what its own key encrypts.
async fn snapshot(env: &mut Env) -> String {
    let tenant = env.tenant("jira");
    let answer = env.someone(
        "CreateVolume",
        &[("AvailabilityZone", "ap-northeast-1a"), ("Size", "1")],
    );
    let volume = between(&answer, "<volumeId>", "</volumeId>");
    env.pass(30).await;
    let mut params = vec![
        ("VolumeId".to_owned(), volume),
        (
            "TagSpecification.1.ResourceType".to_owned(),
            "snapshot".to_owned(),
        ),
    ];
    let own = [
        (tags::CLUSTER, "test"),
        (tags::TENANT, "acme/jira"),
        (tags::UID, tenant.uid()),
        (tags::BACKUP, "acme/by-hand"),
    ];
    for (n, (key, value)) in (1..).zip(own) {
        params.push((format!("TagSpecification.1.Tag.{n}.Key"), key.to_owned()));
        params.push((format!("TagSpecification.1.Tag.{n}.Value"), value.to_owned()));
    }
    let params: Vec<_> = params
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let answer = env.someone("CreateSnapshot", &params);
    let id = between(&answer, "<snapshotId>", "</snapshotId>");
    env.pass(600).await;
    id
}

fn between(text: &str, begin: &str, end: &str) -> String {
    let (_, rest) = text.split_once(begin).unwrap_or_else(|| panic!("{text}"));
    rest.split_once(end).unwrap().0.to_owned()
}

/// The Tenant with one complete Backup of that snapshot; `locked` is when that was first seen to be locked.
fn backed_up(env: &Env, snapshot: &str, (finished, locked): (&str, Option<&str>)) {
    env.put::<Backup>(json!({
        "apiVersion": "yagura.dev/v1alpha1",
        "kind": "Backup",
        "metadata": {"name": "by-hand", "namespace": "acme"},
        "spec": {"tenantRef": "jira", "reason": "test"},
        "status": {
            "phase": "Complete",
            "engine": "EC2",
            "protectedAt": locked,
            "methods": [{
                "method": "Snapshot", "state": "Complete", "startedAt": finished, "finishedAt": finished,
                "snapshotIds": [snapshot], "checks": [{"name": "EncryptionEqual", "passed": true}],
            }],
        },
    }));
}

fn protected(env: &Env) -> (String, String) {
    let status = env.tenant("jira").status.unwrap();
    let found = find_condition(&status.conditions, ConditionType::Protected.as_str()).unwrap();
    (found.reason.clone(), found.message.clone())
}

fn promise(env: &Env, id: &str) -> (Verdict, String) {
    let promises = env.tenant("jira").status.unwrap().promises.unwrap();
    let found = promises
        .results
        .into_iter()
        .find(|result| result.id == id)
        .unwrap();
    (found.verdict, found.reason)
}

fn share(env: &Env, snapshot: &str, change: &str) {
    let change = format!("CreateVolumePermission.{change}.1.UserId");
    env.someone(
        "ModifySnapshotAttribute",
        &[
            ("SnapshotId", snapshot),
            ("Attribute", "createVolumePermission"),
            (&change, STRANGER),
        ],
    );
}

#[tokio::test]
async fn a_lock_that_comes_goes_and_comes_back_shows_in_the_condition() {
    let mut env = ready().await;
    let id = snapshot(&mut env).await;
    // It has hardly ended: its lock may still come.
    backed_up(&env, &id, ("2026-11-24T00:10:00Z", None));
    env.pass(60).await;
    assert_eq!(protected(&env).0, "MethodsMissing", "{:?}", protected(&env));
    env.skip(6 * 3600).await;
    env.pass(60).await;
    let (reason, message) = protected(&env);
    assert_eq!(reason, "NotLocked", "{message}");
    assert!(message.contains("those of 1 of 3 good days"), "{message}");
    assert_eq!(promise(&env, "P24").0, Verdict::Fail);

    env.someone(
        "LockSnapshot",
        &[
            ("SnapshotId", &id),
            ("LockMode", "governance"),
            ("LockDuration", "4"),
        ],
    );
    env.pass(JUDGED_WITHIN).await;
    assert_eq!(protected(&env).0, "MethodsMissing", "{:?}", protected(&env));
    // Once seen locked, a lock that is gone was taken away.
    backed_up(&env, &id, ("2026-11-24T06:00:00Z", Some("2026-11-24T06:01:00Z")));
    env.someone("UnlockSnapshot", &[("SnapshotId", &id)]);
    env.pass(JUDGED_WITHIN).await;
    assert_eq!(protected(&env).0, "NotLocked", "{:?}", protected(&env));
}

#[tokio::test]
async fn a_snapshot_that_a_stranger_can_use_is_named_until_it_is_private_again() {
    let mut env = ready().await;
    let id = snapshot(&mut env).await;
    backed_up(&env, &id, ("2026-11-24T00:10:00Z", None));
    share(&env, &id, "Add");
    // Whoever would close it again is refused, so that it stays open for a while.
    let refused = FaultSpec::new("ModifySnapshotAttribute", FaultKind::Deny).forever();
    env.sim.add_fault(refused);
    env.pass(JUDGED_WITHIN).await;
    let named = format!("others can use copies: {id} is shared with {STRANGER}");
    let (reason, message) = protected(&env);
    assert_eq!(reason, "CopiesShared", "{message}");
    assert!(message.starts_with(&named), "{message}");
    for id in ["P8", "P24"] {
        assert_eq!(promise(&env, id), (Verdict::Fail, named.clone()), "{id}");
    }
    env.sim.clear_faults();
    share(&env, &id, "Remove");
    env.pass(JUDGED_WITHIN).await;
    assert_eq!(protected(&env).0, "MethodsMissing", "{:?}", protected(&env));
    assert_ne!(promise(&env, "P8").0, Verdict::Fail);
}

#[tokio::test]
async fn after_a_restart_an_open_copy_stays_told_until_aws_says_that_it_is_closed() {
    let mut env = ready().await;
    let id = snapshot(&mut env).await;
    backed_up(&env, &id, ("2026-11-24T00:10:00Z", None));
    share(&env, &id, "Add");
    env.sim
        .add_fault(FaultSpec::new("ModifySnapshotAttribute", FaultKind::Deny).forever());
    env.pass(JUDGED_WITHIN).await;
    let told = protected(&env);
    assert_eq!(told.0, "CopiesShared", "{told:?}");
    // Nobody can read it any more.
    env.sim
        .add_fault(FaultSpec::new("DescribeSnapshotAttribute", FaultKind::Deny).forever());
    env.restart().await;
    env.pass(JUDGED_WITHIN).await;
    assert_eq!(protected(&env), told);
    env.sim.clear_faults();
    env.pass(JUDGED_WITHIN).await;
    assert_eq!(protected(&env).0, "MethodsMissing", "{:?}", protected(&env));
}

#[tokio::test]
async fn the_right_is_named_without_which_nobody_knows_whether_copies_are_locked() {
    let mut env = ready().await;
    let id = snapshot(&mut env).await;
    env.sim
        .add_fault(FaultSpec::new("DescribeLockedSnapshots", FaultKind::Deny).forever());
    backed_up(&env, &id, ("2026-11-24T00:10:00Z", None));
    env.skip(6 * 3600).await;
    env.pass(JUDGED_WITHIN).await;
    let (reason, message) = protected(&env);
    assert_eq!(reason, "LockNotRead", "{message}");
    assert!(message.contains("lacks ec2:DescribeLockedSnapshots"), "{message}");
}

#[tokio::test]
async fn a_day_that_aws_backup_took_is_judged_by_its_vault_whatever_takes_the_next() {
    let mut env = ready().await;
    env.aws_backup("PUT", "/backup-vaults/old", &json!({}));
    env.put::<Backup>(json!({
        "apiVersion": "yagura.dev/v1alpha1",
        "kind": "Backup",
        "metadata": {"name": "by-hand", "namespace": "acme"},
        "spec": {"tenantRef": "jira", "reason": "test"},
        "status": {
            "phase": "Complete",
            "engine": "AWSBackup",
            "methods": [{
                "method": "Snapshot", "state": "Complete", "vault": "old",
                "startedAt": "2026-11-24T00:00:10Z", "finishedAt": "2026-11-24T00:00:20Z",
                "recoveryPointArn": "arn:aws:ec2:ap-northeast-1::image/ami-0123456789abcdef1",
            }],
        },
    }));
    // Nobody is woken by a vault: it is asked for, and looked at ten minutes later.
    env.pass(30).await;
    env.skip(600).await;
    let (reason, message) = protected(&env);
    assert_eq!(reason, "VaultNotLocked", "{message}");
    assert!(message.contains("vault old has no lock"), "{message}");
    // Locks of snapshots it has none of.
    assert!(!message.contains("snapshots are not locked"), "{message}");
}
