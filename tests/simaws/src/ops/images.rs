//! Machine images, as far as instances and snapshots need them.

use std::collections::{BTreeMap, BTreeSet};

use super::context::tags_for;
use super::sharing::Asked;
use super::{Context, render, snapshots};
use crate::protocol::{Answer, ApiError, Element, Ids, PageLimit, Params, item, list, timestamp};
use crate::state::{Image, ImageDevice, Region, SnapshotState, kind};

const IDS: Ids = Ids {
    parameter: "ImageId",
    kind: kind::IMAGE,
    refuse_pages: false,
};

pub(super) fn describe(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let visible = ctx.visible_before();
    let asked = Asked::read(ctx.region, params, "ExecutableBy", IDS.parameter);
    let region = &*ctx.region;
    let limit = PageLimit::Strict(1000);
    // AWS Backup makes an image for each backup, and most calls are for the caller's own: no copy of their ids.
    if asked.only_own() && params.list(IDS.parameter).is_empty() {
        let page = list((region, &region.images), params, IDS, limit, visible)?;
        let wanted = page.items.into_iter().filter(|it| asked.wants(*it));
        return Ok(answer(
            wanted.map(|image| render_image(image, region)),
            page.next_token,
        ));
    }
    // An image is as far as its snapshots, and those are in its own account's region.
    let others = ctx.elsewhere.accounts_in(&region.name, (region.now, ctx.timings));
    let others: Vec<&Region> = others.filter(|it| it.account != region.account).collect();
    let home = |image: &Image| others.iter().find(|it| it.account == image.owner).copied();
    let seen: BTreeMap<String, &Image> = asked.seen(region, others.iter().copied());
    let page = list((region, &seen), params, IDS, limit, visible)?;
    let wanted = page.items.into_iter().filter(|it| asked.wants(**it));
    let items = wanted.map(|image| render_image(image, home(image).unwrap_or(region)));
    Ok(answer(items, page.next_token))
}

fn answer(images: impl Iterator<Item = Element>, next_token: Option<String>) -> Element {
    Element::content()
        .list("imagesSet", images)
        .maybe("nextToken", next_token)
}

pub(super) fn register(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let name = name(ctx.region, params)?;
    let root_device_name = params.required("RootDeviceName")?.to_owned();
    let devices = params
        .structs("BlockDeviceMapping")
        .iter()
        .map(|mapping| device(ctx.region, mapping))
        .collect::<Result<Vec<_>, _>>()?;
    if !devices
        .iter()
        .any(|device| device.name == root_device_name && device.snapshot_id.is_some())
    {
        let text = format!("No snapshot is mapped to the root device {root_device_name}");
        return Err(ApiError::new("InvalidBlockDeviceMapping", text));
    }
    let image = Image {
        id: ctx.region.ids.id(kind::IMAGE.prefix),
        name,
        description: params.owned("Description").unwrap_or_default(),
        owner: ctx.region.account.clone(),
        owner_alias: None,
        // AWS's default is i386, which no present instance type runs.
        architecture: params.get("Architecture").unwrap_or("i386").to_owned(),
        root_device_name,
        devices,
        is_public: false,
        shared_with: BTreeSet::new(),
        by_backup: false,
        tags: tags_for(params, "image")?,
        created_at: ctx.region.now,
    };
    let id = image.id.clone();
    ctx.region.add_image(image);
    Ok(Element::content().text("imageId", id))
}

/// The name of a new image: well-formed, and not one the account has.
pub(super) fn name(region: &Region, params: &Params) -> Result<String, ApiError> {
    let name = params.required("Name")?;
    let fits = |c: char| c.is_ascii_alphanumeric() || "()[] ./-'@_".contains(c);
    if !(3..=128).contains(&name.len()) || !name.chars().all(fits) {
        let text = "AMI names must be between 3 and 128 characters long, and may contain letters, numbers, '(', ')', '.', '-', '/' and '_'";
        return Err(ApiError::new("InvalidAMIName.Malformed", text));
    }
    if let Some(image) = region.image_named(name) {
        let text = format!("AMI name {name} is already in use by AMI {image}");
        return Err(ApiError::new("InvalidAMIName.Duplicate", text));
    }
    Ok(name.to_owned())
}

