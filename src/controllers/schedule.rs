//! Makes the Backup of each Tenant's slot, by the policy in force for the Tenant or by the terms.
//!
//! It looks at Tenants, since each of them is due, with or without a policy. It writes no status: its whole effect
//! is the Backup, whose name keeps a second operator from making another. A Backup whose set AWS holds and whose object
//! is gone is made again, whether a slot's or one by hand.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;

use super::backup_sources::{backups_of, candidates, class_of, has_vault, slots, terms_of};
use crate::{
    api::{Backup, BackupPolicy, BackupSpec, Engine, Method, Mode, Reason, Tenant, names::tags, time},
    clock::later,
    cloud::{ImageState, Observed, Tags},
    cluster::{Cluster, ClusterError, Happened, Kind},
    engine::{Context, ControllerName, Failure, OutcomeOf, Pass, Reconciler, Report, Resolved},
    inventory::View,
    plan::{
        Plan,
        backup_policy::{BackupRules, by_terms, rule_by_terms, rule_of, rules_of},
        selection::winner,
        slot::{Decision, Due, History, Lost, Rule, backup_name, due, lost, next_due},
    },
};

/// How soon to look again while AWS's part of the picture is missing and a slot waits for it: one sweep.
const SWEEP: Duration = Duration::from_secs(30);

/// How soon to look again for sets without an object while AWS is not known. Nothing waits for them, and while AWS is
/// away every Tenant looks.
const WITHOUT_AWS: Duration = Duration::from_secs(10 * 60);

/// The reconciler.
#[derive(Debug, Default)]
pub struct Schedule {
    /// The Backups made by this process that the cache need not show yet, by the Tenant's uid: name and slot.
    made: Mutex<BTreeMap<String, BTreeMap<String, Option<Timestamp>>>>,
}

/// What one Tenant's slots depend on.
#[derive(Clone, Debug, PartialEq)]
pub struct World {
    /// When the Tenant was Ready for the first time.
    pub first_ready: Option<Timestamp>,
    /// The slots that have a Backup object.
    pub taken: BTreeSet<Timestamp>,
    /// The slots of the Tenant's sets in AWS.
    pub sets: Observed<BTreeSet<Timestamp>>,
    /// The Backups whose sets AWS holds and that have no object.
    pub lost: Vec<Lost>,
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

/// Make a Backup.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Its slot; `None` for one made by hand whose object was lost.
    pub slot: Option<Timestamp>,
    /// The name of its object.
    pub name: String,
    /// What it is made for.
    pub decision: Decision,
    /// By which policy.
    pub policy: Option<String>,
    /// By which methods.
    pub methods: Vec<Method>,
}

impl Step {
    /// The Backup of a Tenant's slot.
    pub(super) fn of_slot(tenant: &Tenant, due: Due, in_force: &InForce) -> Self {
        Self {
            slot: Some(due.slot.at),
            name: backup_name(&tenant.key().name, due.slot.at),
            decision: due.decision,
            policy: in_force.policy.clone(),
            methods: in_force.methods.clone(),
        }
    }

    /// A Backup that was lost.
    fn of_lost(lost: &Lost, in_force: &InForce) -> Self {
        Self {
            slot: lost.slot,
            name: lost.name.clone(),
            decision: Decision::Found,
            policy: lost.slot.and(in_force.policy.clone()),
            methods: in_force.methods.clone(),
        }
    }
}

impl Schedule {
    fn made(&self) -> MutexGuard<'_, BTreeMap<String, BTreeMap<String, Option<Timestamp>>>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What this process made for a Tenant and the cache does not show yet.
    fn own(&self, uid: &str, cached: &BTreeSet<String>) -> BTreeMap<String, Option<Timestamp>> {
        let mut made = self.made();
        let Some(own) = made.get_mut(uid) else {
            return BTreeMap::new();
        };
        // Once shown it is the cache's to say whether it is still there.
        own.retain(|name, _| !cached.contains(name));
        let left = own.clone();
        if left.is_empty() {
            made.remove(uid);
        }
        left
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
        let names = backups.iter().map(|backup| backup.key().name).collect();
        let own = self.own(tenant.uid(), &names);
        let mut taken = slots(backups.iter().map(|backup| &**backup));
        taken.extend(own.values().flatten());
        // Also by another process, before this one began.
        if let Some(slot) = taken.range(..=ctx.now()).next_back() {
            tell_of_slot(ctx, tenant, *slot);
        }
        let in_force = in_force(ctx, tenant);
        let engine = in_force.as_ref().map(|in_force| in_force.rules.engine);
        let view = class_of(ctx, tenant).map(|class| ctx.inventories.of(&class.site()).view());
        // Without its class nobody knows where to look.
        let sets = view
            .as_deref()
            .map_or(Observed::Absent, |view| sets(view, tenant, engine));
        let key = tenant.key();
        let is_there = |name: &str| {
            // Whosever it is: its name is taken.
            own.contains_key(name) || ctx.cluster.seen::<Backup>(&key.sibling(name)).is_some()
        };
        Ok(World {
            first_ready: first_ready(tenant),
            taken,
            lost: lost(&key, sets.present().into_iter().flatten().copied(), is_there),
            sets: sets.map(|sets| slots_of(&sets)),
            in_force,
        })
    }

