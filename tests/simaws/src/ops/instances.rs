//! DescribeInstances.

use std::collections::BTreeMap;

use super::{Context, render};
use crate::protocol::{Answer, Element, Ids, PageLimit, Params, item, list};
use crate::state::{Instance, kind};

/// The ids of an operation on instances.
pub(super) const INSTANCE_IDS: Ids = Ids {
    parameter: "InstanceId",
    kind: kind::INSTANCE,
    refuse_pages: true,
};

pub(super) fn describe(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let visible = ctx.visible_before();
    let region = &*ctx.region;
    let page = list(
        (region, &region.instances),
        params,
        INSTANCE_IDS,
        PageLimit::Strict(1000),
        visible,
    )?;
    let mut reservations: BTreeMap<&str, Vec<&Instance>> = BTreeMap::new();
    for instance in page.items {
        reservations
            .entry(&instance.reservation_id)
            .or_default()
            .push(instance);
    }
    let items = reservations
        .iter()
        .map(|(id, instances)| render::reservation(item(), id, instances, region));
    Ok(Element::content()
        .list("reservationSet", items)
        .maybe("nextToken", page.next_token))
}
