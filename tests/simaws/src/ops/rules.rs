//! Rules of security groups.

use std::collections::{BTreeMap, BTreeSet};

use super::context::tags_for;
use super::rule_spec::{self, Wanted};
use super::{Context, render, security_groups};
use crate::protocol::{Answer, ApiError, Element, Ids, PageLimit, Params, list};
use crate::state::{Direction, Peer, Region, Rule, RuleKey, SecurityGroup, kind};

const IDS: Ids = Ids {
    parameter: "SecurityGroupRuleId",
    kind: kind::RULE,
    refuse_pages: false,
};

/// AWS's default quota per group, direction and address family.
const MOST_RULES: usize = 60;

pub(super) fn authorize_ingress(ctx: &mut Context<'_>, params: &Params) -> Answer {
    authorize(ctx, params, Direction::Ingress)
}

pub(super) fn authorize_egress(ctx: &mut Context<'_>, params: &Params) -> Answer {
    authorize(ctx, params, Direction::Egress)
}

pub(super) fn revoke_ingress(ctx: &mut Context<'_>, params: &Params) -> Answer {
    revoke(ctx, params, Direction::Ingress)
}

pub(super) fn revoke_egress(ctx: &mut Context<'_>, params: &Params) -> Answer {
    revoke(ctx, params, Direction::Egress)
}

pub(super) fn update_descriptions_ingress(ctx: &mut Context<'_>, params: &Params) -> Answer {
    update_descriptions(ctx, params, Direction::Ingress)
}

pub(super) fn update_descriptions_egress(ctx: &mut Context<'_>, params: &Params) -> Answer {
    update_descriptions(ctx, params, Direction::Egress)
}

pub(super) fn describe(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let visible = ctx.visible_before();
    let region = &*ctx.region;
    let all = region.groups.values().flat_map(|group| &group.rules);
    let rules: BTreeMap<String, &Rule> = all.map(|(id, rule)| (id.clone(), rule)).collect();
    let page = list((region, &rules), params, IDS, PageLimit::Strict(1000), visible)?;
    let items = page.items.iter().map(|rule| render::rule(rule, region));
    Ok(Element::content()
        .list("securityGroupRuleSet", items)
        .maybe("nextToken", page.next_token))
}

/// The group a request names, by id or, in the default VPC, by name.
fn group_of<'a>(region: &'a Region, params: &Params) -> Result<&'a SecurityGroup, ApiError> {
    match (params.get("GroupId"), params.get("GroupName")) {
        (Some(id), _) => region.group(id),
        (None, Some(name)) => {
            let named =
                |group: &&SecurityGroup| group.name == name && group.vpc_id == crate::state::DEFAULT_VPC_ID;
            region
                .groups
                .values()
                .find(named)
                .ok_or_else(|| kind::GROUP.not_found(name))
        }
        (None, None) => Err(ApiError::missing("GroupId")),
    }
}

fn authorize(ctx: &mut Context<'_>, params: &Params, direction: Direction) -> Answer {
    let mut group = group_of(ctx.region, params)?.clone();
    let wanted = rule_spec::read(ctx.region, &group, params, direction)?;
    let tags = tags_for(params, "security-group-rule")?;
    let mut made = Vec::new();
    for Wanted { key, description } in wanted {
        // A description is no part of a rule's identity.
        if group.find(&key).is_some() {
            return Err(duplicate(&key));
        }
        made.push(ctx.region.add_rule(&mut group, key, description, tags.clone()));
    }
    check_quota(&group, direction)?;
    let rules = made.iter().filter_map(|id| group.rules.get(id));
    let items: Vec<Element> = rules.map(|rule| render::rule(rule, ctx.region)).collect();
    ctx.region.groups.insert(group.id.clone(), group);
    Ok(Element::success().list("securityGroupRuleSet", items))
}

/// A rule for a group or prefix list counts in both families.
fn check_quota(group: &SecurityGroup, direction: Direction) -> Result<(), ApiError> {
    let rules = || {
        group
            .rules
            .values()
            .filter(|rule| rule.key.direction == direction)
    };
    let v4 = rules()
        .filter(|rule| !matches!(rule.key.peer, Peer::Ipv6(_)))
        .count();
    let v6 = rules()
        .filter(|rule| !matches!(rule.key.peer, Peer::Ipv4(_)))
        .count();
    if v4.max(v6) > MOST_RULES {
        return Err(ApiError::new(
            "RulesPerSecurityGroupLimitExceeded",
            "The maximum number of rules per security group has been reached.",
        ));
    }
    Ok(())
}

fn duplicate(key: &RuleKey) -> ApiError {
    ApiError::new(
        "InvalidPermission.Duplicate",
        format!(
            "the specified rule \"{}\" already exists",
            rule_spec::describe(key)
        ),
    )
}

