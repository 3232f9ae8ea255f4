//! Tenant.

use controlplane::User;
use serde_json::{Value, json};
use yagura::api::Tenant;

use super::{Ground, Sample, expect_refusal};
use crate::support::eventually;

pub(super) fn tenant() -> Sample {
    Sample::of::<Tenant>(json!({
        "className": "tokyo-standard",
        "customer": "acme",
        "label": "acme-jira-prod",
        "application": {"name": "jira", "version": "9.12.4"},
        "plan": "standard",
    }))
}

#[tokio::test]
async fn what_a_tenant_is_cannot_be_changed() {
    let (ground, tenant) = (Ground::new(), tenant());
    ground.has(&tenant, "fixed", json!({})).await;
    for (field, other) in [
        ("className", "other"),
        ("customer", "globex"),
        ("label", "acme-jira-test"),
    ] {
        let message = format!("{field} cannot be changed");
        ground
            .refuses_change(&tenant, "fixed", json!({ field: other }), &message)
            .await;
        let message = format!("spec.{field}: Required value");
        ground
            .refuses_change(&tenant, "fixed", json!({ field: null }), &message)
            .await;
    }
    for (field, other) in [("name", "confluence"), ("version", "9.12.5")] {
        let message = format!("application.{field} cannot be changed");
        ground
            .refuses_change(
                &tenant,
                "fixed",
                json!({"application": { field: other }}),
                &message,
            )
            .await;
        let message = format!("spec.application.{field}: Required value");
        ground
            .refuses_change(
                &tenant,
                "fixed",
                json!({"application": { field: null }}),
                &message,
            )
            .await;
    }
    ground
        .takes_change(
            &tenant,
            "fixed",
            json!({"label": "acme-jira-prod", "plan": "small"}),
        )
        .await;
}

#[tokio::test]
async fn a_tenants_contact_can_come_change_and_go() {
    let (ground, tenant) = (Ground::new(), tenant());
    ground.has(&tenant, "reached", json!({})).await;
    ground
        .takes_change(
            &tenant,
            "reached",
            json!({"contact": {"phone": "+81-3-1111-2222"}}),
        )
        .await;
    ground
        .takes_change(
            &tenant,
            "reached",
            json!({"contact": {"email": "it@acme.example"}}),
        )
        .await;
    ground
        .takes_change(&tenant, "reached", json!({"contact": null}))
        .await;
    for (contact, message) in [
        (json!({"phone": "call me"}), "spec.contact.phone"),
        (json!({"email": "nobody"}), "spec.contact.email"),
    ] {
        ground
            .refuses(&tenant, json!({"contact": contact}), message)
            .await;
    }
}

#[tokio::test]
async fn a_label_is_what_was_promised_to_a_customer() {
    let (ground, tenant) = (Ground::new(), tenant());
    for label in ["a", "Acme_Jira.v2-prod", &"x".repeat(63)] {
        ground.takes(&tenant, json!({ "label": label })).await;
    }
    for label in ["", "-a", "a-", "a b", "acme/jira", "櫓"] {
        ground
            .refuses(
                &tenant,
                json!({ "label": label }),
                "spec.label in body should match",
            )
            .await;
    }
    ground
        .refuses(&tenant, json!({"label": "x".repeat(64)}), "spec.label: Too long")
        .await;
}

#[tokio::test]
async fn a_tenants_name_leaves_room_for_the_names_of_its_backups() {
    let (ground, tenant) = (Ground::new(), tenant());
    let (fits, too_long) = ("t".repeat(50), "t".repeat(51));
    let object = tenant.with(&fits, &json!({}));
    assert!(ground.try_create(User::Admin, &tenant, &object).await.is_ok());
    let object = tenant.with(&too_long, &json!({}));
    let result = ground.try_create(User::Admin, &tenant, &object).await;
    super::expect_refusal(
        &json!(too_long),
        result,
        "a Tenant's name has at most 50 characters",
    );
}

#[tokio::test]
async fn deleting_a_tenant_retains_its_environment() {
    let (ground, tenant) = (Ground::new(), tenant());
    assert_eq!(ground.takes(&tenant, json!({})).await["deletionPolicy"], "Retain");
    let message = "spec.deletionPolicy: Unsupported value: \"Delete\"";
    ground
        .refuses(&tenant, json!({"deletionPolicy": "Delete"}), message)
        .await;
}

