//! What engine EC2 looks at: the instance and the run's snapshots in AWS.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::super::{
    retire::Made,
    scene::{Place, Scene},
    status::{has_attempts, is_found},
};
use crate::{
    api::{Backup, BackupPhase, Tenant, names::tags},
    cloud::{InstanceId, Lane, Observed, Snapshot, SnapshotId, SnapshotState, VolumeId},
    cluster::{Cluster, Kind},
    controllers::tenant::identity_of,
    engine::{Context, Failure},
    inventory::View,
    plan::{
        backup::{Call, Exposure, Gone, Kept, Target, World, belongs},
        tenant::TenantIdentity,
    },
};

/// Looks at the inventory.
pub(super) fn observe<C: Cluster>(
    ctx: &Context<C>,
    backup: &Backup,
    scene: &Scene,
    call: Option<Call<()>>,
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
        exposure: Exposure {
            region: scene.region_fault.clone(),
            ..Exposure::default()
        },
        kept: kept(backup),
    };
    let (tenant, place) = match scene.ground() {
        Ok(ground) => ground,
        Err(gone) => {
            world.gone = Some(gone);
            if gone == Gone::Tenant {
                // Nothing was ever asked for a Tenant that is not there; what was made before it went stays.
                world.target = Observed::Absent;
                if !has_attempts(backup) {
                    world.snapshots = Observed::Absent;
                }
            }
            return world;
        }
    };
    let view = ctx.inventories.of(&place.site).view();
    match target(&view, tenant, &identity_of(&ctx.identity, tenant)) {
        Some(target) => world.target = target,
        None => (world.target, world.is_foreign) = (Observed::Absent, true),
    }
    world.snapshots = snapshots(&view, backup);
    world.sweeps = view.snapshots_listed().into_iter().flatten().collect();
    let of_run: Vec<_> = world.snapshots.present().into_iter().flatten().collect();
    let is_public = |id: &SnapshotId| view.is_public(id) == Observed::Present(true);
    let public = of_run.into_iter().map(|snapshot| snapshot.id.clone());
    world.exposure.public = public.filter(is_public).collect();
    if backup.has_ended() {
        put_kept(&mut world.kept, &view, backup);
    }
    world
}

/// What a Backup says of its set itself.
fn kept(backup: &Backup) -> Kept {
    let status = backup.status.clone().unwrap_or_default();
    Kept {
        is_expiring: status.expiring_since.is_some(),
        is_gone: status.gone_at.is_some(),
        locked_until: status.locked_until.map(|until| until.0),
        ..Kept::default()
    }
}

/// What AWS shows of the set of a run that is over.
fn put_kept(kept: &mut Kept, view: &View, backup: &Backup) {
    kept.left = found(view, backup);
    let left: &[Snapshot] = kept.left.present().map(Vec::as_slice).unwrap_or_default();
    // A set that goes is looked at whole, failed attempts included; one that stays is what completed the run.
    let recorded = recorded(backup);
    let is_of_set = |snapshot: &&Snapshot| kept.is_expiring || recorded.contains(&snapshot.id);
    let of_set: Vec<_> = left.iter().filter(is_of_set).collect();
    kept.began = of_set.iter().map(|snapshot| snapshot.started_at).min();
    kept.locks = of_set
        .iter()
        .filter(|snapshot| !is_released(snapshot))
        .map(|snapshot| (snapshot.id.clone(), view.lock_of(&snapshot.id).map(Clone::clone)))
        .collect();
}

/// What there is of a Backup's set.
pub(in super::super) fn made(view: &View, backup: &Backup) -> Observed<Made> {
    let found = match found(view, backup) {
        Observed::Unknown => return Observed::Unknown,
        Observed::Absent => return Observed::Absent,
        Observed::Present(found) => found,
    };
    // What was let go is nobody's to count or to delete.
    if found.iter().any(is_released) {
        return Observed::Unknown;
    }
    let recorded = recorded(backup);
    let is_completed = |snapshot: &&Snapshot| snapshot.state == SnapshotState::Completed;
    let completed: BTreeSet<_> = found
        .iter()
        .filter(is_completed)
        .map(|snapshot| &snapshot.id)
        .collect();
    let is_whole = !recorded.is_empty() && recorded.iter().all(|id| completed.contains(id));
    let of_set = found
        .iter()
        .filter(|snapshot| !is_whole || recorded.contains(&snapshot.id));
    let Some(began) = of_set.map(|snapshot| snapshot.started_at).min() else {
        return Observed::Absent;
    };
    let mut locked_until: Observed<Timestamp> = Observed::Absent;
    for snapshot in &found {
        let until = match view.lock_of(&snapshot.id) {
            Observed::Absent => continue,
            Observed::Present(lock) => lock.until,
            Observed::Unknown => None,
        };
        locked_until = match (until, locked_until) {
            (None, _) | (_, Observed::Unknown) => Observed::Unknown,
            (Some(until), Observed::Absent) => Observed::Present(until),
            (Some(until), Observed::Present(other)) => Observed::Present(until.max(other)),
        };
    }
    Observed::Present(Made {
        began,
        is_whole,
        locked_until,
    })
}

/// Whether a snapshot was let go: nothing that carries the tag is touched again.
fn is_released(snapshot: &Snapshot) -> bool {
    snapshot.tags.contains_key(tags::RELEASED)
}

/// Whether a snapshot is a Backup's, and of its Tenant and this cluster by its tags: what may be deleted.
pub(super) fn is_ours(snapshot: &Snapshot, backup: &Backup, place: &Place) -> bool {
    let key = backup.key().to_string();
    let is = |name: &str, value: Option<&String>| value.is_some() && snapshot.tags.get(name) == value;
    is_of_run(snapshot, backup, &key)
        && !is_released(snapshot)
        && is(tags::BACKUP, Some(&key))
        && is(tags::UID, place.owner.get(tags::UID))
        && is(tags::CLUSTER, place.owner.get(tags::CLUSTER))
}

/// The run's snapshots that the sweeps show.
pub(in super::super) fn found(view: &View, backup: &Backup) -> Observed<Vec<Snapshot>> {
    let key = backup.key().to_string();
    let found = view.snapshots_of_backup(&key).map(|found| {
        let own = found
            .into_iter()
            .filter(|snapshot| is_of_run(snapshot, backup, &key));
        own.cloned().collect::<Vec<_>>()
    });
    match found {
        Observed::Present(found) if found.is_empty() => Observed::Absent,
        found => found,
    }
}

/// The run's snapshots that the sweeps show; of a run that ended complete, `Absent` once one of them is gone.
fn snapshots(view: &View, backup: &Backup) -> Observed<Vec<Snapshot>> {
    match found(view, backup) {
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
    if backup.phase() != Some(BackupPhase::Complete) {
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
    // Of a set that goes, the rest goes too; of one that should be whole, it is gone.
    let is_all = world.kept.is_expiring || recorded(backup).is_subset(&ids);
    if found.is_empty() || !is_all {
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
