use jiff::Timestamp;
use kube::Resource;
use serde_json::json;

use super::{Cidr, Key, Label, Port, Protocol, time};
use crate::api::{AccessPolicySpec, Tenant, TenantClass};

#[test]
fn a_key_reads_back_as_it_was_written() {
    let key = Key::new("acme", "acme-jira");
    assert_eq!(Key::parse(&key.to_string()), Some(key.clone()));
    assert_eq!(key.sibling("nightly").to_string(), "acme/nightly");
    for broken in ["", "acme", "/acme-jira", "acme/", "acme/jira/prod"] {
        assert_eq!(Key::parse(broken), None, "{broken}");
    }
}

#[test]
fn a_key_of_a_cluster_wide_object_is_its_name() {
    let class = TenantClass::new("tokyo-standard", Default::default());
    assert_eq!(Key::of(&class).to_string(), "tokyo-standard");
    let mut tenant = Tenant::new("acme-jira", Default::default());
    tenant.meta_mut().namespace = Some("acme".into());
    assert_eq!(Key::of(&tenant), Key::new("acme", "acme-jira"));
}

#[test]
fn labels_that_differ_in_case_only_are_one_label() {
    assert_eq!(
        Label::from("Acme-Jira").folded(),
        Label::from("acme-jira").folded()
    );
    assert_ne!(
        Label::from("acme-jira").folded(),
        Label::from("acme-wiki").folded()
    );
}

#[test]
fn a_range_of_any_address_is_told_from_a_wide_one() {
    assert!(Cidr::from("0.0.0.0/0").is_any() && Cidr::from("::/0").is_any());
    assert!(!Cidr::from("0.0.0.0/1").is_any() && !Cidr::from("nonsense").is_any());
}

#[test]
fn a_time_is_kept_as_kubernetes_keeps_it() {
    let at: Timestamp = "2026-01-15T09:00:00.999Z".parse().unwrap();
    let stored = serde_json::to_value(time(at)).unwrap();
    assert_eq!(stored, json!("2026-01-15T09:00:00Z"));
    assert_eq!(
        serde_json::from_value::<crate::api::Time>(json!("2026-01-15T09:00:00Z")).unwrap(),
        time(at)
    );
}

#[test]
fn ports_and_protocols_stand_in_objects_as_users_write_them() {
    let spec: AccessPolicySpec = serde_json::from_value(json!({
        "ingress": {"cidrs": ["203.0.113.0/24"]},
        "egress": [{"port": 514, "protocol": "UDP", "cidrs": ["10.0.0.0/8"]}],
    }))
    .unwrap();
    assert_eq!(spec.ingress.ports, [Port::Https]);
    assert_eq!(spec.egress[0].protocol, Protocol::Udp);
    assert_eq!(
        serde_json::to_value(&spec).unwrap()["ingress"]["ports"],
        json!([443])
    );
    assert!(serde_json::from_value::<Port>(json!(22)).is_err());
}
