use std::fs;
use std::path::Path;

use serde_json::Value;

use super::{definitions, files};
use crate::api::rights::RIGHTS;

#[test]
fn generated_files_are_fresh() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let stale: Vec<String> = files()
        .unwrap()
        .into_iter()
        .filter(|file| fs::read_to_string(root.join(&file.path)).ok().as_deref() != Some(file.text.as_str()))
        .map(|file| file.path)
        .collect();
    assert!(stale.is_empty(), "stale: {stale:?}; mend with: cargo xtask gen");
}

#[test]
fn a_written_crd_reads_back_as_the_same() {
    for (definition, file) in definitions().unwrap().iter().zip(super::crds().unwrap()) {
        let read: Value = serde_saphyr::from_str(&file.text).unwrap();
        assert_eq!(read, serde_json::to_value(definition).unwrap(), "{}", file.path);
    }
}

#[test]
fn no_right_is_on_secrets_or_on_everything_and_backups_alone_are_deleted() {
    for right in RIGHTS {
        assert!(!right.resource.contains("secrets"), "{right:?}");
        for word in right.verbs.iter().chain([&right.resource, &right.group]) {
            assert!(!word.contains('*'), "{right:?}");
            assert!(
                !word.starts_with("delete") || right.resource == "backups",
                "{right:?}"
            );
        }
    }
}

#[test]
fn every_string_list_and_map_of_a_spec_is_bounded() {
    for definition in definitions().unwrap() {
        let schema = serde_json::to_value(definition.spec.versions[0].schema.as_ref().unwrap()).unwrap();
        let spec = schema.pointer("/openAPIV3Schema/properties/spec").unwrap();
        expect_bounds(spec, &definition.spec.names.kind);
    }
}

fn expect_bounds(schema: &Value, path: &str) {
    // A label selector is Kubernetes' own type, written by the owner of the class.
    if path.ends_with(".selector") {
        return;
    }
    match schema["type"].as_str().unwrap() {
        "string" => {
            let bounded = ["maxLength", "enum", "format"]
                .iter()
                .any(|bound| !schema[*bound].is_null());
            assert!(bounded, "{path} has no bound");
        }
        "array" => {
            assert!(!schema["maxItems"].is_null(), "{path} has no bound");
            expect_bounds(&schema["items"], &format!("{path}[]"));
        }
        "integer" => assert!(
            !schema["minimum"].is_null() || !schema["enum"].is_null(),
            "{path} has no bound"
        ),
        "object" => {
            for (name, field) in schema["properties"].as_object().into_iter().flatten() {
                assert!(
                    !field["description"].is_null(),
                    "{path}.{name} has no description"
                );
                expect_bounds(field, &format!("{path}.{name}"));
            }
            if !schema["additionalProperties"].is_null() {
                assert!(!schema["maxProperties"].is_null(), "{path} has no bound");
                expect_bounds(&schema["additionalProperties"], &format!("{path}.*"));
            }
        }
        _ => {}
    }
}

#[test]
fn a_chart_holds_no_name_of_the_namespace_and_no_stray_braces() {
    for file in files()
        .unwrap()
        .iter()
        .filter(|file| file.path.starts_with("charts/"))
    {
        assert!(!file.text.contains("yagura-system"), "{}", file.path);
        if file.path.contains("yagura-crds") {
            assert!(!file.text.contains("{{"), "{}", file.path);
        }
    }
}