    fn resolve(&self, _: &Context<C>, _: &Tenant, world: &World) -> Resolved<InForce> {
        Resolved {
            desired: world.in_force.clone(),
            refusals: Vec::new(),
        }
    }

    fn plan(&self, tenant: &Tenant, desired: &InForce, world: &World, now: Timestamp) -> Plan<Step> {
        plan(tenant, desired, world, now)
    }

    async fn apply(&self, pass: &mut Pass<'_, C, Tenant>, _: &World, step: &Step) -> Result<(), Failure> {
        let backup = backup_of(&pass.object, step);
        if let Some(slot) = step.slot {
            // Before its run asks for a turn.
            tell_of_slot(pass.ctx, &pass.object, slot);
        }
        match pass.ctx.cluster.create(&backup).await {
            Ok(_) => {
                if let Some(happened) = told(step, &backup.key().name) {
                    pass.happened(happened);
                }
            }
            Err(ClusterError::AlreadyExists) => match pass.ctx.cluster.read::<Backup>(&backup.key()).await? {
                Some(found) if is_the_same(&found, &backup) => {}
                // It came back by itself, or its name is another's now: there is nothing to make.
                Some(_) if step.decision == Decision::Found => {}
                // Gone again in between: the next pass decides anew.
                None => return Err(ClusterError::Conflict.into()),
                Some(_) => return Err(foreign(&backup)),
            },
            Err(error) => return Err(error.into()),
        }
        self.made()
            .entry(pass.object.uid().to_owned())
            .or_default()
            .insert(step.name.clone(), step.slot);
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

/// Lets the calls that begin backups take all of AWS's limits in the first hour after a slot.
fn tell_of_slot<C: Cluster>(ctx: &Context<C>, tenant: &Tenant, slot: Timestamp) {
    if let Some(class) = class_of(ctx, tenant) {
        ctx.inventories.slot_began(&class.site(), slot);
    }
}

/// The Backups to make now: first those that were lost, whose dates have their slot.
fn plan(tenant: &Tenant, in_force: &InForce, world: &World, now: Timestamp) -> Plan<Step> {
    let none = BTreeSet::new();
    let (sets, is_known) = match &world.sets {
        Observed::Unknown => (&none, false),
        Observed::Absent => (&none, true),
        Observed::Present(sets) => (sets, true),
    };
    let lost = world.lost.iter().map(|lost| Step::of_lost(lost, in_force));
    let mut plan = Plan {
        steps: lost.collect(),
        look_again: (!is_known).then(|| later(now, WITHOUT_AWS)),
        ..Plan::default()
    };
    if tenant.mode() == Mode::Observe {
        // Nothing is written to AWS, so nothing falls due.
        return plan;
    }
    let mut taken = world.taken.clone();
    taken.extend(world.lost.iter().filter_map(|lost| lost.slot));
    let history = History {
        taken: &taken,
        ..history(world, sets)
    };
    for due in due(&in_force.rule, &history, now) {
        // What was not made on time may have been made by an object that is gone. AWS knows.
        if is_known || due.decision == Decision::Run {
            plan.steps.push(Step::of_slot(tenant, due, in_force));
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

/// The tags of a Tenant's sets: of each snapshot of engine EC2, and of each image that AWS Backup made for us.
fn sets<'a>(view: &'a View, tenant: &Tenant, engine: Option<Engine>) -> Observed<Vec<&'a Tags>> {
    let snapshots = view.snapshots_tagged(tags::UID, tenant.uid());
    let images = view.images_tagged(tags::UID, tenant.uid());
    if snapshots.is_unknown() || (images.is_unknown() && engine == Some(Engine::AWSBackup)) {
        return Observed::Unknown;
    }
    let snapshots = snapshots.present().into_iter().flatten();
    let snapshots = snapshots.map(|snapshot| &snapshot.tags);
    let own = snapshots.filter(|tags| !tags.contains_key(tags::AWS_BACKUP_SOURCE));
    let images = images.present().into_iter().flatten();
    let whole = images.filter(|image| image.state != ImageState::Unusable);
    let all = own.chain(whole.map(|image| &image.tags));
    let sets: Vec<_> = all.filter(|tags| !tags.contains_key(tags::RELEASED)).collect();
    if sets.is_empty() {
        Observed::Absent
    } else {
        Observed::Present(sets)
    }
}

fn slots_of(sets: &[&Tags]) -> BTreeSet<Timestamp> {
    let slots = sets.iter().filter_map(|tags| tags.get(tags::SLOT));
    slots.filter_map(|slot| slot.parse().ok()).collect()
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
        && let Some(mut rules) = rules_of(effective)
    {
        let class = class_of(ctx, tenant);
        if rules.engine == Engine::AWSBackup && class.is_some_and(|class| !has_vault(&class)) {
            // The policy says what is wrong; a backup by the other engine is better than none.
            rules.engine = Engine::EC2;
        }
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

/// The object of a step.
fn backup_of(tenant: &Tenant, step: &Step) -> Backup {
    let key = tenant.key();
    let mut backup = Backup::new(
        &step.name,
        BackupSpec {
            tenant_ref: key.name,
            tenant_uid: Some(tenant.uid().to_owned()),
            policy_ref: step.policy.clone(),
            scheduled_time: step.slot.map(time),
            methods: step.methods.clone(),
            reason: Some(step.decision.as_str().to_owned()),
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
    match step.decision {
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
