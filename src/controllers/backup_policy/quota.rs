//! Counts the snapshots of accounts, and says whether their quotas have room for what a policy keeps.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;

use super::{tally::Member, truncated};
use crate::{
    api::{BackupPolicy, BackupPolicyStatus, ConditionType, Reason, names::tags},
    clock::{elapsed, later},
    cloud::{Lane, Observed, Site, Snapshot},
    cluster::{Cluster, Happened},
    controllers::backup_sources::class_of,
    engine::Context,
    plan::backup_policy::{BackupRules, SNAPSHOT_QUOTA, SnapshotCount},
    report::{
        conditions::{FALSE, find_condition},
        standing::Because,
    },
};

/// How long before the next run the count is taken: time enough for a person to be told, and the answer is fresh.
const BEFORE: Duration = Duration::from_secs(60 * 60);

/// A count is not repeated sooner. Less than a day between two slots, whichever way the clocks are changed; policies
/// with other times share the count.
const COUNTED_FOR: Duration = Duration::from_secs(20 * 60 * 60);

/// How long to leave AWS alone after a count that failed.
const PAUSE: Duration = Duration::from_secs(5 * 60);

/// What was counted, by account and region. Another process counts again before the next run.
#[derive(Debug, Default)]
pub(super) struct Counts {
    sites: Mutex<HashMap<Site, Arc<tokio::sync::Mutex<Kept>>>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Kept {
    count: Option<(Timestamp, SnapshotCount)>,
    failed_at: Option<Timestamp>,
}

/// A quota, and what is known of its use.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Quota {
    site: Site,
    quota: u64,
    count: Option<SnapshotCount>,
}

/// The quotas of a policy's Tenants, and when to look again.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Quotas {
    all: Vec<Quota>,
    pub(super) look_again: Option<Timestamp>,
}

impl Counts {
    /// What is known of the quotas of these Tenants; counts anew in the hour before the policy's next run.
    pub(super) async fn look<C: Cluster>(
        &self,
        ctx: &Context<C>,
        policy: &BackupPolicy,
        members: &[Member],
    ) -> Quotas {
        let now = ctx.now();
        let status = policy.status.as_ref();
        let next_run = status.and_then(|status| status.next_run_time.as_ref());
        let count_at = next_run.map(|at| at.0.checked_sub(BEFORE).unwrap_or(at.0));
        let is_time = count_at.is_some_and(|at| at <= now) && next_run.is_some_and(|at| now < at.0);
        let mut found = Quotas {
            look_again: count_at.filter(|at| *at > now),
            ..Quotas::default()
        };
        for (site, quota) in quotas(ctx, members) {
            let kept = self.of(&site);
            // Whoever comes during a count takes what it finds.
            let mut kept = kept.lock().await;
            let is_old = kept.count.is_none_or(|(at, _)| elapsed(at, now) >= COUNTED_FOR);
            if is_time && is_old {
                let retry_at = kept.failed_at.map(|at| later(at, PAUSE)).filter(|at| *at > now);
                match retry_at {
                    Some(_) => {}
                    None => match count(ctx, &site).await {
                        Some(count) => kept.count = Some((now, count)),
                        None => kept.failed_at = Some(ctx.now()),
                    },
                }
                if kept.count.is_none_or(|(at, _)| elapsed(at, now) >= COUNTED_FOR) {
                    let retry_at = retry_at.unwrap_or_else(|| later(now, PAUSE));
                    found.look_again = found.look_again.into_iter().chain([retry_at]).min();
                }
            }
            let count = kept.count.map(|(_, count)| count);
            found.all.push(Quota { site, quota, count });
        }
        found
    }

    fn of(&self, site: &Site) -> Arc<tokio::sync::Mutex<Kept>> {
        let mut sites = self.sites.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(sites.entry(site.clone()).or_default())
    }
}

