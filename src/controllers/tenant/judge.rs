//! What the published promises come to for one environment: gathers the judges' facts, and judges.
//!
//! Everything is read from caches and from the inventory's newest view, in which repairs of this very pass show
//! already. What the view does not show is not known, and what is not known never passes.

use std::{collections::BTreeSet, sync::Arc};

use jiff::Timestamp;

use super::InForce;
use crate::{
    api::{
        AcceptedAccess, BackupPolicy, Condition, ConditionType, Incident, Key, Tenant, TenantClass,
        TenantStatus, names, time,
    },
    clock::later,
    cloud::{Direction, Instance, InstanceId, Observed, SecurityGroupId},
    cluster::{Cluster, Kind},
    controllers::{
        backup_sources::{backups_of, class_of, terms_of},
        schedule,
    },
    engine::Context,
    inventory::{MAX_AGE, View},
    plan::{
        backup_days::{GoodDays, good_days},
        class::quarantine_name,
        firewall::desired_rules,
        protected::{Calendar, Copies, Protection, lost_run, protection},
        tenant::{Claim, holder},
    },
    promises::{
        AttachedGroup, BackupCalendar, BackupFacts, Facts, GroupRole, IncidentSummary, LabelFacts, judge_all,
    },
    report::{
        conditions::{FALSE, TRUE, find_condition},
        standing::Because,
    },
};

/// What was judged, and until when that holds if nothing changes.
#[derive(Debug)]
pub(super) struct Judged {
    /// Whether the environment is backed up as promised; `None`: not known now.
    pub(super) protected: Option<(bool, Because)>,
    /// When to judge again though nothing changed.
    pub(super) look_again: Option<Timestamp>,
}

/// Judges the environment, and writes what came of it into `status`. `None` where not even terms are known.
pub(super) fn judge<C: Cluster>(
    ctx: &Context<C>,
    tenant: &Tenant,
    (claims, in_force): (Option<&[Claim]>, Option<&InForce>),
    status: &mut TenantStatus,
) -> Option<Judged> {
    let terms = terms_of(ctx, tenant)?;
    let backups = backups_of(ctx, tenant);
    let rule = schedule::in_force(ctx, tenant)?;
    let schedule = &rule.rule.schedule;
    let first_ready_at = status.first_ready_at.as_ref().map(|at| at.0);
    let good = good_days(backups.iter().map(Arc::as_ref), schedule, &rule.methods);
    let calendar = BackupCalendar {
        schedule,
        methods: &rule.methods,
        good_days: terms.backup.good_days,
        first_ready_at,
    };
    let now = ctx.now();
    let view = class_of(ctx, tenant).map(|class| {
        let view = ctx.inventories.of(&class.site()).view();
        (class, view)
    });
    let access = in_force
        .map(|in_force| &in_force.access)
        .or(status.access.as_ref())
        .cloned();
    let looking = Looking {
        tenant,
        status,
        view: view.as_ref().map(|(class, view)| (&**class, &**view)),
    };
    let facts = Facts {
        now,
        heartbeat: looking.heartbeat(),
        first_ready_at,
        label: looking.label(claims),
        groups: looking.groups(),
        declared_ingress: access.as_ref().map(declared_ingress),
        metadata: looking.instance().map(|instance| instance.metadata),
        instance_profile: looking.profile(),
        backup: Some(BackupFacts::of(backups.iter().map(Arc::as_ref), &calendar, now)),
        incidents: Some(incidents(ctx, tenant)),
    };
    let scoreboard = judge_all(&terms, &facts);
    let (heartbeat, sees_aws) = (facts.heartbeat, facts.sees_aws());
    status.promises = Some(scoreboard.to_status());
    take_backups(status, &good);
    let policy = rule.policy.as_deref().and_then(|policy| {
        let key = tenant.key().sibling(policy);
        ctx.cluster.cached::<BackupPolicy>(&key)
    });
    let due = Calendar {
        first_ready: first_ready_at,
        schedule,
        longest: rule.rules.starting_deadline + rule.rules.timeout,
    };
    let answer = protection(
        &Protection {
            calendar: due,
            policy: rule.policy.as_deref(),
            methods: &rule.methods,
            promised: &terms.backup.methods,
            wanted: rule.rules.good_days,
            good: &good,
            lost_run: lost_run(backups.iter().map(Arc::as_ref), schedule, &good),
            copies: sees_aws.then(Copies::default),
            suspended: policy.as_deref().and_then(suspension),
            is_quota_short: policy.as_deref().is_some_and(is_quota_short),
        },
        now,
    );
    Some(Judged {
        protected: answer.map(|(holds, reason, message)| (holds, Because::new(reason, message))),
        look_again: [stale_at(heartbeat, now), due.next_end(now)]
            .into_iter()
            .flatten()
            .min(),
    })
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
    let stale_at = later(heartbeat?, MAX_AGE + std::time::Duration::from_secs(1));
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

/// The environment as the newest view shows it.
struct Looking<'a> {
    tenant: &'a Tenant,
    status: &'a TenantStatus,
    view: Option<(&'a TenantClass, &'a View)>,
}

