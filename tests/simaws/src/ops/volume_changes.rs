//! Attaching, detaching and growing volumes.

use std::time::Duration;

use super::volumes::{VOLUME_IDS, performance};
use super::{Context, render};
use crate::clock::later;
use crate::protocol::{Answer, ApiError, Element, Params, item};
use crate::state::{InstanceState, Modification, Volume, VolumeAttachment, VolumeState};

/// After a modification a volume takes the next one only this much later.
const COOL_DOWN: Duration = Duration::from_secs(6 * 3600);

pub(super) fn attach(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let volume_id = params.required("VolumeId")?;
    let instance_id = params.required("InstanceId")?;
    let device = params.required("Device")?;
    let volume = ctx.region.volume(volume_id)?;
    let instance = ctx.region.instance(instance_id)?;
    if volume.state != VolumeState::Available {
        let (code, text) = match volume.state {
            VolumeState::InUse => (
                "VolumeInUse",
                format!("{volume_id} is already attached to an instance"),
            ),
            _ => (
                "IncorrectState",
                format!("Volume '{volume_id}' is in the 'creating' state."),
            ),
        };
        return Err(ApiError::new(code, text));
    }
    if !matches!(instance.state, InstanceState::Running | InstanceState::Stopped) {
        let text = format!("Instance '{instance_id}' is not 'running'.");
        return Err(ApiError::new("IncorrectState", text));
    }
    if volume.zone != instance.zone {
        let text = format!(
            "The volume '{volume_id}' is not in the same availability zone as instance '{instance_id}'"
        );
        return Err(ApiError::new("InvalidVolume.ZoneMismatch", text));
    }
    if instance.volumes.contains_key(device) {
        let text =
            format!("Invalid value '{device}' for unixDevice. Attachment point {device} is already in use");
        return Err(ApiError::value(text));
    }
    let attachment = VolumeAttachment {
        instance_id: instance_id.to_owned(),
        device: device.to_owned(),
        // A volume attached later outlives the instance unless told otherwise.
        delete_on_termination: false,
        attached_at: ctx.region.now,
    };
    let content = render::attachment(Element::content(), volume_id, &attachment, "attaching");
    ctx.region
        .instance_mut(instance_id)?
        .volumes
        .insert(device.to_owned(), volume_id.to_owned());
    let volume = ctx.region.volume_mut(volume_id)?;
    volume.attachment = Some(attachment);
    volume.state = VolumeState::InUse;
    Ok(content)
}

pub(super) fn detach(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let volume_id = params.required("VolumeId")?;
    let volume = ctx.region.volume(volume_id)?;
    let attached = volume.attachment.clone();
    let matches = |attachment: &VolumeAttachment| {
        params
            .get("InstanceId")
            .is_none_or(|id| id == attachment.instance_id)
            && params
                .get("Device")
                .is_none_or(|device| device == attachment.device)
    };
    let Some(attachment) = attached.filter(matches) else {
        let text = format!("Volume '{volume_id}' is in the 'available' state.");
        return Err(ApiError::new("IncorrectState", text));
    };
    let instance = ctx.region.instance(&attachment.instance_id)?;
    if attachment.device == instance.root_device_name && instance.state != InstanceState::Stopped {
        let text = format!(
            "Unable to detach root volume '{volume_id}' from instance '{}'",
            instance.id
        );
        return Err(ApiError::new("OperationNotPermitted", text));
    }
    ctx.region
        .instance_mut(&attachment.instance_id)?
        .volumes
        .remove(&attachment.device);
    let volume = ctx.region.volume_mut(volume_id)?;
    volume.attachment = None;
    volume.state = VolumeState::Available;
    Ok(render::attachment(
        Element::content(),
        volume_id,
        &attachment,
        "detaching",
    ))
}

pub(super) fn modify(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let id = params.required("VolumeId")?;
    let now = ctx.region.now;
    let volume = ctx.region.volume(id)?;
    let before = volume.spec.clone();
    let after = changed(volume, params)?;
    if let Some(last) = &volume.modification
        && later(last.started_at, COOL_DOWN) > now
    {
        let text = "You've reached the maximum modification rate per volume limit. Wait at least 6 hours between modifications per EBS volume.";
        return Err(ApiError::new("VolumeModificationRateExceeded", text));
    }
    let completed_at = later(now, ctx.timings.volume);
    let modification = Modification {
        before,
        after: after.clone(),
        started_at: now,
        completed_at,
    };
    let content = render::modification(Element::new("volumeModification"), id, &modification, now);
    let volume = ctx.region.volume_mut(id)?;
    volume.spec = after;
    volume.modification = Some(modification);
    Ok(Element::content().child(content))
}

fn changed(volume: &Volume, params: &Params) -> Result<crate::state::VolumeSpec, ApiError> {
    let size = params.number("Size")?.unwrap_or(volume.spec.size);
    if size < volume.spec.size {
        return Err(ApiError::value("New size cannot be smaller than existing size"));
    }
    let volume_type = params
        .get("VolumeType")
        .unwrap_or(&volume.spec.volume_type)
        .to_owned();
    let (iops, throughput) = if volume_type == volume.spec.volume_type && volume_type != "gp2" {
        let iops = params.number("Iops")?.or(volume.spec.iops);
        (iops, params.number("Throughput")?.or(volume.spec.throughput))
    } else {
        performance(&volume_type, size, params)?
    };
    Ok(crate::state::VolumeSpec {
        size,
        volume_type,
        iops,
        throughput,
        ..volume.spec.clone()
    })
}

pub(super) fn describe_modifications(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let region = &*ctx.region;
    let ids = params.list(VOLUME_IDS.parameter);
    for id in &ids {
        if region.volume(id)?.modification.is_none() {
            let text = format!("Modification for volume '{id}' does not exist.");
            return Err(ApiError::new("InvalidVolumeModification.NotFound", text));
        }
    }
    let volumes = region
        .volumes
        .values()
        .filter(|volume| ids.is_empty() || ids.contains(&volume.id));
    let items = volumes.filter_map(|volume| {
        let modification = volume.modification.as_ref()?;
        Some(render::modification(item(), &volume.id, modification, region.now))
    });
    Ok(Element::content().list("volumeModificationSet", items))
}

#[cfg(test)]
mod tests;
