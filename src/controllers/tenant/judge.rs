//! What the published promises come to for one environment: gathers the judges' facts, and judges.
//!
//! Everything is read from caches and from the inventory's newest view, in which repairs of this very pass show
//! already. What the view does not show is not known, and what is not known never passes.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use jiff::Timestamp;

use super::{
    InForce,
    copies::{Copying, vault_of},
    looking::Looking,
    separated,
};
use crate::{
    api::{
        AcceptedAccess, Backup, BackupPolicy, Condition, ConditionType, Engine, Incident, Key, Tenant,
        TenantClass, TenantStatus, time,
    },
    clock::later,
    cloud::{Direction, VaultName},
    cluster::{Cluster, Kind},
    controllers::{
        backup_sources::{backups_of, class_of, terms_of},
        schedule,
    },
    engine::Context,
    inventory::{ListingKind, MAX_AGE, View},
    plan::{
        backup_days::{GoodDays, day_of, good_days, is_held},
        firewall::desired_rules,
        protected::{Answer, Calendar, Copies, Protection, lost_run, protection},
        tenant::Claim,
    },
    promises::{BackupCalendar, BackupFacts, Facts, IncidentSummary, judge_all, next_edge},
    report::{
        conditions::{FALSE, TRUE, find_condition},
        standing::Because,
    },
    terms::Terms,
};

/// How often a Tenant whose copies lie in a vault is judged anew, and the vault asked for: a watch ends after a quarter
/// of an hour, and a vault wakes nobody.
const VAULT_LOOK: Duration = Duration::from_secs(10 * 60);

/// What was judged, and until when that holds if nothing changes.
#[derive(Debug)]
pub(super) struct Judged {
    /// Whether the environment is backed up as promised; `None`: not known now.
    pub(super) protected: Option<(bool, Because)>,
    /// Whether it is kept apart from others, as far as anybody can say; `None`: as last said.
    pub(super) separated: Option<(Option<bool>, Because)>,
    /// When to judge again though nothing changed.
    pub(super) look_again: Option<Timestamp>,
}

/// What is read once and judged from.
struct Ground {
    terms: Arc<Terms>,
    rule: schedule::InForce,
    backups: Vec<Arc<Backup>>,
    view: Option<(Arc<TenantClass>, Arc<View>)>,
    first_ready: Option<Timestamp>,
    now: Timestamp,
}

/// Judges the environment, and writes what came of it into `status`. `None` where not even terms are known.
pub(super) fn judge<C: Cluster>(
    ctx: &Context<C>,
    tenant: &Tenant,
    (claims, in_force): (Option<&[Claim]>, Option<&InForce>),
    status: &mut TenantStatus,
) -> Option<Judged> {
    let ground = Ground {
        terms: terms_of(ctx, tenant)?,
        rule: schedule::in_force(ctx, tenant)?,
        backups: backups_of(ctx, tenant),
        view: class_of(ctx, tenant).map(|class| {
            let view = ctx.inventories.of(&class.site()).view();
            (class, view)
        }),
        first_ready: status.first_ready_at.as_ref().map(|at| at.0),
        now: ctx.now(),
    };
    let access = in_force
        .map(|in_force| &in_force.access)
        .or(status.access.as_ref())
        .cloned();
    let looking = Looking {
        tenant,
        status,
        view: ground.view.as_ref().map(|(class, view)| (&**class, &**view)),
    };
    let facts = Facts {
        now: ground.now,
        heartbeat: looking.heartbeat(),
        first_ready_at: ground.first_ready,
        label: looking.label(claims),
        groups: looking.groups(),
        declared_ingress: access.as_ref().map(declared_ingress),
        metadata: looking.instance().map(|instance| instance.metadata),
        instance_profile: looking.profile(),
        separation: separated::facts(ctx, tenant, ground.view.as_ref().map(|(class, _)| &**class)),
        backup: Some(ground.backup_facts(tenant)),
        incidents: Some(incidents(ctx, tenant)),
    };
    let good = good_days(
        ground.backups(),
        &ground.rule.rules.schedule,
        &ground.rule.methods,
    );
    let vaults = watched_vaults(ctx, &ground, &good);
    let told = find_condition(&status.conditions, ConditionType::Protected.as_str())
        .filter(|condition| condition.status == FALSE)
        .map(|condition| condition.message.as_str());
    let answer = ground.protection(ctx, tenant, &facts, (&good, &vaults, told));
    let exceptions = &tenant.spec.exceptions;
    let board =
        judge_all(&ground.terms, &facts).waive(&ground.terms, (exceptions, ground.approvers()), ground.now);
    status.promises = Some(board.to_status());
    take_backups(status, &good);
    let moments = [
        stale_at(facts.heartbeat, ground.now),
        ground.calendar().next_end(ground.now),
        ground.copying(tenant).look_again(ground.backups()),
        (!vaults.is_empty()).then(|| later(ground.now, VAULT_LOOK)),
        next_edge(exceptions, ground.now),
    ];
    Some(Judged {
        separated: separated::standing(&facts, &status.conditions),
        protected: answer.map(|(holds, reason, message)| (holds, Because::new(reason, message))),
        look_again: moments.into_iter().flatten().min(),
    })
}

