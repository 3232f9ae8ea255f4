//! Stopping, starting, rebooting and terminating instances.

use super::{Context, render};
use crate::protocol::{Answer, ApiError, Element, Params, item, timestamp};
use crate::state::{Instance, InstanceState, StateReason, StatusCheck};

pub(super) fn terminate(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let ids = ids(ctx, params)?;
    for id in &ids {
        let instance = ctx.region.instance(id)?;
        if instance.disable_api_termination && !instance.state.is_ending() {
            return Err(protected(id, "terminated", "disableApiTermination"));
        }
    }
    Ok(change(ctx, &ids, |state| match state {
        InstanceState::ShuttingDown | InstanceState::Terminated => None,
        _ => Some(InstanceState::ShuttingDown),
    }))
}

pub(super) fn stop(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let ids = ids(ctx, params)?;
    for id in &ids {
        let instance = ctx.region.instance(id)?;
        if instance.disable_api_stop {
            return Err(protected(id, "stopped", "disableApiStop"));
        }
        if instance.state.is_ending() {
            return Err(wrong_state(instance, "stopped"));
        }
    }
    Ok(change(ctx, &ids, |state| match state {
        InstanceState::Stopping | InstanceState::Stopped => None,
        _ => Some(InstanceState::Stopping),
    }))
}

pub(super) fn start(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let ids = ids(ctx, params)?;
    for id in &ids {
        let instance = ctx.region.instance(id)?;
        if instance.state.is_ending() || instance.state == InstanceState::Stopping {
            return Err(wrong_state(instance, "started"));
        }
    }
    let content = change(ctx, &ids, |state| {
        (state == InstanceState::Stopped).then_some(InstanceState::Pending)
    });
    for id in &ids {
        let now = ctx.region.now;
        if let Some(instance) = ctx.region.instances.get_mut(id)
            && instance.state == InstanceState::Pending
        {
            instance.launched_at = now;
            // A start after a stop is on another host, which is how AWS's own guide mends this check.
            instance.impaired.remove(&StatusCheck::System);
            instance.state_reason = None;
            instance.transition_reason = String::new();
        }
    }
    Ok(content)
}

pub(super) fn reboot(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let ids = ids(ctx, params)?;
    for id in &ids {
        let instance = ctx.region.instance(id)?;
        if instance.state.is_ending() {
            return Err(wrong_state(instance, "rebooted"));
        }
    }
    for id in &ids {
        ctx.region.instance_mut(id)?.reboots += 1;
    }
    Ok(Element::success())
}

/// The ids of the call; one that is not there fails all.
fn ids(ctx: &Context<'_>, params: &Params) -> Result<Vec<String>, ApiError> {
    let mut ids = params.list("InstanceId");
    if ids.is_empty() {
        return Err(ApiError::missing("InstanceId"));
    }
    if ids.len() > 1000 {
        return Err(ApiError::new(
            "TooManyInstances",
            "At most 1000 instance IDs can be given in one call",
        ));
    }
    // A repeated id is one instance; its states would otherwise be written twice.
    let mut seen = std::collections::BTreeSet::new();
    ids.retain(|id| seen.insert(id.clone()));
    for id in &ids {
        ctx.region.instance(id)?;
    }
    Ok(ids)
}

/// Moves each instance to the state `next` gives, if any, and writes both states.
fn change(
    ctx: &mut Context<'_>,
    ids: &[String],
    next: impl Fn(InstanceState) -> Option<InstanceState>,
) -> Element {
    let mut items = Vec::new();
    for id in ids {
        let Some(instance) = ctx.region.instances.get(id) else {
            continue;
        };
        let before = instance.state;
        let after = next(before);
        if let Some(after) = after {
            if after != InstanceState::Pending {
                give_reason(ctx, id);
            }
            ctx.region.move_instance(id, after, ctx.timings.instance);
        }
        items.push(
            item()
                .text("instanceId", id)
                .child(render::state("currentState", after.unwrap_or(before)))
                .child(render::state("previousState", before)),
        );
    }
    Element::content().list("instancesSet", items)
}

fn give_reason(ctx: &mut Context<'_>, id: &str) {
    let at = timestamp(ctx.region.now);
    let at = at
        .split_once('.')
        .map_or(at.as_str(), |(seconds, _)| seconds)
        .replace('T', " ");
    if let Some(instance) = ctx.region.instances.get_mut(id) {
        instance.transition_reason = format!("User initiated ({at} GMT)");
        instance.state_reason = Some(StateReason {
            code: "Client.UserInitiatedShutdown".to_owned(),
            message: "Client.UserInitiatedShutdown: User initiated shutdown".to_owned(),
        });
    }
}

fn protected(id: &str, what: &str, attribute: &str) -> ApiError {
    ApiError::new(
        "OperationNotPermitted",
        format!(
            "The instance '{id}' may not be {what}. Modify its '{attribute}' instance attribute and try again."
        ),
    )
}

fn wrong_state(instance: &Instance, what: &str) -> ApiError {
    let (id, state) = (&instance.id, instance.state.name());
    ApiError::new(
        "IncorrectInstanceState",
        format!("The instance '{id}' is not in a state from which it can be {what} (it is '{state}')."),
    )
}

#[cfg(test)]
mod tests;
