//! Judges a BackupPolicy, publishes what it has in force, and says how its Tenants stand.
//!
//! It makes no Backup: that is the schedule's work, by what is published here. A change of the schedule is accepted
//! only when the one before owes nothing any more, or an outage and an edit together would lose a date.

mod quota;
mod suspension;
mod tally;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use jiff::Timestamp;

use crate::{
    api::{BackupPolicy, BackupPolicyStatus, ConditionType, Engine, Reason, Tenant, TenantClass, time},
    cluster::{Cluster, Happened, Kind},
    controllers::{
        backup_sources::{
            all_terms, backups_of, candidates, class_of, has_vault, is_stalled_for, slots, strictest,
        },
        schedule::{self, blocking, first_ready, foreign_message},
        selector,
    },
    engine::{Context, ControllerName, Failure, OutcomeOf, Pass, Reconciler, Refusal, Report, Resolved},
    plan::{
        Plan,
        backup_policy::{InForce, Suspending, in_force, rules_of},
        selection::{Share, share_of},
        slot::{History, due},
    },
    report::standing::{Because, Conditions, Standing},
    terms::Terms,
};

use quota::{Counts, Quotas};
use tally::{Member, Tally, tally};

/// How soon to look again at what is owed, should nothing wake the policy: one sweep, which is what an owed Backup
/// waits for at most.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// The reconciler.
#[derive(Debug, Default)]
pub struct BackupPolicies {
    /// What was counted against the quotas.
    counts: Counts,
}

/// What a policy depends on.
#[derive(Clone, Debug)]
pub struct World {
    /// The Tenants it is in force for, and those that another policy won.
    share: Share,
    /// The Tenants it is in force for, with their Backups.
    members: Vec<Member>,
    /// The terms that fill what the spec leaves out.
    terms: Option<Arc<Terms>>,
    /// A Tenant has a slot by the schedule in force that has no Backup yet.
    owes: bool,
    /// Backups that stand in a slot's way.
    foreign: BTreeSet<String>,
    /// The classes of its Tenants in which AWS Backup has no vault, or no role.
    without_vault: BTreeSet<String>,
    /// The quotas of the accounts that its Tenants are in.
    quotas: Quotas,
}

/// Nothing is done by a policy's own pass but its status.
#[derive(Clone, Debug)]
pub enum Never {}

impl<C: Cluster> Reconciler<C> for BackupPolicies {
    type Kind = BackupPolicy;
    type World = World;
    type Desired = InForce;
    type Step = Never;

    const NAME: ControllerName = ControllerName::BackupPolicy;
    // Deleting it deletes nothing: its Tenants are then backed up by another policy or by the terms.
    const FINALIZER: bool = false;

    async fn observe(&self, ctx: &Context<C>, policy: &BackupPolicy) -> Result<World, Failure> {
        let key = policy.key();
        let tenants = ctx.cluster.cached_in::<Tenant>(&key.namespace);
        let names = tenants.iter().map(|tenant| tenant.key().name).collect();
        let policies = ctx.cluster.cached_in::<BackupPolicy>(&key.namespace);
        let share = share_of(&key.name, &candidates(&policies), &names);
        let members: Vec<_> = tenants
            .into_iter()
            .filter(|tenant| share.matched.contains(&tenant.key().name))
            .map(|tenant| Member {
                backups: backups_of(ctx, &tenant),
                tenant,
            })
            .collect();
        let mut world = World {
            terms: terms(ctx, &key.namespace, &members).await?,
            without_vault: without_vault(ctx, &members),
            quotas: self.counts.look(ctx, policy, &members).await,
            share,
            members,
            owes: false,
            foreign: BTreeSet::new(),
        };
        look_at_slots(ctx, &mut world);
        Ok(world)
    }

    fn resolve(&self, ctx: &Context<C>, policy: &BackupPolicy, world: &World) -> Resolved<InForce> {
        let Some(terms) = &world.terms else {
            return Resolved {
                desired: None,
                refusals: vec![Refusal {
                    reason: Reason::UnknownTerms,
                    message: "no terms are known".to_owned(),
                }],
            };
        };
        let in_force = in_force(policy, &terms.backup, &world.without_vault, ctx.now());
        let mistake = in_force.mistake.clone().map(|mistake| Refusal {
            reason: mistake.reason,
            message: mistake.message,
        });
        let blocked = world.foreign.iter().map(|name| Refusal {
            reason: Reason::ForeignBackup,
            message: foreign_message(name),
        });
        Resolved {
            refusals: mistake.into_iter().chain(blocked).collect(),
            desired: Some(in_force),
        }
    }

    fn plan(&self, _: &BackupPolicy, _: &InForce, _: &World, _: Timestamp) -> Plan<Never> {
        Plan::default()
    }

    async fn apply(&self, _: &mut Pass<'_, C, BackupPolicy>, _: &World, step: &Never) -> Result<(), Failure> {
        match *step {}
    }

