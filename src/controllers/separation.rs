//! Between the isolation matrix and what it is made of: the Tenants, the classes, and the view of an account and region.

use std::{collections::HashSet, sync::Arc};

use crate::{
    api::{Tenant, TenantClass},
    cloud::{SecurityGroupId, Site},
    cluster::{Cluster, Kind},
    engine::{Context, ControllerName},
    inventory::View,
    plan::{
        class::quarantine_name,
        separation::{Ground, Party, compare},
    },
};

/// Compares anew what a site holds, where anything is otherwise than when that was done last, and wakes the Tenants of
/// which there is something new to say: the other side of what changed as well as the one.
pub(super) fn compare_site<C: Cluster>(ctx: &Context<C>, site: &Site) {
    let Some(inventory) = ctx.inventories.find(site) else {
        return;
    };
    let now = ctx.now();
    let view = inventory.view();
    let Some(made_from) = ctx.separation.is_due(site, view.version(), now) else {
        return;
    };
    // Until all is seen the last comparison stands, and the age of the view says for how long.
    if !view.is_whole() {
        return;
    }
    let tenants = ctx.cluster.cached_all::<Tenant>();
    let ground = ground(ctx, &tenants, &view);
    let size = size_of(&ground);
    let matrix = compare(&ground);
    let told = ctx.separation.keep(site, (matrix, size), made_from, now);
    if told.is_empty() {
        return;
    }
    let told: HashSet<String> = told.into_iter().collect();
    for tenant in tenants {
        if told.contains(tenant.uid()) {
            ctx.wakes.wake_at(ControllerName::Tenant, tenant.key(), now);
        }
    }
}

/// A Tenant as it is compared.
pub(super) fn party(tenant: &Tenant) -> Party {
    Party {
        customer: tenant.spec.customer.clone(),
        tenant: tenant.key(),
        uid: tenant.uid().to_owned(),
        environment: Some(tenant.spec.environment),
        label: tenant.spec.label.to_string(),
    }
}

fn ground<'a, C: Cluster>(ctx: &Context<C>, tenants: &[Arc<Tenant>], view: &'a View) -> Ground<'a> {
    let classes = ctx.cluster.cached_all::<TenantClass>();
    let base = classes
        .iter()
        .flat_map(|class| &class.spec.network.base_group_ids);
    Ground {
        parties: tenants.iter().map(|tenant| Arc::new(party(tenant))).collect(),
        base_groups: base.map(SecurityGroupId::new).collect(),
        quarantine_names: classes
            .iter()
            .map(|class| quarantine_name(class.uid()).to_lowercase())
            .collect(),
        instances: view.every_instance().collect(),
        volumes: view.every_volume().collect(),
        groups: view.every_group().collect(),
        snapshots: view.every_snapshot().collect(),
        images: view.every_image().collect(),
    }
}

fn size_of(ground: &Ground<'_>) -> usize {
    let things = [
        ground.parties.len(),
        ground.instances.len(),
        ground.volumes.len(),
        ground.groups.len(),
        ground.snapshots.len(),
        ground.images.len(),
    ];
    things.iter().sum()
}
