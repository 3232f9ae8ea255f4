//! The CRDs, from the kinds in `api`.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use serde_json::{Map, Value, json};

use super::{GenerateError, GeneratedFile, HEADER, yaml};
use crate::api::{AccessPolicy, Backup, BackupPolicy, Incident, Tenant, TenantClass};

/// The CRDs of all kinds, as they are to be installed.
pub fn definitions() -> Result<Vec<CustomResourceDefinition>, GenerateError> {
    [
        TenantClass::crd(),
        Tenant::crd(),
        AccessPolicy::crd(),
        BackupPolicy::crd(),
        Backup::crd(),
        Incident::crd(),
    ]
    .iter()
    .map(finish)
    .collect()
}

/// The files `crds/<plural>.yaml`.
pub fn crds() -> Result<Vec<GeneratedFile>, GenerateError> {
    definitions()?
        .iter()
        .map(|definition| {
            let plural = &definition.spec.names.plural;
            let text = yaml(plural, definition)?;
            Ok(GeneratedFile {
                path: format!("crds/{plural}.yaml"),
                text: format!("{HEADER}{text}"),
            })
        })
        .collect()
}

/// Says what the derive cannot say.
fn finish(definition: &CustomResourceDefinition) -> Result<CustomResourceDefinition, GenerateError> {
    let name = definition.metadata.name.clone().unwrap_or_default();
    let shape = |source| GenerateError::Shape {
        what: name.clone(),
        source,
    };
    let mut value = serde_json::to_value(definition).map_err(shape)?;
    tidy(&mut value);
    if definition.spec.names.kind == "BackupPolicy" {
        default_spec(&mut value);
    }
    serde_json::from_value(value).map_err(shape)
}

/// Goes through a schema and makes three things as they should be.
///
/// - `nullable` goes: an explicit null is then dropped on the way in, so that "unset" has one form and
///   `has()` in a rule means what it says.
/// - Descriptions lose the line breaks of the source: `kubectl explain` wraps by itself.
/// - Conditions get the bounds that Kubernetes gives them in its own types.
fn tidy(value: &mut Value) {
    match value {
        Value::Object(map) => {
            if map.get("nullable") == Some(&Value::Bool(true)) {
                map.remove("nullable");
            }
            if let Some(Value::String(text)) = map.get_mut("description") {
                *text = text.replace('\n', " ");
            }
            bound_condition(map);
            map.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}

/// Adds bounds if `properties` are those of a condition.
fn bound_condition(properties: &mut Map<String, Value>) {
    if !properties.contains_key("lastTransitionTime") {
        return;
    }
    for (field, bounds) in [
        ("type", json!({"minLength": 1, "maxLength": 316})),
        ("status", json!({"enum": ["True", "False", "Unknown"]})),
        ("reason", json!({"minLength": 1, "maxLength": 1024})),
        ("message", json!({"maxLength": 32768})),
        ("observedGeneration", json!({"minimum": 0})),
    ] {
        if let (Some(Value::Object(schema)), Value::Object(bounds)) = (properties.get_mut(field), bounds) {
            schema.extend(bounds);
        }
    }
}

/// Makes a BackupPolicy without any spec the same as one with an empty spec: both keep the terms.
fn default_spec(definition: &mut Value) {
    let versions = definition
        .pointer_mut("/spec/versions")
        .and_then(Value::as_array_mut);
    for version in versions.into_iter().flatten() {
        let Some(schema) = version
            .pointer_mut("/schema/openAPIV3Schema")
            .and_then(Value::as_object_mut)
        else {
            continue;
        };
        schema.remove("required");
        let spec = schema
            .get_mut("properties")
            .and_then(|all| all.get_mut("spec"))
            .and_then(Value::as_object_mut);
        let add_default = |spec: &mut Map<String, Value>| spec.insert("default".into(), json!({}));
        spec.map(add_default);
    }
}