    fn report(
        &self,
        _: &Context<C>,
        policy: &BackupPolicy,
        outcome: &OutcomeOf<Self, C>,
        now: Timestamp,
    ) -> Report<BackupPolicyStatus> {
        let (Ok(world), Some(resolved)) = (&outcome.world, &outcome.resolved) else {
            return Report::default();
        };
        let refusal = resolved.refusals.first();
        let Some(in_force) = &resolved.desired else {
            return Report {
                status: Some(stalled_status(policy, refusal, now)),
                ..Report::default()
            };
        };
        if world.owes && moves_the_schedule(policy, in_force) {
            return waits(policy, now);
        }
        let tally = tally(policy, in_force, &world.members, world.terms.as_deref(), now);
        let mut status = values(policy, in_force, &tally);
        let mut events = edges(&status, refusal);
        events.extend(suspension::edges(&status, &in_force.suspending));
        events.extend(begins_within_the_hour(policy, in_force));
        let quota = quota::condition(&world.quotas, rules_of(&in_force.effective).as_ref());
        events.extend(quota::edges(&status, &quota));
        let mut conditions = Conditions::over(&status.conditions, policy.generation(), now);
        let conflict = conflict(&world.share);
        conditions.set(
            ConditionType::Conflict,
            Some(conflict.reason == Reason::Contested),
            &conflict,
        );
        let suspended = suspension::condition(in_force);
        conditions.set(ConditionType::Suspended, Some(suspended.0), &suspended.1);
        if !quota::stays_short(&status, &quota) {
            conditions.set(ConditionType::QuotaSufficient, quota.0, &quota.1);
        }
        status.conditions = conditions.settle(&standing(in_force, refusal));
        Report {
            status: Some(status),
            events,
            look_again: tally.look_again.into_iter().chain(world.quotas.look_again).min(),
            release: false,
        }
    }
}

/// The strictest terms of the classes that the Tenants are of; without Tenants, of those that allow the namespace.
async fn terms<C: Cluster>(
    ctx: &Context<C>,
    namespace: &str,
    members: &[Member],
) -> Result<Option<Arc<Terms>>, Failure> {
    let of_tenants: BTreeSet<_> = members
        .iter()
        .filter_map(|member| class_of(ctx, &member.tenant))
        .map(|class| class.spec.terms.clone())
        .collect();
    if let Some(terms) = strictest(ctx, &of_tenants) {
        return Ok(Some(terms));
    }
    let facts = ctx.cluster.namespace(namespace).await?.unwrap_or_default();
    let allowing = ctx
        .cluster
        .cached_all::<TenantClass>()
        .into_iter()
        .filter(|class| {
            class.spec.allowed_namespaces.as_ref().is_some_and(|allowed| {
                let by_labels = allowed.selector.as_ref();
                allowed.names.iter().any(|name| name == namespace)
                    || by_labels.is_some_and(|selector| selector::matches(selector, &facts.labels))
            })
        });
    let names = allowing.map(|class| class.spec.terms.clone()).collect();
    Ok(strictest(ctx, &names).or_else(|| strictest(ctx, &all_terms(ctx))))
}

/// What the schedule owes at the moment, and what keeps it from making it.
fn look_at_slots<C: Cluster>(ctx: &Context<C>, world: &mut World) {
    let now = ctx.now();
    let none = BTreeSet::new();
    // The schedule makes nothing for a Tenant that is being deleted, so waiting for it would have no end.
    let staying = world
        .members
        .iter()
        .filter(|member| !member.tenant.is_terminating());
    for member in staying {
        let Some(in_force) = schedule::in_force(ctx, &member.tenant) else {
            continue;
        };
        let taken = slots(member.backups.iter().map(|backup| &**backup));
        let history = History {
            first_ready: first_ready(&member.tenant),
            taken: &taken,
            sets: &none,
        };
        for due in due(&in_force.rule, &history, now) {
            let step = schedule::Step::of_slot(&member.tenant, due, &in_force);
            match blocking(ctx, &member.tenant, &step) {
                Some(name) => drop(world.foreign.insert(name)),
                None => world.owes = true,
            }
        }
    }
}

fn moves_the_schedule(policy: &BackupPolicy, next: &InForce) -> bool {
    let status = policy.status.as_ref();
    let before = status.and_then(|status| status.effective.as_ref());
    before.is_some_and(|before| {
        (&before.at, &before.time_zone) != (&next.effective.at, &next.effective.time_zone)
    })
}

/// Nothing is accepted while the old schedule owes a Backup; that takes one pass of each Tenant, and each Backup made
/// wakes this policy.
fn waits(policy: &BackupPolicy, now: Timestamp) -> Report<BackupPolicyStatus> {
    let mut status = policy.status.clone().unwrap_or_default();
    status.observed_generation = Some(policy.generation());
    let message = "the schedule in force makes the Backups it owes before another is accepted";
    let conditions = Conditions::over(&status.conditions, policy.generation(), now);
    status.conditions = conditions.settle(&Standing::Working(Because::new(Reason::Progressing, message)));
    Report {
        status: Some(status),
        look_again: Some(crate::clock::later(now, LOOK_AGAIN)),
        ..Report::default()
    }
}

