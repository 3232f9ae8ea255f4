//! Firewalls as AWS truly has them: exactly the declared rules, and base groups that are nobody's to edit.

use std::collections::BTreeSet;

use super::{Stranger, key, until_ready};
use crate::support::{Env, Truth, eventually, with_operator};

const CLASS: &str = include_str!("../../../examples/00-class.yaml");
const NAMESPACES: &str = include_str!("../../../examples/10-namespaces.yaml");

/// What every environment may reach.
const DEFAULTS: [&str; 8] = [
    "egress tcp 443 0.0.0.0/0",
    "egress tcp 443 ::/0",
    "egress tcp 53 0.0.0.0/0",
    "egress tcp 53 ::/0",
    "egress udp 53 0.0.0.0/0",
    "egress udp 53 ::/0",
    "egress udp 123 0.0.0.0/0",
    "egress udp 123 ::/0",
];

fn tenant(env: &Env) {
    env.apply(
        "{apiVersion: yagura.dev/v1alpha1, kind: Tenant, metadata: {name: web, namespace: acme}, spec: {className: \
         tokyo-standard, customer: acme, label: web-prod, plan: small, application: {name: jira, version: \
         \"9.12.4\"}}}",
    );
}

fn policy(env: &Env, cidrs: &str, ports: &str) {
    env.apply(&format!(
        "{{apiVersion: yagura.dev/v1alpha1, kind: AccessPolicy, metadata: {{name: office, namespace: acme}}, spec: \
         {{ingress: {{cidrs: [{cidrs}], ports: [{ports}]}}, egress: [{{port: 587, cidrs: [198.51.100.10/32]}}]}}}}"
    ));
}

/// The defaults, the relay, and these.
fn rules(ingress: &[&str]) -> BTreeSet<String> {
    let relay = ["egress tcp 587 198.51.100.10/32"];
    let all = DEFAULTS.iter().chain(&relay).chain(ingress);
    all.map(|rule| (*rule).to_owned()).collect()
}

async fn until_rules(env: &Env, group: &str, wanted: &BTreeSet<String>) {
    eventually("exactly the declared rules", || async {
        let found = Truth::of(&env.sim).rules(group);
        if found == *wanted { Ok(()) } else { Err(found) }
    })
    .await;
}

/// Waits until the operator has listed everything so many times more.
pub(crate) async fn sweeps(env: &Env, count: usize) {
    let listings = || {
        let calls = env.sim.calls().into_iter();
        calls
            .filter(|call| {
                call.operation == "DescribeSecurityGroups"
                    && call.access_key.as_deref() == Some("operator")
                    && call.delivered
                    && !call.params.contains_key("GroupId.1")
            })
            .count()
    };
    let wanted = listings() + count;
    eventually("some sweeps", || async {
        if listings() >= wanted {
            Ok(())
        } else {
            Err(listings())
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_holds_exactly_the_declared_rules_and_opens_before_it_closes() {
    with_operator(async |env| {
        env.apply(CLASS);
        env.apply(NAMESPACES);
        policy(
            &env,
            "203.0.113.0/24, 192.0.2.7/32, \"2001:db8:acce::/48\"",
            "443, 80",
        );
        tenant(&env);
        let group = until_ready(&env, "web").await.security_group_id.unwrap();
        let wide = rules(&[
            "ingress tcp 443 203.0.113.0/24",
            "ingress tcp 80 203.0.113.0/24",
            "ingress tcp 443 192.0.2.7/32",
            "ingress tcp 80 192.0.2.7/32",
            "ingress tcp 443 2001:db8:acce::/48",
            "ingress tcp 80 2001:db8:acce::/48",
        ]);
        assert_eq!(Truth::of(&env.sim).rules(&group), wide);

        let before = env.sim.calls().last().unwrap().seq;
        policy(&env, "203.0.113.0/28, \"2001:db8:acce:1::/64\"", "443");
        let narrow = rules(&[
            "ingress tcp 443 203.0.113.0/28",
            "ingress tcp 443 2001:db8:acce:1::/64",
        ]);
        until_rules(&env, &group, &narrow).await;
        let changes: Vec<_> = env
            .sim
            .calls_since(before)
            .into_iter()
            .filter(|call| call.effect)
            .map(|call| call.operation)
            .collect();
        assert_eq!(
            changes,
            ["AuthorizeSecurityGroupIngress", "RevokeSecurityGroupIngress"]
        );
        let status = until_ready(&env, "web").await;
        assert_eq!(status.drift, None, "an edit is nobody's tampering");

        policy(&env, "", "443");
        until_rules(&env, &group, &rules(&[])).await;
        env
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_group_stays_attached_and_is_never_edited() {
    with_operator(async |env| {
        let stranger = Stranger(env.stranger.clone());
        let base = stranger.makes_group("monitoring").await;
        stranger.opens(&base, 9100, "198.51.100.0/24").await;
        let subnets = "subnetIds: [subnet-0123456789abcdef0]";
        env.apply(&CLASS.replace(subnets, &format!("{subnets}\n    baseGroupIds: [{base}]")));
        env.apply(NAMESPACES);
        policy(&env, "203.0.113.0/24", "443");
        tenant(&env);
        let status = until_ready(&env, "web").await;
        let (instance, own) = (status.instance_id.unwrap(), status.security_group_id.unwrap());
        let both = BTreeSet::from([own.clone(), base.clone()]);
        assert_eq!(Truth::of(&env.sim).groups_on(&instance), both);

        stranger.opens(&base, 9200, "198.51.100.0/24").await;
        let interface = Truth::of(&env.sim).interface(&instance);
        stranger.puts_into(&interface, &[&own]).await;
        eventually("the base group put on again", || async {
            let found = Truth::of(&env.sim).groups_on(&instance);
            if found == both { Ok(()) } else { Err(found) }
        })
        .await;
        let told = format!("security group {base} was missing on interface {interface}");
        env.event(&key("web"), "DriftRepaired", &told).await;
        sweeps(&env, 3).await;
        let found = Truth::of(&env.sim).rules(&base);
        for port in [9100, 9200] {
            assert!(
                found.contains(&format!("ingress tcp {port} 198.51.100.0/24")),
                "{found:?}"
            );
        }
        let edits = env.sim.operator_effects().into_iter();
        let edits: Vec<_> = edits
            .filter(|call| {
                call.params
                    .iter()
                    .any(|(name, value)| *value == base && !name.contains("SecurityGroupId"))
            })
            .collect();
        assert!(edits.is_empty(), "{edits:#?}");
        env
    })
    .await;
}
