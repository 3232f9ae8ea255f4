//! Changes of an instance as objects say them: what is wished, what is known, what is written down.

mod apply;
mod tell;

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;

pub(super) use self::{
    apply::apply,
    tell::{take, tell, waits},
};
use super::{World, memory::Memory};
use crate::{
    api::{Backup, ChangeKind, InstanceChange, PowerState, Reason, Tenant, TenantClass, time},
    cluster::{Cluster, Index, Kind},
    engine::{Context, Refusal},
    plan::{
        tenant::{ChangeFacts, ChangeRecord, ChangeWish, Growth, Power, Size},
        window::{Window, WindowError},
    },
    rollouts::Reached,
};

/// What the spec and the class ask of the instance.
pub(super) fn wish_of(tenant: &Tenant, class: &TenantClass) -> ChangeWish {
    let spec = &tenant.spec;
    let restart = spec.restart.as_ref();
    ChangeWish {
        size: size_of(tenant, class),
        window: window_of(tenant, class).ok().flatten(),
        power: match spec.power_state.unwrap_or_default() {
            PowerState::Running => Power::Running,
            PowerState::Stopped => Power::Stopped(spec.power_reason.clone().unwrap_or_default()),
        },
        // In whole seconds, as the status keeps it.
        restart: restart
            .and_then(|restart| restart.requested_at.as_ref())
            .map(|at| time(at.0).0),
    }
}

fn size_of(tenant: &Tenant, class: &TenantClass) -> Option<Size> {
    let name = &tenant.spec.plan;
    let plan = class.spec.plans.get(name)?;
    let volumes = plan.volumes.iter();
    Some(Size {
        plan: name.clone(),
        instance_type: plan.instance_type.clone(),
        volumes: volumes
            .map(|volume| (volume.device.clone(), volume.size_gib))
            .collect(),
    })
}

/// The window in which the Tenant may be interrupted, its own before its class's; or what must be corrected in it.
pub(super) fn window_of(tenant: &Tenant, class: &TenantClass) -> Result<Option<Window>, Refusal> {
    let own = tenant.spec.maintenance_window.as_ref();
    let (written, whose) = match (own, &class.spec.maintenance_window) {
        (Some(own), _) => (own, String::new()),
        (None, Some(of_class)) => (of_class, format!("TenantClass {}: ", tenant.spec.class_name)),
        (None, None) => return Ok(None),
    };
    Window::new(written).map(Some).map_err(|error| Refusal {
        reason: match error {
            WindowError::UnknownZone(_) => Reason::UnknownTimeZone,
            WindowError::Malformed(_) => Reason::InvalidSpec,
        },
        message: format!("{whose}spec.maintenanceWindow.{error}"),
    })
}

/// Adds to the world what is known of changes of its instance.
pub(super) fn look<C: Cluster>(
    ctx: &Context<C>,
    memory: &Memory,
    (tenant, class): (&Tenant, &TenantClass),
    world: &mut World,
) {
    let Some(aws) = &mut world.aws else { return };
    let status = tenant.status.clone().unwrap_or_default();
    let mut facts = ChangeFacts {
        record: status.change.as_ref().map(record_of),
        plan: status.plan_in_force.map(|plan| plan.name),
        growths: status
            .volume_growths
            .iter()
            .map(|growth| {
                let at = growth.at.0;
                let size_gib = growth.size_gib;
                (growth.volume_id.as_str().into(), Growth { size_gib, at })
            })
            .collect(),
        restarted: status
            .restart
            .and_then(|restart| restart.handled_at)
            .map(|at| at.0)
            .filter(|_| !memory.is_restart_refused(tenant.uid())),
        backup: backup_under_way(ctx, tenant),
        turn_at: None,
    };
    // Whether it may be interrupted is not asked here.
    let wish = ChangeWish {
        size: size_of(tenant, class),
        ..ChangeWish::default()
    };
    let is_waiting = aws
        .instance
        .present()
        .is_some_and(|instance| wish.is_by_class(&facts) && wish.differs(instance, aws));
    if is_waiting {
        let now = ctx.now();
        count(ctx, &tenant.spec.class_name, now);
        facts.turn_at = ctx.rollouts.turn_at(&tenant.spec.class_name, tenant.uid(), now);
    }
    aws.change = facts;
}

/// A Backup of this Tenant that may be at work.
fn backup_under_way<C: Cluster>(ctx: &Context<C>, tenant: &Tenant) -> Option<String> {
    let backups = ctx
        .cluster
        .cached_by::<Backup>(Index::Tenant, &tenant.key().to_string());
    let mut under_way = backups.iter().filter(|backup| !backup.has_ended());
    under_way.next().map(|backup| backup.key().name)
}

/// Counts whom edits of a class reached within the hour, unless that was just done.
fn count<C: Cluster>(ctx: &Context<C>, class: &str, now: Timestamp) {
    if !ctx.rollouts.wants_count(class, now) {
        return;
    }
    let tenants = ctx.cluster.cached_by::<Tenant>(Index::Class, class);
    let reached = Reached {
        at: tenants.iter().filter_map(reached_at).collect::<BTreeMap<_, _>>(),
        tenants: tenants.len(),
    };
    ctx.rollouts.counted(class, reached, now);
}

fn reached_at(tenant: &Arc<Tenant>) -> Option<(String, Timestamp)> {
    let status = tenant.status.as_ref()?;
    let resized = status
        .change
        .iter()
        .filter(|change| change.by_class && change.kind == ChangeKind::Resize)
        .map(|change| change.at.0);
    let grown = status
        .volume_growths
        .iter()
        .filter(|growth| growth.by_class)
        .map(|growth| growth.at.0);
    Some((tenant.uid().to_owned(), resized.chain(grown).max()?))
}

/// The record as the planner knows it.
fn record_of(change: &InstanceChange) -> ChangeRecord {
    ChangeRecord {
        kind: change.kind,
        from: change.from.clone(),
        to: change.to.clone(),
        at: change.at.0,
        by_class: change.by_class,
        refused: change.refused.clone(),
        has_ended: change.ended_at.is_some(),
    }
}

/// The record as the status keeps it.
fn written(record: &ChangeRecord) -> InstanceChange {
    InstanceChange {
        kind: record.kind,
        from: record.from.clone(),
        to: record.to.clone(),
        at: time(record.at),
        by_class: record.by_class,
        refused: record.refused.clone(),
        ended_at: None,
    }
}

/// Whether an edit of the class may reach this Tenant now; takes its place.
fn takes_its_turn<C: Cluster>(ctx: &Context<C>, tenant: &Tenant) -> bool {
    ctx.rollouts
        .admit(&tenant.spec.class_name, tenant.uid(), ctx.now())
}