/// The quota of each account and region that the Tenants are in: of several classes there, what the most careful says.
fn quotas<C: Cluster>(ctx: &Context<C>, members: &[Member]) -> BTreeMap<Site, u64> {
    let mut found = BTreeMap::new();
    for class in members.iter().filter_map(|member| class_of(ctx, &member.tenant)) {
        let raised = class
            .spec
            .backup
            .as_ref()
            .and_then(|backup| backup.snapshot_quota);
        let quota = raised
            .and_then(|quota| u64::try_from(quota).ok())
            .unwrap_or(SNAPSHOT_QUOTA);
        let least = found.entry(class.site()).or_insert(quota);
        *least = quota.min(*least);
    }
    found
}

/// Counts; `None` where AWS does not say.
async fn count<C: Cluster>(ctx: &Context<C>, site: &Site) -> Option<SnapshotCount> {
    let cluster = ctx.identity.cluster_id.to_string();
    let view = ctx.inventories.of(site).view();
    let volumes = match view.volumes_tagged(tags::CLUSTER, &cluster) {
        Observed::Unknown => return None,
        Observed::Absent => 0,
        Observed::Present(volumes) => volumes.len(),
    };
    // AWS Backup copies the tags of our volumes onto whatever it makes of them: ours are behind the images we asked for.
    let images = view.images_tagged(tags::CLUSTER, &cluster);
    let asked_for: BTreeSet<_> = images
        .present()
        .into_iter()
        .flatten()
        .filter(|image| image.tags.contains_key(tags::BACKUP))
        .flat_map(|image| &image.snapshots)
        .collect();
    let ours = match view.snapshots_tagged(tags::CLUSTER, &cluster) {
        Observed::Unknown => return None,
        Observed::Absent => 0,
        Observed::Present(snapshots) => {
            let is_ours = |snapshot: &&&Snapshot| {
                !snapshot.tags.contains_key(tags::AWS_BACKUP_SOURCE) || asked_for.contains(&snapshot.id)
            };
            snapshots.iter().filter(is_ours).count()
        }
    };
    let cloud = ctx.inventories.cloud(site, Lane::CleanUp);
    match cloud.count_snapshots().await {
        Ok(total) => Some(SnapshotCount {
            others: total.saturating_sub(many(ours)),
            ours: many(ours),
            volumes: many(volumes),
        }),
        Err(error) => {
            tracing::debug!(%site, %error, "the snapshots of the account could not be counted");
            None
        }
    }
}

fn many(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// Whether there is room; `None` while it was not counted everywhere.
pub(super) fn condition(quotas: &Quotas, rules: Option<&BackupRules>) -> (Option<bool>, Because) {
    let Some(rules) = rules.filter(|_| !quotas.all.is_empty()) else {
        return (
            None,
            Because::new(Reason::NoTenants, "the policy is for no Tenant"),
        );
    };
    let short: Vec<_> = quotas
        .all
        .iter()
        .filter_map(|of| {
            let why = of.count?.shortage(rules.good_days, of.quota)?;
            Some(format!("{}: {why}", of.site))
        })
        .collect();
    if !short.is_empty() {
        let message = truncated(short.join("; "));
        return (Some(false), Because::new(Reason::QuotaShort, message));
    }
    if quotas.all.iter().any(|of| of.count.is_none()) {
        let message = "the snapshots of the account are counted in the hour before the next backups";
        return (None, Because::new(Reason::NotKnown, message));
    }
    let message = "the account's quota has room for the snapshots to come";
    (Some(true), Because::new(Reason::QuotaAmple, message))
}

/// Whether a quota that was too small when it was counted last was not counted anew, as after a restart.
pub(super) fn stays_short(before: &BackupPolicyStatus, (holds, because): &(Option<bool>, Because)) -> bool {
    is_short(before) && holds.is_none() && because.reason == Reason::NotKnown
}

fn is_short(status: &BackupPolicyStatus) -> bool {
    let type_ = ConditionType::QuotaSufficient.as_str();
    find_condition(&status.conditions, type_).is_some_and(|found| found.status == FALSE)
}

/// A quota that became too small. `before` is the status until now.
pub(super) fn edges(
    before: &BackupPolicyStatus,
    (holds, because): &(Option<bool>, Because),
) -> Vec<Happened> {
    if *holds == Some(false) && !is_short(before) {
        vec![Happened::warning(because.reason, because.message.clone())]
    } else {
        Vec::new()
    }
}
