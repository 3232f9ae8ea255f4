//! An operator in one process: our controllers over a cluster in memory and a simulated AWS, stepped by hand.

use std::{sync::Arc, time::Duration};

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use bytes::Bytes;
use jiff::Timestamp;
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Value, json};

use super::{
    Guard, Subnets, Waker, access_policy::AccessPolicyReconciler, swept, tenant::TenantReconciler,
    tenant_class::TenantClassReconciler, wake_everything,
};
use crate::{
    api::{AccessPolicy, ConditionType, Key, Tenant, TenantClass},
    aws::{AwsSites, Connection, Pace, Transport},
    clock::{Clock, ManualClock},
    cluster::{Cluster, Kind, MemoryCluster, NamespaceFacts},
    engine::{Context, Identity, Services, Stepper},
    inventory::Inventories,
    metrics::Metrics,
    report::{conditions::find_condition, kstatus},
    terms::Registry,
};

/// How often this operator sweeps, in seconds.
const SWEEP_EVERY: u64 = 5;

/// The operator and everything around it.
pub(super) struct Env {
    pub(super) clock: ManualClock,
    sim_clock: simaws::ManualClock,
    pub(super) sim: simaws::Sim,
    pub(super) cluster: MemoryCluster,
    pub(super) ctx: Arc<Context<MemoryCluster>>,
    stepper: Stepper<MemoryCluster>,
    waker: Waker,
    guard: Guard,
    seconds: u64,
}

impl Env {
    pub(super) async fn new() -> Self {
        let start: Timestamp = "2026-11-24T00:00:00Z".parse().unwrap();
        let sim_clock = simaws::ManualClock::at(start);
        let sim = simaws::Sim::new(simaws::Options {
            clock: simaws::Clock::Manual(sim_clock.clone()),
            ..simaws::Options::default()
        });
        let clock = ManualClock::new(start);
        let cluster = MemoryCluster::new(Arc::new(clock.clone()));
        for namespace in ["acme", "globex"] {
            cluster.put_namespace(namespace, NamespaceFacts::default());
        }
        let (ctx, stepper) = operator(&clock, &sim, &cluster).await;
        Self {
            clock,
            sim_clock,
            sim,
            cluster,
            ctx,
            stepper,
            waker: Waker::default(),
            guard: Guard::default(),
            seconds: 0,
        }
    }

    /// The process ends, and another begins: only the cluster and AWS are as they were.
    pub(super) async fn restart(&mut self) {
        (self.ctx, self.stepper) = operator(&self.clock, &self.sim, &self.cluster).await;
        self.waker = Waker::default();
        self.guard = Guard::default();
        self.wake_all();
    }

    /// Another operator beside this one.
    pub(super) async fn another(&self) -> Arc<Context<MemoryCluster>> {
        operator(&self.clock, &self.sim, &self.cluster).await.0
    }

    fn wake_all(&self) {
        wake_everything(&self.ctx);
    }

    /// Runs every pass that is due.
    pub(super) async fn settle(&self) {
        for _ in 0..200 {
            for (kind, key) in self.cluster.take_changes() {
                self.waker.object_changed(&self.ctx, kind, &key);
            }
            if self.stepper.run_due().await == 0 {
                self.keeps_the_contract::<Tenant>();
                self.keeps_the_contract::<AccessPolicy>();
                self.keeps_the_contract::<TenantClass>();
                return;
            }
        }
        panic!("passes without end");
    }

    /// Every status that a test comes by keeps the contract with kstatus.
    fn keeps_the_contract<K: Kind>(&self) {
        for object in self.cluster.cached_all::<K>() {
            let Some(status) = object.status() else { continue };
            let observed = K::observed_generation(status);
            let broken = kstatus::violations(object.generation(), observed, K::conditions(status));
            assert!(broken.is_empty(), "{}: {broken:?}", object.key());
        }
    }

