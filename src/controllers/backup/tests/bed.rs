//! The three backup controllers around a cluster and an AWS in memory.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use super::*;
use crate::{
    api::{
        AllowedNamespaces, BackupPhase, BackupPolicy, BackupPolicySpec, BackupPolicyStatus, BackupSpec, Key,
        TenantClass, TenantClassSpec, TenantSpec, TenantStatus, Time,
    },
    aws::{
        AwsSites,
        stage::{CLUSTER, Stage, launch},
    },
    clock::{ManualClock, later},
    cloud::{Instance, Launch, Snapshot},
    cluster::{MemoryCluster, NamespaceFacts},
    controllers::{BackupPolicies, Schedule, Waker, swept},
    engine::{Identity, Services, Stepper},
    inventory::Inventories,
    metrics::Metrics,
    report::kstatus,
    terms::Registry,
};

/// The period of the sweeps.
const SWEEP: Duration = Duration::from_secs(30);

/// Everything around the controllers. Of `Stage`'s clock it is 09:00 in Tokyo.
pub(super) struct Bed {
    pub(super) stage: Stage,
    pub(super) cluster: MemoryCluster,
    operator: Operator,
}

/// One process.
pub(super) struct Operator {
    pub(super) ctx: Arc<Context<MemoryCluster>>,
    stepper: Stepper<MemoryCluster>,
    waker: Waker,
}

impl Bed {
    /// A class, and a Tenant that has just become Ready.
    pub(super) async fn new() -> (Self, Instance) {
        let stage = Stage::new().await;
        let cluster = MemoryCluster::new(Arc::<ManualClock>::clone(&stage.clock));
        let operator = Self::operator(&stage, &cluster);
        let bed = Self {
            stage,
            cluster,
            operator,
        };
        bed.cluster.put_namespace("acme", NamespaceFacts::default());
        bed.cluster.put(&TenantClass::new(
            "tokyo",
            TenantClassSpec {
                region: "ap-northeast-1".into(),
                allowed_namespaces: Some(AllowedNamespaces {
                    names: vec!["acme".into()],
                    selector: None,
                }),
                terms: "hosting-2023-10-11".into(),
                ..TenantClassSpec::default()
            },
        ));
        let instance = bed.instance_of(&bed.put_tenant("web")).await;
        bed.bind("web", &instance).await;
        bed.settle().await;
        (bed, instance)
    }

    /// An operator that knows nothing but what the cluster and AWS hold.
    pub(super) fn operator(stage: &Stage, cluster: &MemoryCluster) -> Operator {
        let clock = Arc::<ManualClock>::clone(&stage.clock);
        let identity = Identity {
            cluster_id: CLUSTER.into(),
            cluster_uid: "kube-system-uid".into(),
        };
        let regions = Arc::<AwsSites>::clone(&stage.regions);
        let inventories = Arc::new(Inventories::new(regions, Arc::clone(&clock) as _, CLUSTER.into()));
        let services = Services {
            terms: Arc::new(Registry::built_in().unwrap()),
            metrics: Arc::new(Metrics::new().unwrap()),
        };
        let ctx = Arc::new(Context::new(
            cluster.clone(),
            clock,
            identity,
            inventories,
            services,
        ));
        let stepper = Stepper::new(Arc::clone(&ctx))
            .with(BackupPolicies::default())
            .with(Schedule::default())
            .with(Backups::default());
        Operator {
            ctx,
            stepper,
            waker: Waker::default(),
        }
    }

    /// The operator dies, and another one begins.
    pub(super) fn restart(&mut self) {
        self.operator = self.second();
        self.operator.wake();
    }

    /// Another operator on the same cluster and AWS.
    pub(super) fn second(&self) -> Operator {
        Self::operator(&self.stage, &self.cluster)
    }

    pub(super) fn context(&self) -> &Arc<Context<MemoryCluster>> {
        &self.operator.ctx
    }

