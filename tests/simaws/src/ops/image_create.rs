//! CreateImage: an image of an instance and the snapshots it holds.

use std::collections::{BTreeMap, BTreeSet};

use super::context::tag_specifications;
use super::{Context, images, snapshots};
use crate::protocol::{Answer, ApiError, Element, Params};
use crate::state::{Image, ImageDevice, Instance, InstanceState, Region, Snapshot, Tags, kind};

pub(super) fn create(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let instance_id = params.required("InstanceId")?;
    let instance = ctx.region.instance(instance_id)?;
    if !matches!(
        instance.state,
        InstanceState::Running | InstanceState::Stopping | InstanceState::Stopped
    ) {
        let text = format!("Instance '{instance_id}' is not 'running' or 'stopped'.");
        return Err(ApiError::new("IncorrectState", text));
    }
    let instance = instance.clone();
    let name = images::name(ctx.region, params)?;
    let reboots = !params.flag("NoReboot")?.unwrap_or(false);
    let devices = devices(ctx.region, &instance, params)?;
    let mut tags = tag_specifications(params, &["image", "snapshot"])?;
    let snapshot_tags = tags.remove("snapshot").unwrap_or_default();
    let id = ctx.region.ids.id(kind::IMAGE.prefix);
    let devices = snapshot_all(ctx, devices, (&instance.id, &id), &snapshot_tags)?;
    let image = Image {
        id: id.clone(),
        name,
        description: params.owned("Description").unwrap_or_default(),
        owner: ctx.region.account.clone(),
        owner_alias: None,
        architecture: instance.architecture,
        root_device_name: instance.root_device_name,
        devices,
        is_public: false,
        shared_with: BTreeSet::new(),
        by_backup: false,
        tags: tags.remove("image").unwrap_or_default(),
        created_at: ctx.region.now,
    };
    ctx.region.add_image(image);
    if reboots && instance.state == InstanceState::Running {
        ctx.region.instance_mut(instance_id)?.reboots += 1;
    }
    Ok(Element::content().text("imageId", id))
}

/// A volume of the instance and what the image says of it.
type Wanted = (String, ImageDevice);

/// The instance's volumes; a mapping may leave one out or say whether it ends with its instance.
fn devices(region: &Region, instance: &Instance, params: &Params) -> Result<Vec<Wanted>, ApiError> {
    let mut mappings = BTreeMap::new();
    for mapping in params.structs("BlockDeviceMapping") {
        mappings.insert(mapping.required("DeviceName")?.to_owned(), mapping);
    }
    let mut devices = Vec::new();
    for (name, volume_id) in &instance.volumes {
        let mapping = mappings.remove(name).unwrap_or_default();
        if mapping.get("NoDevice").is_some() && *name != instance.root_device_name {
            continue;
        }
        let volume = region.volume(volume_id)?;
        snapshots::check_volume(region, volume_id)?;
        let kept = mapping.group("Ebs").flag("DeleteOnTermination")?;
        let present = volume.attachment.as_ref().map(|it| it.delete_on_termination);
        let device = ImageDevice {
            name: name.clone(),
            snapshot_id: None,
            size: volume.spec.size,
            volume_type: volume.spec.volume_type.clone(),
            encrypted: volume.spec.encrypted,
            delete_on_termination: kept.or(present).unwrap_or(true),
        };
        devices.push((volume_id.clone(), device));
    }
    match mappings.into_keys().next() {
        None => Ok(devices),
        Some(name) => Err(ApiError::new(
            "InvalidBlockDeviceMapping",
            format!("The instance has no device {name}; adding one to its image is not simulated."),
        )),
    }
}

/// Starts a snapshot of each; gives the devices with them.
fn snapshot_all(
    ctx: &mut Context<'_>,
    devices: Vec<Wanted>,
    (instance_id, image_id): (&str, &str),
    tags: &Tags,
) -> Result<Vec<ImageDevice>, ApiError> {
    let description = format!("Created by CreateImage({instance_id}) for {image_id}");
    let mut begun: Vec<(Snapshot, ImageDevice)> = Vec::new();
    for (volume_id, mut device) in devices {
        let snapshot = snapshots::start(ctx, &volume_id, Some(&description), tags.clone())?;
        device.snapshot_id = Some(snapshot.id.clone());
        begun.push((snapshot, device));
    }
    let devices = begun.into_iter().map(|(snapshot, device)| {
        ctx.region.add_snapshot(snapshot);
        device
    });
    Ok(devices.collect())
}

#[cfg(test)]
mod tests;
