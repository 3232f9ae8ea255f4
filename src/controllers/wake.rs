//! Who is woken when something changes.
//!
//! A change of one object can matter to others: a policy to its namespace's Tenants, a Tenant to the policies that
//! count it. Waking costs one pass that reads caches, writes nothing and calls nothing when there is nothing to do.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::{
    api::{
        AccessPolicy, AccessPolicyStatus, Backup, BackupPolicy, BackupPolicyStatus, ConditionType, Incident,
        Key, Reason, Tenant, TenantClass,
    },
    clock::later,
    cloud::Site,
    cluster::{Cluster, Index, Kind, KindName},
    controllers::separation,
    engine::{Context, ControllerName},
    inventory::{Owner, Swept},
    report::conditions::find_condition,
};

/// How long a class may be behind its Tenants. A pass of a class goes through all of them, so that one for each change
/// would make a night of N backups N² looks; what it counts of them, and the rights that it asks for, nobody waits for.
const COUNTED_WITHIN: Duration = Duration::from_secs(5);

/// Turns changes into due passes.
#[derive(Debug, Default)]
pub struct Waker {
    /// What of each class its Tenants were last woken for. A class's status counts its Tenants, so waking them for
    /// every change of the status would make the first rollout of N Tenants N² passes.
    classes: Mutex<HashMap<Key, SeenClass>>,
    /// The same of policies, which count the Tenants of their namespace.
    access_policies: Mutex<HashMap<Key, SeenPolicy<AccessPolicyStatus>>>,
    backup_policies: Mutex<HashMap<Key, SeenPolicy<BackupPolicyStatus>>>,
}

/// What of a class matters to its Tenants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct SeenClass {
    generation: Option<i64>,
    /// Status and message of the condition `Permitted`, which each Tenant passes on.
    permitted: Option<(String, String)>,
}

impl SeenClass {
    fn of(class: &TenantClass) -> Self {
        let conditions = class.status().map(TenantClass::conditions).unwrap_or_default();
        let permitted = find_condition(conditions, ConditionType::Permitted.as_str());
        Self {
            generation: Some(class.generation()),
            permitted: permitted.map(|condition| (condition.status.clone(), condition.message.clone())),
        }
    }
}

/// What of a policy matters to others than itself.
#[derive(Clone, Debug, PartialEq)]
struct SeenPolicy<Status> {
    uid: String,
    generation: i64,
    /// Without what it counts.
    status: Option<Status>,
    /// Type and status of its conditions. Their messages count, too.
    conditions: Vec<(String, String)>,
}

impl<Status> SeenPolicy<Status> {
    /// `without` leaves out of the status what it counts.
    fn of<K: Kind<Status = Status>>(policy: &K, without: impl Fn(&Status) -> Status) -> Self {
        let conditions = policy.status().map(K::conditions).unwrap_or_default();
        Self {
            uid: policy.uid().to_owned(),
            generation: policy.generation(),
            status: policy.status().map(without),
            conditions: conditions
                .iter()
                .map(|condition| (condition.type_.clone(), condition.status.clone()))
                .collect(),
        }
    }
}

fn seen_access(policy: &AccessPolicy) -> SeenPolicy<AccessPolicyStatus> {
    SeenPolicy::of(policy, |status| AccessPolicyStatus {
        observed_generation: None,
        last_handled_request_at: None,
        conditions: Vec::new(),
        rules: None,
        last_tampering: None,
        tenants: None,
        ..status.clone()
    })
}

fn seen_backup(policy: &BackupPolicy) -> SeenPolicy<BackupPolicyStatus> {
    SeenPolicy::of(policy, |status| BackupPolicyStatus {
        observed_generation: None,
        last_handled_request_at: None,
        conditions: Vec::new(),
        next_run_time: None,
        last_run: None,
        tenants: None,
        good_days_held: None,
        max_skew_seconds: None,
        ..status.clone()
    })
}

/// Whether this is not what was last seen of the object; `None`: it is gone, or cannot be read.
fn is_news<S: PartialEq>(seen: &Mutex<HashMap<Key, S>>, key: &Key, now: Option<S>) -> bool {
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    if now.is_some() && seen.get(key) == now.as_ref() {
        return false;
    }
    match now {
        Some(now) => drop(seen.insert(key.clone(), now)),
        None => drop(seen.remove(key)),
    }
    true
}

