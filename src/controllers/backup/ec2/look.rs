//! What engine EC2 looks at: the instance and the run's snapshots in AWS.

use std::collections::BTreeSet;

use super::super::{
    scene::{Place, Scene, identity_of},
    status::{has_attempts, is_found, phase_of},
};
use crate::{
    api::{Backup, BackupPhase, Tenant, names::tags},
    cloud::{InstanceId, Lane, Observed, Snapshot, SnapshotId, VolumeId},
    cluster::{Cluster, Kind},
    engine::{Context, Failure},
    inventory::View,
    plan::{
        backup::{Call, Gone, Target, World, belongs},
        tenant::TenantIdentity,
    },
};

/// Looks at the inventory.
pub(super) fn observe<C: Cluster>(
    ctx: &Context<C>,
    backup: &Backup,
    scene: &Scene,
    call: Option<Call>,
) -> World {
    let mut world = World {
        target: Observed::Unknown,
        is_foreign: false,
        gone: None,
        snapshots: Observed::Unknown,
        sweeps: Vec::new(),
        searched: false,
        untagged: Vec::new(),
        call,
    };
    let (Some(tenant), Some(place)) = (&scene.tenant, &scene.place) else {
        world.gone = Some(if scene.tenant.is_some() {
            Gone::Class
        } else {
            Gone::Tenant
        });
        if scene.tenant.is_none() {
            // Nothing was ever asked for a Tenant that is not there; what was made before it went stays.
            world.target = Observed::Absent;
            world.snapshots = if has_attempts(backup) {
                Observed::Unknown
            } else {
                Observed::Absent
            };
        }
        return world;
    };
    let view = ctx.inventories.of(&place.site).view();
    match target(&view, tenant, &identity_of(ctx, tenant)) {
        Some(target) => world.target = target,
        None => (world.target, world.is_foreign) = (Observed::Absent, true),
    }
    world.snapshots = snapshots(&view, backup);
    world.sweeps = view.snapshots_listed().into_iter().flatten().collect();
    world
}

/// The run's snapshots that the sweeps show; of a run that ended complete, `Absent` once one of them is gone.
pub(in super::super) fn snapshots(view: &View, backup: &Backup) -> Observed<Vec<Snapshot>> {
    let key = backup.key().to_string();
    let found = view.snapshots_of_backup(&key).map(|found| {
        let own = found
            .into_iter()
            .filter(|snapshot| is_of_run(snapshot, backup, &key));
        own.cloned().collect::<Vec<_>>()
    });
    match found {
        Observed::Present(found) if found.is_empty() => Observed::Absent,
        Observed::Present(found) if lacks_any(view, &found, &recorded(backup)) => Observed::Absent,
        found => found,
    }
}

/// Whether a snapshot that completed the run is known to be gone.
fn lacks_any(view: &View, found: &[Snapshot], recorded: &BTreeSet<SnapshotId>) -> bool {
    let shown: BTreeSet<_> = found.iter().map(|snapshot| &snapshot.id).collect();
    recorded
        .iter()
        .any(|id| !shown.contains(id) && matches!(view.snapshot(id), Observed::Absent))
}

/// The snapshots that completed the run; none before.
fn recorded(backup: &Backup) -> BTreeSet<SnapshotId> {
    if phase_of(backup) != Some(BackupPhase::Complete) {
        return BTreeSet::new();
    }
    let methods = backup.status.iter().flat_map(|status| &status.methods);
    methods
        .flat_map(|method| &method.snapshot_ids)
        .map(SnapshotId::new)
        .collect()
}

fn is_of_run(snapshot: &Snapshot, backup: &Backup, key: &str) -> bool {
    // One by hand may use a name again, unless it was made again for its set.
    let is_named = backup.spec.scheduled_time.is_some() || is_found(backup);
    let uid = backup.spec.tenant_uid.as_deref().filter(|_| is_named);
    let named = uid.map(|uid| (key, uid));
    belongs(snapshot, backup.uid(), named)
}

/// The Tenant's instance with its volumes; `None` if what its status names is not its own. A status can be edited by
/// hand, and another's data must not get into this Tenant's backups.
pub(in super::super) fn target(
    view: &View,
    tenant: &Tenant,
    identity: &TenantIdentity,
) -> Option<Observed<Target>> {
    let bound = tenant
        .status
        .as_ref()
        .and_then(|status| status.instance_id.as_deref());
    let Some(id) = bound.map(InstanceId::new) else {
        return Some(Observed::Absent);
    };
    let instance = match view.instance(&id) {
        Observed::Unknown => return Some(Observed::Unknown),
        Observed::Absent => return Some(Observed::Absent),
        Observed::Present(instance) => instance,
    };
    identity.incarnation_of(instance)?;
    if !instance.state.is_live() {
        return Some(Observed::Absent);
    }
    let attached: Vec<VolumeId> = instance.volumes.iter().map(|volume| volume.id.clone()).collect();
    let mut volumes = Vec::with_capacity(attached.len());
    for id in &attached {
        match view.volume(id) {
            Observed::Unknown => return Some(Observed::Unknown),
            // Somebody attached one that is not ours: it is in the set, but nothing is known of it.
            Observed::Absent => {}
            Observed::Present(volume) => volumes.push(volume.clone()),
        }
    }
    Some(Observed::Present(Target {
        instance: id,
        attached,
        volumes,
    }))
}

/// Searches the snapshots by their description: a tag can be taken away, and then no sweep shows them.
pub(super) async fn search<C: Cluster>(
    ctx: &Context<C>,
    backup: &Backup,
    scene: &Scene,
    world: &mut World,
) -> Result<(), Failure> {
    let Some(place) = &scene.place else {
        return Ok(());
    };
    let mut found = ctx
        .inventories
        .cloud(&place.site, Lane::Backup)
        .find_snapshots(backup.uid())
        .await?;
    found.retain(|snapshot| belongs(snapshot, backup.uid(), None));
    let ids: BTreeSet<_> = found.iter().map(|snapshot| snapshot.id.clone()).collect();
    world.searched = true;
    if found.is_empty() || !recorded(backup).is_subset(&ids) {
        return Ok(());
    }
    let key = backup.key().to_string();
    world.untagged = found
        .iter()
        .filter(|snapshot| lacks_tags(snapshot, place, &key))
        .map(|snapshot| snapshot.id.clone())
        .collect();
    world.snapshots = Observed::Present(found);
    Ok(())
}

/// Whether a snapshot lacks a tag of its run. What only tells people more may have changed since.
fn lacks_tags(snapshot: &Snapshot, place: &Place, key: &str) -> bool {
    let found = &snapshot.tags;
    let is = |name: &str, value: Option<&str>| found.get(name).map(String::as_str) == value;
    let is_found_by = |name: &str| is(name, place.owner.get(name).map(String::as_str));
    let lacks_any = place.owner.keys().any(|name| !found.contains_key(name));
    lacks_any
        || !found.contains_key(tags::SLOT)
        || !is(tags::BACKUP, Some(key))
        || ![tags::CLUSTER, tags::UID].into_iter().all(is_found_by)
}
