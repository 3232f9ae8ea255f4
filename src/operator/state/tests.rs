use serde_json::{Value, json};

use super::*;

fn backup(status: &Value) -> Arc<Backup> {
    let object = json!({
        "apiVersion": "yagura.dev/v1alpha1",
        "kind": "Backup",
        "metadata": {"name": "b", "namespace": "acme"},
        "spec": {"tenantRef": "jira", "scheduledTime": "2026-11-24T15:30:00Z"},
        "status": status,
    });
    Arc::new(serde_json::from_value(object).unwrap())
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn the_lock_shown_is_the_newest_complete_backups() {
    let of = |began: &str, phase: &str, until: Option<&str>| {
        backup(&json!({
            "phase": phase, "lockedUntil": until,
            "methods": [{"method": "Snapshot", "state": "Complete", "startedAt": began}],
        }))
    };
    let older = of("2026-11-23T15:30:00Z", "Complete", Some("2026-11-30T00:00:00Z"));
    let newest = of("2026-11-24T15:30:00Z", "Complete", Some("2026-11-29T00:00:00Z"));
    let running = of("2026-11-25T15:30:00Z", "Running", None);
    assert_eq!(
        locked_until(&[older.clone(), newest, running]),
        Some(at("2026-11-29T00:00:00Z"))
    );
    // One that AWS said nothing of hides no older one's date behind it: it is not known.
    let silent = of("2026-11-24T15:30:00Z", "Complete", None);
    assert_eq!(locked_until(&[older, silent]), None);
}

#[test]
fn the_lag_is_from_taking_it_on_to_its_last_lock() {
    let old = backup(&json!({"acceptedAt": "2026-11-23T15:30:00Z", "protectedAt": "2026-11-23T17:30:00Z"}));
    let new = backup(&json!({"acceptedAt": "2026-11-24T15:30:00Z", "protectedAt": "2026-11-24T15:45:00Z"}));
    let waiting = backup(&json!({"acceptedAt": "2026-11-25T15:30:00Z"}));
    assert_eq!(
        protected_lag(&[old, new, waiting]),
        Some(Duration::from_secs(900))
    );
    assert_eq!(protected_lag(&[]), None);
}

#[test]
fn a_condition_that_is_not_known_is_no_value() {
    let status = |word: &str| -> TenantStatus {
        let condition = json!({
            "type": "Protected", "status": word, "reason": "ByTerms", "message": "",
            "lastTransitionTime": "2026-11-24T00:00:00Z",
        });
        serde_json::from_value(json!({"conditions": [condition]})).unwrap()
    };
    assert_eq!(is_protected(&status("True")), Some(true));
    assert_eq!(is_protected(&status("False")), Some(false));
    assert_eq!(is_protected(&status("Unknown")), None);
    assert_eq!(is_protected(&TenantStatus::default()), None);
}
