//! What a Tenant's environment is for, and whom it is assigned to.

use serde_json::json;
use yagura::api::Tenant;

use super::{Ground, Sample};

fn tenant() -> Sample {
    Sample::of::<Tenant>(json!({
        "className": "tokyo-standard",
        "customer": "acme",
        "label": "acme-jira-trial",
        "application": {"name": "jira", "version": "9.12.4"},
        "plan": "standard",
    }))
}

#[tokio::test]
async fn an_environment_is_for_production_unless_it_says_otherwise() {
    let (ground, tenant) = (Ground::new(), tenant());
    let taken = ground.takes(&tenant, json!({})).await;
    assert_eq!(taken["environment"], "Production");
    assert_eq!(taken.get("assignee"), None);
    let message = "spec.environment: Unsupported value: \"Staging\"";
    ground
        .refuses(&tenant, json!({"environment": "Staging"}), message)
        .await;
}

#[tokio::test]
async fn an_environment_for_verification_is_assigned_to_a_worker() {
    let (ground, tenant) = (Ground::new(), tenant());
    let message = "a Verification environment needs its assignee";
    ground
        .refuses(&tenant, json!({"environment": "Verification"}), message)
        .await;
    let message = "spec.assignee";
    for assignee in ["", "two words"] {
        let change = json!({"environment": "Verification", "assignee": assignee});
        ground.refuses(&tenant, change, message).await;
    }
    let message = "only a Verification environment has an assignee";
    ground
        .refuses(&tenant, json!({"assignee": "sato@example.com"}), message)
        .await;
    let whole = json!({"environment": "Verification", "assignee": "sato@example.com"});
    assert_eq!(ground.takes(&tenant, whole).await["assignee"], "sato@example.com");
}

#[tokio::test]
async fn what_an_environment_is_for_stays_and_whom_it_is_assigned_to_may_change() {
    let (ground, tenant) = (Ground::new(), tenant());
    let whole = json!({"environment": "Verification", "assignee": "sato@example.com"});
    ground.has(&tenant, "trial", whole).await;
    ground
        .takes_change(&tenant, "trial", json!({"assignee": "suzuki@example.com"}))
        .await;
    ground
        .refuses_change(
            &tenant,
            "trial",
            json!({"assignee": null}),
            "a Verification environment needs its assignee",
        )
        .await;
    for change in [
        json!({"environment": "Production"}),
        // Left out it is for production.
        json!({"environment": null}),
    ] {
        ground
            .refuses_change(&tenant, "trial", change, "environment cannot be changed")
            .await;
    }
    ground.has(&tenant, "served", json!({})).await;
    let change = json!({"environment": "Verification", "assignee": "sato@example.com"});
    ground
        .refuses_change(&tenant, "served", change, "environment cannot be changed")
        .await;
}
