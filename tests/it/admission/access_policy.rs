//! AccessPolicy.

use controlplane::User;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use yagura::api::AccessPolicy;

use super::{Ground, Sample, ranges};

fn policy() -> Sample {
    Sample::of::<AccessPolicy>(json!({"ingress": {"cidrs": ["203.0.113.0/24"]}}))
}

fn cidrs<T: Into<Value>>(cidrs: T) -> Value {
    json!({"ingress": {"cidrs": cidrs.into()}})
}

#[tokio::test]
async fn a_source_is_a_canonical_range() {
    let (ground, policy) = (Ground::new(), policy());
    for good in ["10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32", "0.0.0.0/0", "::/0"] {
        ground
            .takes(&policy, cidrs([good].map(str::to_owned).to_vec()))
            .await;
    }
    for bad in [
        "10.0.0.1/24",
        "2001:DB8::/32",
        "010.0.0.0/8",
        "2001:0db8::/32",
        "10.0.0.0",
        "::ffff:0:0/96",
        "fe80::%eth0/64",
        " 10.0.0.0/8",
        "10.0.0.0/33",
        "office",
    ] {
        let message = format!("{bad} is not a canonical CIDR (network address, lower case, shortest form)");
        ground
            .refuses(&policy, cidrs([bad].map(str::to_owned).to_vec()), &message)
            .await;
    }
}

#[tokio::test]
async fn sources_are_written_out_and_listed_once() {
    let (ground, policy) = (Ground::new(), policy());
    ground.takes(&policy, cidrs(json!([]))).await;
    ground
        .refuses(
            &policy,
            json!({"ingress": {"cidrs": null}}),
            "spec.ingress.cidrs: Required value",
        )
        .await;
    ground
        .refuses(&policy, json!({"ingress": null}), "spec.ingress: Required value")
        .await;
    let twice = vec!["10.0.0.0/8".to_owned(), "10.0.0.0/8".to_owned()];
    ground
        .refuses(&policy, cidrs(twice), "each CIDR is listed once")
        .await;
    ground.takes(&policy, cidrs(ranges(50))).await;
    ground
        .refuses(&policy, cidrs(ranges(51)), "spec.ingress.cidrs: Too many: 51")
        .await;
}

#[tokio::test]
async fn only_https_is_served_and_http_for_the_redirect() {
    let (ground, policy) = (Ground::new(), policy());
    assert_eq!(
        ground.takes(&policy, json!({})).await["ingress"]["ports"],
        json!([443])
    );
    let ports = |ports: Value| json!({"ingress": {"ports": ports}});
    ground.takes(&policy, ports(json!([443, 80]))).await;
    ground
        .refuses(&policy, ports(json!([22])), "Unsupported value: 22")
        .await;
    ground
        .refuses(&policy, ports(json!([])), "should have at least 1 items")
        .await;
    ground
        .refuses(&policy, ports(json!([443, 443])), "Duplicate value")
        .await;
}

#[tokio::test]
async fn http_is_never_opened_to_everybody() {
    let (ground, policy) = (Ground::new(), policy());
    let with_http = |cidr: &str| json!({"ingress": {"cidrs": [cidr], "ports": [443, 80]}});
    for narrow in ["10.0.0.0/8", "2001::/16"] {
        ground.takes(&policy, with_http(narrow)).await;
    }
    for wide in [
        "0.0.0.0/0",
        "0.0.0.0/1",
        "128.0.0.0/1",
        "10.0.0.0/7",
        "::/0",
        "8000::/1",
        "2000::/15",
    ] {
        let message = "port 80 is never opened to a source wider than /8 (IPv4) or /16 (IPv6)";
        ground.refuses(&policy, with_http(wide), message).await;
    }
}

#[tokio::test]
async fn the_rules_fit_a_security_group() {
    let (ground, policy) = (Ground::new(), policy());
    let with_both = |count| json!({"ingress": {"cidrs": ranges(count), "ports": [443, 80]}});
    ground.takes(&policy, with_both(25)).await;
    ground
        .refuses(&policy, with_both(26), "cidrs times ports is at most 50")
        .await;
}

