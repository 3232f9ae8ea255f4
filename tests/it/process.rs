//! The operator as a process: what it shows, how it ends, and what it refuses to start with.

use std::process::Command;

use controlplane::User;
use yagura::api::{Key, Tenant};

use crate::support::{eventually, with_operator};

const SETUP: [&str; 3] = [
    include_str!("../../examples/00-class.yaml"),
    include_str!("../../examples/10-namespaces.yaml"),
    include_str!("../../examples/20-acme-jira.yaml"),
];

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_shows_promises_and_hands_over_in_good_order() {
    with_operator(|mut env| async {
        SETUP.iter().for_each(|manifests| env.apply(manifests));
        env.until::<Tenant, _>(
            &Key::new("acme", "acme-jira"),
            "its promises are judged",
            |tenant| {
                let status = tenant.status.as_ref()?;
                status.first_ready_at.as_ref()?;
                status.promises.clone().filter(|promises| promises.pass > 0)
            },
        )
        .await;
        let shown = |metrics: String| -> Result<(), String> {
            let rows = [
                "yagura_leader 1",
                "yagura_promise_status{namespace=\"acme\",tenant=\"acme-jira\",promise=\"P22\"} 1",
                "yagura_promise_status{namespace=\"acme\",tenant=\"acme-jira\",promise=\"P25\"} 0",
                "yagura_tenant_info{",
                "yagura_aws_requests_total{operation=\"RunInstances\",outcome=\"ok\",service=\"ec2\"} 1",
            ];
            let missing: Vec<_> = rows.iter().filter(|row| !metrics.contains(**row)).collect();
            if missing.is_empty() {
                Ok(())
            } else {
                Err(format!("without {missing:?}: {metrics}"))
            }
        };
        eventually("the metrics show the promises", || async { shown(env.metrics()) }).await;

        assert!(env.stop_operator("one"), "asked to end, it ends with exit code 0");
        // Another identity: it leads at once only because the first gave the Lease back.
        env.start_operator("two").await;
        eventually("the successor leads", || async {
            let metrics = env.metrics();
            if metrics.contains("yagura_leader 1") {
                Ok(())
            } else {
                Err("it stands by")
            }
        })
        .await;
        assert_eq!(env.sim.effects("RunInstances").len(), 1, "nothing is made twice");
        env
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_of_another_cluster_id_refuses_to_start() {
    with_operator(|env| async {
        let refused = Command::new(env!("CARGO_BIN_EXE_yagura"))
            .args([
                "controller",
                "--cluster-id",
                "another",
                "--identity",
                "other",
                "--listen",
                "127.0.0.1:0",
            ])
            .env("KUBECONFIG", env.plane.kubeconfig(User::Operator))
            .env("AWS_ENDPOINT_URL", env.sim.url())
            .env("AWS_REGION", "ap-northeast-1")
            .env("AWS_ACCESS_KEY_ID", "operator")
            .env("AWS_SECRET_ACCESS_KEY", "operator")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(1), "{said}");
        assert!(said.contains("--cluster-id test"), "it names the way out: {said}");
        env
    })
    .await;
}
