//! Every leaf field of TenantClass and Tenant: changed, changed back, refused.

use std::collections::BTreeSet;

use kube::CustomResourceExt;
use lab::fields::{
    change_and_change_back,
    table::{Fate, Field, Of, fields},
};
use serde_json::Value;
use yagura::api::{Tenant, TenantClass};

/// The leaves of a schema, by path.
fn leaves(schema: &Value, path: String, found: &mut BTreeSet<String>) {
    let items = &schema["items"];
    let values = &schema["additionalProperties"];
    if let Some(properties) = schema["properties"].as_object() {
        for (name, schema) in properties {
            leaves(schema, format!("{path}.{name}"), found);
        }
    } else if items.is_object() {
        leaves(items, format!("{path}[]"), found);
    } else if values.is_object() {
        leaves(values, format!("{path}.*"), found);
    } else {
        found.insert(path);
    }
}

fn leaves_of<K: CustomResourceExt>() -> BTreeSet<String> {
    let crd = serde_json::to_value(K::crd()).unwrap();
    let spec = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    let mut found = BTreeSet::new();
    leaves(spec, String::new(), &mut found);
    found
}

#[test]
fn every_leaf_of_the_schemas_has_its_row() {
    for (of, wanted) in [
        (Of::Class, leaves_of::<TenantClass>()),
        (Of::Tenant, leaves_of::<Tenant>()),
    ] {
        let rows = fields().into_iter().filter(|field| field.of == of);
        let rows: BTreeSet<_> = rows.map(|field| field.path.to_owned()).collect();
        assert_eq!(rows, wanted, "{of:?}");
    }
}

fn change_every_free_one(of: Of) {
    let is_free = |field: &Field| field.of == of && matches!(field.fate, Fate::Free { .. });
    let mut wrong = Vec::new();
    for field in fields().into_iter().filter(is_free) {
        let found = change_and_change_back(&field);
        let found = found.unwrap_or_else(|error| vec![error.to_string()]);
        wrong.extend(
            found
                .into_iter()
                .map(|one| format!("{of:?}{}: {one}", field.path)),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_changed_of_a_tenant_and_changed_back_is_as_if_nobody_had_touched_it() {
    change_every_free_one(Of::Tenant);
}

#[test]
fn what_is_changed_of_a_class_and_changed_back_is_as_if_nobody_had_touched_it() {
    change_every_free_one(Of::Class);
}
