//! Asking AWS beforehand which rights the operator has where a class keeps its environments.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;

use super::{World, identity_of};
use crate::{
    api::{Backup, Condition, ConditionType, Reason, Tenant, TenantClass, TenantClassStatus, names::tags},
    clock::later,
    cloud::{Cloud, CloudError, ImageId, Instance, Operation, SecurityGroupId, SnapshotId, VolumeId},
    cluster::{Cluster, Happened, Index, Kind},
    engine::{Context, Failure},
    inventory::View,
    plan::permission::{Answer, Answers, Demand, Ground, Verdict, due_at, probe_of, verdict},
    report::{
        conditions::{FALSE, find_condition, is_true},
        standing::{Because, Conditions},
    },
};

/// How long to ask nothing more after AWS did not answer or asked us to slow down: nobody waits for these answers.
const PAUSE: Duration = Duration::from_secs(5 * 60);

/// What was asked about each class. Another process asks again: that costs some twenty calls per class.
#[derive(Debug, Default)]
pub(super) struct Preflight {
    /// By the class's uid.
    kept: Mutex<HashMap<String, Kept>>,
}

#[derive(Clone, Debug, Default)]
struct Kept {
    /// What the answers are about.
    generation: i64,
    answers: Answers,
    paused_until: Option<Timestamp>,
}

/// What is known of the rights, and when to ask again.
#[derive(Clone, Debug)]
pub struct Rights {
    /// The last answers.
    pub(super) answers: Answers,
    /// When the next question is due.
    pub(super) look_again: Option<Timestamp>,
}

/// A class, and what of it there is to ask about.
pub(super) struct Asking<'a> {
    pub(super) class: &'a TenantClass,
    pub(super) ground: Ground<'a>,
    pub(super) demand: Demand,
    pub(super) now: Timestamp,
}

impl Preflight {
    /// Asks what is due, one call after another.
    ///
    /// # Errors
    /// Where the account cannot be entered.
    pub(super) async fn ask(&self, cloud: &dyn Cloud, asking: &Asking<'_>) -> Result<Rights, Failure> {
        let Asking {
            class,
            ground,
            demand,
            now,
        } = asking;
        let now = *now;
        let mut kept = self.kept_of(class);
        let probes = Operation::ALL
            .into_iter()
            .filter_map(|operation| Some((operation, probe_of(operation, ground)?)));
        let mut look_again = None;
        for (operation, probe) in probes {
            let due = due_at(kept.answers.get(&operation), demand);
            if due.is_none_or(|at| at > now) {
                look_again = look_again.into_iter().chain(due).min();
                continue;
            }
            if let Some(until) = kept.paused_until.filter(|until| now < *until) {
                look_again = look_again.into_iter().chain([until]).min();
                continue;
            }
            match cloud.permission(&probe).await {
                Ok(permission) => {
                    kept.answers.insert(operation, Answer { permission, at: now });
                    let next = due_at(kept.answers.get(&operation), demand);
                    look_again = look_again.into_iter().chain(next).min();
                }
                Err(error) if error.lacks_right() => {
                    self.keep(class, kept);
                    return Err(error.into());
                }
                Err(error) => {
                    tracing::debug!(%error, "a right could not be asked for");
                    let until = later(now, PAUSE);
                    kept.paused_until = Some(until);
                    look_again = look_again.into_iter().chain([until]).min();
                }
            }
        }
        self.keep(class, kept.clone());
        Ok(Rights {
            answers: kept.answers,
            look_again,
        })
    }

    fn kept_of(&self, class: &TenantClass) -> Kept {
        let kept = self.kept().get(class.uid()).cloned().unwrap_or_default();
        if kept.generation == class.generation() {
            return kept;
        }
        Kept {
            generation: class.generation(),
            ..Kept::default()
        }
    }

    fn keep(&self, class: &TenantClass, kept: Kept) {
        self.kept().insert(class.uid().to_owned(), kept);
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<String, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The Tenants of a class.
pub(super) fn tenants_of<C: Cluster>(ctx: &Context<C>, class: &TenantClass) -> Vec<Arc<Tenant>> {
    let name = class.metadata.name.as_deref().unwrap_or_default();
    ctx.cluster.cached_by::<Tenant>(Index::Class, name)
}

/// Why the rights of a class matter to these Tenants.
pub(super) fn demand_of<'a>(tenants: impl Iterator<Item = &'a Tenant>, backups: &[Arc<Backup>]) -> Demand {
    let mut demand = Demand::default();
    for status in backups.iter().filter_map(|backup| backup.status.as_ref()) {
        demand.doubted_at = demand.doubted_at.max(denied_at(&status.conditions));
    }
    for tenant in tenants {
        let status = tenant.status.as_ref();
        let conditions = status
            .map(|status| status.conditions.as_slice())
            .unwrap_or_default();
        let is_seen = status.and_then(|status| status.observed_generation) == Some(tenant.generation());
        let is_done = is_seen && !tenant.is_terminating();
        demand.is_busy |= !is_done || !is_true(conditions, ConditionType::Ready.as_str());
        demand.doubted_at = demand.doubted_at.max(denied_at(conditions));
    }
    demand
}

/// Since when an object is denied something; `None` if it is not.
fn denied_at(conditions: &[Condition]) -> Option<Timestamp> {
    let stalled = find_condition(conditions, ConditionType::Stalled.as_str())?;
    (stalled.reason == Reason::Denied.as_str()).then_some(stalled.last_transition_time.0)
}

/// The Backups of these Tenants that are denied something.
pub(super) fn denied_backups<C: Cluster>(ctx: &Context<C>, tenants: &[Arc<Tenant>]) -> Vec<Arc<Backup>> {
    let mut denied = ctx
        .cluster
        .cached_by::<Backup>(Index::Stalled, Reason::Denied.as_str());
    if !denied.is_empty() {
        let keys: BTreeSet<_> = tenants.iter().map(|tenant| tenant.key()).collect();
        denied.retain(|backup| keys.contains(&backup.key().sibling(&backup.spec.tenant_ref)));
    }
    denied
}

/// What of a class there is to ask about.
pub(super) fn ground_of<'a, C: Cluster>(
    ctx: &Context<C>,
    class: &'a TenantClass,
    (world, tenants): (&World, &[Arc<Tenant>]),
    view: &'a View,
) -> Ground<'a> {
    let known = world.subnets.iter().find_map(|(id, subnet)| {
        let subnet = subnet.as_ref()?;
        Some((id.clone(), subnet.vpc_id.clone()))
    });
    let instance = instance_of(tenants, view);
    Ground {
        identity: identity_of(&ctx.identity, class),
        spec: &class.spec,
        subnet: known,
        group: group_of(world, tenants),
        instance,
        volume: instance.and_then(|instance| volume_of(instance, view)),
        snapshot: tenants.iter().find_map(|tenant| snapshot_of(tenant, view)),
        image: tenants.iter().find_map(|tenant| image_of(tenant, view)),
    }
}

