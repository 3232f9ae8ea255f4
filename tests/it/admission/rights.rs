//! What the operator may do, and what it may not.

use controlplane::User;
use serde_json::json;

use super::Ground;

fn may(ground: &Ground, user: User, verb: &str, resource: &str) -> bool {
    let args = ["-n", &ground.namespace, "auth", "can-i", verb, resource];
    ground.plane.kubectl_as(user, &args, None).is_ok()
}

#[tokio::test]
async fn the_operator_may_do_its_work_and_no_more() {
    let ground = Ground::new();
    for (verb, resource) in [
        ("watch", "tenants.yagura.dev"),
        ("patch", "incidents.yagura.dev/status"),
        ("create", "backups.yagura.dev"),
        // Fourteen days after the last of what it made is gone.
        ("delete", "backups.yagura.dev"),
        ("create", "events.events.k8s.io"),
        ("get", "namespaces"),
    ] {
        assert!(
            may(&ground, User::Operator, verb, resource),
            "{verb} {resource} is missing"
        );
    }
    for (verb, resource) in [
        ("get", "secrets"),
        ("create", "tenants.yagura.dev"),
        ("create", "accesspolicies.yagura.dev"),
        ("update", "tenants.yagura.dev"),
        ("patch", "accesspolicies.yagura.dev"),
        ("delete", "incidents.yagura.dev"),
        ("delete", "tenants.yagura.dev"),
        ("update", "leases.coordination.k8s.io"),
        (
            "patch",
            "validatingadmissionpolicies.admissionregistration.k8s.io",
        ),
        ("impersonate", "users"),
    ] {
        assert!(
            !may(&ground, User::Operator, verb, resource),
            "{verb} {resource} is too much"
        );
    }
}

#[tokio::test]
async fn a_customer_sees_environments_and_backups_only() {
    let ground = Ground::new();
    ground.plane.kubectl(&[
        "-n",
        &ground.namespace,
        "create",
        "rolebinding",
        "customer",
        "--clusterrole=yagura-customer",
        "--user=bob",
    ]);
    for resource in ["tenants.yagura.dev", "backups.yagura.dev"] {
        assert!(may(&ground, User::Bob, "list", resource), "{resource}");
        assert!(!may(&ground, User::Bob, "create", resource), "{resource}");
    }
    for resource in [
        "incidents.yagura.dev",
        "accesspolicies.yagura.dev",
        "backuppolicies.yagura.dev",
    ] {
        assert!(!may(&ground, User::Bob, "get", resource), "{resource}");
    }
}

#[tokio::test]
async fn every_kind_can_be_listed_under_one_name_and_explains_itself() {
    let ground = Ground::new();
    let kinds = ground
        .plane
        .kubectl(&["api-resources", "--categories=yagura", "-o=name"]);
    let mut kinds: Vec<&str> = kinds.lines().collect();
    kinds.sort_unstable();
    let all = [
        "accesspolicies",
        "backuppolicies",
        "backups",
        "incidents",
        "tenantclasses",
        "tenants",
    ];
    assert_eq!(kinds, all.map(|plural| format!("{plural}.yagura.dev")));
    let explained = ground.plane.kubectl(&["explain", "tenant.spec"]);
    assert!(explained.contains("Cannot be changed"), "{explained}");
    assert!(!explained.contains("<no description>"), "{explained}");
    let short = json!(["tc", "tn", "ap", "bp", "bk", "inc"]);
    for name in short.as_array().unwrap() {
        ground.plane.kubectl(&["get", name.as_str().unwrap(), "-A"]);
    }
}
