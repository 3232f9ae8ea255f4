//! What a run depends on whatever its engine: its Tenant, where that is, and the rules in force for it.

use std::{sync::Arc, time::Duration};

use super::{
    ec2, job,
    status::{has_attempts, is_found},
};
use crate::{
    api::{Backup, Engine, Reason, Tenant},
    cloud::{Observed, Site, Tags},
    cluster::{Cluster, Kind},
    controllers::{
        backup_sources::{class_of, is_of, terms_of},
        schedule::in_force,
        tenant::identity_of,
    },
    engine::{Context, Failure},
    plan::{backup::Gone, backup_policy::BackupRules},
};

/// What does not depend on the engine.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scene {
    /// The Tenant, unless it is gone.
    pub(super) tenant: Option<Arc<Tenant>>,
    /// Where it is; `None` while no class says so.
    pub(super) place: Option<Place>,
    /// The rules in force for it.
    pub(super) rules: Option<BackupRules>,
    /// Whether a policy makes them; else the terms do.
    pub(super) is_by_policy: bool,
    /// Why snapshots should not be where the class keeps them.
    pub(super) region_fault: Option<String>,
    /// The engine of the run.
    pub(super) engine: Engine,
    /// How late a run may begin by the terms of the Tenant.
    pub(super) max_skew: Option<Duration>,
}

impl Scene {
    /// The Tenant and where it is, or what is gone that would say so.
    pub(super) fn ground(&self) -> Result<(&Arc<Tenant>, &Place), Gone> {
        match (&self.tenant, &self.place) {
            (Some(tenant), Some(place)) => Ok((tenant, place)),
            (Some(_), None) => Err(Gone::Class),
            (None, _) => Err(Gone::Tenant),
        }
    }

    /// Where a step is taken. Nothing is planned without it.
    pub(super) fn placed(&self) -> Result<&Place, Failure> {
        self.place.as_ref().ok_or_else(|| Failure::Blocked {
            reason: Reason::Progressing,
            message: "no class says in which account and region the Tenant is".to_owned(),
        })
    }
}

/// Where a Tenant's resources are, and whose they are.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Place {
    /// The account and region.
    pub(super) site: Site,
    /// The tags that say whose something is.
    pub(super) owner: Tags,
}

impl Place {
    fn of<C: Cluster>(ctx: &Context<C>, tenant: &Tenant, site: Site) -> Self {
        Self {
            site,
            owner: identity_of(&ctx.identity, tenant).tags(),
        }
    }
}

/// Looks at the caches.
pub(super) fn observe<C: Cluster>(ctx: &Context<C>, backup: &Backup) -> Scene {
    let tenant = tenant_of(ctx, backup);
    let class = tenant.as_ref().and_then(|tenant| class_of(ctx, tenant));
    let place = tenant
        .as_ref()
        .zip(class)
        .map(|(tenant, class)| Place::of(ctx, tenant, class.site()));
    let in_force = tenant.as_ref().and_then(|tenant| in_force(ctx, tenant));
    let terms = tenant.as_ref().and_then(|tenant| terms_of(ctx, tenant));
    let max_skew = terms.as_ref().map(|terms| terms.backup.start_skew_max);
    let region = place.as_ref().map(|place| &place.site.region);
    let region_fault = region
        .zip(terms)
        .filter(|(region, terms)| !terms.regions.contains(region))
        .map(|(region, terms)| format!("the terms {} do not allow region {region}", terms.name));
    let is_by_policy = in_force
        .as_ref()
        .is_some_and(|in_force| in_force.policy.is_some());
    let rules = in_force.map(|in_force| in_force.rules);
    Scene {
        engine: engine_of(ctx, backup, (place.as_ref(), rules.as_ref())),
        is_by_policy,
        region_fault,
        tenant,
        place,
        rules,
        max_skew,
    }
}

/// What takes the snapshots: as settled when the first attempt was recorded; what made what is there, where the object
/// was lost and made again; else as the rules say now.
fn engine_of<C: Cluster>(
    ctx: &Context<C>,
    backup: &Backup,
    (place, rules): (Option<&Place>, Option<&BackupRules>),
) -> Engine {
    if let Some(settled) = backup.engine() {
        return settled;
    }
    if has_attempts(backup) {
        // Before there was a choice there was one engine.
        return Engine::EC2;
    }
    let by_rules = rules.map_or(Engine::EC2, |rules| rules.engine);
    // One by hand that was never asked for has nothing, unless it was made again for it.
    let may_have = backup.spec.scheduled_time.is_some() || is_found(backup);
    let Some(place) = place.filter(|_| may_have) else {
        return by_rules;
    };
    let view = ctx.inventories.of(&place.site).view();
    if ec2::found(&view, backup).present().is_some() {
        return Engine::EC2;
    }
    match job::made_something(&view, backup) {
        Observed::Present(()) => Engine::AWSBackup,
        // What the object was made for is none of EC2's snapshots.
        Observed::Unknown if is_found(backup) => Engine::AWSBackup,
        Observed::Unknown | Observed::Absent => by_rules,
    }
}

/// The Tenant that the Backup is of: not a later namesake.
fn tenant_of<C: Cluster>(ctx: &Context<C>, backup: &Backup) -> Option<Arc<Tenant>> {
    let tenant = ctx
        .cluster
        .cached::<Tenant>(&backup.key().sibling(&backup.spec.tenant_ref))?;
    is_of(backup, &tenant).then_some(tenant)
}
