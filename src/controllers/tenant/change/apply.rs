//! Doing: one call or one record per step.
//!
//! A stop, a restart and the growth of a volume are written down before they are asked for.

use super::{takes_its_turn, written};
use crate::{
    api::{ChangeKind, InstanceChange, Reason, RestartStatus, Tenant, TenantStatus, VolumeGrowth, time},
    clock::elapsed,
    cloud::{CloudError, Disposition, ErrorKind, InstanceId, Site, VolumeId},
    cluster::{Cluster, Happened, Kind},
    controllers::tenant::{TenantReconciler, apply::yield_to_incidents},
    engine::{Failure, Pass},
    inventory::Effect,
    plan::tenant::{COOL_DOWN, ChangeRecord, PATIENCE, TenantAction},
    text::shortened,
};

/// The longest refusal that fits the status.
const REFUSED_MAX: usize = 512;

/// AWS's codes for a volume that was changed a short time ago.
const COOLING_DOWN: [&str; 2] = ["VolumeModificationRateExceeded", "IncorrectModificationState"];

/// Takes one step that changes the instance; the others are none of this.
pub(in crate::controllers::tenant) async fn apply<C: Cluster>(
    reconciler: &TenantReconciler,
    pass: &mut Pass<'_, C, Tenant>,
    site: &Site,
    action: &TenantAction,
) -> Result<(), Failure> {
    match action {
        TenantAction::RecordChange(record) => record_change(pass, record).await,
        TenantAction::EndChange => {
            tell_end(pass, site);
            // The report writes it.
            Ok(())
        }
        TenantAction::Stop(id) => stop(pass, site, id).await,
        TenantAction::SetInstanceType(id, instance_type) => set_type(pass, site, (id, instance_type)).await,
        TenantAction::Start(id) => start(pass, site, id).await,
        TenantAction::RecordGrowth {
            volume,
            size_gib,
            by_class,
        } => {
            if *by_class && !takes_its_turn(pass.ctx, &pass.object) {
                return Err(not_its_turn());
            }
            record_growth(pass, volume, (*size_gib, *by_class)).await
        }
        TenantAction::GrowVolume { volume, size_gib } => grow(pass, site, (volume, *size_gib)).await,
        TenantAction::RecordRestart(at) => {
            let mut status = status_of(pass);
            status.restart = Some(RestartStatus {
                handled_at: Some(time(*at)),
            });
            pass.write_ahead(status).await?;
            // Whatever came of an earlier one: this one is dealt with, unless its call fails.
            reconciler.memory.restart_made(pass.object.uid());
            Ok(())
        }
        TenantAction::Reboot(id) => reboot(reconciler, pass, site, id).await,
        _ => Ok(()),
    }
}

fn status_of<C>(pass: &Pass<'_, C, Tenant>) -> TenantStatus {
    pass.object.status.clone().unwrap_or_default()
}

/// The change that the object's status tells of.
fn change_of<'a, C>(pass: &'a Pass<'_, C, Tenant>) -> Option<&'a InstanceChange> {
    pass.object.status.as_ref()?.change.as_ref()
}

fn not_its_turn() -> Failure {
    Failure::Blocked {
        reason: Reason::WaitsForTurn,
        message: "an edit of the class's plan reaches its Tenants slowly, and others are before it"
            .to_owned(),
    }
}

/// Whether AWS answered, and did nothing.
fn is_certain(error: &CloudError) -> bool {
    match error.kind {
        ErrorKind::Throttled
        | ErrorKind::NotFound
        | ErrorKind::IncorrectState
        | ErrorKind::InvalidSpec
        | ErrorKind::Denied
        | ErrorKind::Exhausted => true,
        ErrorKind::Transient
        | ErrorKind::Lost
        | ErrorKind::Duplicate
        | ErrorKind::TokenReused
        | ErrorKind::Unexpected
        | ErrorKind::Defect => false,
    }
}

async fn record_change<C: Cluster>(
    pass: &mut Pass<'_, C, Tenant>,
    record: &ChangeRecord,
) -> Result<(), Failure> {
    let is_begun = record.kind == ChangeKind::Resize && record.refused.is_none();
    if is_begun {
        yield_to_incidents(pass)?;
        if record.by_class && !takes_its_turn(pass.ctx, &pass.object) {
            return Err(not_its_turn());
        }
    }
    let mut status = status_of(pass);
    status.change = Some(written(record));
    pass.write_ahead(status).await
}

