//! BackupPolicy: engine, lock, deadlines and suspension; and what a class says of backups.

use serde_json::{Value, json};
use yagura::api::{BackupPolicy, TenantClass};

use super::{Ground, Sample};

fn policy() -> Sample {
    Sample::of::<BackupPolicy>(json!({}))
}

fn class() -> Sample {
    Sample::of::<TenantClass>(json!({
        "region": "ap-northeast-1",
        "network": {"subnetIds": ["subnet-0123456789abcdef0"]},
        "plans": {"standard": {"instanceType": "m6i.large"}},
        "applications": {"jira": {"images": {"9.12.4": "ami-0123456789abcdef0"}}},
        "contact": {"helpdesk": "+81-3-0000-0000"},
        "terms": "hosting-2023-10-11",
    }))
}

#[tokio::test]
async fn the_deadlines_of_a_policy_are_durations_within_their_bounds() {
    let (ground, policy) = (Ground::new(), policy());
    for change in [
        json!({"startingDeadline": "10m"}),
        json!({"startingDeadline": "12h"}),
        json!({"startingDeadline": "1h30m"}),
        json!({"startingDeadline": "720m", "timeout": "1h"}),
        json!({"timeout": "12h"}),
    ] {
        ground.takes(&policy, change).await;
    }
    let beyond = |field: &str, value: &str| json!({ field: value });
    for (field, value, message) in [
        ("startingDeadline", "9m", "startingDeadline is from 10m to 12h"),
        ("startingDeadline", "12h1m", "startingDeadline is from 10m to 12h"),
        ("timeout", "59m", "timeout is from 1h to 12h"),
        ("timeout", "13h", "timeout is from 1h to 12h"),
        (
            "startingDeadline",
            "one hour",
            "spec.startingDeadline in body should match",
        ),
        (
            "startingDeadline",
            "3600s",
            "spec.startingDeadline in body should match",
        ),
        ("timeout", "6", "spec.timeout"),
        ("timeout", "-6h", "spec.timeout in body should match"),
    ] {
        ground.refuses(&policy, beyond(field, value), message).await;
    }
}

#[tokio::test]
async fn a_suspension_has_an_end_and_a_reason_or_is_none() {
    let (ground, policy) = (Ground::new(), policy());
    let until = "2026-12-01T00:00:00Z";
    let whole = json!({"suspend": true, "suspendUntil": until, "suspendReason": "storage is moved"});
    ground.takes(&policy, whole.clone()).await;
    ground.takes(&policy, json!({"suspend": false})).await;
    let message = "suspend: true needs suspendUntil and suspendReason, and neither stands without it";
    for change in [
        json!({"suspend": true}),
        json!({"suspend": true, "suspendUntil": until}),
        json!({"suspend": true, "suspendReason": "storage is moved"}),
        json!({"suspendUntil": until, "suspendReason": "storage is moved"}),
        json!({"suspend": false, "suspendUntil": until}),
        json!({"suspend": false, "suspendReason": "storage is moved"}),
    ] {
        ground.refuses(&policy, change, message).await;
    }
    for (change, message) in [
        (json!({"suspendReason": ""}), "spec.suspendReason"),
        (
            json!({"suspendReason": "x".repeat(501)}),
            "spec.suspendReason: Too long",
        ),
        (json!({"suspendUntil": "tomorrow"}), "spec.suspendUntil"),
    ] {
        let mut bad = whole.clone();
        super::merge(&mut bad, &change);
        ground.refuses(&policy, bad, message).await;
    }
    ground.has(&policy, "nightly", whole).await;
    let off: Value = json!({"suspend": null, "suspendUntil": null, "suspendReason": null});
    ground
        .refuses_change(&policy, "nightly", json!({"suspend": false}), message)
        .await;
    ground.takes_change(&policy, "nightly", off).await;
}

#[tokio::test]
async fn a_lock_that_cannot_be_undone_is_acknowledged_word_for_word() {
    let (ground, policy) = (Ground::new(), policy());
    let lock = |lock: Value| json!({ "lock": lock });
    for good in [
        json!({}),
        json!({"mode": "Governance"}),
        json!({"days": 400}),
        json!({"mode": "Compliance", "days": 4, "acknowledge": "cannot be undone"}),
    ] {
        ground.takes(&policy, lock(good)).await;
    }
    let message = "mode Compliance needs acknowledge: \"cannot be undone\"";
    for bad in [
        json!({"mode": "Compliance"}),
        json!({"mode": "Compliance", "acknowledge": "yes"}),
        json!({"mode": "Compliance", "acknowledge": "Cannot be undone"}),
    ] {
        ground.refuses(&policy, lock(bad), message).await;
    }
    for (bad, message) in [
        (json!({"days": 0}), "should be greater than or equal to 1"),
        (json!({"days": 401}), "should be less than or equal to 400"),
        (json!({"mode": "Legal"}), "Unsupported value: \"Legal\""),
    ] {
        ground.refuses(&policy, lock(bad), message).await;
    }
    ground.has(&policy, "locked", json!({})).await;
    ground
        .refuses_change(&policy, "locked", lock(json!({"mode": "Compliance"})), message)
        .await;
}

#[tokio::test]
async fn an_engine_is_one_of_two() {
    let (ground, policy) = (Ground::new(), policy());
    for engine in ["EC2", "AWSBackup"] {
        ground.takes(&policy, json!({ "engine": engine })).await;
    }
    ground
        .refuses(
            &policy,
            json!({"engine": "Velero"}),
            "Unsupported value: \"Velero\"",
        )
        .await;
}

#[tokio::test]
async fn a_vault_comes_with_its_role() {
    let (ground, class) = (Ground::new(), class());
    let role = "arn:aws:iam::111122223333:role/backup";
    let backup = |backup: Value| json!({ "backup": backup });
    for good in [
        json!({}),
        json!({"vault": "yagura", "roleArn": role}),
        json!({"snapshotQuota": 250_000}),
    ] {
        ground.takes(&class, backup(good)).await;
    }
    let message = "vault and roleArn are set together: both are for engine AWSBackup";
    for bad in [json!({"vault": "yagura"}), json!({ "roleArn": role })] {
        ground.refuses(&class, backup(bad), message).await;
    }
    for (bad, message) in [
        (
            json!({"vault": "no spaces", "roleArn": role}),
            "spec.backup.vault in body should match",
        ),
        (
            json!({"vault": "yagura", "roleArn": "backup"}),
            "spec.backup.roleArn in body should match",
        ),
        (
            json!({"snapshotQuota": 0}),
            "should be greater than or equal to 1",
        ),
    ] {
        ground.refuses(&class, backup(bad), message).await;
    }
}