/// A snapshot of a Tenant that we made: AWS Backup's carry its tags, too.
fn snapshot_of(tenant: &Tenant, view: &View) -> Option<SnapshotId> {
    let snapshots = view.snapshots_tagged(tags::UID, tenant.uid());
    let mut own = snapshots.present()?.iter().filter(|snapshot| {
        snapshot.tags.contains_key(tags::BACKUP) && !snapshot.tags.contains_key(tags::AWS_BACKUP_SOURCE)
    });
    own.next().map(|snapshot| snapshot.id.clone())
}

/// A volume of an instance, with its size.
fn volume_of(instance: &Instance, view: &View) -> Option<(VolumeId, i32)> {
    let volumes = view.volumes_of(&instance.id);
    let volume = volumes.present()?.first()?;
    Some((volume.id.clone(), volume.size_gib))
}

fn image_of(tenant: &Tenant, view: &View) -> Option<ImageId> {
    let images = view.images_tagged(tags::UID, tenant.uid());
    images.present()?.first().map(|image| image.id.clone())
}

/// A group of the class: the quarantine group, or that of a Tenant.
fn group_of(world: &World, tenants: &[Arc<Tenant>]) -> Option<SecurityGroupId> {
    if let Some(group) = world.quarantine.group.present() {
        return Some(group.id.clone());
    }
    let of_tenant = |tenant: &Arc<Tenant>| {
        let id = tenant.status.as_ref()?.security_group_id.as_deref()?;
        Some(SecurityGroupId::from(id))
    };
    tenants.iter().find_map(of_tenant)
}

/// The instance of the first of these Tenants that has one.
fn instance_of<'a>(tenants: &[Arc<Tenant>], view: &'a View) -> Option<&'a Instance> {
    let of_tenant = |tenant: &Arc<Tenant>| {
        let id = tenant.status.as_ref()?.instance_id.as_deref()?;
        let instance = *view.instance(&id.into()).present()?;
        instance.state.is_live().then_some(instance)
    };
    tenants.iter().find_map(of_tenant)
}

/// What is to be told of the rights; `None` where nothing new is known.
pub(super) fn verdict_of(rights: Option<&Rights>, failure: Option<&Failure>) -> Option<Verdict> {
    let denied = failure.and_then(denied);
    match (rights, denied) {
        (Some(rights), denied) => Some(verdict(&rights.answers, denied.map(|error| error.operation))),
        (None, Some(error)) => {
            let mut verdict = verdict(&Answers::new(), Some(error.operation));
            // More than a policy may be missing: the error says what.
            verdict.message = error.to_string();
            Some(verdict)
        }
        (None, None) => None,
    }
}

/// The error of a call for which a right was missing.
fn denied(failure: &Failure) -> Option<&CloudError> {
    match failure {
        Failure::Cloud(error) if error.lacks_right() => Some(error),
        _ => None,
    }
}

/// Writes what is known into the conditions.
pub(super) fn tell(conditions: &mut Conditions, verdict: &Verdict) {
    let because = Because::new(verdict.reason, verdict.message.clone());
    conditions.set(ConditionType::Permitted, verdict.holds, &because);
}

/// The edges between two statuses: rights that went missing, and that came back.
pub(super) fn edges(before: &TenantClassStatus, after: &TenantClassStatus) -> Vec<Happened> {
    let type_ = ConditionType::Permitted.as_str();
    let old = find_condition(&before.conditions, type_);
    let Some(new) = find_condition(&after.conditions, type_) else {
        return Vec::new();
    };
    let was_false = old.is_some_and(|old| old.status == FALSE);
    let is_false = new.status == FALSE;
    let is_news = old.is_none_or(|old| old.message != new.message);
    match (was_false, is_false) {
        (_, true) if is_news => vec![Happened::warning(Reason::Denied, new.message.clone())],
        (true, false) if is_true(&after.conditions, type_) => {
            vec![Happened::normal(Reason::Permitted, new.message.clone())]
        }
        _ => Vec::new(),
    }
}