    /// Lets so many seconds pass, with a sweep now and then.
    pub(super) async fn pass(&mut self, seconds: u64) {
        self.settle().await;
        for _ in 0..seconds {
            self.seconds += 1;
            self.clock.advance(Duration::from_secs(1));
            self.sim_clock.set(self.clock.now());
            if self.seconds.is_multiple_of(SWEEP_EVERY) {
                self.sweep().await;
            }
            self.settle().await;
        }
    }

    /// Lets so many seconds pass at once, with one sweep at the end.
    pub(super) async fn skip(&mut self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
        self.sim_clock.set(self.clock.now());
        self.sweep().await;
        self.settle().await;
    }

    pub(super) async fn sweep(&self) {
        for (site, found) in self.ctx.inventories.sweep_all().await {
            swept(&self.ctx, &site, &found);
            if found.is_exposed {
                self.guard.look(&self.ctx, &site).await;
            }
        }
    }

    /// A call by somebody else, which must succeed.
    pub(super) fn someone(&self, action: &str, params: &[(&str, &str)]) -> String {
        let (is_success, text) = self.request(action, params);
        assert!(is_success, "{text}");
        text
    }

    /// A call by somebody else, who may come too late.
    pub(super) fn try_someone(&self, action: &str, params: &[(&str, &str)]) {
        self.request(action, params);
    }

    fn request(&self, action: &str, params: &[(&str, &str)]) -> (bool, String) {
        let mut body = format!("Action={action}&Version=2016-11-15");
        for (name, value) in params {
            body.push_str(&format!("&{name}={}", encoded(value)));
        }
        let request = http::Request::post("https://ec2.ap-northeast-1.amazonaws.com/")
            .body(Bytes::from(body))
            .unwrap();
        match self.sim.handle(&request) {
            simaws::Outcome::Answered(response) => {
                let text = String::from_utf8_lossy(response.body()).into_owned();
                (response.status().is_success(), text)
            }
            _ => panic!("no answer to {action}"),
        }
    }

    /// A call of AWS Backup by somebody else, which must succeed.
    pub(super) fn aws_backup(&self, method: &str, path: &str, body: &Value) -> Value {
        let credential = "test/20260101/ap-northeast-1/backup/aws4_request";
        let request = http::Request::builder()
            .method(method)
            .uri(format!("http://backup.invalid{path}"))
            .header(
                "authorization",
                format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0"),
            )
            .header("user-agent", "test")
            .body(Bytes::from(body.to_string()))
            .unwrap();
        let simaws::Outcome::Answered(response) = self.sim.handle(&request) else {
            panic!("no answer");
        };
        assert!(response.status().is_success(), "{response:?}");
        serde_json::from_slice(response.body()).unwrap()
    }

    pub(super) fn calls(&self, operation: &str) -> usize {
        let calls = self.sim.calls();
        calls
            .iter()
            .filter(|call| call.operation == operation && call.effect)
            .count()
    }

    pub(super) fn put<K: Kind>(&self, object: Value) -> K {
        self.cluster.put(&serde_json::from_value::<K>(object).unwrap())
    }

    pub(super) fn class(&self) -> TenantClass {
        self.put(class())
    }

    pub(super) fn cluster_class(&self) -> TenantClass {
        let found = self.cluster.cached::<TenantClass>(&Key::new("", "tokyo"));
        (*found.unwrap()).clone()
    }

    pub(super) fn tenant(&self, name: &str) -> Tenant {
        let found = self.cluster.cached::<Tenant>(&Key::new("acme", name));
        (*found.unwrap()).clone()
    }

    pub(super) fn policy(&self, name: &str) -> AccessPolicy {
        let found = self.cluster.cached::<AccessPolicy>(&Key::new("acme", name));
        (*found.unwrap()).clone()
    }

    /// A condition as `True Reason`.
    pub(super) fn condition<K: Kind>(&self, key: &Key, type_: ConditionType) -> String {
        let Some(object) = self.cluster.cached::<K>(key) else {
            return "gone".to_owned();
        };
        let conditions = object.status().map(K::conditions).unwrap_or_default();
        find_condition(conditions, type_.as_str())
            .map(|condition| format!("{} {}", condition.status, condition.reason))
            .unwrap_or_default()
    }

