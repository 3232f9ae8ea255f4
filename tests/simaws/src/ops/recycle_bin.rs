//! The Recycle Bin's part of EC2: what is in it, and having it back. Its rules belong to a service of their own.

use super::{Context, render};
use crate::protocol::{Answer, Element, Ids, PageLimit, Params, item, list, timestamp};
use crate::state::kind;

const SNAPSHOTS: Ids = Ids {
    parameter: "SnapshotId",
    kind: kind::SNAPSHOT,
    refuse_pages: false,
};

const VOLUMES: Ids = Ids {
    parameter: "VolumeId",
    kind: kind::VOLUME,
    refuse_pages: false,
};

pub(super) fn list_snapshots(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let visible = ctx.visible_before();
    let region = &*ctx.region;
    let all = (region, &region.recycle_bin.snapshots);
    let page = list(all, params, SNAPSHOTS, PageLimit::Strict(1000), visible)?;
    let items = page.items.iter().map(|it| {
        item()
            .text("snapshotId", &it.item.id)
            .text("recycleBinEnterTime", timestamp(it.entered_at))
            .text("recycleBinExitTime", timestamp(it.leaves_at))
            .text("description", &it.item.description)
            .text("volumeId", &it.item.volume_id)
    });
    Ok(Element::content()
        .list("snapshotSet", items)
        .maybe("nextToken", page.next_token))
}

pub(super) fn list_volumes(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let visible = ctx.visible_before();
    let region = &*ctx.region;
    let all = (region, &region.recycle_bin.volumes);
    let page = list(all, params, VOLUMES, PageLimit::Strict(500), visible)?;
    let items = page.items.iter().map(|it| {
        item()
            .text("volumeId", &it.item.id)
            .text("volumeType", &it.item.spec.volume_type)
            .text("size", it.item.spec.size)
            .text("availabilityZone", &it.item.zone)
            .text("createTime", timestamp(it.item.created_at))
            .text("recycleBinEnterTime", timestamp(it.entered_at))
            .text("recycleBinExitTime", timestamp(it.leaves_at))
    });
    Ok(Element::content()
        .list("volumeSet", items)
        .maybe("nextToken", page.next_token))
}

pub(super) fn restore_snapshot(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let id = params.required(SNAPSHOTS.parameter)?;
    let snapshot = ctx.region.restore_snapshot(id)?.clone();
    Ok(render::snapshot(
        Element::content(),
        &snapshot,
        ctx.region,
        "status",
    ))
}

pub(super) fn restore_volume(ctx: &mut Context<'_>, params: &Params) -> Answer {
    ctx.region.restore_volume(params.required(VOLUMES.parameter)?)?;
    Ok(Element::success())
}

#[cfg(test)]
mod tests;
