//! Incident: its fields, its gates, and its status.

use serde_json::{Value, json};
use yagura::api::Incident;

use super::{Ground, Sample, expect_refusal};

pub(super) fn incident() -> Sample {
    Sample::of::<Incident>(json!({
        "tenantRefs": ["acme-jira"],
        "type": "Security",
        "detectedAt": "2026-01-15T09:00:00Z",
        "summary": "Somebody signed in from an unknown address.",
    }))
}

fn notice(tenant: &str, at: &str, result: &str) -> Value {
    json!({"tenant": tenant, "channel": "Phone", "by": "alice", "to": "Sato", "at": at, "result": result})
}

pub(super) fn decision(by: &str) -> Value {
    json!({"by": by, "at": "2026-01-15T10:00:00Z", "text": "as agreed"})
}

/// All that closing needs.
fn closing() -> Value {
    json!({
        "closed": true,
        "impact": "None was found.",
        "countermeasure": "The account was locked.",
        "notifications": [notice("acme-jira", "2026-01-15T09:30:00Z", "Reached")],
        "decisions": {
            "emergencyStop": {"approved": false, "by": "alice", "at": "2026-01-15T10:00:00Z", "text": "not needed"},
            "recovery": decision("alice"),
            "verification": decision("alice"),
            "prevention": decision("alice"),
        },
    })
}

#[tokio::test]
async fn what_happened_cannot_be_changed() {
    let (ground, incident) = (Ground::new(), incident());
    ground
        .has(&incident, "fixed", json!({"tenantRefs": ["a", "b"]}))
        .await;
    for (change, message) in [
        (json!({"tenantRefs": ["a"]}), "tenantRefs cannot be changed"),
        (
            json!({"tenantRefs": ["a", "b", "c"]}),
            "tenantRefs cannot be changed",
        ),
        (json!({"tenantRefs": ["a", "c"]}), "tenantRefs cannot be changed"),
        (json!({"tenantRefs": null}), "spec.tenantRefs: Required value"),
        (json!({"type": "Drift"}), "type cannot be changed"),
        (json!({"type": null}), "spec.type: Required value"),
        (
            json!({"detectedAt": "2026-01-15T09:00:01Z"}),
            "detectedAt cannot be changed",
        ),
        (json!({"detectedAt": null}), "spec.detectedAt: Required value"),
    ] {
        ground.refuses_change(&incident, "fixed", change, message).await;
    }
    for change in [
        // The same set, and the same moment.
        json!({"tenantRefs": ["b", "a"]}),
        json!({"detectedAt": "2026-01-15T18:00:00+09:00"}),
        json!({"summary": "It was the new colleague."}),
    ] {
        ground.takes_change(&incident, "fixed", change).await;
    }
}

#[tokio::test]
async fn an_incident_says_what_and_to_whom() {
    let (ground, incident) = (Ground::new(), incident());
    let stored = ground.takes(&incident, json!({})).await;
    assert_eq!(
        (&stored["containment"], &stored["closed"]),
        (&json!("None"), &json!(false))
    );
    assert_eq!(stored["notifications"], json!([]));
    let names = |count: usize| (0..count).map(|n| format!("t{n}")).collect::<Vec<_>>();
    ground.takes(&incident, json!({"tenantRefs": names(16)})).await;
    for (change, message) in [
        (json!({"tenantRefs": names(17)}), "spec.tenantRefs: Too many: 17"),
        (
            json!({"tenantRefs": []}),
            "spec.tenantRefs in body should have at least 1 items",
        ),
        (json!({"tenantRefs": ["a", "a"]}), "Duplicate value"),
        (
            json!({"type": "EvidenceRequest"}),
            "Unsupported value: \"EvidenceRequest\"",
        ),
        (json!({"containment": "Stop"}), "Unsupported value: \"Stop\""),
        (
            json!({"summary": ""}),
            "spec.summary in body should be at least 1 chars",
        ),
        (
            json!({"detectedAt": "yesterday"}),
            "spec.detectedAt in body must be of type date-time",
        ),
    ] {
        ground.refuses(&incident, change, message).await;
    }
}

