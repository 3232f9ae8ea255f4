//! Snapshots.

use super::context::{tag_specifications, tags_for, within_tag_limit};
use super::{Context, render};
use crate::clock::later;
use crate::protocol::{Answer, ApiError, Element, Ids, PageLimit, Params, item, list};
use crate::state::{Region, Snapshot, SnapshotState, Tags, kind};

const IDS: Ids = Ids {
    parameter: "SnapshotId",
    kind: kind::SNAPSHOT,
    refuse_pages: true,
};

/// AWS's fixed limit for one volume of the usual types.
const MOST_CONCURRENT: usize = 5;

/// AWS's limit of volumes in one CreateSnapshots.
const MOST_VOLUMES: usize = 128;

pub(super) fn describe(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let visible = ctx.visible_before();
    let region = &*ctx.region;
    let owners = params.list("Owner");
    // Only own snapshots exist here: those of Amazon's public images are not simulated.
    let owned = owners.is_empty()
        || owners
            .iter()
            .any(|owner| owner == "self" || *owner == region.account);
    let page = list(
        (region, &region.snapshots),
        params,
        IDS,
        PageLimit::Strict(1000),
        visible,
    )?;
    if !owned {
        return Ok(Element::content().list("snapshotSet", []));
    }
    let items = page
        .items
        .iter()
        .map(|it| render::snapshot(item(), it, region, "status"));
    Ok(Element::content()
        .list("snapshotSet", items)
        .maybe("nextToken", page.next_token))
}

pub(super) fn create(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let volume_id = params.required("VolumeId")?;
    check_volume(ctx.region, volume_id)?;
    let tags = tags_for(params, "snapshot")?;
    let snapshot = start(ctx, volume_id, params.get("Description"), tags)?;
    let content = render::snapshot(Element::content(), &snapshot, ctx.region, "status");
    ctx.region.add_snapshot(snapshot);
    Ok(content)
}

/// CreateSnapshots: the volumes of an instance at one point in time, all or none.
pub(super) fn create_of_instance(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let specification = params.group("InstanceSpecification");
    let instance_id = specification.required("InstanceId")?;
    let instance = ctx.region.instance(instance_id)?;
    if instance.state.is_ending() {
        let text = format!("The instance '{instance_id}' is not in a valid state for this operation.");
        return Err(ApiError::new("IncorrectInstanceState", text));
    }
    let without_boot = specification.flag("ExcludeBootVolume")?.unwrap_or(false);
    let excluded = specification.list("ExcludeDataVolumeId");
    let root = instance.volumes.get(&instance.root_device_name);
    if let Some(wrong) = excluded
        .iter()
        .find(|id| Some(*id) == root || !instance.volumes.values().any(|volume| volume == *id))
    {
        return Err(ApiError::value(format!(
            "Volume '{wrong}' is not a data volume of the instance"
        )));
    }
    let volumes: Vec<String> = instance
        .volumes
        .iter()
        .filter(|(device, id)| {
            !(excluded.contains(id) || without_boot && **device == instance.root_device_name)
        })
        .map(|(_, id)| id.clone())
        .collect();
    if volumes.is_empty() || volumes.len() > MOST_VOLUMES {
        return Err(ApiError::value(format!(
            "Cannot take snapshots of {} volumes.",
            volumes.len()
        )));
    }
    let copy_tags = match params.get("CopyTagsFromSource") {
        None => false,
        Some("volume") => true,
        Some(other) => {
            return Err(ApiError::value(format!(
                "Invalid value '{other}' for copyTagsFromSource"
            )));
        }
    };
    let given = tag_specifications(params, &["snapshot"])?
        .remove("snapshot")
        .unwrap_or_default();
    let mut tagged = Vec::new();
    for id in volumes {
        check_volume(ctx.region, &id)?;
        let mut tags = if copy_tags {
            ctx.region.volume(&id)?.tags.clone()
        } else {
            Tags::new()
        };
        tags.extend(given.clone());
        within_tag_limit(&tags)?;
        tagged.push((id, tags));
    }
    let mut items = Vec::new();
    for (id, tags) in tagged {
        let snapshot = start(ctx, &id, params.get("Description"), tags)?;
        items.push(render::snapshot(item(), &snapshot, ctx.region, "state"));
        ctx.region.add_snapshot(snapshot);
    }
    Ok(Element::content().list("snapshotSet", items))
}

fn check_volume(region: &Region, id: &str) -> Result<(), ApiError> {
    region.volume(id)?;
    if region.pending_snapshots(id) >= MOST_CONCURRENT {
        let text = "You've reached the limit on the number of concurrent snapshots you can create on the specified volume. Wait until the 'pending' requests have completed.";
        return Err(ApiError::new("ConcurrentSnapshotLimitExceeded", text));
    }
    Ok(())
}

fn start(
    ctx: &mut Context<'_>,
    volume_id: &str,
    description: Option<&str>,
    tags: Tags,
) -> Result<Snapshot, ApiError> {
    let due = later(ctx.region.now, ctx.timings.snapshot);
    let spec = ctx.region.volume(volume_id)?.spec.clone();
    let id = ctx.region.ids.id(kind::SNAPSHOT.prefix);
    Ok(Snapshot {
        id,
        volume_id: volume_id.to_owned(),
        volume_size: spec.size,
        description: description.unwrap_or_default().to_owned(),
        encrypted: spec.encrypted,
        kms_key_id: spec.kms_key_id,
        state: SnapshotState::Pending,
        due: Some(due),
        doomed: ctx.doomed,
        started_at: ctx.region.now,
        completed_at: None,
        shared_with: std::collections::BTreeSet::new(),
        is_public: false,
        tags,
    })
}

pub(super) fn delete(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let id = params.required(IDS.parameter)?;
    ctx.region.snapshot(id)?;
    let holds = |image: &&crate::state::Image| {
        image
            .devices
            .iter()
            .any(|device| device.snapshot_id.as_deref() == Some(id))
    };
    if let Some(image) = ctx.region.images.values().find(holds) {
        let text = format!("The snapshot {id} is currently in use by {}", image.id);
        return Err(ApiError::new("InvalidSnapshot.InUse", text));
    }
    ctx.region.remove_snapshot(id);
    Ok(Element::success())
}

#[cfg(test)]
mod tests;
