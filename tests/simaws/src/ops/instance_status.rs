//! DescribeInstanceStatus.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::context::no_tag_filters;
use super::instances::INSTANCE_IDS;
use super::{Context, render};
use crate::protocol::{Answer, ApiError, Element, Listed, PageLimit, Params, item, list, timestamp};
use crate::state::{Instance, InstanceState, Region, StatusCheck, Tags};

/// An instance as this operation sees it: it has no tag filters and filters of its own.
struct Status<'a> {
    instance: &'a Instance,
    no_tags: Tags,
}

impl Status<'_> {
    /// A check's verdict and what it says of the reachability behind it.
    fn verdict(&self, check: StatusCheck) -> (&'static str, Option<&'static str>) {
        if self.instance.state != InstanceState::Running {
            ("not-applicable", None)
        } else if self.instance.impaired.contains_key(&check) {
            ("impaired", Some("failed"))
        } else {
            ("ok", Some("passed"))
        }
    }

    fn check(&self, name: &'static str, check: StatusCheck) -> Element {
        let (verdict, reachability) = self.verdict(check);
        let status = Element::new(name).text("status", verdict);
        let Some(reachability) = reachability else {
            return status;
        };
        let detail = item().text("name", "reachability").text("status", reachability);
        let since = self.instance.impaired.get(&check).copied().map(timestamp);
        status.list("details", [detail.maybe("impairedSince", since)])
    }
}

impl Listed for Status<'_> {
    const FILTERS: &'static [&'static str] = &[
        "attached-ebs-status.status",
        "availability-zone",
        "instance-state-code",
        "instance-state-name",
        "instance-status.reachability",
        "instance-status.status",
        "system-status.reachability",
        "system-status.status",
    ];

    fn tags(&self) -> &Tags {
        &self.no_tags
    }

    fn created_at(&self) -> Timestamp {
        self.instance.created_at
    }

    fn values(&self, filter: &str, _region: &Region) -> Vec<String> {
        vec![match filter {
            "availability-zone" => self.instance.zone.clone(),
            "instance-state-code" => self.instance.state.code().to_string(),
            "instance-state-name" => self.instance.state.name().to_owned(),
            _ => return self.check_values(filter),
        }]
    }
}

impl Status<'_> {
    /// A filter on a check: `CHECK-status.status` or `CHECK-status.reachability`.
    fn check_values(&self, filter: &str) -> Vec<String> {
        let check = match filter.split_once('.') {
            Some(("system-status", _)) => StatusCheck::System,
            Some(("attached-ebs-status", _)) => StatusCheck::Ebs,
            _ => StatusCheck::Instance,
        };
        let (verdict, reachability) = self.verdict(check);
        if filter.ends_with(".reachability") {
            return reachability.into_iter().map(str::to_owned).collect();
        }
        vec![verdict.to_owned()]
    }
}

/// Whether the filters leave only instances with an impaired check, so that the others need no looking at:
/// an inventory asks this every minute of ten thousand instances.
fn asks_for_impaired(filters: &[Params]) -> bool {
    filters.iter().any(|filter| {
        let name = filter.get("Name").unwrap_or_default();
        name.ends_with("-status.status") && filter.list("Value") == ["impaired"]
    })
}

pub(super) fn describe(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let filters = params.structs("Filter");
    no_tag_filters(params, "DescribeInstanceStatus")?;
    let ids = params.list(INSTANCE_IDS.parameter);
    if ids.len() > 100 {
        return Err(ApiError::value(
            "At most 100 instance IDs can be given in one call",
        ));
    }
    // An id that is not there is an error, one that does not run is only left out: among ids all are
    // listed first, and without ids a page is full of those that are shown.
    let by_id = !ids.is_empty();
    let all = params.flag("IncludeAllInstances")?.unwrap_or(false);
    let only_impaired = asks_for_impaired(&filters);
    let visible = ctx.visible_before();
    let region = &*ctx.region;
    let every: BTreeMap<String, Status<'_>> = region
        .instances
        .iter()
        .filter(|(_, instance)| all || by_id || instance.state == InstanceState::Running)
        .filter(|(_, instance)| by_id || !only_impaired || !instance.impaired.is_empty())
        .map(|(id, instance)| {
            (
                id.clone(),
                Status {
                    instance,
                    no_tags: Tags::new(),
                },
            )
        })
        .collect();
    let page = list(
        (region, &every),
        params,
        INSTANCE_IDS,
        PageLimit::Strict(1000),
        visible,
    )?;
    let shown = page
        .items
        .iter()
        .filter(|it| all || it.instance.state == InstanceState::Running);
    let items = shown.map(|status| {
        item()
            .text("instanceId", &status.instance.id)
            .text("availabilityZone", &status.instance.zone)
            .child(render::state("instanceState", status.instance.state))
            .child(status.check("systemStatus", StatusCheck::System))
            .child(status.check("instanceStatus", StatusCheck::Instance))
            .child(status.check("attachedEbsStatus", StatusCheck::Ebs))
    });
    Ok(Element::content()
        .list("instanceStatusSet", items)
        .maybe("nextToken", page.next_token))
}

#[cfg(test)]
mod tests;
