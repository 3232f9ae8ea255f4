use kube::runtime::watcher::Event;
use serde_json::json;

use super::{Index, ObjectIndex};
use crate::{
    api::Tenant,
    cluster::{Kind, Seen},
};

fn tenant(name: &str, label: &str) -> Seen<Tenant> {
    let object = json!({
        "apiVersion": "yagura.dev/v1alpha1", "kind": "Tenant",
        "metadata": {"name": name, "namespace": "acme"},
        "spec": {
            "className": "tokyo", "customer": "acme", "label": label,
            "application": {"name": "jira", "version": "9.12.4"}, "plan": "standard",
        },
    });
    Seen::new(serde_json::from_value(object).unwrap())
}

fn names(index: &ObjectIndex<Tenant>, by: Index, value: &str) -> Vec<String> {
    let found = index.find(by, value);
    found.iter().map(|tenant| tenant.key().name).collect()
}

#[test]
fn objects_are_found_by_every_value_in_the_order_of_keys() {
    let index = ObjectIndex::default();
    for name in ["c", "a", "b"] {
        index.apply(&Event::Apply(tenant(name, &format!("{name}-Prod"))));
    }
    assert_eq!(names(&index, Index::Namespace, "acme"), ["a", "b", "c"]);
    assert_eq!(names(&index, Index::Class, "tokyo"), ["a", "b", "c"]);
    assert_eq!(names(&index, Index::Label, "b-prod"), ["b"]);
    assert!(index.find(Index::Namespace, "globex").is_empty());
    index.apply(&Event::Delete(tenant("b", "b-Prod")));
    assert_eq!(names(&index, Index::Class, "tokyo"), ["a", "c"]);
    assert!(index.find(Index::Label, "b-prod").is_empty());
}

#[test]
fn a_changed_value_is_found_anew_only() {
    let index = ObjectIndex::default();
    index.apply(&Event::Apply(tenant("a", "old")));
    index.apply(&Event::Apply(tenant("a", "new")));
    assert!(index.find(Index::Label, "old").is_empty());
    assert_eq!(names(&index, Index::Label, "new"), ["a"]);
    assert_eq!(names(&index, Index::Namespace, "acme"), ["a"]);
}

#[test]
fn an_object_that_cannot_be_read_any_more_is_not_found() {
    let index = ObjectIndex::default();
    let readable = tenant("a", "a");
    index.apply(&Event::Apply(readable.clone()));
    let metadata = kube::Resource::meta(&readable).clone();
    index.apply(&Event::Apply(Seen::unreadable(metadata, "no label")));
    assert!(index.find(Index::Namespace, "acme").is_empty());
    assert!(index.find(Index::Label, "a").is_empty());
}

#[test]
fn a_repeated_list_is_shown_when_it_is_complete_and_forgets_what_it_lacks() {
    let index = ObjectIndex::default();
    index.apply(&Event::Apply(tenant("a", "a")));
    index.apply(&Event::Init);
    index.apply(&Event::InitApply(tenant("b", "b")));
    assert_eq!(names(&index, Index::Namespace, "acme"), ["a"]);
    index.apply(&Event::InitDone);
    assert_eq!(names(&index, Index::Namespace, "acme"), ["b"]);
}