fn device(region: &Region, mapping: &Params) -> Result<ImageDevice, ApiError> {
    let ebs = mapping.group("Ebs");
    let snapshot = ebs.get("SnapshotId").map(|id| region.snapshot(id)).transpose()?;
    if let Some(snapshot) = snapshot.filter(|it| it.state != SnapshotState::Completed) {
        let (id, state) = (&snapshot.id, snapshot.state.name());
        let text = format!("Snapshot '{id}' is in invalid state - {state}");
        return Err(ApiError::new("IncorrectState", text));
    }
    Ok(ImageDevice {
        name: mapping.required("DeviceName")?.to_owned(),
        snapshot_id: snapshot.map(|it| it.id.clone()),
        size: ebs
            .number("VolumeSize")?
            .or(snapshot.map(|it| it.volume_size))
            .unwrap_or(8),
        volume_type: ebs.get("VolumeType").unwrap_or("gp2").to_owned(),
        encrypted: snapshot.is_some_and(|it| it.encrypted),
        delete_on_termination: ebs.flag("DeleteOnTermination")?.unwrap_or(true),
    })
}

/// An image of the caller's own.
pub(super) fn own<'a>(region: &'a Region, id: &str) -> Result<&'a Image, ApiError> {
    let image = region.image(id)?;
    if image.owner != region.account {
        let text = format!("Not authorized for image:{id}");
        return Err(ApiError::new("AuthFailure", text));
    }
    Ok(image)
}

pub(super) fn deregister(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let id = params.required(IDS.parameter)?;
    let image = own(ctx.region, id)?;
    if image.by_backup {
        return Err(snapshots::managed_by_backup("AMI", id));
    }
    let with_snapshots = params.flag("DeleteAssociatedSnapshots")?.unwrap_or(false);
    let snapshots: Vec<String> = image.snapshot_ids().cloned().collect();
    ctx.region.remove_image(id);
    let content = Element::success();
    if !with_snapshots {
        return Ok(content);
    }
    // The image goes in any case; of each snapshot it is said what became of it.
    let results: Vec<Element> = snapshots
        .iter()
        .map(|snapshot| {
            let result = match snapshots::check_deletable(ctx.region, snapshot) {
                Ok(()) => "success",
                Err(error) if error.code == "InvalidSnapshot.InUse" => "skipped",
                Err(_) => "client-error",
            };
            if result == "success" {
                let kept = ctx.timings.recycled_snapshots;
                ctx.region.delete_snapshot(snapshot, kept);
            }
            item().text("snapshotId", snapshot).text("returnCode", result)
        })
        .collect();
    Ok(content.list("deleteSnapshotResultSet", results))
}

fn render_image(image: &Image, region: &Region) -> Element {
    let devices = image.devices.iter().map(|device| {
        let ebs = Element::new("ebs")
            .maybe("snapshotId", device.snapshot_id.as_ref())
            .text("volumeSize", device.size)
            .text("volumeType", &device.volume_type)
            .text("encrypted", device.encrypted)
            .text("deleteOnTermination", device.delete_on_termination);
        item().text("deviceName", &device.name).child(ebs)
    });
    let element = item()
        .text("imageId", &image.id)
        .text("imageLocation", format!("{}/{}", image.owner, image.name))
        .text("imageState", image.state(region).name())
        .text("imageOwnerId", &image.owner)
        .maybe("imageOwnerAlias", image.owner_alias.as_ref())
        .text("creationDate", timestamp(image.created_at))
        .text("isPublic", image.is_public)
        .text("architecture", &image.architecture)
        .text("imageType", "machine")
        .text("name", &image.name)
        .text("description", &image.description)
        .text("rootDeviceType", "ebs")
        .text("rootDeviceName", &image.root_device_name)
        .list("blockDeviceMapping", devices)
        .text("virtualizationType", "hvm")
        .text("hypervisor", "xen")
        .text("enaSupport", true)
        .text("platformDetails", "Linux/UNIX");
    render::with_tags(element, &image.tags)
}

#[cfg(test)]
mod tests;