impl Waker {
    /// An object of a kind is new, different or gone.
    pub fn object_changed<C: Cluster>(&self, ctx: &Context<C>, kind: KindName, key: &Key) {
        match kind {
            KindName::TenantClass => self.class_changed(ctx, key),
            KindName::Tenant => tenant_changed(ctx, key),
            KindName::AccessPolicy => {
                let policy = ctx.cluster.cached::<AccessPolicy>(key);
                if is_news(&self.access_policies, key, policy.as_deref().map(seen_access)) {
                    wake_namespace::<C, AccessPolicy>(ctx, key, &[ControllerName::AccessPolicy]);
                    wake_namespace::<C, Tenant>(ctx, key, &[ControllerName::Tenant]);
                }
                wake(ctx, ControllerName::AccessPolicy, key);
            }
            KindName::BackupPolicy => {
                let policy = ctx.cluster.cached::<BackupPolicy>(key);
                if is_news(&self.backup_policies, key, policy.as_deref().map(seen_backup)) {
                    wake_namespace::<C, BackupPolicy>(ctx, key, &[ControllerName::BackupPolicy]);
                    wake_namespace::<C, Tenant>(
                        ctx,
                        key,
                        &[ControllerName::Schedule, ControllerName::Tenant],
                    );
                }
                wake(ctx, ControllerName::BackupPolicy, key);
            }
            KindName::Backup => backup_changed(ctx, key),
            KindName::Incident => {
                // Isolation is a union: the end of one may be the turn of another.
                wake_namespace::<C, Incident>(ctx, key, &[ControllerName::Incident]);
                wake_namespace::<C, Tenant>(ctx, key, &[ControllerName::Tenant]);
                wake(ctx, ControllerName::Incident, key);
            }
        }
    }

    fn class_changed<C: Cluster>(&self, ctx: &Context<C>, key: &Key) {
        wake(ctx, ControllerName::TenantClass, key);
        let class = ctx.cluster.cached::<TenantClass>(key);
        if class.is_none() {
            forget_sites(ctx);
        }
        let now = class.map(|class| SeenClass::of(&class)).unwrap_or_default();
        let before = {
            let mut seen = self.classes.lock().unwrap_or_else(PoisonError::into_inner);
            seen.insert(key.clone(), now.clone())
        };
        if before.as_ref() == Some(&now) {
            return;
        }
        ctx.separation.stir();
        let is_same_spec = before.is_some_and(|before| before.generation == now.generation);
        let mut namespaces = BTreeSet::new();
        for tenant in ctx.cluster.cached_by::<Tenant>(Index::Class, &key.name) {
            let tenant = tenant.key();
            wake(ctx, ControllerName::Tenant, &tenant);
            if is_same_spec {
                continue;
            }
            wake(ctx, ControllerName::Schedule, &tenant);
            if namespaces.insert(tenant.namespace.clone()) {
                wake_namespace::<C, AccessPolicy>(ctx, &tenant, &[ControllerName::AccessPolicy]);
                wake_namespace::<C, BackupPolicy>(ctx, &tenant, &[ControllerName::BackupPolicy]);
            }
        }
    }
}

/// Sites that no class names are listed no more, once they hold nothing to guard.
fn forget_sites<C: Cluster>(ctx: &Context<C>) {
    let classes = ctx.cluster.cached_all::<TenantClass>();
    let in_use: BTreeSet<_> = classes.iter().map(|class| class.site()).collect();
    ctx.inventories.retain(|site| in_use.contains(site));
    ctx.separation.retain(|site| in_use.contains(site));
}

/// Wakes those to whom it matters what a sweep of a site brought: the owners of what changed, and nobody else. Only
/// when it can be told for the first time what is absent, everything of the site is woken, once.
pub fn swept<C: Cluster>(ctx: &Context<C>, site: &Site, swept: &Swept) {
    let classes = ctx.cluster.cached_all::<TenantClass>();
    if classes.iter().any(|class| class.site() == *site) {
        separation::compare_site(ctx, site);
    } else {
        // It may be listed on for the copies that it holds, and nobody's row is looked up there.
        forget_sites(ctx);
    }
    if swept.became_conclusive {
        wake_site(ctx, site);
    }
    for owner in &swept.changed {
        owner_changed(ctx, owner);
    }
}

/// What AWS holds for an object changed.
fn owner_changed<C: Cluster>(ctx: &Context<C>, owner: &Owner) {
    match owner {
        Owner::Class(name) => wake(ctx, ControllerName::TenantClass, &Key::new("", name)),
        // A tag that does not name an object is somebody's forgery: it wakes nobody.
        Owner::Tenant(tag) => {
            if let Some(tenant) = Key::parse(tag) {
                tenant_resources_changed(ctx, &tenant);
            }
        }
        Owner::Backup(tag) => {
            if let Some(backup) = Key::parse(tag) {
                wake(ctx, ControllerName::Backup, &backup);
            }
        }
    }
}

/// Everything of a site that looks at AWS is due: what could not be told before can be told now.
fn wake_site<C: Cluster>(ctx: &Context<C>, site: &Site) {
    for class in ctx.cluster.cached_all::<TenantClass>() {
        if class.site() != *site {
            continue;
        }
        let class = class.key();
        wake(ctx, ControllerName::TenantClass, &class);
        for tenant in ctx.cluster.cached_by::<Tenant>(Index::Class, &class.name) {
            let tenant = tenant.key();
            tenant_resources_changed(ctx, &tenant);
            // There may be sets whose Backups are gone.
            wake(ctx, ControllerName::Schedule, &tenant);
            for backup in ctx
                .cluster
                .cached_by::<Backup>(Index::Tenant, &tenant.to_string())
            {
                wake(ctx, ControllerName::Backup, &backup.key());
            }
        }
    }
}