    fn put_tenant(&self, name: &str) -> Tenant {
        let mut tenant = Tenant::new(
            name,
            TenantSpec {
                class_name: "tokyo".into(),
                ..TenantSpec::default()
            },
        );
        tenant.metadata.namespace = Some("acme".into());
        self.cluster.put(&tenant)
    }

    /// A running instance that a launch of this Tenant made.
    async fn instance_of(&self, tenant: &Tenant) -> Instance {
        let stage = &self.stage;
        let group = stage.group(&format!("yagura-{}", tenant.uid())).await;
        let own = Launch {
            token: format!("yagura-{}-1", tenant.uid()),
            ..launch(&tenant.key().name, &group)
        };
        let instance = stage.cloud.launch(&own).await.unwrap();
        stage.advance(Duration::from_secs(60));
        stage.cloud.find_instance(&instance.id).await.unwrap().unwrap()
    }

    /// Lets the Tenant's status name this instance.
    pub(super) async fn bind(&self, name: &str, instance: &Instance) {
        let stored = self.cluster.cached::<Tenant>(&Key::new("acme", name)).unwrap();
        let before = stored.status.clone().unwrap_or_default();
        let status = TenantStatus {
            first_ready_at: before.first_ready_at.or(Some(Time(self.now()))),
            instance_id: Some(instance.id.to_string()),
            ..before
        };
        let version = stored.metadata.resource_version.clone().unwrap();
        self.cluster
            .apply_status::<Tenant>(&stored.key(), &version, &status)
            .await
            .unwrap();
    }

    pub(super) fn policy(&self, name: &str, spec: BackupPolicySpec) {
        let mut policy = BackupPolicy::new(name, spec);
        policy.metadata.namespace = Some("acme".into());
        self.cluster.put(&policy);
    }

    pub(super) fn daily_at(&self, at: &str, zone: &str) {
        self.policy(
            "daily",
            BackupPolicySpec {
                at: Some(at.into()),
                time_zone: Some(zone.into()),
                ..BackupPolicySpec::default()
            },
        );
    }

    pub(super) fn by_hand(&self, name: &str, tenant: &str) {
        let mut backup = Backup::new(
            name,
            BackupSpec {
                tenant_ref: tenant.into(),
                reason: Some("before the upgrade".into()),
                ..BackupSpec::default()
            },
        );
        backup.metadata.namespace = Some("acme".into());
        self.cluster.put(&backup);
    }

    /// Works until nothing is due at this instant.
    pub(super) async fn settle(&self) {
        loop {
            for (kind, key) in self.cluster.take_changes() {
                self.operator.waker.object_changed(&self.operator.ctx, kind, &key);
            }
            if self.operator.stepper.run_due().await == 0 {
                break;
            }
        }
        self.check_contract();
    }

    /// The present instant.
    pub(super) fn now(&self) -> Timestamp {
        self.operator.ctx.now()
    }

    /// Lets time pass, with a sweep every half minute; hours in which nothing is due pass at once.
    pub(super) async fn pass_time(&self, span: Duration) {
        let end = later(self.now(), span);
        self.settle().await;
        while self.now() < end {
            let left = elapsed(self.now(), end);
            self.advance(self.quiet().min(left).max(left.min(SWEEP))).await;
        }
    }

    /// Lets time pass as an operator lives it, with views that never grow old.
    pub(super) async fn live(&self, span: Duration) {
        let end = later(self.now(), span);
        let step = if span > 10 * SWEEP { 8 * SWEEP } else { SWEEP };
        while self.now() < end {
            self.advance(elapsed(self.now(), end).min(step)).await;
        }
    }

    async fn advance(&self, span: Duration) {
        self.stage.advance(span);
        self.sweep().await;
        self.settle().await;
    }

