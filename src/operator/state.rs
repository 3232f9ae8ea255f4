//! The state of the installation as the caches hold it, for metrics and readiness.

use std::{sync::Arc, time::Duration};

use futures::FutureExt;
use jiff::Timestamp;
use tokio::sync::watch;

use super::Caches;
use crate::{
    api::{
        Backup, BackupPhase, BackupPolicy, Condition, ConditionType, Incident, Key, MethodState, Tenant,
        TenantStatus, Verdict,
    },
    clock::elapsed,
    cluster::{Cluster, Index, Kind, KubeCluster},
    engine::Context,
    http::Readiness,
    lease::Leadership,
    metrics::{BackupRow, IncidentRow, ListingRow, PolicyRow, RotationRow, Source, State, TenantRow},
    plan::backup_days::began,
    report::conditions::{FALSE, TRUE, find_condition},
    terms::{Method, PromiseId},
};

/// Every policy is daily.
const DAILY: Duration = Duration::from_secs(24 * 60 * 60);

/// Where state is read from.
#[derive(Clone)]
pub(super) struct Stores {
    pub(super) ctx: Arc<Context<KubeCluster>>,
    pub(super) leadership: watch::Receiver<Leadership>,
    pub(super) caches: Caches,
}

impl Stores {
    fn leads(&self) -> bool {
        *self.leadership.borrow() == Leadership::Leading
    }

    /// Ready is who could act, or acts: caches are filled, and a leader has looked at every account and region in use. One
    /// that does not let us in is told of by its class, and holds up no other.
    pub(super) fn readiness(&self) -> Readiness {
        let stores = self.clone();
        Arc::new(move || {
            if stores.caches.ready().now_or_never().is_none() {
                return Err("the caches are not filled yet".to_owned());
            }
            if stores.leads() && !stores.ctx.inventories.was_tried() {
                return Err("AWS was not listed yet".to_owned());
            }
            Ok(())
        })
    }
}

impl Source for Stores {
    fn read(&self) -> State {
        let cluster = &self.ctx.cluster;
        let row_of = |tenant: &Arc<Tenant>| {
            let named = tenant.key().to_string();
            tenant_row(tenant, &cluster.cached_by(Index::Tenant, &named))
        };
        State {
            leader: self.leads(),
            tenants: cluster.cached_all::<Tenant>().iter().map(row_of).collect(),
            policies: cluster
                .cached_all::<BackupPolicy>()
                .iter()
                .map(|policy| policy_row(policy))
                .collect(),
            incidents: cluster
                .cached_all::<Incident>()
                .iter()
                .map(|incident| incident_row(incident))
                .collect(),
            listings: self.listings(),
            rotations: self.rotations(),
        }
    }
}

impl Stores {
    fn listings(&self) -> Vec<ListingRow> {
        let listings = self.ctx.inventories.listings().into_iter();
        let rows = listings.map(|(site, listing)| ListingRow {
            site,
            listing: listing.kind.as_str(),
            last_success: listing.last_success,
            pages: listing.pages,
            period: listing.period,
        });
        rows.collect()
    }

    fn rotations(&self) -> Vec<RotationRow> {
        let rotations = self.ctx.inventories.rotations().into_iter();
        let rows = rotations.map(|(site, length)| RotationRow { site, length });
        rows.collect()
    }
}

fn tenant_row(tenant: &Tenant, own: &[Arc<Backup>]) -> TenantRow {
    let Key { namespace, name } = tenant.key();
    let spec = &tenant.spec;
    let status = tenant.status.clone().unwrap_or_default();
    TenantRow {
        customer: spec.customer.clone(),
        label: spec.label.to_string(),
        environment: spec.environment.to_string(),
        application: spec.application.name.clone(),
        version: spec.application.version.clone(),
        plan: spec.plan.clone(),
        promises: promises_of(&status),
        drift_items: status
            .drift
            .as_ref()
            .and_then(|drift| u32::try_from(drift.count).ok()),
        good_days: status.good_backup_days.and_then(|days| u32::try_from(days).ok()),
        start_skew: newest_skew(own),
        backups: newest_success(own).into_iter().collect(),
        backup_interval: status.first_ready_at.as_ref().map(|_| DAILY),
        locked_until: locked_until(own),
        protected_lag: protected_lag(own),
        protected: is_protected(&status),
        separated: holds(&status.conditions, ConditionType::Separated),
        namespace,
        tenant: name,
    }
}

