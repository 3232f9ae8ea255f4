//! The three backup controllers together, over a cluster and an AWS in memory.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use jiff::Timestamp;
use simaws::FaultKind;

use super::*;
use crate::{
    api::{
        AllowedNamespaces, BackupPhase, BackupPolicy, BackupPolicySpec, BackupSpec, ConditionType, Key,
        TenantClass, TenantClassSpec, TenantSpec, TenantStatus, Time,
    },
    aws::stage::{CLUSTER, Stage, time_out},
    cloud::{Instance, Snapshot},
    cluster::MemoryCluster,
    controllers::{BackupPolicies, Schedule, Waker, owner_changed, wake_everything},
    engine::{Identity, Services, Stepper},
    inventory::Inventories,
    metrics::Metrics,
    report::{conditions::find_condition, kstatus},
    terms::Registry,
};

/// Everything around the controllers. Of `Stage`'s clock it is 09:00 in Tokyo.
struct Bed {
    stage: Stage,
    cluster: MemoryCluster,
    ctx: Arc<Context<MemoryCluster>>,
    stepper: Stepper<MemoryCluster>,
    waker: Waker,
}

impl Bed {
    /// A class, and a Tenant that has just become Ready.
    async fn new() -> (Self, Instance) {
        let stage = Stage::new().await;
        let instance = stage.instance("web").await;
        let cluster = MemoryCluster::new(Arc::<crate::clock::ManualClock>::clone(&stage.clock));
        let bed = Self::over(stage, cluster);
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
        bed.tenant("web", &instance).await;
        bed.settle().await;
        (bed, instance)
    }

    /// An operator that knows nothing but what the cluster and AWS hold.
    fn over(stage: Stage, cluster: MemoryCluster) -> Self {
        let clock = Arc::<crate::clock::ManualClock>::clone(&stage.clock);
        let identity = Identity {
            cluster_id: CLUSTER.into(),
            cluster_uid: "kube-system-uid".into(),
        };
        let regions = Arc::<crate::aws::AwsRegions>::clone(&stage.regions);
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
            .with(BackupPolicies)
            .with(Schedule::default())
            .with(Backups::default());
        Self {
            stage,
            cluster,
            ctx,
            stepper,
            waker: Waker::default(),
        }
    }

    /// The operator dies, and another one begins.
    fn restart(self) -> Self {
        let Self { stage, cluster, .. } = self;
        let bed = Self::over(stage, cluster);
        for class in bed.cluster.cached_all::<TenantClass>() {
            bed.waker
                .object_changed(&bed.ctx, TenantClass::NAME, &class.key());
        }
        for tenant in bed.cluster.cached_all::<Tenant>() {
            bed.waker.object_changed(&bed.ctx, Tenant::NAME, &tenant.key());
        }
        for backup in bed.cluster.cached_all::<Backup>() {
            bed.waker.object_changed(&bed.ctx, Backup::NAME, &backup.key());
        }
        bed
    }

    async fn tenant(&self, name: &str, instance: &Instance) {
        let mut tenant = Tenant::new(
            name,
            TenantSpec {
                class_name: "tokyo".into(),
                ..TenantSpec::default()
            },
        );
        tenant.metadata.namespace = Some("acme".into());
        let stored = self.cluster.put(&tenant);
        let status = TenantStatus {
            first_ready_at: Some(Time(self.ctx.now())),
            instance_id: Some(instance.id.to_string()),
            ..TenantStatus::default()
        };
        let version = stored.metadata.resource_version.clone().unwrap();
        self.cluster
            .apply_status::<Tenant>(&stored.key(), &version, &status)
            .await
            .unwrap();
    }

    fn policy(&self, name: &str, spec: BackupPolicySpec) {
        let mut policy = BackupPolicy::new(name, spec);
        policy.metadata.namespace = Some("acme".into());
        self.cluster.put(&policy);
    }

    fn daily_at(&self, at: &str, zone: &str) {
        self.policy(
            "daily",
            BackupPolicySpec {
                at: Some(at.into()),
                time_zone: Some(zone.into()),
                ..BackupPolicySpec::default()
            },
        );
    }

