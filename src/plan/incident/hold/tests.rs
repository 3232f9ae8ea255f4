use serde_json::{Value, json};

use super::{elsewhere, is_isolated};
use crate::api::{Incident, Key};

fn incident(containment: &str, closed: bool, status: &Value) -> Incident {
    serde_json::from_value(json!({
        "apiVersion": "yagura.dev/v1alpha1",
        "kind": "Incident",
        "metadata": {"name": "one", "namespace": "acme"},
        "spec": {
            "tenantRefs": ["acme-jira"],
            "type": "Security",
            "detectedAt": "2031-05-01T00:00:00Z",
            "summary": "odd logins",
            "containment": containment,
            "closed": closed,
        },
        "status": status,
    }))
    .unwrap()
}

fn entry(reconnected_at: Option<&str>) -> Value {
    json!({
        "tenant": "acme-jira",
        "instanceId": "i-1",
        "networkInterfaceId": "eni-1",
        "securityGroupIds": ["sg-1"],
        "at": "2031-05-01T00:00:00Z",
        "reconnectedAt": reconnected_at,
    })
}

fn holds(incident: &Incident, tenant: &str) -> bool {
    is_isolated([incident], &Key::parse(tenant).unwrap())
}

#[test]
fn an_open_incident_isolates_what_it_names_in_its_namespace_even_before_its_first_pass() {
    let new = incident("Isolate", false, &Value::Null);
    assert!(holds(&new, "acme/acme-jira"));
    assert!(!holds(&new, "acme/other"));
    assert!(!holds(&new, "globex/acme-jira"));
    assert!(!holds(&incident("None", false, &Value::Null), "acme/acme-jira"));
}

#[test]
fn a_tenant_is_held_until_the_undo_is_finished() {
    let undoing = incident("None", false, &json!({"isolated": [entry(None)]}));
    assert!(holds(&undoing, "acme/acme-jira"));
    assert!(!elsewhere(&undoing, "acme-jira").isolates);
    assert_eq!(elsewhere(&undoing, "acme-jira").held.len(), 1);
    let undone = incident(
        "None",
        false,
        &json!({"isolated": [entry(Some("2031-05-02T00:00:00Z"))]}),
    );
    assert!(!holds(&undone, "acme/acme-jira"));
}

#[test]
fn a_closed_incident_holds_nothing() {
    let closed = incident(
        "None",
        true,
        &json!({"phase": "Closed", "isolated": [entry(None)]}),
    );
    assert!(!holds(&closed, "acme/acme-jira"));
    assert!(elsewhere(&closed, "acme-jira").held.is_empty());
}

#[test]
fn an_incident_that_was_refused_from_the_start_stops_no_repair() {
    let stalled = json!([{
        "type": "Stalled",
        "status": "True",
        "reason": "UnknownTenant",
        "message": "spec.tenantRefs: no Tenant other",
        "lastTransitionTime": "2031-05-01T00:00:00Z",
    }]);
    let refused = incident("Isolate", false, &json!({"conditions": stalled}));
    assert!(!holds(&refused, "acme/acme-jira"));
    let accepted = json!({"conditions": stalled, "notifyBy": "2031-05-02T00:00:00Z"});
    assert!(holds(&incident("Isolate", false, &accepted), "acme/acme-jira"));
}
