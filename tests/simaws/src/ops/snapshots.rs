//! Snapshots.

use std::collections::BTreeMap;

use super::context::{tag_specifications, tags_for, within_tag_limit};
use super::sharing::Asked;
use super::{Context, render};
use crate::clock::later;
use crate::protocol::{Answer, ApiError, Element, Ids, PageLimit, Params, item, list};
use crate::state::{MOST_CONCURRENT, NewSnapshot, Region, Snapshot, Tags, kind};

const IDS: Ids = Ids {
    parameter: "SnapshotId",
    kind: kind::SNAPSHOT,
    refuse_pages: true,
};

/// AWS's limit of volumes in one CreateSnapshots.
const MOST_VOLUMES: usize = 128;

pub(super) fn describe(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let visible = ctx.visible_before();
    let asked = Asked::read(ctx.region, params, "RestorableBy", IDS.parameter);
    let limit = PageLimit::Strict(1000);
    let region = &*ctx.region;
    let own = &region.snapshots;
    // Most calls are for the caller's own, of which there may be a hundred thousand: no copy of their ids.
    let (items, next_token) = if asked.only_own() {
        let page = list((region, own), params, IDS, limit, visible)?;
        (page.items, page.next_token)
    } else {
        let others = ctx.elsewhere.accounts_in(&region.name, (region.now, ctx.timings));
        let seen: BTreeMap<String, &Snapshot> = asked.seen(region, others);
        let page = list((region, &seen), params, IDS, limit, visible)?;
        (page.items.into_iter().copied().collect(), page.next_token)
    };
    let wanted = items.into_iter().filter(|it| asked.wants(*it));
    let items = wanted.map(|it| render::snapshot(item(), it, region, "status"));
    Ok(Element::content()
        .list("snapshotSet", items)
        .maybe("nextToken", next_token))
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

pub(super) fn check_volume(region: &Region, id: &str) -> Result<(), ApiError> {
    region.volume(id)?;
    if region.pending_snapshots(id) >= MOST_CONCURRENT {
        let text = "You've reached the limit on the number of concurrent snapshots you can create on the specified volume. Wait until the 'pending' requests have completed.";
        return Err(ApiError::new("ConcurrentSnapshotLimitExceeded", text));
    }
    Ok(())
}

/// A snapshot of a volume that has begun; not yet in the region.
pub(super) fn start(
    ctx: &mut Context<'_>,
    volume_id: &str,
    description: Option<&str>,
    tags: Tags,
) -> Result<Snapshot, ApiError> {
    ctx.region.new_snapshot(NewSnapshot {
        volume_id,
        description: description.unwrap_or_default(),
        tags,
        due: later(ctx.region.now, ctx.timings.snapshot),
        doomed: ctx.doomed.is_some(),
    })
}

pub(super) fn delete(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let id = params.required(IDS.parameter)?;
    check_deletable(ctx.region, id)?;
    let kept = ctx.timings.recycled_snapshots;
    ctx.region.delete_snapshot(id, kept);
    Ok(Element::success())
}

/// Refuses to delete what an image holds or a lock keeps.
pub(super) fn check_deletable(region: &Region, id: &str) -> Result<(), ApiError> {
    let snapshot = region.snapshot(id)?;
    if snapshot.by_backup {
        return Err(managed_by_backup("snapshot", id));
    }
    if let Some(image) = region.image_of_snapshot(id) {
        let text = format!("The snapshot {id} is currently in use by {image}");
        return Err(ApiError::new("InvalidSnapshot.InUse", text));
    }
    if snapshot.is_locked(region.now) {
        // AWS documents no code for this one; it is assumed, and nothing should match it.
        return Err(ApiError::new(
            "SnapshotLocked",
            format!("The snapshot {id} is locked"),
        ));
    }
    Ok(())
}

/// What EC2 says instead of ending a thing of AWS Backup's. A DryRun does not say it.
pub(super) fn managed_by_backup(noun: &str, id: &str) -> ApiError {
    ApiError::value(format!(
        "This {noun} is managed by the AWS Backup service and cannot be deleted via EC2 APIs. If you wish to delete this {noun}, please do so via the Backup console. ({id})"
    ))
    .of_state()
}

#[cfg(test)]
mod tests;