fn stalled_status(policy: &BackupPolicy, refusal: Option<&Refusal>, now: Timestamp) -> BackupPolicyStatus {
    let mut status = policy.status.clone().unwrap_or_default();
    status.observed_generation = Some(policy.generation());
    let because = refusal.map_or_else(
        || Because::new(Reason::InvalidSpec, "the spec cannot be honoured"),
        |refusal| Because::new(refusal.reason, refusal.message.clone()),
    );
    let conditions = Conditions::over(&status.conditions, policy.generation(), now);
    status.conditions = conditions.settle(&Standing::Stalled(because));
    status
}

/// The status but for its conditions, which are those of before.
fn values(policy: &BackupPolicy, in_force: &InForce, tally: &Tally) -> BackupPolicyStatus {
    let before = policy.status.clone().unwrap_or_default();
    BackupPolicyStatus {
        observed_generation: Some(policy.generation()),
        last_handled_request_at: before.last_handled_request_at,
        conditions: before.conditions,
        accepted: in_force.accepted.clone(),
        accepted_schedule_at: in_force.schedule_at.map(time),
        effective: Some(in_force.effective.clone()),
        suspension: in_force.suspending.kept().cloned(),
        next_run_time: tally.next_run.map(time),
        last_run: tally.last_run.clone(),
        tenants: Some(tally.counts.clone()),
        good_days_held: tally.good_days,
        max_skew_seconds: tally.max_skew_seconds,
    }
}

/// What is said of engine AWSBackup when it is applied, and as long as it is.
const BY_AWS_BACKUP: &str = " by AWS Backup, which begins within the hour: later than is promised, perhaps";

/// The engine whose start is not its own was just accepted.
fn begins_within_the_hour(policy: &BackupPolicy, in_force: &InForce) -> Option<Happened> {
    let status = policy.status.as_ref();
    let before = status.and_then(|status| status.effective.as_ref()?.engine);
    let is_new = in_force.effective.engine == Some(Engine::AWSBackup) && before != in_force.effective.engine;
    let message =
        "AWS Backup begins within the hour: promise P23 is judged by the measured start and may fail";
    is_new.then(|| Happened::warning(Reason::StartMayBeLate, message))
}

/// The classes of these Tenants that do not say with which vault and role AWS Backup works.
fn without_vault<C: Cluster>(ctx: &Context<C>, members: &[Member]) -> BTreeSet<String> {
    let classes = members.iter().filter_map(|member| class_of(ctx, &member.tenant));
    classes
        .filter(|class| !has_vault(class))
        .map(|class| class.key().name)
        .collect()
}

fn standing(in_force: &InForce, refusal: Option<&Refusal>) -> Standing {
    let values = &in_force.effective;
    match refusal {
        None => {
            let mut message = format!("daily at {} {}", values.at, values.time_zone);
            if values.engine == Some(Engine::AWSBackup) {
                message.push_str(BY_AWS_BACKUP);
            }
            if let Suspending::Yes { span, .. } = &in_force.suspending {
                message.push_str(&format!("; suspended until {}", span.until.0));
            }
            Standing::Ready(Because::new(Reason::Succeeded, message))
        }
        Some(refusal) => {
            let source = if in_force.accepted.is_some() {
                "the last accepted spec"
            } else {
                "the terms"
            };
            let message = format!(
                "{}; in force by {source}: daily at {} {}, {} good days",
                refusal.message, values.at, values.time_zone, values.good_days
            );
            Standing::Stalled(Because::new(refusal.reason, message))
        }
    }
}

fn conflict(share: &Share) -> Because {
    if share.contested.is_empty() {
        return Because::new(Reason::NoConflict, "no Tenant is contested");
    }
    let contested: Vec<_> = share
        .contested
        .iter()
        .map(|(tenant, winner)| format!("{tenant} (by {winner})"))
        .collect();
    let message = format!("another policy is in force for {}", contested.join(", "));
    Because::new(Reason::Contested, truncated(message))
}

/// The API server refuses a longer message.
fn truncated(mut message: String) -> String {
    const LONGEST: usize = 1024;
    if message.len() > LONGEST {
        let cut = message.floor_char_boundary(LONGEST);
        message.truncate(cut);
        message.push('…');
    }
    message
}

/// A mistake is told when it appears, and when it is gone.
fn edges(status: &BackupPolicyStatus, refusal: Option<&Refusal>) -> Vec<Happened> {
    let was_stalled = crate::report::conditions::is_true(&status.conditions, ConditionType::Stalled.as_str());
    match refusal {
        Some(refusal) if !is_stalled_for(&status.conditions, refusal.reason) => {
            vec![Happened::warning(refusal.reason, refusal.message.clone())]
        }
        None if was_stalled => vec![Happened::normal(Reason::Succeeded, "the spec is accepted")],
        Some(_) | None => Vec::new(),
    }
}