async fn stop<C: Cluster>(
    pass: &mut Pass<'_, C, Tenant>,
    site: &Site,
    id: &InstanceId,
) -> Result<(), Failure> {
    yield_to_incidents(pass)?;
    match pass.cloud(site).stop(id).await {
        Ok(()) => {
            pass.ctx
                .inventories
                .of(site)
                .record(Effect::InstanceStopped(id.clone()));
            tell_stop(pass, id);
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

/// Gives the stopped instance its type. One that AWS does not take is written down, and the instance starts as it was.
async fn set_type<C: Cluster>(
    pass: &mut Pass<'_, C, Tenant>,
    site: &Site,
    (id, instance_type): (&InstanceId, &str),
) -> Result<(), Failure> {
    match pass.cloud(site).set_instance_type(id, instance_type).await {
        Ok(()) => {
            pass.ctx.inventories.of(site).record(Effect::TypeChanged {
                instance: id.clone(),
                instance_type: instance_type.to_owned(),
            });
            Ok(())
        }
        Err(error) if (is_refusal(&error) || is_given_up(pass)) && !is_the_old_one(pass, instance_type) => {
            write_refusal(pass, Some(instance_type), &error).await
        }
        Err(error) => Err(error.into()),
    }
}

/// Starts the instance. Where AWS has no room for its new type, that is written down, and it gets the old one again.
async fn start<C: Cluster>(
    pass: &mut Pass<'_, C, Tenant>,
    site: &Site,
    id: &InstanceId,
) -> Result<(), Failure> {
    match pass.cloud(site).start(id).await {
        Ok(()) => {
            pass.ctx
                .inventories
                .of(site)
                .record(Effect::InstanceStarted(id.clone()));
            Ok(())
        }
        Err(error)
            if ((is_refusal(&error) && !error.lacks_right()) || is_given_up(pass))
                && has_new_type(pass, site, id) =>
        {
            write_refusal(pass, None, &error).await
        }
        Err(error) => Err(error.into()),
    }
}

/// Whether another try of the same would be answered alike.
fn is_refusal(error: &CloudError) -> bool {
    is_certain(error) && error.kind.disposition() == Disposition::Stall
}

/// Whether the customer has waited for so long that the instance is to start as it was.
fn is_given_up<C>(pass: &Pass<'_, C, Tenant>) -> bool {
    change_of(pass)
        .is_some_and(|change| change.kind == ChangeKind::Resize && elapsed(change.at.0, pass.now) >= PATIENCE)
}

fn is_the_old_one<C>(pass: &Pass<'_, C, Tenant>, instance_type: &str) -> bool {
    change_of(pass).is_some_and(|change| change.from.as_deref() == Some(instance_type))
}

/// Whether the instance has just been given the type that it was stopped for.
fn has_new_type<C: Cluster>(pass: &Pass<'_, C, Tenant>, site: &Site, id: &InstanceId) -> bool {
    let view = pass.ctx.inventories.of(site).view();
    change_of(pass).is_some_and(|change| {
        let is_new = |instance: &crate::cloud::Instance| change.to.as_ref() == Some(&instance.instance_type);
        change.kind == ChangeKind::Resize
            && change.refused.is_none()
            && change.from != change.to
            && view
                .instance(id)
                .present()
                .is_some_and(|instance| is_new(instance))
    })
}

async fn write_refusal<C: Cluster>(
    pass: &mut Pass<'_, C, Tenant>,
    instance_type: Option<&str>,
    error: &CloudError,
) -> Result<(), Failure> {
    let mut status = status_of(pass);
    if let Some(change) = &mut status.change {
        if let Some(instance_type) = instance_type {
            change.to = Some(instance_type.to_owned());
        }
        change.refused = Some(shortened(&error.to_string(), REFUSED_MAX));
    }
    pass.write_ahead(status).await
}

async fn record_growth<C: Cluster>(
    pass: &mut Pass<'_, C, Tenant>,
    volume: &VolumeId,
    (size_gib, by_class): (i32, bool),
) -> Result<(), Failure> {
    let now = pass.now;
    let mut status = status_of(pass);
    // What was long ago is forgotten, so that the list stays short.
    status
        .volume_growths
        .retain(|growth| growth.volume_id != volume.as_str() && elapsed(growth.at.0, now) < COOL_DOWN);
    status.volume_growths.push(VolumeGrowth {
        volume_id: volume.to_string(),
        size_gib,
        at: time(now),
        by_class,
    });
    pass.write_ahead(status).await
}

async fn grow<C: Cluster>(
    pass: &mut Pass<'_, C, Tenant>,
    site: &Site,
    (volume, size_gib): (&VolumeId, i32),
) -> Result<(), Failure> {
    match pass.cloud(site).grow_volume(volume, size_gib).await {
        Ok(()) => {
            pass.ctx.inventories.of(site).record(Effect::VolumeGrown {
                volume: volume.clone(),
                size_gib,
            });
            let told = format!("volume {volume} has {size_gib} GiB; its file system is as it was");
            pass.happened(Happened::normal(Reason::Resized, told));
            Ok(())
        }
        Err(error) if COOLING_DOWN.contains(&error.code.as_str()) => {
            // Somebody else changed it. When is not known, so the six hours are counted from now.
            let known = pass.ctx.inventories.of(site).view();
            let has = known.volume(volume).present().map_or(0, |volume| volume.size_gib);
            record_growth(pass, volume, (has, false)).await
        }
        Err(error) => Err(error.into()),
    }
}

async fn reboot<C: Cluster>(
    reconciler: &TenantReconciler,
    pass: &mut Pass<'_, C, Tenant>,
    site: &Site,
    id: &InstanceId,
) -> Result<(), Failure> {
    if let Err(failure) = yield_to_incidents(pass) {
        reconciler.memory.restart_refused(pass.object.uid());
        return Err(failure);
    }
    match pass.cloud(site).reboot(id).await {
        Ok(()) => {
            let restart = pass.object.spec.restart.as_ref();
            let why = restart
                .and_then(|restart| restart.reason.as_deref())
                .unwrap_or_default();
            let told = format!("instance {id} was restarted, as was asked for: {why}");
            pass.happened(Happened::normal(Reason::Restarted, told));
            Ok(())
        }
        Err(error) => {
            if is_certain(&error) {
                // It was written down as dealt with, and was not. Whoever comes after a crash does not know that, and
                // makes no second one.
                reconciler.memory.restart_refused(pass.object.uid());
            }
            Err(error.into())
        }
    }
}

fn tell_stop<C>(pass: &mut Pass<'_, C, Tenant>, id: &InstanceId) {
    let Some(change) = change_of(pass) else { return };
    let told = match change.kind {
        ChangeKind::Stop => {
            let why = pass.object.spec.power_reason.as_deref().unwrap_or_default();
            let told = format!("instance {id} is being stopped, as powerState asks: {why}");
            Happened::normal(Reason::StoppedAsAsked, told)
        }
        ChangeKind::Resize => {
            let [from, to] = [&change.from, &change.to].map(|name| name.as_deref().unwrap_or("unknown"));
            let told = format!("instance {id} is being stopped, to become {to} instead of {from}");
            Happened::normal(Reason::Resizing, told)
        }
    };
    pass.events.push(told);
}

fn tell_end<C: Cluster>(pass: &mut Pass<'_, C, Tenant>, site: &Site) {
    let Some(change) = change_of(pass) else { return };
    let status = pass.object.status.as_ref();
    let id = status
        .and_then(|status| status.instance_id.as_deref())
        .unwrap_or_default();
    let [from, to] = [&change.from, &change.to].map(|name| name.as_deref().unwrap_or("unknown"));
    let told = match (change.kind, &change.refused) {
        (ChangeKind::Stop, _) => Happened::normal(Reason::Running, format!("instance {id} runs again")),
        (ChangeKind::Resize, None) if has_new_type(pass, site, &id.into()) => Happened::normal(
            Reason::Resized,
            format!("the change of instance {id} from {from} to {to} is over"),
        ),
        // It never came, or Stalled tells it.
        (ChangeKind::Resize, _) => return,
    };
    pass.events.push(told);
}