fn promises_of(status: &TenantStatus) -> Vec<(PromiseId, Verdict)> {
    let results = status.promises.iter().flat_map(|promises| &promises.results);
    results
        .filter_map(|result| {
            let id = result.id.trim_start_matches('P').parse().ok()?;
            Some((PromiseId(id), result.verdict))
        })
        .collect()
}

fn newest_skew(backups: &[Arc<Backup>]) -> Option<Duration> {
    let scheduled = backups.iter().filter_map(|backup| {
        let at = backup.spec.scheduled_time.as_ref()?;
        let skew = backup.status.as_ref()?.start_skew_seconds?;
        Some((at.0, u64::try_from(skew).unwrap_or_default()))
    });
    scheduled.max().map(|(_, skew)| Duration::from_secs(skew))
}

fn newest_success(backups: &[Arc<Backup>]) -> Option<BackupRow> {
    let methods = backups
        .iter()
        .filter_map(|backup| backup.status.as_ref())
        .flat_map(|status| &status.methods);
    methods
        .filter(|method| method.state == MethodState::Complete)
        .filter_map(|method| method.started_at.as_ref())
        .map(|at| at.0)
        .max()
        .map(|last_success| BackupRow {
            method: Method::Snapshot,
            last_success,
        })
}

/// Until when the newest complete Backup is locked, as its record has it from AWS.
fn locked_until(backups: &[Arc<Backup>]) -> Option<Timestamp> {
    let complete = backups.iter().filter_map(|backup| {
        let status = backup.status.as_ref()?;
        (status.phase == Some(BackupPhase::Complete)).then_some((began(backup)?, status))
    });
    let (_, newest) = complete.max_by_key(|(began, _)| *began)?;
    newest.locked_until.as_ref().map(|until| until.0)
}

/// From taking the newest protected Backup on to its last lock.
fn protected_lag(backups: &[Arc<Backup>]) -> Option<Duration> {
    let protected = backups.iter().filter_map(|backup| {
        let status = backup.status.as_ref()?;
        Some((status.accepted_at.as_ref()?.0, status.protected_at.as_ref()?.0))
    });
    let (accepted, protected) = protected.max()?;
    Some(elapsed(accepted, protected))
}

fn is_protected(status: &TenantStatus) -> Option<bool> {
    holds(&status.conditions, ConditionType::Protected)
}

/// Whether a condition holds; `None` where nobody knows.
fn holds(conditions: &[Condition], type_: ConditionType) -> Option<bool> {
    match find_condition(conditions, type_.as_str())?.status.as_str() {
        TRUE => Some(true),
        FALSE => Some(false),
        _ => None,
    }
}

fn policy_row(policy: &BackupPolicy) -> PolicyRow {
    let Key { namespace, name } = policy.key();
    let status = policy.status.clone().unwrap_or_default();
    PolicyRow {
        namespace,
        policy: name,
        quota_sufficient: holds(&status.conditions, ConditionType::QuotaSufficient),
        suspended: holds(&status.conditions, ConditionType::Suspended) == Some(true),
    }
}

fn incident_row(incident: &Incident) -> IncidentRow {
    let status = incident.status.clone().unwrap_or_default();
    let told = status.notified_at.is_some();
    IncidentRow {
        namespace: incident.key().namespace,
        tenants: incident.spec.tenant_refs.clone(),
        type_: incident.spec.type_.as_str(),
        open: status.phase != Some(crate::api::IncidentPhase::Closed),
        notify_by: status.notify_by.filter(|_| !told).map(|at| at.0),
    }
}

#[cfg(test)]
mod tests;
