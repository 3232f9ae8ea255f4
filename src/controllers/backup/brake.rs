//! Between the brakes and what they are told by: the Backups, the Tenants and the classes of an account and region.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::{
    api::{Backup, ConditionType, Reason, Tenant, TenantClass, TenantClassStatus, names::annotations},
    brakes::{Count, Resume},
    cloud::Site,
    cluster::{Cluster, Happened, Index, Kind},
    controllers::backup_sources::backups_of,
    engine::{Context, ControllerName},
    report::{
        conditions::{find_condition, is_true},
        standing::{Because, Conditions},
    },
};

/// Lets the brake of a site know what the caches say, where it does not.
pub(super) fn count<C: Cluster>(ctx: &Context<C>, site: &Site, now: Timestamp) {
    if !ctx.brakes.wants_count(site, now) {
        return;
    }
    let classes = classes_of(ctx, site);
    for class in &classes {
        hear(ctx, class, now);
    }
    let names: BTreeSet<_> = classes.iter().map(|class| class.key().name).collect();
    let mut count = Count::default();
    for tenant in ctx.cluster.cached_all::<Tenant>() {
        if !names.contains(&tenant.spec.class_name) {
            continue;
        }
        count.tenants.insert(tenant.key());
        count.expiring.extend(expiring(&backups_of(ctx, &tenant)));
    }
    ctx.brakes.counted(site, count, now);
}

fn expiring<'a>(backups: &'a [std::sync::Arc<Backup>]) -> impl Iterator<Item = (String, Timestamp)> + 'a {
    backups.iter().filter_map(|backup| {
        let since = backup.status.as_ref()?.expiring_since.as_ref()?;
        Some((backup.uid().to_owned(), since.0))
    })
}

fn classes_of<C: Cluster>(ctx: &Context<C>, site: &Site) -> Vec<std::sync::Arc<TenantClass>> {
    let mut classes = ctx.cluster.cached_all::<TenantClass>();
    classes.retain(|class| class.site() == *site);
    classes
}

/// Tells the brake what a class says: since when it is braked, and a person's word.
fn hear<C: Cluster>(ctx: &Context<C>, class: &TenantClass, now: Timestamp) {
    let conditions = class.status.iter().flat_map(|status| &status.conditions);
    let conditions: Vec<_> = conditions.cloned().collect();
    let braked = find_condition(&conditions, ConditionType::Braked.as_str())
        .filter(|condition| condition.status == "True")
        .filter(|condition| condition.reason == Reason::TooManyExpiries.as_str())
        .map(|condition| condition.last_transition_time.0);
    let written = class.metadata.annotations.as_ref();
    let resume = written
        .and_then(|written| written.get(annotations::RESUME_EXPIRY))
        .and_then(|text| Resume::parse(text));
    let said = (braked, resume);
    ctx.brakes.heard(&class.site(), &class.key().name, said, now);
}

/// Lets the classes of a site show what its brake came to.
pub(super) fn wake_classes<C: Cluster>(ctx: &Context<C>, site: &Site) {
    for class in classes_of(ctx, site) {
        ctx.wakes
            .wake_at(ControllerName::TenantClass, class.key(), ctx.now());
    }
}

/// What the brake held goes on.
fn wake_backups<C: Cluster>(ctx: &Context<C>, site: &Site) {
    for class in classes_of(ctx, site) {
        for tenant in ctx.cluster.cached_by::<Tenant>(Index::Class, &class.key().name) {
            let tenant = tenant.key().to_string();
            for backup in ctx.cluster.cached_by::<Backup>(Index::Tenant, &tenant) {
                ctx.wakes.wake_at(ControllerName::Backup, backup.key(), ctx.now());
            }
        }
    }
}

/// Writes into a class's conditions whether its backups expire.
pub(in crate::controllers) fn show<C: Cluster>(
    ctx: &Context<C>,
    class: &TenantClass,
    conditions: &mut Conditions,
    now: Timestamp,
) {
    hear(ctx, class, now);
    let is_braked = ctx.brakes.is_braked(&class.site(), now);
    ctx.metrics.expiry_braked(&class.site(), is_braked);
    let before = conditions.find(ConditionType::Braked);
    if !is_braked && before.is_some_and(|before| before.reason == Reason::TooManyExpiries.as_str()) {
        wake_backups(ctx, &class.site());
    }
    match ctx.brakes.shown(&class.site(), now) {
        Some(braked) => {
            // Anew where the cause is another: the moment of braking is what a person's word must be later than.
            let before = conditions.find(ConditionType::Braked);
            if before.is_some_and(|before| before.reason != braked.reason.as_str()) {
                conditions.clear(ConditionType::Braked);
            }
            let because = Because::new(braked.reason, braked.message);
            conditions.set(ConditionType::Braked, Some(true), &because);
        }
        None => conditions.clear(ConditionType::Braked),
    }
}

/// What is new about the brake between two statuses of a class.
pub(in crate::controllers) fn edges(
    before: &TenantClassStatus,
    after: &TenantClassStatus,
) -> Option<Happened> {
    let braked = |status: &TenantClassStatus| is_true(&status.conditions, ConditionType::Braked.as_str());
    match (braked(before), braked(after)) {
        (false, true) => {
            let condition = find_condition(&after.conditions, ConditionType::Braked.as_str())?;
            let reasons = [Reason::TooManyExpiries, Reason::NoRecentDay];
            let reason = reasons
                .into_iter()
                .find(|reason| reason.as_str() == condition.reason)?;
            Some(Happened::warning(reason, condition.message.clone()))
        }
        (true, false) => Some(Happened::normal(
            Reason::ExpiryResumed,
            "backups that newer days replace expire again",
        )),
        _ => None,
    }
}
