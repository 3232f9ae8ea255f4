//! The objects that users apply in a run, as they would write them.

use serde_json::{Value, json};
use yagura::api::Key;

/// The namespace of everything.
pub const NAMESPACE: &str = "acme";

/// The key of an object of a run.
pub fn key(name: &str) -> Key {
    Key::new(NAMESPACE, name)
}

/// The class of every Tenant.
pub fn class() -> Value {
    json!({
        "apiVersion": "yagura.dev/v1alpha1", "kind": "TenantClass",
        "metadata": {"name": "tokyo"},
        "spec": {
            "region": "ap-northeast-1",
            "allowedNamespaces": {"names": [NAMESPACE]},
            "network": {"subnetIds": [simaws::DEFAULT_SUBNET_ID]},
            "plans": {"standard": {"instanceType": "m6i.large", "volumes": [{"device": "/dev/sdf", "sizeGiB": 20}]}},
            "applications": {"jira": {"images": {"9.12.4": simaws::DEFAULT_IMAGE_ID}}},
            "contact": {"helpdesk": "+81-3-0000-0000"},
            "terms": "hosting-2023-10-11",
        },
    })
}

/// The same class with a key of its own: what AWS's own key encrypts cannot be shared at all.
pub fn class_with_key() -> Value {
    let mut class = class();
    if let Some(spec) = class.get_mut("spec").and_then(Value::as_object_mut) {
        let key = "arn:aws:kms:ap-northeast-1:111122223333:key/00000000-0000-4000-8000-000000000001";
        spec.insert("encryption".to_owned(), json!({"kmsKeyId": key}));
    }
    class
}

/// The same class in another account.
pub fn class_in_account(account: &str) -> Value {
    let mut class = class();
    if let Some(spec) = class.get_mut("spec").and_then(Value::as_object_mut) {
        let role = format!("arn:aws:iam::{account}:role/yagura");
        spec.insert(
            "account".to_owned(),
            json!({"roleArn": role, "externalId": "lab-0001"}),
        );
    }
    class
}

/// One environment.
pub fn tenant(name: &str) -> Value {
    json!({
        "apiVersion": "yagura.dev/v1alpha1", "kind": "Tenant",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "className": "tokyo", "customer": "acme", "label": format!("{name}-prod"),
            "application": {"name": "jira", "version": "9.12.4"}, "plan": "standard",
        },
    })
}

/// Who may reach every environment.
pub fn policy(cidrs: &[&str]) -> Value {
    json!({
        "apiVersion": "yagura.dev/v1alpha1", "kind": "AccessPolicy",
        "metadata": {"name": "office", "namespace": NAMESPACE},
        "spec": {"ingress": {"cidrs": cidrs, "ports": [443]}},
    })
}

/// A daily slot.
pub fn daily(at: &str) -> Value {
    json!({
        "apiVersion": "yagura.dev/v1alpha1", "kind": "BackupPolicy",
        "metadata": {"name": "daily", "namespace": NAMESPACE},
        "spec": {"at": at, "timeZone": "Etc/UTC"},
    })
}

/// A daily slot of another policy than the usual one: for this Tenant, by AWS Backup.
pub fn daily_by_jobs(name: &str, at: &str, tenants: &[&str]) -> Value {
    json!({
        "apiVersion": "yagura.dev/v1alpha1", "kind": "BackupPolicy",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"at": at, "timeZone": "Etc/UTC", "engine": "AWSBackup", "tenants": tenants},
    })
}

/// A backup by hand.
pub fn backup(name: &str, tenant: &str) -> Value {
    json!({
        "apiVersion": "yagura.dev/v1alpha1", "kind": "Backup",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"tenantRef": tenant, "reason": "before the upgrade"},
    })
}

/// An incident of some environments; `containment` is `None` or `Isolate`.
pub fn incident(name: &str, tenants: &[&str], containment: &str, detected_at: jiff::Timestamp) -> Value {
    json!({
        "apiVersion": "yagura.dev/v1alpha1", "kind": "Incident",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "tenantRefs": tenants, "type": "Security", "detectedAt": detected_at.to_string(),
            "summary": "odd logins", "containment": containment,
        },
    })
}

/// Merges as a merge patch does: null takes away.
pub fn merge(target: &mut Value, patch: &Value) {
    let Some(patch) = patch.as_object() else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (name, value) in patch {
        if let Some(target) = target.as_object_mut() {
            match value {
                Value::Null => {
                    target.remove(name);
                }
                _ => merge(target.entry(name).or_insert(Value::Null), value),
            }
        }
    }
}

/// What a call says that adds or removes this rule of a group.
pub(crate) fn rule<'a>(
    group: &'a str,
    protocol: &'a str,
    port: &'a str,
    peer: &'a str,
) -> Vec<(&'a str, &'a str)> {
    vec![
        ("GroupId", group),
        ("IpPermissions.1.IpProtocol", protocol),
        ("IpPermissions.1.FromPort", port),
        ("IpPermissions.1.ToPort", port),
        ("IpPermissions.1.IpRanges.1.CidrIp", peer),
    ]
}