#[tokio::test]
async fn containment_and_explanations_can_come_change_and_go() {
    let (ground, incident) = (Ground::new(), incident());
    ground.has(&incident, "edited", json!({})).await;
    for change in [
        json!({"containment": "Isolate", "impact": "unknown", "countermeasure": "isolated"}),
        json!({"containment": "None", "impact": "none"}),
        json!({"impact": null, "countermeasure": null}),
        json!({"decisions": {"recovery": decision("alice")}}),
        json!({"decisions": null}),
    ] {
        ground.takes_change(&incident, "edited", change).await;
    }
}

#[tokio::test]
async fn notices_are_only_ever_added() {
    let (ground, incident) = (Ground::new(), incident());
    let first = notice("acme-jira", "2026-01-15T09:10:00Z", "NoAnswer");
    let second = notice("acme-jira", "2026-01-15T09:20:00Z", "Reached");
    ground
        .has(&incident, "told", json!({"notifications": [first]}))
        .await;
    ground
        .takes_change(&incident, "told", json!({"notifications": [second, first]}))
        .await;
    let mut changed = first.clone();
    changed["result"] = json!("Reached");
    for list in [json!([first]), json!([changed, second]), json!([]), json!(null)] {
        let change = json!({ "notifications": list });
        ground
            .refuses_change(
                &incident,
                "told",
                change,
                "notifications can be added, never changed or removed",
            )
            .await;
    }
}

#[tokio::test]
async fn a_notice_names_a_person_and_a_result() {
    let (ground, incident) = (Ground::new(), incident());
    let whole = notice("acme-jira", "2026-01-15T09:10:00Z", "LeftMessage");
    ground.takes(&incident, json!({"notifications": [whole]})).await;
    for field in ["tenant", "channel", "by", "to", "at", "result"] {
        let mut part = whole.clone();
        part.as_object_mut().unwrap().remove(field);
        let message = format!("spec.notifications[0].{field}: Required value");
        ground
            .refuses(&incident, json!({"notifications": [part]}), &message)
            .await;
    }
    for (field, bad) in [("channel", "Fax"), ("result", "Maybe")] {
        let mut other = whole.clone();
        other[field] = json!(bad);
        ground
            .refuses(
                &incident,
                json!({"notifications": [other]}),
                &format!("Unsupported value: \"{bad}\""),
            )
            .await;
    }
    ground
        .refuses(
            &incident,
            json!({"notifications": [whole, whole]}),
            "Duplicate value",
        )
        .await;
}

#[tokio::test]
async fn a_full_list_of_notices_is_within_the_servers_cost_limit() {
    let (ground, incident) = (Ground::new(), incident());
    let long = "n".repeat(256);
    let list = |count: usize| {
        let entry = |n: usize| {
            let mut entry = notice(
                "acme-jira",
                &format!("2026-01-15T{:02}:{:02}:00Z", n / 60, n % 60),
                "NoAnswer",
            );
            entry["to"] = json!(long);
            entry
        };
        json!({"notifications": (0..count).map(entry).collect::<Vec<_>>()})
    };
    ground.has(&incident, "long", list(127)).await;
    ground.takes_change(&incident, "long", list(128)).await;
    ground
        .refuses_change(&incident, "long", list(129), "spec.notifications: Too many: 129")
        .await;
}

