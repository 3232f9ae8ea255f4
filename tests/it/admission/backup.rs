//! BackupPolicy and Backup.

use controlplane::User;
use kube::api::DynamicObject;
use serde_json::json;
use yagura::api::{Backup, BackupPolicy};

use super::{Ground, Sample, expect_refusal};
use crate::support::eventually;

fn policy() -> Sample {
    Sample::of::<BackupPolicy>(json!({}))
}

fn backup() -> Sample {
    Sample::of::<Backup>(json!({"tenantRef": "acme-jira", "reason": "before upgrade"}))
}

#[tokio::test]
async fn a_policy_without_any_spec_is_one_with_an_empty_spec() {
    let (ground, policy) = (Ground::new(), policy());
    assert_eq!(ground.takes(&policy, json!({})).await, json!({}));
    let mut bare = policy.with("bare", &json!({}));
    bare.data.as_object_mut().unwrap().remove("spec");
    let stored = ground.try_create(User::Admin, &policy, &bare).await.unwrap();
    assert_eq!(stored.data["spec"], json!({}));
}

#[tokio::test]
async fn the_values_of_a_policy_are_possible_ones() {
    let (ground, policy) = (Ground::new(), policy());
    for change in [
        json!({"at": "00:30"}),
        json!({"at": "23:59", "timeZone": "America/Argentina/Buenos_Aires"}),
        json!({"timeZone": "Etc/GMT+9"}),
        json!({"methods": ["Snapshot"]}),
        json!({"retention": {}}),
        json!({"retention": {"goodDays": 1}}),
        json!({"retention": {"goodDays": 365}}),
        json!({"tenants": ["acme-jira"]}),
    ] {
        ground.takes(&policy, change).await;
    }
    for (change, message) in [
        (json!({"at": "24:00"}), "spec.at in body should match"),
        (json!({"at": "7:30"}), "spec.at in body should match"),
        (json!({"at": "00:30:00"}), "spec.at: Too long"),
        (json!({"timeZone": ""}), "spec.timeZone"),
        (
            json!({"timeZone": "Asia Tokyo"}),
            "spec.timeZone in body should match",
        ),
        (
            json!({"methods": []}),
            "spec.methods in body should have at least 1 items",
        ),
        (
            json!({"methods": ["Files"]}),
            "Unsupported value: \"Files\": supported values: \"Snapshot\"",
        ),
        (json!({"methods": ["Snapshot", "Snapshot"]}), "Duplicate value"),
        (
            json!({"retention": {"goodDays": 0}}),
            "should be greater than or equal to 1",
        ),
        (
            json!({"retention": {"goodDays": 366}}),
            "should be less than or equal to 365",
        ),
        (
            json!({"tenants": []}),
            "spec.tenants in body should have at least 1 items",
        ),
    ] {
        ground.refuses(&policy, change, message).await;
    }
}

#[tokio::test]
async fn the_values_of_a_policy_can_come_change_and_go() {
    let (ground, policy) = (Ground::new(), policy());
    ground.has(&policy, "nightly", json!({})).await;
    for change in [
        json!({"at": "00:30", "timeZone": "Asia/Tokyo", "retention": {"goodDays": 3}}),
        json!({"at": "01:30", "retention": {"goodDays": 5}}),
        json!({"at": null, "timeZone": null, "retention": null}),
    ] {
        ground.takes_change(&policy, "nightly", change).await;
    }
}

#[tokio::test]
async fn a_backup_by_hand_needs_a_tenant_and_a_reason() {
    let (ground, backup) = (Ground::new(), backup());
    ground.takes(&backup, json!({})).await;
    ground
        .takes(&backup, json!({"methods": ["Snapshot"], "policyRef": "nightly"}))
        .await;
    ground
        .refuses(
            &backup,
            json!({"reason": null}),
            "a Backup made by hand needs a reason",
        )
        .await;
    ground
        .refuses(
            &backup,
            json!({"tenantRef": null}),
            "spec.tenantRef: Required value",
        )
        .await;
}

#[tokio::test]
async fn a_backup_cannot_be_changed() {
    let (ground, backup) = (Ground::new(), backup());
    ground.has(&backup, "plain", json!({})).await;
    ground
        .has(
            &backup,
            "full",
            json!({"methods": ["Snapshot"], "policyRef": "nightly"}),
        )
        .await;
    let message = "a Backup's spec cannot be changed: make another Backup";
    // Each optional field added, changed and removed.
    for (name, change) in [
        ("plain", json!({"tenantRef": "acme-wiki"})),
        ("plain", json!({"reason": "another"})),
        ("plain", json!({"methods": ["Snapshot"]})),
        ("plain", json!({"policyRef": "nightly"})),
        ("plain", json!({"tenantUID": "u"})),
        ("plain", json!({"scheduledTime": "2026-01-01T00:00:00Z"})),
        ("full", json!({"policyRef": "weekly"})),
        ("full", json!({"policyRef": null})),
        ("full", json!({"methods": null})),
    ] {
        ground.refuses_change(&backup, name, change, message).await;
    }
    let message = "a Backup made by hand needs a reason";
    ground
        .refuses_change(&backup, "plain", json!({"reason": null}), message)
        .await;
    ground
        .takes_change(&backup, "full", json!({"policyRef": "nightly"}))
        .await;
}

#[tokio::test]
async fn only_the_operator_makes_backups_of_a_slot() {
    let (ground, backup) = (Ground::new(), backup());
    ground.admits_users();
    let slot = json!({"scheduledTime": "2026-01-01T15:30:00Z"});
    for (name, change, message) in [
        (
            "forged-day",
            slot.clone(),
            "spec.scheduledTime is set by the operator only",
        ),
        (
            "forged-uid",
            json!({"tenantUID": "11111111-2222"}),
            "spec.tenantUID is set by the operator only",
        ),
        (
            "acme-jira-202601011530",
            json!({}),
            "names that end in a hyphen and 12 digits belong to the operator",
        ),
    ] {
        let object = backup.with(name, &change);
        // An administrator is a user like any other here.
        for user in [User::Alice, User::Admin] {
            expect_refused_soon(&ground, user, &backup, &object, message).await;
        }
    }
    for name in ["acme-jira-20260101", "acme-jira-202601011530-again"] {
        let object = backup.with(name, &json!({}));
        ground.try_create(User::Alice, &backup, &object).await.unwrap();
    }
    let object = backup.with(
        "acme-jira-202601011530",
        &json!({
            "scheduledTime": "2026-01-01T15:30:00Z", "tenantUID": "11111111-2222", "policyRef": "nightly",
            "methods": ["Snapshot"], "reason": null,
        }),
    );
    ground.try_create(User::Operator, &backup, &object).await.unwrap();
}

/// A policy is in force about a second after it was installed.
async fn expect_refused_soon(
    ground: &Ground,
    user: User,
    sample: &Sample,
    object: &DynamicObject,
    message: &str,
) {
    let refusal = eventually(message, || async move {
        match ground.try_create(user, sample, object).await {
            Ok(_) => Err("it was taken"),
            Err(refusal) => Ok(refusal),
        }
    })
    .await;
    expect_refusal::<()>(&json!(object), Err(refusal), message);
}