#[tokio::test]
async fn any_destination_is_for_one_tcp_port() {
    let (ground, policy) = (Ground::new(), policy());
    let egress = |rule: Value| json!({"egress": [rule]});
    let stored = ground
        .takes(&policy, egress(json!({"port": 587, "cidrs": ["0.0.0.0/0"]})))
        .await;
    assert_eq!(stored["egress"][0]["protocol"], "TCP");
    ground
        .takes(
            &policy,
            egress(json!({"port": 514, "protocol": "UDP", "cidrs": ["10.0.0.0/8"]})),
        )
        .await;
    for any in ["0.0.0.0/0", "::/0"] {
        let rule = egress(json!({"port": 514, "protocol": "UDP", "cidrs": [any]}));
        ground
            .refuses(&policy, rule, "any destination is allowed for a TCP port only")
            .await;
    }
    for (rule, message) in [
        (
            json!({"port": 587, "protocol": "-1", "cidrs": ["10.0.0.0/8"]}),
            "Unsupported value: \"-1\"",
        ),
        (
            json!({"cidrs": ["10.0.0.0/8"]}),
            "spec.egress[0].port: Required value",
        ),
        (
            json!({"port": 0, "cidrs": ["10.0.0.0/8"]}),
            "should be greater than or equal to 1",
        ),
        (
            json!({"port": 65536, "cidrs": ["10.0.0.0/8"]}),
            "should be less than or equal to 65535",
        ),
        (json!({"port": 587, "cidrs": []}), "should have at least 1 items"),
        (
            json!({"port": 587, "cidrs": ["10.0.0.1/8"]}),
            "10.0.0.1/8 is not a canonical CIDR",
        ),
        (
            json!({"port": 587, "cidrs": ["10.0.0.0/8"], "description": "<mail>"}),
            "description in body should match",
        ),
    ] {
        ground.refuses(&policy, egress(rule), message).await;
    }
}

#[tokio::test]
async fn destinations_fit_a_security_group() {
    let (ground, policy) = (Ground::new(), policy());
    let egress = |rules: usize, each: usize| {
        let rules: Vec<Value> = (1..=rules)
            .map(|port| json!({"port": port, "cidrs": ranges(each)}))
            .collect();
        json!({ "egress": rules })
    };
    ground.takes(&policy, egress(2, 20)).await;
    ground
        .refuses(
            &policy,
            egress(2, 21),
            "at most 40 destinations in all its rules together",
        )
        .await;
    ground.takes(&policy, egress(16, 1)).await;
    ground
        .refuses(&policy, egress(17, 1), "spec.egress: Too many: 17")
        .await;
}

#[tokio::test]
async fn a_policy_is_for_all_tenants_or_for_named_ones() {
    let (ground, policy) = (Ground::new(), policy());
    ground.has(&policy, "optional", json!({})).await;
    ground
        .takes_change(&policy, "optional", json!({"tenants": ["acme-jira"]}))
        .await;
    ground
        .takes_change(
            &policy,
            "optional",
            json!({"tenants": ["acme-jira", "acme-wiki"]}),
        )
        .await;
    ground
        .takes_change(&policy, "optional", json!({"tenants": null}))
        .await;
    ground
        .refuses(
            &policy,
            json!({"tenants": []}),
            "spec.tenants in body should have at least 1 items",
        )
        .await;
    ground
        .refuses(
            &policy,
            json!({"tenants": ["Acme"]}),
            "spec.tenants[0] in body should match",
        )
        .await;
}

#[tokio::test]
async fn a_strangers_source_does_not_survive_a_forced_apply() {
    let (ground, policy) = (Ground::new(), policy());
    let api = ground.api(User::Admin, &policy);
    let apply = |manager: &str, source: &str, force: bool| {
        let object = policy.with("contested", &cidrs(vec![source.to_owned()]));
        let params = PatchParams {
            field_manager: Some(manager.into()),
            force,
            ..PatchParams::default()
        };
        let api = api.clone();
        async move { api.patch("contested", &params, &Patch::Apply(&object)).await }
    };
    apply("pipeline", "203.0.113.0/24", false).await.unwrap();
    let conflict = apply("stranger", "198.51.100.0/24", false).await.unwrap_err();
    assert!(
        matches!(&conflict, kube::Error::Api(status) if status.code == 409),
        "{conflict}"
    );
    apply("stranger", "198.51.100.0/24", true).await.unwrap();
    let restored = apply("pipeline", "203.0.113.0/24", true).await.unwrap();
    assert_eq!(
        restored.data["spec"]["ingress"]["cidrs"],
        json!(["203.0.113.0/24"])
    );
}
