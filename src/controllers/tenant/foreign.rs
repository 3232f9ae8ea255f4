//! Volumes on the Tenant's instance that are another Tenant's.
//!
//! Everything on an instance gets the tags of its Tenant, which undoes what a stranger does to them. A volume that a
//! stranger took from another environment must not: with our tags nothing would say any more whose data it holds.

use std::collections::BTreeSet;

use crate::{
    api::{Key, Tenant, names::tags},
    cloud::{Volume, VolumeId},
    cluster::{Cluster, Kind},
    engine::Context,
};

/// The volumes among these that carry the uid of another Tenant that lives, and were never the instance's before: of
/// those that were, somebody only changed the tags.
pub(super) fn volumes_of_others<C: Cluster>(
    ctx: &Context<C>,
    tenant: &Tenant,
    volumes: &[Volume],
) -> BTreeSet<VolumeId> {
    let known = tenant.status.iter().flat_map(|status| &status.volume_ids);
    let known: BTreeSet<&str> = known.map(String::as_str).collect();
    let foreign = volumes
        .iter()
        .filter(|volume| !known.contains(volume.id.as_str()))
        .filter(|volume| is_of_another(ctx, tenant, volume));
    foreign.map(|volume| volume.id.clone()).collect()
}

fn is_of_another<C: Cluster>(ctx: &Context<C>, tenant: &Tenant, volume: &Volume) -> bool {
    let (Some(uid), Some(key)) = (volume.tags.get(tags::UID), volume.tags.get(tags::TENANT)) else {
        return false;
    };
    let other = Key::parse(key).and_then(|key| ctx.cluster.cached::<Tenant>(&key));
    uid != tenant.uid() && other.is_some_and(|other| other.uid() == uid)
}
