//! DescribeInstanceStatus.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::instances::INSTANCE_IDS;
use super::{Context, render};
use crate::protocol::{Answer, ApiError, Element, Listed, PageLimit, Params, item, list};
use crate::state::{Instance, InstanceState, Region, Tags};

/// An instance as this operation sees it: it has no tag filters and filters of its own.
struct Status<'a> {
    instance: &'a Instance,
    no_tags: Tags,
}

impl Status<'_> {
    /// The verdict of all checks: nothing fails here unless an instance does not run.
    fn verdict(&self) -> &'static str {
        if self.instance.state == InstanceState::Running {
            "ok"
        } else {
            "not-applicable"
        }
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
            "instance-status.reachability" | "system-status.reachability" => "passed".to_owned(),
            _ => self.verdict().to_owned(),
        }]
    }
}

pub(super) fn describe(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let filters = params.structs("Filter");
    if filters
        .iter()
        .any(|filter| filter.get("Name").is_some_and(|name| name.starts_with("tag")))
    {
        return Err(ApiError::value("DescribeInstanceStatus has no filters by tag"));
    }
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
    let visible = ctx.visible_before();
    let region = &*ctx.region;
    let every: BTreeMap<String, Status<'_>> = region
        .instances
        .iter()
        .filter(|(_, instance)| all || by_id || instance.state == InstanceState::Running)
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
            .child(check("systemStatus", status.verdict()))
            .child(check("instanceStatus", status.verdict()))
            .child(check("attachedEbsStatus", status.verdict()))
    });
    Ok(Element::content()
        .list("instanceStatusSet", items)
        .maybe("nextToken", page.next_token))
}

fn check(name: &'static str, verdict: &'static str) -> Element {
    let status = Element::new(name).text("status", verdict);
    if verdict != "ok" {
        return status;
    }
    status.list(
        "details",
        [item().text("name", "reachability").text("status", "passed")],
    )
}
