//! Makes the Backup of each Tenant's slot, by the policy in force for the Tenant or by the terms.
//!
//! It looks at Tenants, since each of them is due, with or without a policy. It writes no status: its whole effect
//! is the Backup, whose name keeps a second operator from making another.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;

use super::backup_sources::{backups_of, candidates, class_of, slots, terms_of};
use crate::{
    api::{Backup, BackupPolicy, BackupSpec, Method, Reason, Tenant, names::tags, time},
    clock::later,
    cloud::Observed,
    cluster::{Cluster, ClusterError, Happened, Kind},
    engine::{Context, ControllerName, Failure, OutcomeOf, Pass, Reconciler, Report, Resolved},
    plan::{
        Plan,
        backup_policy::{BackupRules, by_terms, rule_by_terms, rule_of, rules_of},
        selection::winner,
        slot::{Decision, Due, History, Rule, backup_name, due, next_due},
    },
};

/// How soon to look again while AWS's part of the picture is missing: one sweep.
const SWEEP: std::time::Duration = std::time::Duration::from_secs(30);

/// The reconciler.
#[derive(Debug, Default)]
pub struct Schedule {
    /// The slots made by this process that the cache need not show yet, by the Tenant's uid.
    made: Mutex<BTreeMap<String, BTreeSet<Timestamp>>>,
}

/// What one Tenant's slots depend on.
#[derive(Clone, Debug, PartialEq)]
pub struct World {
    /// When the Tenant was Ready for the first time.
    pub first_ready: Option<Timestamp>,
    /// The slots that have a Backup object.
    pub taken: BTreeSet<Timestamp>,
    /// The slots of the Tenant's snapshots in AWS.
    pub sets: Observed<BTreeSet<Timestamp>>,
    /// The rule in force.
    pub in_force: Option<InForce>,
}

/// The rule in force for a Tenant.
#[derive(Clone, Debug, PartialEq)]
pub struct InForce {
    /// The policy; `None` where the terms rule.
    pub policy: Option<String>,
    /// When.
    pub rule: Rule,
    /// How.
    pub methods: Vec<Method>,
    /// All of what is in force.
    pub rules: BackupRules,
}

/// Make the Backup of a slot.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The slot.
    pub due: Due,
    /// By which policy.
    pub policy: Option<String>,
    /// By which methods.
    pub methods: Vec<Method>,
}

impl Schedule {
    fn made(&self) -> MutexGuard<'_, BTreeMap<String, BTreeSet<Timestamp>>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The slots taken, with those of our own that the cache does not show yet.
    fn taken(&self, uid: &str, cached: BTreeSet<Timestamp>) -> BTreeSet<Timestamp> {
        let mut made = self.made();
        let Some(own) = made.get_mut(uid) else {
            return cached;
        };
        // Once shown it is the cache's to say whether it is still there.
        own.retain(|slot| !cached.contains(slot));
        let taken = own.union(&cached).copied().collect();
        if own.is_empty() {
            made.remove(uid);
        }
        taken
    }
}

impl<C: Cluster> Reconciler<C> for Schedule {
    type Kind = Tenant;
    type World = World;
    type Desired = InForce;
    type Step = Step;

    const NAME: ControllerName = ControllerName::Schedule;
    const FINALIZER: bool = false;

    async fn observe(&self, ctx: &Context<C>, tenant: &Tenant) -> Result<World, Failure> {
        let backups = backups_of(ctx, tenant);
        let cached = slots(backups.iter().map(|backup| &**backup));
        Ok(World {
            first_ready: first_ready(tenant),
            taken: self.taken(tenant.uid(), cached),
            sets: sets(ctx, tenant),
            in_force: in_force(ctx, tenant),
        })
    }

    fn resolve(&self, _: &Context<C>, _: &Tenant, world: &World) -> Resolved<InForce> {
        Resolved {
            desired: world.in_force.clone(),
            refusals: Vec::new(),
        }
    }

    fn plan(&self, _: &Tenant, desired: &InForce, world: &World, now: Timestamp) -> Plan<Step> {
        plan(desired, world, now)
    }

    async fn apply(&self, pass: &mut Pass<'_, C, Tenant>, _: &World, step: &Step) -> Result<(), Failure> {
        let backup = backup_of(&pass.object, step);
        match pass.ctx.cluster.create(&backup).await {
            Ok(_) => {
                if let Some(happened) = told(step, &backup.key().name) {
                    pass.happened(happened);
                }
            }
            Err(ClusterError::AlreadyExists) => match pass.ctx.cluster.read::<Backup>(&backup.key()).await? {
                Some(found) if is_the_same(&found, &backup) => {}
                // Gone again in between: the next pass decides anew.
                None => return Err(ClusterError::Conflict.into()),
                Some(_) => return Err(foreign(&backup)),
            },
            Err(error) => return Err(error.into()),
        }
        self.made()
            .entry(pass.object.uid().to_owned())
            .or_default()
            .insert(step.due.slot.at);
        Ok(())
    }

    fn report(
        &self,
        _: &Context<C>,
        _: &Tenant,
        outcome: &OutcomeOf<Self, C>,
        now: Timestamp,
    ) -> Report<crate::api::TenantStatus> {
        let mut report = Report::default();
        if let (Ok(world), Some(resolved)) = (&outcome.world, &outcome.resolved) {
            report.look_again = resolved
                .desired
                .as_ref()
                .and_then(|in_force| next_due(&in_force.rule, &history(world, &BTreeSet::new()), now));
        }
        report
    }
}

