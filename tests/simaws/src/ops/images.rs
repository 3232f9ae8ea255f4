//! Machine images, as far as instances and snapshots need them.

use super::context::tags_for;
use super::{Context, render};
use crate::protocol::{Answer, ApiError, Element, Ids, PageLimit, Params, item, list, timestamp};
use crate::state::{Image, ImageDevice, Region, kind};

const IDS: Ids = Ids {
    parameter: "ImageId",
    kind: kind::IMAGE,
    refuse_pages: false,
};

pub(super) fn describe(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let visible = ctx.visible_before();
    let region = &*ctx.region;
    let owners = params.list("Owner");
    let owned = |image: &Image| {
        owners.is_empty()
            || owners.iter().any(|owner| {
                *owner == image.owner
                    || Some(owner) == image.owner_alias.as_ref()
                    || (owner == "self" && image.owner == region.account)
            })
    };
    let page = list(
        (region, &region.images),
        params,
        IDS,
        PageLimit::Strict(1000),
        visible,
    )?;
    let items = page
        .items
        .iter()
        .filter(|image| owned(image))
        .map(|image| render_image(image));
    Ok(Element::content()
        .list("imagesSet", items)
        .maybe("nextToken", page.next_token))
}

pub(super) fn register(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let name = params.required("Name")?;
    if ctx
        .region
        .images
        .values()
        .any(|image| image.name == name && image.owner == ctx.region.account)
    {
        return Err(ApiError::new(
            "InvalidAMIName.Duplicate",
            format!("AMI name {name} is already in use by AMI"),
        ));
    }
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
        name: name.to_owned(),
        description: params.owned("Description").unwrap_or_default(),
        owner: ctx.region.account.clone(),
        owner_alias: None,
        // AWS's default is i386, which no present instance type runs.
        architecture: params.get("Architecture").unwrap_or("i386").to_owned(),
        root_device_name,
        devices,
        is_public: false,
        tags: tags_for(params, "image")?,
        created_at: ctx.region.now,
    };
    let id = image.id.clone();
    ctx.region.images.insert(id.clone(), image);
    Ok(Element::content().text("imageId", id))
}

fn device(region: &Region, mapping: &Params) -> Result<ImageDevice, ApiError> {
    let ebs = mapping.group("Ebs");
    let snapshot = ebs.get("SnapshotId").map(|id| region.snapshot(id)).transpose()?;
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

pub(super) fn deregister(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let id = params.required(IDS.parameter)?;
    kind::IMAGE.check(id)?;
    match ctx.region.images.get(id) {
        None => Err(kind::IMAGE.not_found(id)),
        Some(image) if image.owner != ctx.region.account => {
            let text = format!("You do not have permission to deregister image '{id}'");
            Err(ApiError::new("AuthFailure", text))
        }
        Some(_) => {
            ctx.region.images.remove(id);
            Ok(Element::success())
        }
    }
}

fn render_image(image: &Image) -> Element {
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
        .text("imageState", "available")
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
