//! A day of twenty environments, stepped in this process: every controller and the real AWS SDK, over a cluster and
//! a simulated AWS in memory, both by clocks that are moved by hand.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use jiff::Timestamp;
use serde_json::{Value, json};
use yagura::{
    api::{AccessPolicy, Backup, BackupPhase, Key, Tenant, TenantClass},
    aws::{AwsSites, Connection, Pace, Transport},
    clock::{Clock, ManualClock},
    cluster::{Cluster, Kind, MemoryCluster, NamespaceFacts},
    controllers::{
        AccessPolicyReconciler, BackupPolicies, Backups, IncidentReconciler, Schedule, Subnets,
        TenantClassReconciler, TenantReconciler, Waker, owner_changed, wake_everything,
    },
    engine::{Context, Identity, Services, Stepper},
    inventory::Inventories,
    metrics::Metrics,
    report::conditions::is_true,
    terms::Registry,
};

/// How many environments there are.
const TENANTS: usize = 20;

/// How often passes that became due are run.
const STEP: Duration = Duration::from_secs(10);

/// How often everything is listed while something happens: the operator's own period.
const SWEEP: Duration = Duration::from_secs(30);

/// The same at rest. What a sweep shows stays fresh for five minutes, so a quarter of the sweeps shows the passes the
/// same, in a quarter of the time.
const SWEEP_AT_REST: Duration = Duration::from_secs(120);

/// What a sweep calls.
pub(crate) const SWEEP_CALLS: [&str; 5] = [
    "DescribeInstances",
    "DescribeVolumes",
    "DescribeSecurityGroups",
    "DescribeSnapshots",
    "DescribeInstanceAttribute",
];

/// The operator and everything around it.
struct Day {
    clock: ManualClock,
    sim_clock: simaws::ManualClock,
    sim: simaws::Sim,
    cluster: MemoryCluster,
    ctx: Arc<Context<MemoryCluster>>,
    stepper: Stepper<MemoryCluster>,
    waker: Waker,
    swept_at: Timestamp,
    sweeps: usize,
}

impl Day {
    async fn begin(start: &str) -> Self {
        let start: Timestamp = start.parse().unwrap();
        let clock = ManualClock::new(start);
        let sim_clock = simaws::ManualClock::at(start);
        let sim = simaws::Sim::new(simaws::Options {
            clock: simaws::Clock::Manual(sim_clock.clone()),
            ..simaws::Options::default()
        });
        let cluster = MemoryCluster::new(Arc::new(clock.clone()));
        cluster.put_namespace("acme", NamespaceFacts::default());
        let ctx = context(&clock, &sim, &cluster).await;
        let stepper = stepper(&ctx);
        Self {
            clock,
            sim_clock,
            sim,
            cluster,
            ctx,
            stepper,
            waker: Waker::default(),
            swept_at: start,
            sweeps: 0,
        }
    }

    fn put<K: Kind>(&self, object: Value) {
        self.cluster.put(&serde_json::from_value::<K>(object).unwrap());
    }

    /// Runs every pass that is due, and those that these make due.
    async fn settle(&self) {
        for _ in 0..200 {
            for (kind, key) in self.cluster.take_changes() {
                self.waker.object_changed(&self.ctx, kind, &key);
            }
            if self.stepper.run_due().await == 0 {
                return;
            }
        }
        panic!("passes without end");
    }

    async fn sweep(&mut self) {
        self.swept_at = self.clock.now();
        self.sweeps += 1;
        for (_, swept) in self.ctx.inventories.sweep_all().await {
            assert!(swept.failed.is_empty(), "{:?}", swept.failed);
            if swept.became_conclusive {
                wake_everything(&self.ctx);
            }
            for owner in &swept.changed {
                owner_changed(&self.ctx, owner);
            }
        }
    }

