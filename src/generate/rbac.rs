//! The operator's roles, from the table of its rights.

use serde_json::{Value, json};

use super::{GenerateError, GeneratedFile, HEADER, yaml};
use crate::api::names::{SERVICE_ACCOUNT, SYSTEM_NAMESPACE};
use crate::api::rights::{RIGHTS, Right, Scope};

/// The name of the operator's roles and of their bindings.
const ROLE: &str = "yagura";

/// What customers may do in their namespaces. Not Incidents, whose drafts and decisions are internal, nor
/// AccessPolicies.
const CUSTOMER_ROLE: &str = "yagura-customer";

/// The file `deploy/rbac.yaml`.
pub(super) fn file() -> Result<GeneratedFile, GenerateError> {
    let mut text = HEADER.to_owned();
    for document in documents() {
        text.push_str("---\n");
        text.push_str(&yaml("rbac", &document)?);
    }
    Ok(GeneratedFile {
        path: "deploy/rbac.yaml".into(),
        text,
    })
}

fn documents() -> Vec<Value> {
    let account = json!({"kind": "ServiceAccount", "name": SERVICE_ACCOUNT, "namespace": SYSTEM_NAMESPACE});
    let group = "rbac.authorization.k8s.io";
    let api_version = format!("{group}/v1");
    vec![
        json!({
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": SERVICE_ACCOUNT, "namespace": SYSTEM_NAMESPACE},
        }),
        json!({
            "apiVersion": api_version,
            "kind": "ClusterRole",
            "metadata": {"name": ROLE},
            "rules": rules(Scope::Cluster),
        }),
        json!({
            "apiVersion": api_version,
            "kind": "ClusterRoleBinding",
            "metadata": {"name": ROLE},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": ROLE},
            "subjects": [account],
        }),
        json!({
            "apiVersion": api_version,
            "kind": "Role",
            "metadata": {"name": ROLE, "namespace": SYSTEM_NAMESPACE},
            "rules": rules(Scope::OwnNamespace),
        }),
        json!({
            "apiVersion": api_version,
            "kind": "RoleBinding",
            "metadata": {"name": ROLE, "namespace": SYSTEM_NAMESPACE},
            "roleRef": {"apiGroup": group, "kind": "Role", "name": ROLE},
            "subjects": [account],
        }),
        json!({
            "apiVersion": api_version,
            "kind": "ClusterRole",
            "metadata": {"name": CUSTOMER_ROLE},
            "rules": [{
                "apiGroups": [crate::api::GROUP],
                "resources": ["tenants", "backups"],
                "verbs": ["get", "list", "watch"],
            }],
        }),
    ]
}

fn rules(scope: Scope) -> Vec<Value> {
    RIGHTS
        .iter()
        .filter(|right| right.scope == scope)
        .map(rule)
        .collect()
}

fn rule(right: &Right) -> Value {
    let mut rule = json!({
        "apiGroups": [right.group],
        "resources": [right.resource],
        "verbs": right.verbs,
    });
    if let (false, Value::Object(rule)) = (right.names.is_empty(), &mut rule) {
        rule.insert("resourceNames".into(), json!(right.names));
    }
    rule
}