#[tokio::test]
async fn closing_needs_everything_told_and_decided() {
    let (ground, incident) = (Ground::new(), incident());
    ground.takes(&incident, closing()).await;
    for (missing, message) in [
        (json!({"impact": null}), "closing needs impact and countermeasure"),
        (
            json!({"countermeasure": null}),
            "closing needs impact and countermeasure",
        ),
        (json!({"decisions": null}), "closing needs all four decisions"),
        (
            json!({"decisions": {"emergencyStop": null}}),
            "closing needs all four decisions",
        ),
        (
            json!({"decisions": {"recovery": null}}),
            "closing needs all four decisions",
        ),
        (
            json!({"decisions": {"verification": null}}),
            "closing needs all four decisions",
        ),
        (
            json!({"decisions": {"prevention": null}}),
            "closing needs all four decisions",
        ),
        (json!({"notifications": []}), "a notification with result Reached"),
        (
            json!({"notifications": [notice("acme-jira", "2026-01-15T09:30:00Z", "LeftMessage")]}),
            "result Reached",
        ),
        (
            json!({"notifications": [notice("acme-wiki", "2026-01-15T09:30:00Z", "Reached")]}),
            "result Reached",
        ),
        (
            json!({"tenantRefs": ["acme-jira", "acme-wiki"]}),
            "closing needs, for each Tenant, a notification",
        ),
        (
            json!({"containment": "Isolate"}),
            "closing needs containment None: end the isolation first",
        ),
    ] {
        let mut change = closing();
        super::merge(&mut change, &missing);
        ground.refuses(&incident, change, message).await;
    }
}

#[tokio::test]
async fn a_closed_incident_stays_closed_and_whole() {
    let (ground, incident) = (Ground::new(), incident());
    ground.has(&incident, "done", closing()).await;
    for (change, message) in [
        (
            json!({"closed": false}),
            "a closed Incident is never opened again",
        ),
        (json!({"closed": null}), "a closed Incident is never opened again"),
        (
            json!({"decisions": {"recovery": null}}),
            "closing needs all four decisions",
        ),
        (json!({"impact": null}), "closing needs impact and countermeasure"),
        (
            json!({"containment": "Isolate"}),
            "closing needs containment None",
        ),
    ] {
        ground.refuses_change(&incident, "done", change, message).await;
    }
    let later = notice("acme-jira", "2026-01-16T09:00:00Z", "Reached");
    let notices = json!([notice("acme-jira", "2026-01-15T09:30:00Z", "Reached"), later]);
    ground
        .takes_change(&incident, "done", json!({"notifications": notices}))
        .await;
}

#[tokio::test]
async fn a_breach_is_never_cleared() {
    let (ground, incident) = (Ground::new(), incident());
    ground.has(&incident, "late", json!({})).await;
    ground
        .try_status(&incident, "late", &json!({"breached": false}))
        .await
        .unwrap();
    ground
        .try_status(&incident, "late", &json!({"breached": true}))
        .await
        .unwrap();
    ground
        .try_status(&incident, "late", &json!({"phase": "Notified"}))
        .await
        .unwrap();
    for change in [json!({"breached": false}), json!({"breached": null})] {
        let result = ground.try_status(&incident, "late", &change).await;
        expect_refusal(&change, result, "breached is never cleared");
    }
    let result = ground.try_status(&incident, "late", &json!(null)).await;
    expect_refusal(&json!(null), result, "an Incident's status is never removed");
}

#[tokio::test]
async fn what_an_interface_had_before_is_written_once() {
    let (ground, incident) = (Ground::new(), incident());
    ground.has(&incident, "cut", json!({})).await;
    let entry = |interface: &str, group: &str| {
        json!({
            "tenant": "acme-jira", "instanceId": "i-1", "networkInterfaceId": interface,
            "securityGroupIds": [group], "at": "2026-01-15T09:00:00Z",
        })
    };
    let mut swapped = entry("eni-1", "sg-1");
    swapped["swappedAt"] = json!("2026-01-15T09:00:05Z");
    for list in [
        json!([entry("eni-1", "sg-1")]),
        json!([swapped]),
        json!([swapped, entry("eni-2", "sg-2")]),
    ] {
        ground
            .try_status(&incident, "cut", &json!({ "isolated": list }))
            .await
            .unwrap();
    }
    for (list, message) in [
        (
            json!([entry("eni-1", "sg-quarantine"), entry("eni-2", "sg-2")]),
            "the security groups from before are written once",
        ),
        (
            json!([entry("eni-2", "sg-2")]),
            "isolated is evidence: entries are never removed",
        ),
        (json!(null), "isolated is evidence: entries are never removed"),
    ] {
        let change = json!({ "isolated": list });
        let result = ground.try_status(&incident, "cut", &change).await;
        expect_refusal(&change, result, message);
    }
}