    /// Lets time pass until `end`, with a sweep every `period`.
    async fn until(&mut self, end: Timestamp, period: Duration) {
        self.settle().await;
        while self.clock.now() < end {
            let left = Duration::try_from(end.duration_since(self.clock.now())).unwrap();
            self.clock.advance(STEP.min(left));
            self.sim_clock.set(self.clock.now());
            let age = self.clock.now().duration_since(self.swept_at);
            if age >= period.try_into().unwrap() {
                self.sweep().await;
            }
            self.settle().await;
        }
    }

    /// Lets time pass until `end`, and says what was written and called.
    async fn measure(&mut self, what: &str, end: Timestamp, period: Duration) -> u64 {
        let (writes, sweeps) = (self.cluster.writes(), self.sweeps);
        let last = self.sim.calls().last().map_or(0, |call| call.seq);
        let begin = self.clock.now();
        self.until(end, period).await;
        let written = self.cluster.writes() - writes;
        let mut calls = BTreeMap::<String, usize>::new();
        for call in self.sim.calls_since(last) {
            *calls.entry(call.operation).or_default() += 1;
        }
        let sweeps = self.sweeps - sweeps;
        eprintln!("{what}, {begin} to {end}: {written} writes, {sweeps} sweeps, calls {calls:?}");
        if written == 0 {
            assert_only_listings(&calls);
        }
        written
    }

    fn ready(&self) -> usize {
        let tenants = self.cluster.cached_all::<Tenant>();
        let is_ready = |tenant: &&Arc<Tenant>| {
            let status = tenant.status.as_ref();
            status.is_some_and(|status| is_true(&status.conditions, "Ready"))
        };
        tenants.iter().filter(is_ready).count()
    }

    fn backups(&self) -> Vec<Arc<Backup>> {
        self.cluster.cached_all::<Backup>()
    }

    /// The events since the first `known` ones, one a line.
    fn events_since(&self, known: usize) -> String {
        let told = self.cluster.events().split_off(known).into_iter();
        told.map(|(kind, key, happened)| format!("{kind} {key} {}: {}\n", happened.reason, happened.message))
            .collect()
    }
}

/// At rest a sweep's calls are made, and once a day a look at the class's subnet and its VPC.
fn assert_only_listings(calls: &BTreeMap<String, usize>) {
    for (operation, count) in calls {
        let is_class = ["DescribeSubnets", "DescribeVpcs"].contains(&operation.as_str());
        let is_expected = SWEEP_CALLS.contains(&operation.as_str()) || is_class && *count <= 1;
        assert!(
            is_expected,
            "{operation} was called {count} times at rest: {calls:?}"
        );
    }
}

async fn context(
    clock: &ManualClock,
    sim: &simaws::Sim,
    cluster: &MemoryCluster,
) -> Arc<Context<MemoryCluster>> {
    let clock: Arc<dyn Clock> = Arc::new(clock.clone());
    let identity = Identity {
        cluster_id: "test".into(),
        cluster_uid: "c-1".to_owned(),
    };
    let regions = AwsSites::connect(Connection {
        transport: Transport::InMemory(SharedHttpClient::new(sim.connector())),
        cluster: identity.cluster_id.clone(),
        clock: Arc::clone(&clock),
        observer: Arc::new(|_, _| {}),
        pace: Pace::Free,
    })
    .await;
    let inventories = Inventories::new(Arc::new(regions), Arc::clone(&clock), identity.cluster_id.clone());
    let services = Services {
        terms: Arc::new(Registry::built_in().unwrap()),
        metrics: Arc::new(Metrics::new().unwrap()),
    };
    Arc::new(Context::new(
        cluster.clone(),
        clock,
        identity,
        Arc::new(inventories),
        services,
    ))
}

/// The controllers that the operator runs, all of them.
fn stepper(ctx: &Arc<Context<MemoryCluster>>) -> Stepper<MemoryCluster> {
    let subnets = Arc::new(Subnets::default());
    Stepper::new(Arc::clone(ctx))
        .with(TenantClassReconciler::new(Arc::clone(&subnets)))
        .with(AccessPolicyReconciler::new(Arc::clone(&subnets)))
        .with(TenantReconciler::new(subnets, ctx.now()))
        .with(BackupPolicies)
        .with(Schedule::default())
        .with(Backups::default())
        .with(IncidentReconciler)
}

