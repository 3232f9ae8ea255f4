//! Security groups.

use std::collections::BTreeMap;

use super::context::tags_for;
use super::{Context, render};
use crate::protocol::{Answer, ApiError, Element, Ids, PageLimit, Params, item, list};
use crate::state::{Direction, Peer, Ports, Region, Rule, SecurityGroup, kind};

const IDS: Ids = Ids {
    parameter: "GroupId",
    kind: kind::GROUP,
    refuse_pages: false,
};

pub(super) fn create(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let name = params.required("GroupName")?;
    let description = params.required("GroupDescription")?;
    check_text("GroupName", name)?;
    check_text("GroupDescription", description)?;
    if name.starts_with("sg-") {
        return Err(ApiError::value(format!(
            "Value ({name}) for parameter GroupName is invalid. Group names may not be in the format sg-*."
        )));
    }
    let vpc_id = match params.get("VpcId") {
        Some(id) => ctx.region.vpc(id)?.id.clone(),
        None => crate::state::DEFAULT_VPC_ID.to_owned(),
    };
    let tags = tags_for(params, "security-group")?;
    if ctx.region.has_group_named(&vpc_id, name) {
        let text = format!("The security group '{name}' already exists for VPC '{vpc_id}'");
        return Err(ApiError::new("InvalidGroup.Duplicate", text));
    }
    if ctx.region.groups.len() >= ctx.group_quota {
        return Err(ApiError::new(
            "SecurityGroupLimitExceeded",
            "The maximum number of security groups has been reached.",
        ));
    }
    let group = ctx.region.new_group((name, description), &vpc_id, tags);
    let content = Element::success()
        .text("groupId", &group.id)
        .list("tagSet", render::tag_items(&group.tags))
        .text("securityGroupArn", arn(&group, ctx.region));
    ctx.region.add_group(group);
    Ok(content)
}

/// Refuses what AWS refuses in names and descriptions: anything but a part of ASCII.
pub(super) fn check_text(parameter: &str, text: &str) -> Result<(), ApiError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(c);
    if text.len() > 255 || !text.chars().all(allowed) {
        return Err(ApiError::value(format!(
            "Value ({text}) for parameter {parameter} is invalid. Character sets beyond ASCII are not supported."
        )));
    }
    Ok(())
}

pub(super) fn delete(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let id = match (params.get("GroupId"), params.get("GroupName")) {
        (Some(id), _) => id.to_owned(),
        (None, Some(name)) => {
            let found = ctx
                .region
                .groups
                .values()
                .find(|group| group.name == name && group.vpc_id == crate::state::DEFAULT_VPC_ID);
            found.ok_or_else(|| kind::GROUP.not_found(name))?.id.clone()
        }
        (None, None) => return Err(ApiError::missing("GroupId")),
    };
    if ctx.region.group(&id)?.name == "default" {
        let text = format!("the specified group: \"{id}\" name: \"default\" cannot be deleted by a user");
        return Err(ApiError::new("CannotDelete", text));
    }
    if is_used(ctx.region, &id) {
        return Err(ApiError::new(
            "DependencyViolation",
            format!("resource {id} has a dependent object"),
        ));
    }
    ctx.region.remove_group(&id);
    Ok(Element::success().text("groupId", id))
}

/// Whether an interface has the group or another group's rule names it.
fn is_used(region: &Region, id: &str) -> bool {
    let by_interface = region
        .interfaces
        .values()
        .any(|it| it.group_ids.iter().any(|group| group == id));
    let names_it = |rule: &Rule| matches!(&rule.key.peer, Peer::Group(peer) if peer == id);
    by_interface
        || region
            .groups
            .values()
            .any(|group| group.id != id && group.rules.values().any(names_it))
}

pub(super) fn describe(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let visible = ctx.visible_before();
    let region = &*ctx.region;
    let names = params.list("GroupName");
    for name in &names {
        let found = region.groups.values().any(|group| group.name == *name);
        if !found {
            return Err(kind::GROUP.not_found(name));
        }
    }
    let page = list(
        (region, &region.groups),
        params,
        IDS,
        PageLimit::Strict(1000),
        visible,
    )?;
    let shown = page
        .items
        .iter()
        .filter(|group| names.is_empty() || names.contains(&group.name));
    let items = shown.map(|group| render(group, region));
    Ok(Element::content()
        .list("securityGroupInfo", items)
        .maybe("nextToken", page.next_token))
}

fn arn(group: &SecurityGroup, region: &Region) -> String {
    format!(
        "arn:aws:ec2:{}:{}:security-group/{}",
        region.name, region.account, group.id
    )
}

fn render(group: &SecurityGroup, region: &Region) -> Element {
    let of = |direction| {
        let rules = group
            .rules
            .values()
            .filter(move |rule| rule.key.direction == direction);
        permissions(rules.collect(), region)
    };
    let element = item()
        .text("ownerId", &region.account)
        .text("groupId", &group.id)
        .text("groupName", &group.name)
        .text("groupDescription", &group.description)
        .text("vpcId", &group.vpc_id)
        .text("securityGroupArn", arn(group, region))
        .list("ipPermissions", of(Direction::Ingress))
        .list("ipPermissionsEgress", of(Direction::Egress));
    render::with_tags(element, &group.tags)
}

/// Rules as permissions: those of one protocol and port range together.
pub(super) fn permissions(rules: Vec<&Rule>, region: &Region) -> Vec<Element> {
    let mut by_ports: BTreeMap<(&str, Ports), Vec<&Rule>> = BTreeMap::new();
    for rule in rules {
        by_ports
            .entry((&rule.key.protocol, rule.key.ports))
            .or_default()
            .push(rule);
    }
    by_ports
        .into_iter()
        .map(|((protocol, ports), rules)| {
            let of = |pick: fn(&Peer) -> bool| rules.iter().filter(move |rule| pick(&rule.key.peer));
            item()
                .text("ipProtocol", protocol)
                .maybe("fromPort", ports.map(|(from, _)| from))
                .maybe("toPort", ports.map(|(_, to)| to))
                .list(
                    "groups",
                    of(|peer| matches!(peer, Peer::Group(_))).map(|rule| peer(rule, region)),
                )
                .list(
                    "ipRanges",
                    of(|peer| matches!(peer, Peer::Ipv4(_))).map(|rule| peer(rule, region)),
                )
                .list(
                    "ipv6Ranges",
                    of(|peer| matches!(peer, Peer::Ipv6(_))).map(|rule| peer(rule, region)),
                )
                .list(
                    "prefixListIds",
                    of(|peer| matches!(peer, Peer::PrefixList(_))).map(|rule| peer(rule, region)),
                )
        })
        .collect()
}

fn peer(rule: &Rule, region: &Region) -> Element {
    let element = match &rule.key.peer {
        Peer::Ipv4(cidr) => item().text("cidrIp", cidr),
        Peer::Ipv6(cidr) => item().text("cidrIpv6", cidr),
        Peer::PrefixList(id) => item().text("prefixListId", id),
        Peer::Group(id) => item().text("userId", &region.account).text("groupId", id),
    };
    element.maybe("description", rule.description.as_ref())
}

#[cfg(test)]
mod tests;