#[tokio::test]
async fn a_suspension_has_a_reason() {
    let (ground, tenant) = (Ground::new(), tenant());
    let whole = json!({"suspend": true, "suspendReason": "the network team works on it"});
    ground.takes(&tenant, whole).await;
    ground.takes(&tenant, json!({"suspend": false})).await;
    for change in [
        json!({"suspend": true}),
        json!({"suspendReason": "why"}),
        json!({"suspend": false, "suspendReason": "why"}),
    ] {
        ground
            .refuses(&tenant, change, "suspend: true needs suspendReason")
            .await;
    }
    let message = "spec.mode: Unsupported value: \"Watch\"";
    ground.refuses(&tenant, json!({"mode": "Watch"}), message).await;
}

fn exception(change: &Value) -> Value {
    let mut exception = json!({
        "promise": "P16", "reason": "the VPN moves to another range", "approver": "alice",
        "approvedAt": "2026-01-01T00:00:00Z", "until": "2026-02-01T00:00:00Z",
    });
    exception
        .as_object_mut()
        .unwrap()
        .extend(change.as_object().unwrap().clone());
    json!({ "exceptions": [exception] })
}

#[tokio::test]
async fn an_exception_ends_and_says_for_which_promise_it_is() {
    let (ground, tenant) = (Ground::new(), tenant());
    ground.takes(&tenant, exception(&json!({}))).await;
    let too_long = "an exception ends after approvedAt, and at most 366 days later";
    for (change, message) in [
        (json!({"until": "2026-01-01T00:00:00Z"}), too_long),
        (json!({"until": "2027-01-03T00:00:00Z"}), too_long),
        (json!({"promise": "16"}), "spec.exceptions[0].promise"),
        (json!({"reason": "because"}), "spec.exceptions[0].reason"),
        (
            json!({"approver": null}),
            "spec.exceptions[0].approver: Required value",
        ),
    ] {
        ground.refuses(&tenant, exception(&change), message).await;
    }
}

#[tokio::test]
async fn nobody_approves_an_exception_in_the_name_of_another() {
    let (ground, tenant) = (Ground::new(), tenant());
    ground.admits_users();
    let forged = tenant.with("forged", &exception(&json!({"approver": "bob"})));
    let message = "in an exception that you add or change, 'approver' must be your own user name, alice";
    let refusal = eventually("the policy to be in force", || async {
        ground
            .try_create(User::Alice, &tenant, &forged)
            .await
            .err()
            .ok_or("it was taken")
    })
    .await;
    expect_refusal::<()>(&json!("forged"), Err(refusal), message);
    ground.has(&tenant, "excepted", json!({})).await;
    let change = async |user, change: Value| ground.try_change(user, &tenant, "excepted", &change).await;
    change(User::Alice, exception(&json!({}))).await.unwrap();
    // What stands already is not judged again.
    change(User::Bob, json!({"plan": "large"})).await.unwrap();
    let longer = exception(&json!({"until": "2026-03-01T00:00:00Z"}));
    expect_refusal(
        &longer,
        change(User::Bob, longer.clone()).await,
        "must be your own user name, bob",
    );
}

#[tokio::test]
async fn a_field_that_nothing_honours_is_refused() {
    let (ground, tenant) = (Ground::new(), tenant());
    let object = serde_json::to_string(&tenant.with("hopeful", &json!({"upgrade": true}))).unwrap();
    let args = ["-n", &ground.namespace, "create", "--dry-run=server", "-f", "-"];
    let refusal = ground
        .plane
        .kubectl_as(User::Admin, &args, Some(&object))
        .unwrap_err();
    assert!(refusal.contains("unknown field \"spec.upgrade\""), "{refusal}");
}

#[tokio::test]
async fn the_first_time_of_being_ready_is_written_once() {
    let (ground, tenant) = (Ground::new(), tenant());
    ground.has(&tenant, "ready", json!({})).await;
    let first = json!({"firstReadyAt": "2026-01-01T00:00:00Z"});
    ground.try_status(&tenant, "ready", &first).await.unwrap();
    ground
        .try_status(&tenant, "ready", &json!({"phase": "Ready"}))
        .await
        .unwrap();
    for other in [json!("2026-01-02T00:00:00Z"), json!(null)] {
        let change = json!({ "firstReadyAt": other });
        let result = ground.try_status(&tenant, "ready", &change).await;
        super::expect_refusal(&change, result, "firstReadyAt is written once");
    }
}
