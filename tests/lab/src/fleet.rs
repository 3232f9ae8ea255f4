//! Many environments, some to a namespace, as a hosting company has them.

use std::ops::Range;

use serde_json::{Value, json};
use yagura::{
    api::{AccessPolicy, BackupPolicy, Key, Tenant, TenantClass},
    cluster::NamespaceFacts,
};

use crate::{Broken, World, objects};

/// How many environments share a namespace and its policies.
const PER_NAMESPACE: usize = 20;

/// Who may reach every environment.
pub const OFFICE: &str = "203.0.113.0/24";

/// The label of the namespaces whose Tenants the class takes.
const LABEL: (&str, &str) = ("example.com/hosting", "yes");

/// The key of the environment of this number.
pub fn key(number: usize) -> Key {
    Key::new(namespace(number), format!("jira-{number:05}"))
}

/// How many namespaces so many environments take.
pub fn namespaces(tenants: usize) -> usize {
    tenants.div_ceil(PER_NAMESPACE)
}

/// Applies the class and the environments of these numbers, with their namespaces and an AccessPolicy in each; `slot`
/// is the time of a BackupPolicy in each, where there is to be one.
///
/// # Errors
/// Where an object is none of its kind.
pub fn declare(world: &World, numbers: Range<usize>, slot: Option<&str>) -> Result<(), Broken> {
    world.put::<TenantClass>(class())?;
    let first = numbers.start / PER_NAMESPACE;
    for number in first..namespaces(numbers.end) {
        let name = namespace(number * PER_NAMESPACE);
        let labels = [(LABEL.0.to_owned(), LABEL.1.to_owned())];
        let facts = NamespaceFacts {
            terminating: false,
            labels: labels.into(),
        };
        world.cluster.put_namespace(&name, facts);
        world.put::<AccessPolicy>(within(&name, objects::policy(&[OFFICE])))?;
        if let Some(slot) = slot {
            world.put::<BackupPolicy>(within(&name, objects::daily(slot)))?;
        }
    }
    for number in numbers {
        let Key { namespace, name } = key(number);
        world.put::<Tenant>(within(&namespace, objects::tenant(&name)))?;
    }
    Ok(())
}

/// An object of another module in this namespace.
pub(crate) fn within(namespace: &str, mut object: Value) -> Value {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("namespace".to_owned(), json!(namespace));
    }
    object
}

/// Applies the same BackupPolicy, of this spec, in the namespaces of so many environments.
///
/// # Errors
/// Where it is none.
pub fn back_up(world: &World, tenants: usize, spec: &Value) -> Result<(), Broken> {
    for number in 0..namespaces(tenants) {
        let policy = json!({
            "apiVersion": "yagura.dev/v1alpha1", "kind": "BackupPolicy",
            "metadata": {"name": "daily"}, "spec": spec,
        });
        world.put::<BackupPolicy>(within(&namespace(number * PER_NAMESPACE), policy))?;
    }
    Ok(())
}

/// The class of every environment.
pub(crate) fn class() -> Value {
    let mut class = objects::class();
    if let Some(spec) = class.get_mut("spec").and_then(Value::as_object_mut) {
        let selector = json!({"selector": {"matchLabels": {LABEL.0: LABEL.1}}});
        spec.insert("allowedNamespaces".to_owned(), selector);
    }
    class
}

fn namespace(number: usize) -> String {
    format!("customer-{:03}", number / PER_NAMESPACE)
}