    /// For how long nothing is due, while no Backup is under way.
    fn quiet(&self) -> Duration {
        let is_under_way = |backup: &Arc<Backup>| {
            let phase = backup.status.as_ref().and_then(|status| status.phase);
            matches!(phase, None | Some(BackupPhase::Pending | BackupPhase::Running))
        };
        if self.cluster.cached_all::<Backup>().iter().any(is_under_way) {
            return SWEEP;
        }
        let queues = ControllerName::ALL
            .into_iter()
            .filter_map(|name| self.operator.ctx.wakes.queue(name));
        let next = queues
            .filter_map(|queue| queue.next_at())
            .filter(|at| *at > self.now())
            .min();
        let hours = Duration::from_secs(3_600);
        let quiet = next.map_or(hours, |at| elapsed(self.now(), at));
        // Up to a minute before, so that what is due then is seen by an operator with a fresh view.
        quiet.saturating_sub(Duration::from_secs(60)).max(SWEEP)
    }

    pub(super) async fn sweep(&self) {
        self.operator.sweep().await;
    }

    /// Lets time pass until this instant.
    pub(super) async fn until(&self, at: &str) {
        let at: Timestamp = at.parse().unwrap();
        self.pass_time(elapsed(self.now(), at)).await;
    }

    pub(super) fn backup(&self, name: &str) -> Arc<Backup> {
        self.cluster
            .cached::<Backup>(&Key::new("acme", name))
            .unwrap_or_else(|| panic!("{:?}", self.names()))
    }

    pub(super) fn phase(&self, name: &str) -> Option<BackupPhase> {
        self.backup(name).status.as_ref().and_then(|status| status.phase)
    }

    /// The phase of the terms' first Backup, once it is there.
    pub(super) fn phase_of_first(&self) -> Option<BackupPhase> {
        let backup = self.cluster.cached::<Backup>(&Key::new("acme", super::FIRST))?;
        backup.status.as_ref()?.phase
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.cluster
            .cached_all::<Backup>()
            .iter()
            .map(|backup| backup.key().name)
            .collect()
    }

    pub(super) fn policy_status(&self) -> BackupPolicyStatus {
        self.cluster
            .cached::<BackupPolicy>(&Key::new("acme", "daily"))
            .unwrap()
            .status
            .clone()
            .unwrap()
    }

    pub(super) async fn snapshots(&self) -> Vec<Snapshot> {
        self.stage.cloud.list_snapshots().await.unwrap().items
    }

    pub(super) fn events(&self) -> Vec<Reason> {
        self.cluster
            .events()
            .into_iter()
            .map(|(_, _, happened)| happened.reason)
            .collect()
    }

    pub(super) fn check_contract(&self) {
        for backup in self.cluster.cached_all::<Backup>() {
            if let Some(status) = &backup.status {
                let broken = kstatus::violations(
                    backup.generation(),
                    status.observed_generation,
                    &status.conditions,
                );
                assert!(broken.is_empty(), "{broken:?}");
            }
        }
        for policy in self.cluster.cached_all::<BackupPolicy>() {
            if let Some(status) = &policy.status {
                let broken = kstatus::violations(
                    policy.generation(),
                    status.observed_generation,
                    &status.conditions,
                );
                assert!(broken.is_empty(), "{broken:?}");
            }
        }
    }
}

impl Operator {
    /// Everything may have changed.
    pub(super) fn wake(&self) {
        let cluster = &self.ctx.cluster;
        for class in cluster.cached_all::<TenantClass>() {
            self.waker
                .object_changed(&self.ctx, TenantClass::NAME, &class.key());
        }
        for tenant in cluster.cached_all::<Tenant>() {
            self.waker.object_changed(&self.ctx, Tenant::NAME, &tenant.key());
        }
        for backup in cluster.cached_all::<Backup>() {
            self.waker.object_changed(&self.ctx, Backup::NAME, &backup.key());
        }
    }

    /// Works until nothing is due at this instant.
    pub(super) async fn step(&self) {
        while self.stepper.run_due().await > 0 {}
    }

    /// One sweep.
    pub(super) async fn sweep(&self) {
        for (site, found) in self.ctx.inventories.sweep_all().await {
            swept(&self.ctx, &site, &found);
        }
    }
}
