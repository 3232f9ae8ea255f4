//! Tags of any resource.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::Context;
use super::context::{check_tag, is_reserved, tags, within_tag_limit};
use crate::protocol::{Answer, ApiError, Element, Ids, Listed, PageLimit, Params, item, list};
use crate::state::{IdKind, Region, Tags, kind};

/// One tag of one resource.
struct Row {
    resource_id: String,
    resource_type: &'static str,
    key: String,
    value: String,
    created_at: Timestamp,
    /// The tag itself, so that the filter `tag:KEY` works here too.
    tags: Tags,
}

impl Listed for Row {
    const FILTERS: &'static [&'static str] = &["key", "resource-id", "resource-type", "value"];

    fn tags(&self) -> &Tags {
        &self.tags
    }

    fn created_at(&self) -> Timestamp {
        self.created_at
    }

    fn values(&self, filter: &str, _region: &Region) -> Vec<String> {
        vec![match filter {
            "key" => self.key.clone(),
            "resource-id" => self.resource_id.clone(),
            "resource-type" => self.resource_type.to_owned(),
            _ => self.value.clone(),
        }]
    }
}

/// Tags have no ids; the parameter does not exist, so the kind is never used.
const NO_IDS: Ids = Ids {
    parameter: "",
    kind: kind::INSTANCE,
    refuse_pages: false,
};

pub(super) fn describe(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let visible = ctx.visible_before();
    let region = &*ctx.region;
    let rows = rows(region);
    let page = list((region, &rows), params, NO_IDS, PageLimit::Strict(1000), visible)?;
    let items = page.items.iter().map(|row| {
        item()
            .text("resourceId", &row.resource_id)
            .text("resourceType", row.resource_type)
            .text("key", &row.key)
            .text("value", &row.value)
    });
    Ok(Element::content()
        .list("tagSet", items)
        .maybe("nextToken", page.next_token))
}

fn rows(region: &Region) -> BTreeMap<String, Row> {
    let mut rows = BTreeMap::new();
    add(&mut rows, "elastic-ip", &region.addresses);
    add(&mut rows, "image", &region.images);
    add(&mut rows, "instance", &region.instances);
    add(&mut rows, "network-interface", &region.interfaces);
    add(&mut rows, "security-group", &region.groups);
    add(&mut rows, "snapshot", &region.snapshots);
    add(&mut rows, "subnet", &region.subnets);
    add(&mut rows, "volume", &region.volumes);
    add(&mut rows, "vpc", &region.vpcs);
    for group in region.groups.values() {
        add(&mut rows, "security-group-rule", &group.rules);
    }
    rows
}

fn add<T: Listed>(
    rows: &mut BTreeMap<String, Row>,
    resource_type: &'static str,
    resources: &BTreeMap<String, T>,
) {
    for (id, resource) in resources {
        for (key, value) in resource.tags() {
            let row = Row {
                resource_id: id.clone(),
                resource_type,
                key: key.clone(),
                value: value.clone(),
                created_at: resource.created_at(),
                tags: Tags::from([(key.clone(), value.clone())]),
            };
            rows.insert(format!("{id}/{key}"), row);
        }
    }
}

pub(super) fn create(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let ids = resources(ctx.region, params)?;
    let added = tags(params)?;
    if added.is_empty() {
        return Err(ApiError::missing("Tag"));
    }
    for id in &ids {
        let mut merged = tags_of(ctx.region, id)?.clone();
        merged.extend(added.clone());
        within_tag_limit(&merged)?;
    }
    for id in &ids {
        tags_of(ctx.region, id)?.extend(added.clone());
    }
    Ok(Element::success())
}

pub(super) fn delete(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let ids = resources(ctx.region, params)?;
    let wanted = params.structs("Tag");
    for tag in &wanted {
        check_tag(tag.required("Key")?, "")?;
    }
    for id in &ids {
        let tags = tags_of(ctx.region, id)?;
        if wanted.is_empty() {
            // AWS's own tags stay.
            tags.retain(|key, _| is_reserved(key));
        }
        for tag in &wanted {
            let key = tag.required("Key")?;
            // With a value given, only that value is deleted; an empty one counts as a value.
            if tag
                .get("Value")
                .is_none_or(|value| tags.get(key).is_some_and(|present| present == value))
            {
                tags.remove(key);
            }
        }
    }
    Ok(Element::success())
}

fn resources(region: &mut Region, params: &Params) -> Result<Vec<String>, ApiError> {
    let ids = params.list("ResourceId");
    if ids.is_empty() {
        return Err(ApiError::missing("ResourceId"));
    }
    for id in &ids {
        tags_of(region, id)?;
    }
    Ok(ids)
}

/// The tags of the resource with this id, whatever it is.
fn tags_of<'a>(region: &'a mut Region, id: &str) -> Result<&'a mut Tags, ApiError> {
    const KINDS: [IdKind; 10] = [
        kind::ADDRESS,
        kind::INSTANCE,
        kind::VOLUME,
        kind::SNAPSHOT,
        kind::GROUP,
        kind::RULE,
        kind::INTERFACE,
        kind::VPC,
        kind::SUBNET,
        kind::IMAGE,
    ];
    let Some(found) = KINDS.into_iter().find(|kind| id.starts_with(kind.prefix)) else {
        return Err(ApiError::new("InvalidID", format!("The ID '{id}' is not valid")));
    };
    found.check(id)?;
    let tags = match found.prefix {
        "eipalloc-" => region.addresses.get_mut(id).map(|it| &mut it.tags),
        "i-" => region.instances.get_mut(id).map(|it| &mut it.tags),
        "vol-" => region.volumes.get_mut(id).map(|it| &mut it.tags),
        "snap-" => region.snapshots.get_mut(id).map(|it| &mut it.tags),
        "sg-" => region.groups.get_mut(id).map(|it| &mut it.tags),
        "eni-" => region.interfaces.get_mut(id).map(|it| &mut it.tags),
        "vpc-" => region.vpcs.get_mut(id).map(|it| &mut it.tags),
        "subnet-" => region.subnets.get_mut(id).map(|it| &mut it.tags),
        "ami-" => region.images.get_mut(id).map(|it| &mut it.tags),
        _ => region
            .groups
            .values_mut()
            .find_map(|group| group.rules.get_mut(id))
            .map(|it| &mut it.tags),
    };
    tags.ok_or_else(|| found.not_found(id))
}

#[cfg(test)]
mod tests;
