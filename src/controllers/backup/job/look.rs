//! What engine AWSBackup looks at: the instance, the vault, the job, and what that made.

use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;

use super::{
    super::{
        ec2,
        retire::{self, Made},
        scene::{Place, Scene},
        status::{accepted, has_attempts, is_found},
    },
    METHOD,
};
use crate::{
    api::{Backup, BackupPhase, ClassBackup, MethodStatus, names::tags, time},
    cloud::{BackupJobId, Image, ImageId, ImageState, Observed, Snapshot, SnapshotId, VaultName},
    cluster::{Cluster, Kind},
    controllers::{backup_sources::class_of, tenant::identity_of},
    engine::Context,
    inventory::{Inventory, Owner, View},
    plan::{
        backup::{
            Call, CallEnd, Gone, Run,
            job::{Destination, Kept, World, belongs},
        },
        vault,
    },
};

/// AWS's clock and ours may differ by this at most: a job is looked for from so long before its attempt.
const SKEW: Duration = Duration::from_secs(5 * 60);

/// From when on jobs are listed for one that is asked for at this instant.
pub(super) fn since(at: Timestamp) -> Timestamp {
    at.checked_sub(SKEW).unwrap_or(at)
}

/// Whom a change of the Backup's job wakes.
pub(super) fn owner(backup: &Backup) -> Owner {
    Owner::Backup(backup.key().to_string())
}

/// Looks at the caches and the inventory, and says there what it waits for.
pub(super) fn observe<C: Cluster>(
    ctx: &Context<C>,
    backup: &Backup,
    (scene, run): (&Scene, &Run),
    call: Option<Call<BackupJobId>>,
) -> World {
    let n = run.attempts.iter().map(|attempt| attempt.n).max();
    let mut world = World {
        target: Observed::Unknown,
        is_foreign: false,
        gone: None,
        destination: None,
        recorded: recorded_vault(backup),
        vaults: Vec::new(),
        job: job_id(backup, n, call.as_ref()).map(|id| (id, Observed::Unknown)),
        images: Observed::Unknown,
        listed: Vec::new(),
        snapshots: Observed::Unknown,
        snapshots_listed: None,
        region_fault: scene.region_fault.clone(),
        call,
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
                    world.images = Observed::Absent;
                }
            }
            return world;
        }
    };
    world.destination = class_of(ctx, tenant).and_then(|class| destination(class.spec.backup.as_ref()?));
    let inventory = ctx.inventories.of(&place.site);
    watch(&inventory, backup, run, &world);
    let view = inventory.view();
    match ec2::target(&view, tenant, &identity_of(&ctx.identity, tenant)) {
        Some(target) => world.target = target,
        None => (world.target, world.is_foreign) = (Observed::Absent, true),
    }
    world.vaults = vaults(&world)
        .into_iter()
        .map(|name| {
            let vault = view.vault(&name).map(Clone::clone);
            (name, vault)
        })
        .collect();
    if let Some((id, job)) = &mut world.job {
        *job = view.backup_job(id).map(Clone::clone);
    }
    world.images = images(&view, backup);
    world.kept.left = of_backup(&view, backup);
    if world.kept.left.present().is_some_and(Vec::is_empty) {
        world.kept.left = Observed::Absent;
    }
    world.listed = view.images_listed().into_iter().flatten().collect();
    world.snapshots = snapshots(&view, backup, &world.images);
    world.snapshots_listed = view.snapshots_listed().into_iter().flatten().max();
    world
}

/// Has the inventory list what only a run needs.
fn watch(inventory: &Inventory, backup: &Backup, run: &Run, world: &World) {
    if world.kept.is_gone {
        return;
    }
    for vault in vaults(world) {
        inventory.watch_vault(&vault);
    }
    if run.ended.is_some() {
        return;
    }
    let first = run.attempts.iter().map(|attempt| attempt.at).min();
    if let Some(first) = first {
        inventory.watch_jobs(since(first));
    }
    if let Some((id, _)) = &world.job {
        inventory.watch_job_for(owner(backup), id.clone());
    }
}

/// The vaults that the run is about: where its job went, and where the next would go.
fn vaults(world: &World) -> BTreeSet<VaultName> {
    let by_class = world.destination.iter().map(|destination| &destination.vault);
    by_class.chain(&world.recorded).cloned().collect()
}

/// Where the class lets jobs go.
fn destination(backup: &ClassBackup) -> Option<Destination> {
    Some(Destination {
        vault: VaultName::new(backup.vault.clone()?),
        role_arn: backup.role_arn.clone()?,
    })
}

fn method(backup: &Backup) -> Option<&MethodStatus> {
    let methods = &backup.status.as_ref()?.methods;
    methods.iter().find(|method| method.method == METHOD)
}

/// The vault that the latest attempt was recorded with.
pub(super) fn recorded_vault(backup: &Backup) -> Option<VaultName> {
    method(backup)?.vault.clone().map(VaultName::new)
}

/// The job of the latest attempt: as this process was told it, or as its object has it.
pub(super) fn job_id(
    backup: &Backup,
    n: Option<u32>,
    call: Option<&Call<BackupJobId>>,
) -> Option<BackupJobId> {
    match call {
        Some(Call {
            n: told,
            end: CallEnd::Answered(id),
            ..
        }) if Some(*told) == n => Some(id.clone()),
        _ => method(backup)?.id.clone().map(BackupJobId::new),
    }
}

