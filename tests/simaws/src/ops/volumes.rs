//! Volumes.

use super::context::tags_for;
use super::{Context, render};
use crate::clock::later;
use crate::protocol::{Answer, ApiError, Element, Ids, PageLimit, Params, item, list};
use crate::state::{ImageDevice, Region, SnapshotState, Volume, VolumeSpec, VolumeState, kind};

const OPERATION: &str = "CreateVolume";

/// The ids of an operation on volumes.
pub(super) const VOLUME_IDS: Ids = Ids {
    parameter: "VolumeId",
    kind: kind::VOLUME,
    refuse_pages: true,
};

pub(super) fn describe(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let visible = ctx.visible_before();
    let region = &*ctx.region;
    let page = list(
        (region, &region.volumes),
        params,
        VOLUME_IDS,
        PageLimit::Capped(500),
        visible,
    )?;
    let items = page.items.iter().map(|it| render::volume(item(), it, region));
    Ok(Element::content()
        .list("volumeSet", items)
        .maybe("nextToken", page.next_token))
}

pub(super) fn create(ctx: &mut Context<'_>, params: &Params) -> Answer {
    if let Some(used) = ctx.region.token_use(OPERATION, params)?
        && let Some(made) = used.ids.first().and_then(|id| ctx.region.volumes.get(id))
    {
        ctx.replayed = true;
        return Ok(render::volume(Element::content(), made, ctx.region));
    }
    let zone = params.required("AvailabilityZone")?;
    if ctx.region.zone_id(zone).is_none() {
        let text = format!("The zone '{zone}' does not exist.");
        return Err(ApiError::new("InvalidZone.NotFound", text));
    }
    if params.get("Size").is_none() && params.get("SnapshotId").is_none() {
        return Err(ApiError::missing("Size or SnapshotId"));
    }
    let spec = read_spec(ctx.region, params, ("Size", None))?;
    let tags = tags_for(params, "volume")?;
    let due = later(ctx.region.now, ctx.timings.volume);
    let volume = Volume {
        id: ctx.region.ids.id(kind::VOLUME.prefix),
        spec,
        zone: zone.to_owned(),
        state: VolumeState::Creating,
        due: Some(due),
        attachment: None,
        modification: None,
        tags,
        created_at: ctx.region.now,
    };
    let content = render::volume(Element::content(), &volume, ctx.region);
    ctx.region.schedule(&volume.id, due);
    ctx.region
        .remember_token(OPERATION, params, vec![volume.id.clone()]);
    ctx.region.volumes.insert(volume.id.clone(), volume);
    Ok(content)
}

pub(super) fn delete(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let id = params.required("VolumeId")?;
    let volume = ctx.region.volume(id)?;
    if let Some(attachment) = &volume.attachment {
        let text = format!("Volume {id} is currently attached to {}", attachment.instance_id);
        return Err(ApiError::new("VolumeInUse", text));
    }
    let kept = ctx.timings.recycled_volumes;
    ctx.region.delete_volume(id, kept);
    Ok(Element::success())
}

/// What a volume is asked to be: in CreateVolume's own parameters, or in a block device mapping's
/// `Ebs`, over what the image says of the device.
pub(super) fn read_spec(
    region: &Region,
    params: &Params,
    (size_name, image): (&str, Option<&ImageDevice>),
) -> Result<VolumeSpec, ApiError> {
    let snapshot = params
        .get("SnapshotId")
        .map(|id| region.snapshot(id))
        .transpose()?;
    if let Some(snapshot) = snapshot.filter(|it| it.state != SnapshotState::Completed) {
        let text = format!(
            "Snapshot '{}' is in invalid state - {}",
            snapshot.id,
            snapshot.state.name()
        );
        return Err(ApiError::new("IncorrectState", text));
    }
    let least = snapshot.map(|it| it.volume_size);
    let size = params.number(size_name)?.or(least).or(image.map(|it| it.size));
    let Some(size) = size.filter(|size| (1..=65_536).contains(size)) else {
        return Err(ApiError::value(format!(
            "Volume of {}GiB is invalid",
            size.unwrap_or(0)
        )));
    };
    if least.is_some_and(|least| size < least) {
        return Err(ApiError::value(
            "The size of a volume cannot be smaller than the snapshot's size",
        ));
    }
    // CreateVolume's and a block device mapping's default is gp2 unless the image says otherwise.
    let by_default = image.map_or("gp2", |it| it.volume_type.as_str());
    let volume_type = params.get("VolumeType").unwrap_or(by_default).to_owned();
    let (iops, throughput) = performance(&volume_type, size, params)?;
    let of_source = snapshot.is_some_and(|it| it.encrypted) || image.is_some_and(|it| it.encrypted);
    let encrypted = params.flag("Encrypted")?.unwrap_or(of_source);
    if of_source && !encrypted {
        return Err(ApiError::value(
            "A volume of an encrypted snapshot must be encrypted",
        ));
    }
    let key = params.get("KmsKeyId");
    if key.is_some() && !encrypted {
        return Err(ApiError::new(
            "InvalidParameterDependency",
            "The parameter KmsKeyId requires the parameter Encrypted to be set.",
        ));
    }
    let of_image = image.and_then(|it| region.snapshots.get(it.snapshot_id.as_ref()?));
    let inherited = snapshot.or(of_image).and_then(|it| it.kms_key_id.clone());
    let kms_key_id = match key {
        Some(key) => Some(key_arn(region, key)),
        None => inherited.or_else(|| encrypted.then(|| default_key(region))),
    };
    Ok(VolumeSpec {
        size,
        volume_type,
        iops,
        throughput,
        encrypted,
        kms_key_id,
        snapshot_id: snapshot.map(|it| it.id.clone()),
    })
}

/// IOPS and throughput, given or by the type's default.
pub(super) fn performance(
    volume_type: &str,
    size: u32,
    params: &Params,
) -> Result<(Option<u32>, Option<u32>), ApiError> {
    let (iops, throughput) = (params.number("Iops")?, params.number("Throughput")?);
    if throughput.is_some() && volume_type != "gp3" {
        let text = format!("The parameter throughput is not supported for {volume_type} volumes.");
        return Err(ApiError::combination(text));
    }
    match volume_type {
        "gp3" => Ok((iops.or(Some(3000)), throughput.or(Some(125)))),
        "gp2" => Ok((Some((size * 3).clamp(100, 16_000)), None)),
        "io1" | "io2" if iops.is_none() => Err(ApiError::missing("iops")),
        "io1" | "io2" => Ok((iops, None)),
        "st1" | "sc1" | "standard" => Ok((None, None)),
        other => Err(ApiError::new(
            "UnknownVolumeType",
            format!("Unknown volume type: {other}"),
        )),
    }
}

/// The key as an ARN: EC2 takes an id, an alias or an ARN and always gives an ARN.
pub(super) fn key_arn(region: &Region, key: &str) -> String {
    if key.starts_with("arn:") {
        return key.to_owned();
    }
    let key = if key.starts_with("alias/") {
        key.to_owned()
    } else {
        format!("key/{key}")
    };
    format!("arn:aws:kms:{}:{}:{key}", region.name, region.account)
}

/// The account's key for EBS, which AWS makes when it is first needed.
pub(super) fn default_key(region: &Region) -> String {
    key_arn(region, "0e5a0000-0000-4000-a000-0000000000eb")
}