fn revoke(ctx: &mut Context<'_>, params: &Params, direction: Direction) -> Answer {
    let group = group_of(ctx.region, params)?;
    let by_id = params.list(IDS.parameter);
    let mut unknown = Vec::new();
    let mut gone: BTreeSet<String> = BTreeSet::new();
    for id in by_id {
        kind::RULE.check(&id)?;
        match group
            .rules
            .get(&id)
            .filter(|rule| rule.key.direction == direction)
        {
            Some(rule) => gone.insert(rule.id.clone()),
            None => return Err(kind::RULE.not_found(&id)),
        };
    }
    if gone.is_empty() || rule_spec::is_given(params) {
        for Wanted { key, description } in rule_spec::read(ctx.region, group, params, direction)? {
            match group.find(&key) {
                // A description that is given must be the rule's; one left out matches any.
                Some(rule) if description.is_none() || description == rule.description => {
                    gone.insert(rule.id.clone());
                }
                _ => unknown.push(key),
            }
        }
    }
    let in_default_vpc = ctx
        .region
        .vpcs
        .get(&group.vpc_id)
        .is_some_and(|vpc| vpc.is_default);
    if !unknown.is_empty() && !in_default_vpc {
        return Err(ApiError::new(
            "InvalidPermission.NotFound",
            "The specified rule does not exist in this security group.",
        ));
    }
    let revoked: Vec<Element> = gone
        .iter()
        .filter_map(|id| group.rules.get(id))
        .map(revoked)
        .collect();
    let unknown: Vec<Rule> = unknown.into_iter().map(|key| unsaved(key, group)).collect();
    let group_id = group.id.clone();
    let unknown = security_groups::permissions(unknown.iter().collect(), ctx.region);
    if let Some(group) = ctx.region.groups.get_mut(&group_id) {
        group.rules.retain(|id, _| !gone.contains(id));
    }
    let content = Element::success().list("revokedSecurityGroupRuleSet", revoked);
    Ok(if unknown.is_empty() {
        content
    } else {
        content.list("unknownIpPermissionSet", unknown)
    })
}

/// A revoked rule: this answer alone names a referenced group directly.
fn revoked(rule: &Rule) -> Element {
    let (from, to) = rule.key.ports.unwrap_or((-1, -1));
    let element = crate::protocol::item()
        .text("securityGroupRuleId", &rule.id)
        .text("groupId", &rule.group_id)
        .text("isEgress", rule.key.direction == Direction::Egress)
        .text("ipProtocol", &rule.key.protocol)
        .text("fromPort", from)
        .text("toPort", to);
    let element = match &rule.key.peer {
        Peer::Ipv4(cidr) => element.text("cidrIpv4", cidr),
        Peer::Ipv6(cidr) => element.text("cidrIpv6", cidr),
        Peer::PrefixList(id) => element.text("prefixListId", id),
        Peer::Group(id) => element.text("referencedGroupId", id),
    };
    element.maybe("description", rule.description.as_ref())
}

fn unsaved(key: RuleKey, group: &SecurityGroup) -> Rule {
    Rule {
        id: String::new(),
        group_id: group.id.clone(),
        key,
        description: None,
        tags: crate::state::Tags::new(),
        created_at: group.created_at,
    }
}

fn update_descriptions(ctx: &mut Context<'_>, params: &Params, direction: Direction) -> Answer {
    let mut group = group_of(ctx.region, params)?.clone();
    let by_id = params.structs("SecurityGroupRuleDescription");
    let mut changes: Vec<(String, Option<String>)> = Vec::new();
    for change in &by_id {
        let id = change.required("SecurityGroupRuleId")?;
        if !group.rules.contains_key(id) {
            return Err(kind::RULE.not_found(id));
        }
        let description = change.owned("Description");
        rule_spec::check_description(description.as_deref())?;
        changes.push((id.to_owned(), description));
    }
    if by_id.is_empty() {
        for Wanted { key, description } in rule_spec::read(ctx.region, &group, params, direction)? {
            let rule = group.find(&key).ok_or_else(|| {
                ApiError::new(
                    "InvalidPermission.NotFound",
                    "The specified rule does not exist in this security group.",
                )
            })?;
            changes.push((rule.id.clone(), description));
        }
    }
    for (id, description) in changes {
        if let Some(rule) = group.rules.get_mut(&id) {
            rule.description = description.filter(|text| !text.is_empty());
        }
    }
    ctx.region.groups.insert(group.id.clone(), group);
    Ok(Element::success())
}

pub(super) fn modify(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let mut group = group_of(ctx.region, params)?.clone();
    let changes = params.structs("SecurityGroupRule");
    if changes.is_empty() {
        return Err(ApiError::missing("SecurityGroupRule"));
    }
    for change in changes {
        let id = change.required("SecurityGroupRuleId")?;
        let direction = group
            .rules
            .get(id)
            .ok_or_else(|| kind::RULE.not_found(id))?
            .key
            .direction;
        let wanted = rule_spec::read_one(ctx.region, &group, &change.group("SecurityGroupRule"), direction)?;
        if group.find(&wanted.key).is_some_and(|other| other.id != id) {
            return Err(duplicate(&wanted.key));
        }
        if let Some(rule) = group.rules.get_mut(id) {
            rule.key = wanted.key;
            rule.description = wanted.description;
        }
    }
    ctx.region.groups.insert(group.id.clone(), group);
    Ok(Element::success())
}

#[cfg(test)]
mod tests;
