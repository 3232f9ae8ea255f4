//! Regions and zones.

use super::Context;
use crate::protocol::{Answer, ApiError, Element, Params, item};

/// Regions that need no opting in; others are answered all the same when asked.
const REGIONS: [&str; 17] = [
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
];

pub(super) fn describe_regions(_ctx: &mut Context<'_>, params: &Params) -> Answer {
    let wanted = params.list("RegionName");
    if let Some(unknown) = wanted.iter().find(|name| !REGIONS.contains(&name.as_str())) {
        return Err(ApiError::value(format!("Invalid region provided: {unknown}")));
    }
    let shown = REGIONS
        .iter()
        .filter(|name| wanted.is_empty() || wanted.iter().any(|it| it == *name));
    let items = shown.map(|name| {
        item()
            .text("regionName", name)
            .text("regionEndpoint", format!("ec2.{name}.amazonaws.com"))
            .text("optInStatus", "opt-in-not-required")
    });
    Ok(Element::content().list("regionInfo", items))
}

pub(super) fn describe_availability_zones(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let region = &*ctx.region;
    let (names, ids) = (params.list("ZoneName"), params.list("ZoneId"));
    let zones = region.zones();
    if let Some(unknown) = names
        .iter()
        .find(|name| !zones.iter().any(|(zone, _)| zone == *name))
    {
        return Err(ApiError::value(format!("Invalid availability zone: [{unknown}]")));
    }
    let shown = zones.iter().filter(|(name, id)| {
        (names.is_empty() || names.contains(name)) && (ids.is_empty() || ids.contains(id))
    });
    let items = shown.map(|(name, id)| {
        item()
            .text("zoneName", name)
            .text("zoneId", id)
            .text("zoneState", "available")
            .text("regionName", &region.name)
            .text("groupName", &region.name)
            .text("networkBorderGroup", &region.name)
            .text("zoneType", "availability-zone")
            .text("optInStatus", "opt-in-not-required")
            .list("messageSet", [])
    });
    Ok(Element::content().list("availabilityZoneInfo", items))
}