/// The images of the Backup; of a run that ended complete, `Absent` once the one that completed it is gone.
fn images(view: &View, backup: &Backup) -> Observed<Vec<Image>> {
    let mut found = of_backup(view, backup);
    if let (Some(id), Observed::Present(own)) = (completed_by(backup), &mut found)
        && own.iter().all(|image| image.id != id)
    {
        match view.image(&id) {
            Observed::Unknown => return Observed::Unknown,
            Observed::Absent => own.clear(),
            // Somebody changed its tags: it is there.
            Observed::Present(image) => own.push(image.clone()),
        }
    }
    match found {
        Observed::Present(own) if own.is_empty() => Observed::Absent,
        found => found,
    }
}

/// What the object says of what is done with what the run made.
fn kept(backup: &Backup) -> Kept {
    let status = backup.status.as_ref();
    Kept {
        is_expiring: retire::is_expiring(backup),
        is_gone: status.is_some_and(|status| status.gone_at.is_some()),
        ..Kept::default()
    }
}

/// What there is of what a Backup made.
pub(in super::super) fn made(view: &View, backup: &Backup) -> Observed<Made> {
    let found = match images(view, backup) {
        Observed::Unknown => return Observed::Unknown,
        Observed::Absent => return Observed::Absent,
        Observed::Present(found) => found,
    };
    // What was let go is nobody's to count or to delete.
    if found.iter().any(|image| image.tags.contains_key(tags::RELEASED)) {
        return Observed::Unknown;
    }
    let id = completed_by(backup);
    let completed_it =
        |image: &&Image| Some(&image.id) == id.as_ref() && image.state == ImageState::Available;
    let whole: Vec<_> = found.iter().filter(completed_it).cloned().collect();
    let is_whole = !whole.is_empty();
    let of_set = if is_whole { whole } else { found.clone() };
    let shown = match snapshots(view, backup, &Observed::Present(of_set.clone())) {
        Observed::Unknown => return Observed::Unknown,
        Observed::Absent => Vec::new(),
        Observed::Present(shown) => shown,
    };
    let by_snapshots = shown.iter().map(|snapshot| snapshot.started_at).min();
    let by_images = of_set.iter().map(|image| image.created_at).min();
    let Some(began) = by_snapshots.or(by_images) else {
        return Observed::Absent;
    };
    let lock = recorded_vault(backup).map(|name| view.vault(&name).map(Clone::clone));
    let locked_until = match lock {
        Some(Observed::Unknown) => Observed::Unknown,
        Some(Observed::Present(vault)) => {
            let ends = found
                .iter()
                .map(|image| vault::kept_until(&vault, image.created_at));
            ends.max().flatten().map_or(Observed::Absent, Observed::Present)
        }
        Some(Observed::Absent) | None => Observed::Absent,
    };
    Observed::Present(Made {
        began,
        is_whole,
        locked_until,
    })
}

/// Whether an image is a Backup's, and of its Tenant and this cluster by its tags: what may be deleted.
pub(super) fn is_ours(image: &Image, backup: &Backup, place: &Place) -> bool {
    let is = |name: &str| {
        let owner = place.owner.get(name);
        owner.is_some() && image.tags.get(name) == owner
    };
    is(tags::UID) && is(tags::CLUSTER) && is_of_backup(image, backup)
}

/// The images that carry the tags of the Backup.
fn of_backup(view: &View, backup: &Backup) -> Observed<Vec<Image>> {
    let found = view.images_tagged(tags::BACKUP, &backup.key().to_string());
    found.map(|found| {
        let own = found.into_iter().filter(|image| is_of_backup(image, backup));
        own.cloned().collect()
    })
}

fn is_of_backup(image: &Image, backup: &Backup) -> bool {
    let key = backup.key().to_string();
    // A name that a person gave may have been another's before: the start of the run tells them apart, unless the object
    // was made again for its image.
    let is_named = backup.spec.scheduled_time.is_some() || is_found(backup);
    let start = accepted(backup).map(|at| time(at).0.to_string());
    let slot = start.as_deref().filter(|_| !is_named);
    if !is_named && slot.is_none() {
        // Nothing was asked for.
        return false;
    }
    belongs(image, &key, backup.spec.tenant_uid.as_deref(), slot)
}

/// The image that completed the run.
fn completed_by(backup: &Backup) -> Option<ImageId> {
    if backup.phase() != Some(BackupPhase::Complete) {
        return None;
    }
    let arn = method(backup)?.recovery_point_arn.as_deref()?;
    arn.rsplit('/').next().map(ImageId::new)
}

/// The snapshots behind the images that are shown; after the end those that completed the run, whatever their image.
fn snapshots(view: &View, backup: &Backup, images: &Observed<Vec<Image>>) -> Observed<Vec<Snapshot>> {
    let behind = images.present().into_iter().flatten();
    let mut ids: BTreeSet<SnapshotId> = behind.flat_map(|image| &image.snapshots).cloned().collect();
    if backup.phase() == Some(BackupPhase::Complete) {
        let recorded = method(backup).into_iter().flat_map(|method| &method.snapshot_ids);
        ids.extend(recorded.map(SnapshotId::new));
    }
    if ids.is_empty() && images.is_unknown() {
        return Observed::Unknown;
    }
    let mut shown = Vec::new();
    for id in ids {
        match view.snapshot(&id) {
            Observed::Unknown => return Observed::Unknown,
            Observed::Absent => {}
            Observed::Present(snapshot) => shown.push(snapshot.clone()),
        }
    }
    if shown.is_empty() {
        Observed::Absent
    } else {
        Observed::Present(shown)
    }
}

/// Whether a job of AWS Backup made something for a Backup whose object does not know its engine: it was lost and made
/// again.
pub(in super::super) fn made_something(view: &View, backup: &Backup) -> Observed<()> {
    match of_backup(view, backup) {
        Observed::Unknown => Observed::Unknown,
        Observed::Present(found) if !found.is_empty() => Observed::Present(()),
        Observed::Present(_) | Observed::Absent => Observed::Absent,
    }
}
