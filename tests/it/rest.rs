//! Rest: an operator with nothing to do writes nothing to Kubernetes and asks AWS for nothing but listings.

use std::{collections::BTreeMap, time::Duration};

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use yagura::api::{Key, Tenant};

use crate::{
    day::SWEEP_CALLS,
    support::{Env, within},
};

const CLASS: &str = include_str!("../../examples/00-class.yaml");
const NAMESPACES: &str = include_str!("../../examples/10-namespaces.yaml");

/// How many environments rest.
const TENANTS: usize = 20;

/// For how many sweeps.
const SWEEPS: usize = 30;

/// Each sweep lists volumes once, on one page here.
const ONCE_A_SWEEP: &str = "DescribeVolumes";

/// How many sweeps the last status may take to settle once everything is Ready.
const SETTLING: usize = 20;

/// How many sweeps without a write are taken for rest.
const QUIET: usize = 3;

/// Requests to the API server by verb and API group.
type Requests = BTreeMap<(String, String), u64>;

/// Half a day away, so that no slot falls into the test.
fn far_from_now() -> String {
    #[expect(
        clippy::disallowed_methods,
        reason = "the operator under test is a process in real time"
    )]
    let now = Timestamp::now();
    let then = now.saturating_add(SignedDuration::from_hours(12)).unwrap();
    TimeZone::UTC.to_datetime(then).strftime("%H:%M").to_string()
}

fn name(number: usize) -> String {
    format!("jira-{number:02}")
}

fn manifests() -> String {
    let mut text = format!(
        "{{apiVersion: yagura.dev/v1alpha1, kind: AccessPolicy, metadata: {{name: office, namespace: acme}}, \
         spec: {{ingress: {{cidrs: [203.0.113.0/24]}}}}}}\n---\n\
         {{apiVersion: yagura.dev/v1alpha1, kind: BackupPolicy, metadata: {{name: daily, namespace: acme}}, \
         spec: {{at: \"{}\", timeZone: Etc/UTC}}}}\n",
        far_from_now()
    );
    for name in (0..TENANTS).map(name) {
        text.push_str(&format!(
            "---\n{{apiVersion: yagura.dev/v1alpha1, kind: Tenant, metadata: {{name: {name}, namespace: acme}}, \
             spec: {{className: tokyo-standard, customer: acme, label: {name}-prod, plan: small, \
             application: {{name: jira, version: \"9.12.4\"}}}}}}\n"
        ));
    }
    text
}

/// Every request to the API server so far that could change something, but for Leases.
async fn writes(env: &Env) -> Requests {
    let request = http::Request::get("/metrics").body(Vec::new()).unwrap();
    let metrics = env.client.request_text(request).await.unwrap();
    let mut writes = Requests::new();
    for line in metrics.lines() {
        let Some(rest) = line.strip_prefix("apiserver_request_total{") else {
            continue;
        };
        let (labels, count) = rest.rsplit_once("} ").unwrap();
        let label = |name: &str| {
            let value = labels.split_once(&format!("{name}=\"")).unwrap().1;
            value.split_once('"').unwrap().0.to_owned()
        };
        let (verb, group) = (label("verb"), label("group"));
        let reads = ["GET", "LIST", "WATCH", "CONNECT"];
        if !reads.contains(&verb.as_str()) && group != "coordination.k8s.io" {
            *writes.entry((verb, group)).or_default() += count.parse::<f64>().unwrap() as u64;
        }
    }
    writes
}

/// How many sweeps there were.
fn sweeps(env: &Env) -> usize {
    let calls = env.sim.calls().into_iter();
    calls.filter(|call| call.operation == ONCE_A_SWEEP).count()
}

async fn until_sweeps(env: &Env, count: usize) {
    within(Duration::from_secs(180), "sweeps", || async {
        let seen = sweeps(env);
        if seen >= count { Ok(()) } else { Err(seen) }
    })
    .await;
}

/// Waits until nothing is written any more, and says how many sweeps that took.
async fn settle(env: &Env) -> usize {
    let begin = sweeps(env);
    loop {
        let (now, before) = (sweeps(env), writes(env).await);
        assert!(now - begin <= SETTLING, "statuses still change: {before:?}");
        until_sweeps(env, now + QUIET).await;
        if writes(env).await == before {
            return now - begin;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_environments_at_rest_cost_thirty_sweeps_and_no_write() {
    crate::support::with_operator(async |env| {
        env.apply(CLASS);
        env.apply(NAMESPACES);
        env.apply(&manifests());
        for name in (0..TENANTS).map(name) {
            let key = Key::new("acme", &name);
            env.until_within::<Tenant, _>(Duration::from_secs(120), &key, "Ready", |tenant| {
                let conditions = &tenant.status.as_ref()?.conditions;
                let mut ready = conditions.iter().filter(|one| one.type_ == "Ready");
                ready.any(|one| one.status == "True").then_some(())
            })
            .await;
        }
        let settled = settle(&env).await;

        let before = writes(&env).await;
        let (first, last) = (sweeps(&env), env.sim.calls().last().unwrap().seq);
        // One more than asked for: the first may be under way.
        until_sweeps(&env, first + SWEEPS + 1).await;
        let after = writes(&env).await;
        let mut calls = BTreeMap::<String, usize>::new();
        for call in env.sim.calls_since(last) {
            *calls.entry(call.operation).or_default() += 1;
        }
        let swept = calls[ONCE_A_SWEEP];
        eprintln!(
            "{TENANTS} Tenants at rest, {settled} sweeps after the last was Ready, for {swept} sweeps:"
        );
        for (operation, count) in &calls {
            let each = *count as f64 / swept as f64;
            eprintln!("  {operation}: {count} calls, {each:.1} a sweep");
        }
        eprintln!("  writes so far by verb and group, the same before and after: {after:?}");
        assert_eq!(before, after, "written at rest");
        let others = calls.keys().filter(|name| !SWEEP_CALLS.contains(&name.as_str()));
        assert_eq!(others.count(), 0, "{calls:?}");
        env
    })
    .await;
}