/// The Backups to make now.
fn plan(in_force: &InForce, world: &World, now: Timestamp) -> Plan<Step> {
    let none = BTreeSet::new();
    let (sets, is_known) = match &world.sets {
        Observed::Unknown => (&none, false),
        Observed::Absent => (&none, true),
        Observed::Present(sets) => (sets, true),
    };
    let mut plan = Plan::default();
    for due in due(&in_force.rule, &history(world, sets), now) {
        // What was not made on time may have been made by an object that is gone. AWS knows.
        if is_known || due.decision == Decision::Run {
            plan.steps.push(Step {
                due,
                policy: in_force.policy.clone(),
                methods: in_force.methods.clone(),
            });
        } else {
            plan.look_again = Some(later(now, SWEEP));
        }
    }
    plan
}

fn history<'a>(world: &'a World, sets: &'a BTreeSet<Timestamp>) -> History<'a> {
    History {
        first_ready: world.first_ready,
        taken: &world.taken,
        sets,
    }
}

/// When a Tenant was Ready for the first time.
pub(super) fn first_ready(tenant: &Tenant) -> Option<Timestamp> {
    let status = tenant.status.as_ref()?;
    status.first_ready_at.as_ref().map(|time| time.0)
}

/// The slots of a Tenant's snapshots.
fn sets<C: Cluster>(ctx: &Context<C>, tenant: &Tenant) -> Observed<BTreeSet<Timestamp>> {
    let Some(class) = class_of(ctx, tenant) else {
        // Without its class nobody knows where to look.
        return Observed::Absent;
    };
    let view = ctx.inventories.of(&class.site()).view();
    view.snapshots_tagged(tags::UID, tenant.uid()).map(|snapshots| {
        let own = snapshots
            .into_iter()
            .filter(|snapshot| !snapshot.tags.contains_key(tags::AWS_BACKUP_SOURCE));
        own.filter_map(|snapshot| snapshot.tags.get(tags::SLOT)?.parse().ok())
            .collect()
    })
}

/// The rule in force for a Tenant; `None` where not even terms are known.
pub(super) fn in_force<C: Cluster>(ctx: &Context<C>, tenant: &Tenant) -> Option<InForce> {
    let key = tenant.key();
    let policies = ctx.cluster.cached_in::<BackupPolicy>(&key.namespace);
    let candidates = candidates(&policies);
    let policy = winner(&candidates, &key.name)
        .and_then(|winner| policies.iter().find(|policy| policy.key().name == winner.name));
    if let Some(policy) = policy
        && let Some(rule) = rule_of(policy)
        && let Some(effective) = policy
            .status
            .as_ref()
            .and_then(|status| status.effective.as_ref())
        && let Some(rules) = rules_of(effective)
    {
        return Some(InForce {
            policy: Some(policy.key().name),
            rule,
            methods: effective.methods.clone(),
            rules,
        });
    }
    let terms = terms_of(ctx, tenant)?;
    let values = by_terms(&terms.backup);
    Some(InForce {
        // A policy that was never accepted is the terms' in all but the name.
        policy: policy.map(|policy| policy.key().name),
        rule: rule_by_terms(&terms.backup),
        rules: rules_of(&values)?,
        methods: values.methods,
    })
}

/// The object of a slot.
fn backup_of(tenant: &Tenant, step: &Step) -> Backup {
    let key = tenant.key();
    let slot = step.due.slot.at;
    let mut backup = Backup::new(
        &backup_name(&key.name, slot),
        BackupSpec {
            tenant_ref: key.name,
            tenant_uid: Some(tenant.uid().to_owned()),
            policy_ref: step.policy.clone(),
            scheduled_time: Some(time(slot)),
            methods: step.methods.clone(),
            reason: Some(step.due.decision.as_str().to_owned()),
        },
    );
    backup.metadata.namespace = Some(key.namespace);
    backup
}

/// Whether an object under a slot's name is the slot's: what decided about it may differ between two operators.
pub(super) fn is_the_same(found: &Backup, wanted: &Backup) -> bool {
    let (found, wanted) = (&found.spec, &wanted.spec);
    found.tenant_ref == wanted.tenant_ref
        && found.tenant_uid == wanted.tenant_uid
        && found.policy_ref == wanted.policy_ref
        && found.scheduled_time == wanted.scheduled_time
}

fn foreign(backup: &Backup) -> Failure {
    Failure::Blocked {
        reason: Reason::ForeignBackup,
        message: foreign_message(&backup.key().name),
    }
}

/// What to say of an object that stands in a slot's way.
pub(super) fn foreign_message(name: &str) -> String {
    format!("Backup {name} has the name of a slot but another Tenant, policy or time: delete it")
}

/// Edges of the Tenant: a run on time is no news, its Backup tells it.
fn told(step: &Step, backup: &str) -> Option<Happened> {
    match step.due.decision {
        Decision::Run | Decision::Found => None,
        Decision::Late => Some(Happened::warning(
            Reason::BackupLate,
            format!("Backup {backup} begins later than its time"),
        )),
        Decision::Missed => Some(Happened::warning(
            Reason::BackupMissed,
            format!("the run of Backup {backup} was missed: its starting deadline passed"),
        )),
        Decision::Suspended => Some(Happened::warning(
            Reason::BackupMissed,
            format!("the run of Backup {backup} was missed: its policy is suspended"),
        )),
    }
}

/// The Backup that a Tenant's next due slot would be, where an object that is not it has taken its name.
pub(super) fn blocking<C: Cluster>(ctx: &Context<C>, tenant: &Tenant, step: &Step) -> Option<String> {
    let wanted = backup_of(tenant, step);
    let found = ctx.cluster.cached::<Backup>(&wanted.key())?;
    (!is_the_same(&found, &wanted)).then(|| wanted.key().name)
}
