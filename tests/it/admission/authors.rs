//! Who writes in an Incident, and when it may go.

use controlplane::User;
use kube::api::{DeleteParams, DynamicObject};
use serde_json::{Value, json};

use super::incident::{decision, incident};
use super::{Ground, Sample, answer, expect_refusal};
use crate::support::eventually;

fn notice(by: &str, minute: u32) -> Value {
    json!({
        "tenant": "acme-jira", "channel": "Phone", "by": by, "to": "Sato",
        "at": format!("2026-01-15T09:{minute:02}:00Z"), "result": "NoAnswer",
    })
}

/// Waits until the policy is in force: about a second after it was installed.
async fn policy_in_force(ground: &Ground, sample: &Sample) {
    let forged: &DynamicObject = &sample.with("forged", &json!({"notifications": [notice("bob", 0)]}));
    eventually("the policy to be in force", || async move {
        match ground.try_create(User::Alice, sample, forged).await {
            Ok(_) => Err("it was taken"),
            Err(_) => Ok(()),
        }
    })
    .await;
}

#[tokio::test]
async fn nobody_writes_in_the_name_of_another() {
    let (ground, incident) = (Ground::new(), incident());
    ground.admits_users();
    policy_in_force(&ground, &incident).await;
    let of_notice = "in a notification that you add, 'by' must be your own user name, alice";
    let of_decision = "in a decision that you add or change, 'by' must be your own user name, ";

    let forged = json!({"notifications": [notice("bob", 0)]});
    let object = incident.with("forged", &forged);
    expect_refusal(
        &forged,
        ground.try_create(User::Alice, &incident, &object).await,
        of_notice,
    );
    let forged = json!({"decisions": {"recovery": decision("bob")}});
    let object = incident.with("forged", &forged);
    expect_refusal(
        &forged,
        ground.try_create(User::Alice, &incident, &object).await,
        of_decision,
    );

    ground.has(&incident, "signed", json!({})).await;
    let change = async |user, change: Value| ground.try_change(user, &incident, "signed", &change).await;
    change(User::Alice, json!({"notifications": [notice("alice", 1)]}))
        .await
        .unwrap();
    change(User::Alice, json!({"decisions": {"recovery": decision("alice")}}))
        .await
        .unwrap();
    // What stands already is not judged again.
    change(
        User::Bob,
        json!({"notifications": [notice("alice", 1), notice("bob", 2)]}),
    )
    .await
    .unwrap();
    change(User::Bob, json!({"decisions": {"prevention": decision("bob")}}))
        .await
        .unwrap();
    change(User::Bob, json!({"impact": "none", "containment": "Isolate"}))
        .await
        .unwrap();

    let all = [notice("alice", 1), notice("bob", 2), notice("bob", 3)];
    let forged = json!({ "notifications": all });
    expect_refusal(&forged, change(User::Alice, forged.clone()).await, of_notice);
    let stop = json!({"approved": true, "by": "alice", "at": "2026-01-15T09:00:00Z", "text": "stop"});
    for forged in [
        json!({"decisions": {"emergencyStop": stop}}),
        json!({"decisions": {"verification": decision("alice")}}),
        // Another's decision is changed by nobody else, whoever is named.
        json!({"decisions": {"recovery": {"text": "as bob says"}}}),
    ] {
        expect_refusal(&forged, change(User::Bob, forged.clone()).await, of_decision);
    }
    // Taking over is a change under one's own name.
    change(User::Bob, json!({"decisions": {"recovery": decision("bob")}}))
        .await
        .unwrap();
}

#[tokio::test]
async fn an_incident_goes_only_when_it_is_closed() {
    let (ground, incident) = (Ground::new(), incident());
    ground.admits_users();
    ground.has(&incident, "open", json!({})).await;
    let delete = async |user, dry_run| {
        let params = DeleteParams {
            dry_run,
            ..DeleteParams::default()
        };
        answer(ground.api(user, &incident).delete("open", &params).await).map(drop)
    };
    let message = "an Incident can be deleted only when its phase is Closed";
    let refusal = eventually(message, || async {
        delete(User::Alice, true).await.err().ok_or("it was taken")
    })
    .await;
    expect_refusal::<()>(&json!("open"), Err(refusal), message);
    expect_refusal(&json!("open"), delete(User::Admin, false).await, message);
    for phase in ["Open", "Notified", "Recovering"] {
        ground
            .try_status(&incident, "open", &json!({ "phase": phase }))
            .await
            .unwrap();
        expect_refusal(&json!(phase), delete(User::Alice, false).await, message);
    }
    ground
        .try_status(&incident, "open", &json!({"phase": "Closed"}))
        .await
        .unwrap();
    delete(User::Alice, false).await.unwrap();
}

#[tokio::test]
async fn an_incident_does_not_hold_a_namespace_that_is_being_deleted() {
    let (ground, incident) = (Ground::new(), incident());
    ground.has(&incident, "open", json!({})).await;
    ground
        .plane
        .kubectl(&["delete", "namespace", &ground.namespace, "--wait=false"]);
    let api = ground.api(User::Admin, &incident);
    eventually("the namespace to be seen terminating", || async {
        answer(api.delete("open", &DeleteParams::default()).await)
            .map(drop)
            .map_err(|refusal| refusal.message)
    })
    .await;
}

/// Runs with an API server of its own: a delegate is one everywhere.
#[tokio::test]
async fn a_delegate_files_for_others() {
    let (ground, incident) = (Ground::new_alone(), incident());
    ground.admits_users();
    policy_in_force(&ground, &incident).await;
    let patch = r#"{"data":{"delegates":"carol,alice"}}"#;
    ground.plane.kubectl(&[
        "-n",
        "yagura-system",
        "patch",
        "configmap",
        "yagura-delegates",
        "--type=merge",
        "-p",
        patch,
    ]);
    let filed = json!({"notifications": [notice("bob", 1)], "decisions": {"recovery": decision("bob")}});
    let object = &incident.with("filed", &filed);
    eventually("the delegate to be known", || async {
        ground
            .try_create(User::Alice, &incident, object)
            .await
            .map(drop)
            .map_err(|refusal| refusal.message)
    })
    .await;
    let forged = json!({"notifications": [notice("alice", 1)]});
    let object = incident.with("forged", &forged);
    let result = ground.try_create(User::Bob, &incident, &object).await;
    expect_refusal(&forged, result, "must be your own user name, bob");

    // Without the list of delegates nobody is trusted, and nothing passes.
    ground
        .plane
        .kubectl(&["-n", "yagura-system", "delete", "configmap", "yagura-delegates"]);
    let object = &incident.with("plain", &json!({}));
    eventually("the missing list to be noticed", || async {
        ground
            .try_create(User::Alice, &incident, object)
            .await
            .err()
            .ok_or("it was taken")
    })
    .await;
}