    fn by_hand(&self, name: &str, tenant: &str) {
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
    async fn settle(&self) {
        loop {
            for (kind, key) in self.cluster.take_changes() {
                self.waker.object_changed(&self.ctx, kind, &key);
            }
            if self.stepper.run_due().await == 0 {
                break;
            }
        }
        self.check_contract();
    }

    /// Lets time pass, with a sweep every half minute; over long spans as seldom as a view stays fresh.
    async fn pass_time(&self, span: Duration) {
        let end = crate::clock::later(self.ctx.now(), span);
        while self.ctx.now() < end {
            let left = elapsed(self.ctx.now(), end);
            let step = if left > Duration::from_secs(3_600) {
                240
            } else {
                30
            };
            self.stage.advance(left.min(Duration::from_secs(step)));
            self.sweep().await;
            self.settle().await;
        }
    }

    async fn sweep(&self) {
        for (_, swept) in self.ctx.inventories.sweep_all().await {
            if swept.became_conclusive {
                wake_everything(&self.ctx);
            }
            for owner in &swept.changed {
                owner_changed(&self.ctx, owner);
            }
        }
    }

    /// Lets time pass until this instant.
    async fn until(&self, at: &str) {
        let at: Timestamp = at.parse().unwrap();
        self.pass_time(elapsed(self.ctx.now(), at)).await;
    }

    fn backup(&self, name: &str) -> Arc<Backup> {
        self.cluster
            .cached::<Backup>(&Key::new("acme", name))
            .unwrap_or_else(|| panic!("{:?}", self.names()))
    }

    fn phase(&self, name: &str) -> Option<BackupPhase> {
        self.backup(name).status.as_ref().and_then(|status| status.phase)
    }

    fn names(&self) -> Vec<String> {
        self.cluster
            .cached_all::<Backup>()
            .iter()
            .map(|backup| backup.key().name)
            .collect()
    }

    fn policy_status(&self) -> crate::api::BackupPolicyStatus {
        self.cluster
            .cached::<BackupPolicy>(&Key::new("acme", "daily"))
            .unwrap()
            .status
            .clone()
            .unwrap()
    }

    async fn snapshots(&self) -> Vec<Snapshot> {
        self.stage.cloud.list_snapshots().await.unwrap()
    }

    fn events(&self) -> Vec<Reason> {
        self.cluster
            .events()
            .into_iter()
            .map(|(_, _, happened)| happened.reason)
            .collect()
    }

    fn check_contract(&self) {
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

/// The name of the Backup of the terms' first slot.
const FIRST: &str = "web-203105011530";

#[tokio::test]
async fn a_tenant_without_a_policy_is_backed_up_by_the_terms() {
    let (bed, instance) = Bed::new().await;
    bed.until("2031-05-01T15:29:30Z").await;
    assert_eq!(bed.names(), Vec::<String>::new());
    bed.until("2031-05-01T15:35:00Z").await;
    assert_eq!(bed.names(), [FIRST]);
    let backup = bed.backup(FIRST);
    assert_eq!(bed.phase(FIRST), Some(BackupPhase::Complete), "{backup:#?}");
    let status = backup.status.clone().unwrap();
    assert!(
        status.start_skew_seconds.unwrap() <= 1,
        "{:?}",
        status.start_skew_seconds
    );
    assert_eq!(status.late, Some(false));
    let method = &status.methods[0];
    assert_eq!(method.snapshot_ids.len(), instance.volumes.len());
    assert_eq!(method.attempts.len(), 1);
    assert!(method.checks.iter().all(|check| check.passed));
    assert!(method.bytes.unwrap() > 0);
    let taken: BTreeSet<_> = bed
        .snapshots()
        .await
        .into_iter()
        .map(|snapshot| snapshot.volume_id)
        .collect();
    assert_eq!(
        taken,
        instance.volumes.iter().map(|volume| volume.id.clone()).collect()
    );
    for snapshot in bed.snapshots().await {
        assert_eq!(snapshot.tags[tags::SLOT], "2031-05-01T15:30:00Z");
        assert_eq!(snapshot.tags[tags::BACKUP], format!("acme/{FIRST}"));
        assert_eq!(snapshot.description, backup.uid());
    }
    let complete = find_condition(&status.conditions, ConditionType::Complete.as_str()).unwrap();
    assert_eq!(complete.status, "True");
}

#[tokio::test]
async fn a_policy_fires_at_its_time_and_says_how_its_tenants_stand() {
    let (bed, _) = Bed::new().await;
    bed.daily_at("03:15", "Europe/Berlin");
    bed.settle().await;
    let status = bed.policy_status();
    assert_eq!(
        status.next_run_time.unwrap().0.to_string(),
        "2031-05-01T01:15:00Z"
    );
    bed.until("2031-05-01T01:20:00Z").await;
    assert_eq!(bed.names(), ["web-203105010115"]);
    let status = bed.policy_status();
    let counts = status.tenants.unwrap();
    assert_eq!(
        (counts.matched, counts.protected, counts.late, counts.missed),
        (1, 1, 0, 0)
    );
    assert_eq!(status.good_days_held, Some(1));
    assert!(status.max_skew_seconds.unwrap() <= 1);
    let run = status.last_run.unwrap();
    assert_eq!((run.complete, run.failed.len()), (1, 0));
    assert!(run.finished_at.is_some());
    assert_eq!(
        status.next_run_time.unwrap().0.to_string(),
        "2031-05-02T01:15:00Z"
    );
}

#[tokio::test]
async fn a_policy_edited_into_nonsense_still_fires() {
    let (bed, _) = Bed::new().await;
    bed.daily_at("03:15", "Europe/Berlin");
    bed.settle().await;
    bed.daily_at("04:15", "Mars/Olympus");
    bed.settle().await;
    let status = bed.policy_status();
    let stalled = find_condition(&status.conditions, "Stalled").unwrap();
    assert_eq!(stalled.reason, "UnknownTimeZone");
    assert!(stalled.message.contains("spec.timeZone"), "{}", stalled.message);
    assert_eq!(status.effective.unwrap().at, "03:15");
    bed.until("2031-05-01T01:20:00Z").await;
    assert_eq!(bed.names(), ["web-203105010115"]);
    assert_eq!(
        bed.events()
            .iter()
            .filter(|reason| **reason == Reason::UnknownTimeZone)
            .count(),
        1
    );
}

#[tokio::test]
async fn a_time_moved_into_the_past_runs_at_once_as_late() {
    let (bed, _) = Bed::new().await;
    bed.daily_at("20:00", "UTC");
    bed.until("2031-05-01T03:00:00Z").await;
    bed.daily_at("02:30", "UTC");
    bed.pass_time(Duration::from_secs(300)).await;
    assert_eq!(bed.names(), ["web-203105010230"]);
    let status = bed.backup("web-203105010230").status.clone().unwrap();
    assert_eq!(
        (status.phase, status.late),
        (Some(BackupPhase::Complete), Some(true))
    );
    bed.until("2031-05-01T21:00:00Z").await;
    assert_eq!(bed.names().len(), 1, "one slot a date");
}

#[tokio::test]
async fn an_outage_of_days_is_missed_date_by_date_and_an_edit_loses_none() {
    let (bed, _) = Bed::new().await;
    bed.daily_at("03:15", "UTC");
    bed.until("2031-05-01T03:20:00Z").await;
    let bed = bed.restart();
    bed.stage.advance(Duration::from_secs(2 * 86_400));
    // Edited while the operator was down.
    bed.daily_at("23:00", "UTC");
    bed.pass_time(Duration::from_secs(600)).await;
    assert_eq!(
        bed.names(),
        ["web-203105010315", "web-203105020315", "web-203105030315"]
    );
    assert_eq!(bed.phase("web-203105020315"), Some(BackupPhase::Missed));
    assert_eq!(bed.phase("web-203105030315"), Some(BackupPhase::Complete));
    assert_eq!(bed.policy_status().effective.unwrap().at, "23:00");
    assert_eq!(bed.policy_status().tenants.unwrap().late, 1);
}

#[tokio::test]
async fn a_lost_answer_makes_no_second_set() {
    let (bed, instance) = Bed::new().await;
    bed.until("2031-05-01T15:29:30Z").await;
    bed.stage.fault(Operation::CreateSnapshots, FaultKind::Drop);
    bed.stage.advance(Duration::from_secs(30));
    bed.sweep().await;
    time_out(&bed.stage, Operation::CreateSnapshots, bed.settle()).await;
    assert_eq!(bed.phase(FIRST), Some(BackupPhase::Running));
    bed.pass_time(Duration::from_secs(900)).await;
    assert_eq!(bed.phase(FIRST), Some(BackupPhase::Complete));
    assert_eq!(bed.stage.calls_of(Operation::CreateSnapshots), 1);
    assert_eq!(bed.snapshots().await.len(), instance.volumes.len());
}

#[tokio::test]
async fn a_restart_after_the_call_makes_no_second_set() {
    let (bed, instance) = Bed::new().await;
    bed.until("2031-05-01T15:30:00Z").await;
    assert_eq!(bed.stage.calls_of(Operation::CreateSnapshots), 1);
    let bed = bed.restart();
    bed.pass_time(Duration::from_secs(900)).await;
    assert_eq!(bed.phase(FIRST), Some(BackupPhase::Complete));
    assert_eq!(bed.stage.calls_of(Operation::CreateSnapshots), 1);
    assert_eq!(bed.snapshots().await.len(), instance.volumes.len());
}

#[tokio::test]
async fn a_recorded_attempt_that_was_never_made_is_made_after_the_look() {
    let (bed, instance) = Bed::new().await;
    bed.until("2031-05-01T15:29:30Z").await;
    // The record is written, and the process dies before the call.
    let mut backup = Backup::new(
        FIRST,
        BackupSpec {
            tenant_ref: "web".into(),
            tenant_uid: bed
                .cluster
                .cached::<Tenant>(&Key::new("acme", "web"))
                .unwrap()
                .metadata
                .uid
                .clone(),
            scheduled_time: Some(Time("2031-05-01T15:30:00Z".parse().unwrap())),
            reason: Some("Scheduled".into()),
            ..BackupSpec::default()
        },
    );
    backup.metadata.namespace = Some("acme".into());
    bed.stage.advance(Duration::from_secs(30));
    let stored = bed.cluster.put(&backup);
    let attempt = planner::Attempt {
        n: 1,
        at: bed.ctx.now(),
    };
    let status = status::recorded(&stored, attempt, bed.ctx.now());
    let version = stored.metadata.resource_version.clone().unwrap();
    bed.cluster
        .apply_status::<Backup>(&stored.key(), &version, &status)
        .await
        .unwrap();
    bed.pass_time(Duration::from_secs(180)).await;
    assert_eq!(
        bed.stage.calls_of(Operation::CreateSnapshots),
        0,
        "too early to tell"
    );
    bed.pass_time(Duration::from_secs(600)).await;
    assert_eq!(bed.phase(FIRST), Some(BackupPhase::Complete));
    assert_eq!(bed.stage.calls_of(Operation::CreateSnapshots), 1);
    assert_eq!(bed.snapshots().await.len(), instance.volumes.len());
}

#[tokio::test]
async fn a_refusal_is_retried_and_a_denial_is_stalled_until_it_ends() {
    let (bed, _) = Bed::new().await;
    bed.until("2031-05-01T15:29:30Z").await;
    bed.stage
        .error(Operation::CreateSnapshots, "UnauthorizedOperation", 403);
    bed.pass_time(Duration::from_secs(60)).await;
    let status = bed.backup(FIRST).status.clone().unwrap();
    assert_eq!(
        find_condition(&status.conditions, "Stalled").unwrap().reason,
        "Denied"
    );
    bed.pass_time(Duration::from_secs(600)).await;
    assert_eq!(bed.phase(FIRST), Some(BackupPhase::Complete));
    assert_eq!(bed.stage.calls_of(Operation::CreateSnapshots), 2);
}

#[tokio::test]
async fn a_backup_by_hand_runs_at_once_and_one_for_nobody_is_stalled() {
    let (bed, _) = Bed::new().await;
    bed.pass_time(Duration::from_secs(60)).await;
    bed.by_hand("before-upgrade", "web");
    bed.by_hand("for-nobody", "wep");
    bed.pass_time(Duration::from_secs(120)).await;
    assert_eq!(bed.phase("before-upgrade"), Some(BackupPhase::Complete));
    let status = bed.backup("for-nobody").status.clone().unwrap();
    let stalled = find_condition(&status.conditions, "Stalled").unwrap();
    assert_eq!(stalled.reason, "UnknownTenant");
    assert!(stalled.message.contains("spec.tenantRef"));
}

#[tokio::test]
async fn tags_that_somebody_took_away_are_put_back() {
    let (bed, _) = Bed::new().await;
    bed.until("2031-05-01T15:40:00Z").await;
    let snapshots = bed.snapshots().await;
    for snapshot in &snapshots {
        bed.stage.untag(snapshot.id.as_str(), tags::BACKUP).await;
    }
    bed.pass_time(Duration::from_secs(180)).await;
    assert_eq!(bed.phase(FIRST), Some(BackupPhase::Complete));
    assert!(bed.events().contains(&Reason::DriftRepaired));
    for snapshot in bed.snapshots().await {
        assert_eq!(snapshot.tags[tags::BACKUP], format!("acme/{FIRST}"));
    }
}

#[tokio::test]
async fn a_backup_whose_snapshots_are_gone_is_expired_and_no_good_day() {
    let (bed, _) = Bed::new().await;
    bed.daily_at("03:15", "UTC");
    bed.until("2031-05-01T03:20:00Z").await;
    assert_eq!(bed.policy_status().good_days_held, Some(1));
    let snapshots = bed.snapshots().await;
    bed.stage
        .stranger()
        .delete_snapshot()
        .snapshot_id(snapshots[0].id.as_str())
        .send()
        .await
        .unwrap();
    bed.pass_time(Duration::from_secs(180)).await;
    assert_eq!(bed.phase("web-203105010315"), Some(BackupPhase::Expired));
    assert_eq!(bed.policy_status().good_days_held, Some(0));
}

#[tokio::test]
async fn a_deleted_object_of_a_slot_is_made_again_from_its_set() {
    let (bed, instance) = Bed::new().await;
    bed.until("2031-05-01T15:40:00Z").await;
    bed.cluster.delete::<Backup>(&Key::new("acme", FIRST));
    bed.pass_time(Duration::from_secs(120)).await;
    assert_eq!(bed.phase(FIRST), Some(BackupPhase::Complete));
    assert_eq!(bed.backup(FIRST).spec.reason.as_deref(), Some("Found"));
    assert_eq!(bed.snapshots().await.len(), instance.volumes.len());
}

#[tokio::test]
async fn an_object_in_the_slots_way_stalls_the_policy() {
    let (bed, _) = Bed::new().await;
    bed.daily_at("03:15", "UTC");
    bed.settle().await;
    let mut forged = Backup::new(
        "web-203105010315",
        BackupSpec {
            tenant_ref: "web".into(),
            reason: Some("forged".into()),
            ..BackupSpec::default()
        },
    );
    forged.metadata.namespace = Some("acme".into());
    bed.cluster.put(&forged);
    bed.until("2031-05-01T03:20:00Z").await;
    let status = bed.policy_status();
    assert_eq!(
        find_condition(&status.conditions, "Stalled").unwrap().reason,
        "ForeignBackup"
    );
    assert_eq!(
        status.tenants.unwrap().protected,
        1,
        "the one by hand is a backup all the same"
    );
}

#[tokio::test]
async fn at_rest_a_day_writes_nothing_but_its_backup() {
    let (bed, _) = Bed::new().await;
    bed.daily_at("03:15", "UTC");
    bed.until("2031-05-01T03:40:00Z").await;
    let writes = bed.cluster.writes();
    bed.until("2031-05-02T03:14:00Z").await;
    assert_eq!(bed.cluster.writes(), writes);
}
