//! What the backup controllers read alike: which terms hold, and which Backups a Tenant has.

use std::{collections::BTreeSet, sync::Arc};

use jiff::Timestamp;

use crate::{
    api::{Backup, BackupPolicy, Condition, ConditionType, Key, Reason, Tenant, TenantClass},
    cluster::{Cluster, Index, Kind},
    engine::Context,
    plan::selection::Candidate,
    report::conditions::{find_condition, is_true},
    terms::{BackupTerms, Terms},
};

/// The class of a Tenant.
pub(super) fn class_of<C: Cluster>(ctx: &Context<C>, tenant: &Tenant) -> Option<Arc<TenantClass>> {
    ctx.cluster
        .cached::<TenantClass>(&Key::new("", &tenant.spec.class_name))
}

/// Whether a class says with which vault and as which role AWS Backup works.
pub(super) fn has_vault(class: &TenantClass) -> bool {
    let backup = class.spec.backup.as_ref();
    backup.is_some_and(|backup| backup.vault.is_some() && backup.role_arn.is_some())
}

/// The terms of a Tenant; the strictest there are where its class or its terms are not there: a promise is not
/// weakened by a missing object.
pub(super) fn terms_of<C: Cluster>(ctx: &Context<C>, tenant: &Tenant) -> Option<Arc<Terms>> {
    class_of(ctx, tenant)
        .and_then(|class| ctx.terms.find(&class.spec.terms))
        .or_else(|| strictest(ctx, &all_terms(ctx)))
}

/// The names of all terms.
pub(super) fn all_terms<C: Cluster>(ctx: &Context<C>) -> BTreeSet<String> {
    ctx.terms.names().map(str::to_owned).collect()
}

/// The strictest of the terms of these names.
pub(super) fn strictest<C: Cluster>(ctx: &Context<C>, names: &BTreeSet<String>) -> Option<Arc<Terms>> {
    let sheets: Vec<_> = names.iter().filter_map(|name| ctx.terms.find(name)).collect();
    let backups: Vec<(&str, &BackupTerms)> = sheets
        .iter()
        .map(|terms| (terms.name.as_str(), &terms.backup))
        .collect();
    let (name, _) = crate::plan::backup_policy::strictest(backups)?;
    ctx.terms.find(name)
}

/// The Backups of a Tenant, in the order of names: a namesake's that was there before are not.
pub(super) fn backups_of<C: Cluster>(ctx: &Context<C>, tenant: &Tenant) -> Vec<Arc<Backup>> {
    let named = tenant.key().to_string();
    let mut found = ctx.cluster.cached_by::<Backup>(Index::Tenant, &named);
    found.retain(|backup| is_of(backup, tenant));
    found
}

/// A Tenant's own Backups: a namesake's that was there before are not.
pub(super) fn is_of(backup: &Backup, tenant: &Tenant) -> bool {
    let same_uid = match &backup.spec.tenant_uid {
        Some(uid) => uid == tenant.uid(),
        // Made by hand: it is of the Tenant that was there then.
        None => created(backup) >= created(tenant),
    };
    backup.spec.tenant_ref == Key::of(tenant).name && same_uid
}

/// When an object was made.
pub(super) fn created(object: &impl Kind) -> Option<Timestamp> {
    object.meta().creation_timestamp.as_ref().map(|time| time.0)
}

/// The scheduled times of Backups.
pub(super) fn slots<'a>(backups: impl IntoIterator<Item = &'a Backup>) -> BTreeSet<Timestamp> {
    backups
        .into_iter()
        .filter_map(|backup| backup.spec.scheduled_time.as_ref())
        .map(|time| time.0)
        .collect()
}

/// The policies as far as the choice between them needs them: by the spec that is in force.
pub(super) fn candidates(policies: &[Arc<BackupPolicy>]) -> Vec<Candidate> {
    policies
        .iter()
        .map(|policy| {
            let accepted = policy.status.as_ref().and_then(|status| status.accepted.as_ref());
            let spec = accepted.map_or(&policy.spec, |accepted| &accepted.spec);
            Candidate {
                name: policy.key().name,
                created_at: created(&**policy).unwrap_or(Timestamp::MAX),
                is_accepted: accepted.is_some(),
                tenants: spec.tenants.iter().cloned().collect(),
            }
        })
        .collect()
}

/// Whether a status says that its object is Stalled for this reason.
pub(super) fn is_stalled_for(conditions: &[Condition], reason: Reason) -> bool {
    find_condition(conditions, ConditionType::Stalled.as_str())
        .is_some_and(|condition| condition.reason == reason.as_str())
}

/// Whether a status says that its object is Stalled.
pub(super) fn is_stalled_for_any(conditions: &[Condition]) -> bool {
    is_true(conditions, ConditionType::Stalled.as_str())
}