impl Ground {
    fn backups(&self) -> impl Iterator<Item = &Backup> {
        self.backups.iter().map(Arc::as_ref)
    }

    /// Who may approve an exception.
    fn approvers(&self) -> &[String] {
        self.view
            .as_ref()
            .map_or(&[], |(class, _)| &class.spec.exception_approvers)
    }

    fn copying<'a>(&'a self, tenant: &'a Tenant) -> Copying<'a> {
        Copying {
            uid: tenant.uid(),
            view: self.view.as_ref().map(|(_, view)| &**view),
            good_days: self.rule.rules.good_days,
            longest: self.rule.rules.longest_run(),
            now: self.now,
        }
    }

    fn calendar(&self) -> Calendar<'_> {
        Calendar {
            first_ready: self.first_ready,
            schedule: &self.rule.rules.schedule,
            longest: self.rule.rules.longest_run(),
        }
    }

    fn backup_facts(&self, tenant: &Tenant) -> BackupFacts {
        let calendar = BackupCalendar {
            schedule: &self.rule.rules.schedule,
            methods: &self.rule.methods,
            good_days: self.terms.backup.good_days,
            first_ready_at: self.first_ready,
            longest: self.rule.rules.longest_run(),
        };
        let copies = self.copying(tenant).seen(self.backups());
        BackupFacts::of(self.backups(), &calendar, copies, self.now)
    }

    fn protection<C: Cluster>(
        &self,
        ctx: &Context<C>,
        tenant: &Tenant,
        facts: &Facts,
        (good, vaults, told): (&GoodDays, &BTreeSet<VaultName>, Option<&str>),
    ) -> Option<Answer> {
        let rule = &self.rule;
        let policy = rule.policy.as_deref().and_then(|policy| {
            let key = tenant.key().sibling(policy);
            ctx.cluster.cached::<BackupPolicy>(&key)
        });
        let copies = facts.sees_aws().then(|| self.copies(ctx, tenant, facts, vaults));
        let asked = Protection {
            calendar: self.calendar(),
            policy: rule.policy.as_deref(),
            methods: &rule.methods,
            promised: &self.terms.backup.methods,
            wanted: rule.rules.good_days,
            good,
            lost_run: lost_run(self.backups(), &rule.rules.schedule, good),
            copies,
            suspended: policy.as_deref().and_then(suspension),
            is_quota_short: policy.as_deref().is_some_and(is_quota_short),
            told,
        };
        protection(&asked, self.now)
    }

    /// What AWS says of the copies of the good days that are kept.
    fn copies<C: Cluster>(
        &self,
        ctx: &Context<C>,
        tenant: &Tenant,
        facts: &Facts,
        vaults: &BTreeSet<VaultName>,
    ) -> Copies {
        let Some(backup) = &facts.backup else {
            return Copies::default();
        };
        let copying = self.copying(tenant);
        let wanted = usize::try_from(self.rule.rules.good_days).unwrap_or(usize::MAX);
        let (unlocked_days, unread_days) = backup.unlocked(wanted);
        let inventory = self
            .view
            .as_ref()
            .map(|(class, _)| ctx.inventories.of(&class.site()));
        Copies {
            unlocked_days,
            unread_days,
            are_locks_unknown: backup.lock_is_unknown(wanted),
            locks_trouble: inventory.and_then(|inventory| inventory.trouble_with(ListingKind::Locks)),
            vault_lack: vaults.iter().find_map(|vault| copying.vault_lack(vault)),
            is_vault_unknown: vaults.iter().any(|vault| copying.is_vault_unknown(vault)),
            exposed: backup.exposed.present().into_iter().flatten().cloned().collect(),
            unread_copies: copying.unread(),
        }
    }
}