impl<'a> Looking<'a> {
    fn heartbeat(&self) -> Option<Timestamp> {
        self.view.and_then(|(_, view)| view.listed_at())
    }

    fn bound(&self) -> Option<InstanceId> {
        self.status.instance_id.as_deref().map(InstanceId::from)
    }

    fn instance(&self) -> Observed<&'a Instance> {
        let Some(id) = self.bound() else {
            return Observed::Absent;
        };
        let Some((_, view)) = self.view else {
            return Observed::Unknown;
        };
        match view.instance(&id) {
            Observed::Present(instance) if !instance.state.is_live() => Observed::Absent,
            seen => seen,
        }
    }

    fn profile(&self) -> Observed<String> {
        match self.instance() {
            Observed::Unknown => Observed::Unknown,
            Observed::Absent => Observed::Absent,
            Observed::Present(instance) => match &instance.instance_profile {
                Some(profile) => Observed::Present(profile.clone()),
                None => Observed::Absent,
            },
        }
    }

    fn label(&self, claims: Option<&[Claim]>) -> LabelFacts {
        let label = self.tenant.spec.label.as_str();
        let bound = self.bound();
        let others = self.view.and_then(
            |(_, view)| match view.instances_tagged(names::tags::LABEL, label) {
                Observed::Unknown => None,
                Observed::Absent => Some(BTreeSet::new()),
                Observed::Present(found) => Some(
                    found
                        .into_iter()
                        .filter(|instance| instance.state.is_live() && Some(&instance.id) != bound.as_ref())
                        .map(|instance| instance.id.to_string())
                        .collect(),
                ),
            },
        );
        let tag = match self.instance() {
            Observed::Unknown => Observed::Unknown,
            Observed::Absent => Observed::Absent,
            Observed::Present(instance) => match instance.tags.get(names::tags::LABEL) {
                Some(tag) => Observed::Present(tag.clone()),
                None => Observed::Absent,
            },
        };
        LabelFacts {
            tenant: self.tenant.key().to_string(),
            value: label.to_owned(),
            holder: claims.and_then(holder).map(|claim| claim.tenant.to_string()),
            other_instances: others,
            tag,
        }
    }

    fn groups(&self) -> Observed<Vec<AttachedGroup>> {
        self.instance().map(|instance| {
            let ids: BTreeSet<_> = instance
                .interfaces
                .iter()
                .flat_map(|interface| &interface.groups)
                .collect();
            ids.into_iter().filter_map(|id| self.group(id)).collect()
        })
    }

    fn group(&self, id: &SecurityGroupId) -> Option<AttachedGroup> {
        let (class, view) = self.view?;
        let found = view.group(id);
        let is_named = |name: &str| {
            found
                .present()
                .is_some_and(|group| group.name.eq_ignore_ascii_case(name))
        };
        let is_base = class
            .spec
            .network
            .base_group_ids
            .iter()
            .any(|base| base == id.as_str());
        let role = if self.status.security_group_id.as_deref() == Some(id.as_str()) {
            GroupRole::Own
        } else if is_base {
            GroupRole::Base
        } else if is_named(&quarantine_name(class.uid())) {
            GroupRole::Quarantine
        } else {
            GroupRole::Foreign
        };
        Some(AttachedGroup {
            id: id.clone(),
            role,
            // A group without our tag is in no listing: not to see it is not to know it.
            rules: match found {
                Observed::Present(group) => Observed::Present(group.rules.clone()),
                Observed::Unknown | Observed::Absent => Observed::Unknown,
            },
        })
    }
}