/// Everything that looks at AWS is due.
pub fn wake_everything<C: Cluster>(ctx: &Context<C>) {
    wake_all::<C, TenantClass>(ctx, ControllerName::TenantClass);
    wake_all::<C, Tenant>(ctx, ControllerName::Tenant);
    wake_all::<C, Backup>(ctx, ControllerName::Backup);
    wake_all::<C, Incident>(ctx, ControllerName::Incident);
}

fn wake_all<C: Cluster, K: Kind>(ctx: &Context<C>, controller: ControllerName) {
    for object in ctx.cluster.cached_all::<K>() {
        wake(ctx, controller, &object.key());
    }
}

fn tenant_resources_changed<C: Cluster>(ctx: &Context<C>, tenant: &Key) {
    wake(ctx, ControllerName::Tenant, tenant);
    for incident in ctx.cluster.cached_in::<Incident>(&tenant.namespace) {
        if incident.spec.tenant_refs.contains(&tenant.name) {
            wake(ctx, ControllerName::Incident, &incident.key());
        }
    }
}

fn tenant_changed<C: Cluster>(ctx: &Context<C>, key: &Key) {
    wake(ctx, ControllerName::Tenant, key);
    wake(ctx, ControllerName::Schedule, key);
    wake_namespace::<C, AccessPolicy>(ctx, key, &[ControllerName::AccessPolicy]);
    wake_namespace::<C, BackupPolicy>(ctx, key, &[ControllerName::BackupPolicy]);
    wake_namespace::<C, Incident>(ctx, key, &[ControllerName::Incident]);
    let tenant = ctx.cluster.cached::<Tenant>(key);
    let party = tenant.as_ref().map(|tenant| separation::party(tenant));
    if ctx.separation.note(key, party.as_ref()) {
        // Any class may have Tenants in the namespace, and says whether another customer has too.
        for class in ctx.cluster.cached_all::<TenantClass>() {
            wake_to_count(ctx, class.key());
        }
    }
    if let Some(tenant) = tenant {
        wake_to_count(ctx, Key::new("", &tenant.spec.class_name));
    }
}

/// A class counts its Tenants, in a while; the first one at once, as with it comes what a class makes in AWS.
fn wake_to_count<C: Cluster>(ctx: &Context<C>, class: Key) {
    let known = ctx.cluster.cached::<TenantClass>(&class);
    let counted = known.and_then(|class| class.status.as_ref()?.tenants);
    let is_first = counted.is_none_or(|tenants| tenants == 0);
    let at = if is_first {
        ctx.now()
    } else {
        later(ctx.now(), COUNTED_WITHIN)
    };
    ctx.wakes.wake_at(ControllerName::TenantClass, class, at);
}

fn backup_changed<C: Cluster>(ctx: &Context<C>, key: &Key) {
    wake(ctx, ControllerName::Backup, key);
    wake_namespace::<C, BackupPolicy>(ctx, key, &[ControllerName::BackupPolicy]);
    match ctx.cluster.cached::<Backup>(key) {
        Some(backup) => {
            let tenant = key.sibling(&backup.spec.tenant_ref);
            wake_class_of_denied(ctx, &backup, &tenant);
            wake(ctx, ControllerName::Tenant, &tenant);
            wake(ctx, ControllerName::Schedule, &tenant);
            // A day that became good, or was lost, decides what becomes of the others' sets.
            if backup.has_ended() {
                for sibling in ctx
                    .cluster
                    .cached_by::<Backup>(Index::Tenant, &tenant.to_string())
                {
                    wake(ctx, ControllerName::Backup, &sibling.key());
                }
            }
        }
        // Gone: whose it was is not known any more.
        None => wake_namespace::<C, Tenant>(ctx, key, &[ControllerName::Schedule, ControllerName::Tenant]),
    }
}

/// What a Backup is denied its class asks about again, and says it for everyone.
fn wake_class_of_denied<C: Cluster>(ctx: &Context<C>, backup: &Backup, tenant: &Key) {
    let conditions = backup.status().map(Backup::conditions).unwrap_or_default();
    let stalled = find_condition(conditions, ConditionType::Stalled.as_str());
    if stalled.is_some_and(|stalled| stalled.reason == Reason::Denied.as_str())
        && let Some(tenant) = ctx.cluster.cached::<Tenant>(tenant)
    {
        wake_to_count(ctx, Key::new("", &tenant.spec.class_name));
    }
}

fn wake<C: Cluster>(ctx: &Context<C>, controller: ControllerName, key: &Key) {
    ctx.wakes.wake_at(controller, key.clone(), ctx.now());
}

/// Wakes every object of a kind in the namespace of `key`.
fn wake_namespace<C: Cluster, K: Kind>(ctx: &Context<C>, key: &Key, controllers: &[ControllerName]) {
    for object in ctx.cluster.cached_in::<K>(&key.namespace) {
        for controller in controllers {
            wake(ctx, *controller, &object.key());
        }
    }
}

#[cfg(test)]
mod tests;