    pub(super) fn tenant_is(&self, name: &str, type_: ConditionType) -> String {
        self.condition::<Tenant>(&Key::new("acme", name), type_)
    }

    /// Everything told about anything, one event a line.
    pub(super) fn events(&self) -> String {
        let lines =
            self.cluster.events().into_iter().map(|(kind, key, happened)| {
                format!("{kind} {key} {}: {}\n", happened.reason, happened.message)
            });
        lines.collect()
    }
}

/// A value as it stands in a form.
fn encoded(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let bytes = value.bytes();
    bytes
        .map(|byte| {
            if plain(byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

async fn operator(
    clock: &ManualClock,
    sim: &simaws::Sim,
    cluster: &MemoryCluster,
) -> (Arc<Context<MemoryCluster>>, Stepper<MemoryCluster>) {
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
    let ctx = Arc::new(Context::new(
        cluster.clone(),
        Arc::clone(&clock),
        identity,
        Arc::new(inventories),
        services,
    ));
    let subnets = Arc::new(Subnets::default());
    let stepper = Stepper::new(Arc::clone(&ctx))
        .with(TenantClassReconciler::new(Arc::clone(&subnets)))
        .with(AccessPolicyReconciler::new(Arc::clone(&subnets)))
        .with(TenantReconciler::new(subnets, clock.now()));
    (ctx, stepper)
}

pub(super) fn class() -> Value {
    json!({
        "apiVersion": "yagura.dev/v1alpha1", "kind": "TenantClass",
        "metadata": {"name": "tokyo"},
        "spec": {
            "region": "ap-northeast-1",
            "allowedNamespaces": {"names": ["acme"]},
            "network": {"subnetIds": ["subnet-0123456789abcdef0"]},
            "plans": {"standard": {"instanceType": "m6i.large", "volumes": [{"device": "/dev/sdf", "sizeGiB": 20}]}},
            "applications": {"jira": {"images": {"9.12.4": "ami-0123456789abcdef0"}}},
            "contact": {"helpdesk": "+81-3-0000-0000"},
            "terms": "hosting-2023-10-11",
        },
    })
}

pub(super) fn tenant(name: &str) -> Value {
    json!({
        "apiVersion": "yagura.dev/v1alpha1", "kind": "Tenant",
        "metadata": {"name": name, "namespace": "acme"},
        "spec": {
            "className": "tokyo", "customer": "acme", "label": format!("{name}-prod"),
            "application": {"name": "jira", "version": "9.12.4"}, "plan": "standard",
        },
    })
}

pub(super) fn policy(name: &str, cidrs: &[&str]) -> Value {
    json!({
        "apiVersion": "yagura.dev/v1alpha1", "kind": "AccessPolicy",
        "metadata": {"name": name, "namespace": "acme"},
        "spec": {"ingress": {"cidrs": cidrs, "ports": [443]}},
    })
}

/// A call that fails once, before or after its effect.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    operation: &'static str,
    after: bool,
    code: &'static str,
}

/// Up to three failures of these operations.
pub(super) fn faults(operations: &[&'static str]) -> impl Strategy<Value = Vec<Fault>> + use<> {
    let codes = select(vec!["InternalError", "RequestLimitExceeded", "Unavailable"]);
    let one = (select(operations.to_vec()), any::<bool>(), codes);
    vec(
        one.prop_map(|(operation, after, code)| Fault {
            operation,
            after,
            code,
        }),
        0..4,
    )
}

/// Lets the simulated AWS fail so.
pub(super) fn strike(env: &Env, faults: &[Fault]) {
    for fault in faults {
        let effect = if fault.after { "after" } else { "before" };
        let spec = json!({
            "operation": fault.operation, "kind": "error", "effect": effect, "code": fault.code, "status": 503,
        });
        env.sim.add_fault(serde_json::from_value(spec).unwrap());
    }
}