fn class() -> Value {
    json!({
        "apiVersion": "yagura.dev/v1alpha1", "kind": "TenantClass",
        "metadata": {"name": "tokyo"},
        "spec": {
            "region": "ap-northeast-1",
            "allowedNamespaces": {"names": ["acme"]},
            "network": {"subnetIds": [simaws::DEFAULT_SUBNET_ID]},
            "plans": {"standard": {"instanceType": "m6i.large", "volumes": [{"device": "/dev/sdf", "sizeGiB": 20}]}},
            "applications": {"jira": {"images": {"9.12.4": simaws::DEFAULT_IMAGE_ID}}},
            "contact": {"helpdesk": "+81-3-0000-0000"},
            "terms": "hosting-2023-10-11",
        },
    })
}

fn tenant(number: usize) -> Value {
    json!({
        "apiVersion": "yagura.dev/v1alpha1", "kind": "Tenant",
        "metadata": {"name": format!("jira-{number:02}"), "namespace": "acme"},
        "spec": {
            "className": "tokyo", "customer": "acme", "label": format!("jira-{number:02}-prod"),
            "application": {"name": "jira", "version": "9.12.4"}, "plan": "standard",
        },
    })
}

fn office() -> Value {
    json!({
        "apiVersion": "yagura.dev/v1alpha1", "kind": "AccessPolicy",
        "metadata": {"name": "office", "namespace": "acme"},
        "spec": {"ingress": {"cidrs": ["203.0.113.0/24"], "ports": [443]}},
    })
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The day's slot is that of the terms, 00:30 in Tokyo, since nobody made a BackupPolicy.
#[tokio::test]
async fn twenty_environments_rest_for_a_day_but_for_their_one_slot() {
    let mut day = Day::begin("2026-11-24T00:00:00Z").await;
    day.put::<TenantClass>(class());
    day.put::<AccessPolicy>(office());
    for number in 0..TENANTS {
        day.put::<Tenant>(tenant(number));
    }
    day.until(at("2026-11-24T00:10:00Z"), SWEEP).await;
    assert_eq!(day.ready(), TENANTS, "{}", day.events_since(0));
    assert_eq!(day.backups().len(), 0);

    let told = day.cluster.events().len();
    let before = day
        .measure("before the slot", at("2026-11-24T15:29:50Z"), SWEEP_AT_REST)
        .await;
    assert_eq!(before, 0, "{}", day.events_since(told));

    let written = day.measure("the slot", at("2026-11-24T16:00:00Z"), SWEEP).await;
    let backups = day.backups();
    assert_eq!(backups.len(), TENANTS, "{}", day.events_since(told));
    let mut skews = BTreeMap::<Option<i32>, usize>::new();
    for backup in &backups {
        let status = backup.status.clone().unwrap();
        assert_eq!(status.phase, Some(BackupPhase::Complete), "{status:#?}");
        assert_eq!(status.late, Some(false));
        *skews.entry(status.start_skew_seconds).or_default() += 1;
    }
    eprintln!("{written} writes for {TENANTS} Backups; Backups by skew in seconds: {skews:?}");
    assert!(
        skews.keys().all(|skew| skew.is_some_and(|skew| skew <= 10)),
        "{skews:?}"
    );
    let sets = day.sim.calls().into_iter();
    let sets = sets.filter(|call| call.operation == "CreateSnapshots" && call.effect);
    assert_eq!(sets.count(), TENANTS, "one set per slot");

    let told = day.cluster.events().len();
    let after = day
        .measure("after the slot", at("2026-11-25T00:10:00Z"), SWEEP_AT_REST)
        .await;
    assert_eq!(after, 0, "{}", day.events_since(told));
    assert_eq!(day.ready(), TENANTS);
    let first = day
        .cluster
        .cached::<Tenant>(&Key::new("acme", "jira-00"))
        .unwrap();
    assert!(first.status.as_ref().unwrap().first_ready_at.is_some());
}