/// The vaults that hold copies of guaranteed days, and the one that the next go to; kept in the inventory's eye, which
/// looks at them only while somebody asks. Each set by its own engine: days that AWS Backup took are guaranteed still
/// when the policy has another.
fn watched_vaults<C: Cluster>(ctx: &Context<C>, ground: &Ground, good: &GoodDays) -> BTreeSet<VaultName> {
    let Some((class, _)) = &ground.view else {
        return BTreeSet::new();
    };
    let rules = &ground.rule.rules;
    let wanted = usize::try_from(rules.good_days).unwrap_or(usize::MAX);
    let guaranteed: BTreeSet<_> = good.days.iter().rev().take(wanted).collect();
    let is_guaranteed = |backup: &&Backup| {
        let day = day_of(backup, &rules.schedule);
        is_held(backup) && day.is_some_and(|day| guaranteed.contains(&day))
    };
    let by_aws_backup = ground
        .backups()
        .filter(|backup| backup.engine() == Some(Engine::AWSBackup))
        .filter(is_guaranteed);
    let holding = by_aws_backup.filter_map(vault_of);
    let next = class
        .spec
        .backup
        .as_ref()
        .and_then(|backup| backup.vault.as_deref());
    let next = next.filter(|_| rules.engine == Engine::AWSBackup);
    let vaults: BTreeSet<_> = holding.chain(next).map(VaultName::from).collect();
    let inventory = ctx.inventories.of(&class.site());
    for vault in &vaults {
        inventory.watch_vault(vault);
    }
    vaults
}

/// Why the policy begins no backup for a while. Its own controller says whether that time is over.
fn suspension(policy: &BackupPolicy) -> Option<&str> {
    let suspended = condition(policy, ConditionType::Suspended)?;
    (suspended.status == TRUE).then(|| policy.spec.suspend_reason.as_deref().unwrap_or_default())
}

fn is_quota_short(policy: &BackupPolicy) -> bool {
    condition(policy, ConditionType::QuotaSufficient).is_some_and(|condition| condition.status == FALSE)
}

fn condition(policy: &BackupPolicy, type_: ConditionType) -> Option<&Condition> {
    let status = policy.status.as_ref()?;
    find_condition(&status.conditions, type_.as_str())
}

fn take_backups(status: &mut TenantStatus, good: &GoodDays) {
    status.last_good_backup_time = good.newest_at.map(time);
    status.good_backup_days = Some(i32::try_from(good.days.len()).unwrap_or(i32::MAX));
}

/// When what is known of AWS turns into something that is not known any more, unless another sweep comes.
fn stale_at(heartbeat: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    let stale_at = later(heartbeat?, MAX_AGE + Duration::from_secs(1));
    // What is stale already changes only with a sweep, and that wakes everything.
    (stale_at > now).then_some(stale_at)
}

fn incidents<C: Cluster>(ctx: &Context<C>, tenant: &Tenant) -> Vec<IncidentSummary> {
    let Key { namespace, name } = tenant.key();
    let mut incidents = ctx.cluster.cached_in::<Incident>(&namespace);
    incidents.retain(|incident| incident.spec.tenant_refs.contains(&name));
    incidents
        .iter()
        .map(|incident| IncidentSummary::of(incident, &name))
        .collect()
}

fn declared_ingress(access: &AcceptedAccess) -> BTreeSet<crate::cloud::Rule> {
    let mut rules = desired_rules(access);
    rules.retain(|rule| rule.direction == Direction::Ingress);
    rules
}
