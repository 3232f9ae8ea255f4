//! VPCs and subnets.

use std::collections::BTreeSet;

use super::context::tags_for;
use super::{Context, render};
use crate::protocol::{Answer, ApiError, Element, Ids, PageLimit, Params, item, list};
use crate::state::{Cidr, Subnet, Vpc, kind};

const VPC_IDS: Ids = Ids {
    parameter: "VpcId",
    kind: kind::VPC,
    refuse_pages: false,
};
const SUBNET_IDS: Ids = Ids {
    parameter: "SubnetId",
    kind: kind::SUBNET,
    refuse_pages: false,
};

pub(super) fn describe_vpcs(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let visible = ctx.visible_before();
    let region = &*ctx.region;
    let page = list(
        (region, &region.vpcs),
        params,
        VPC_IDS,
        PageLimit::Strict(1000),
        visible,
    )?;
    let items = page.items.iter().map(|it| render::vpc(item(), it, region));
    Ok(Element::content()
        .list("vpcSet", items)
        .maybe("nextToken", page.next_token))
}

pub(super) fn describe_subnets(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let visible = ctx.visible_before();
    let region = &*ctx.region;
    let page = list(
        (region, &region.subnets),
        params,
        SUBNET_IDS,
        PageLimit::Strict(1000),
        visible,
    )?;
    let items = page.items.iter().map(|it| render::subnet(item(), it, region));
    Ok(Element::content()
        .list("subnetSet", items)
        .maybe("nextToken", page.next_token))
}

/// A block of a size AWS takes: /16 to /28.
fn block(params: &Params, too_big: &'static str) -> Result<Cidr, ApiError> {
    let text = params.required("CidrBlock")?;
    match Cidr::parse(text) {
        Some(cidr) if cidr.is_v4() && (16..=28).contains(&cidr.length()) => Ok(cidr),
        Some(cidr) if cidr.is_v4() => Err(ApiError::new(too_big, format!("The CIDR '{text}' is invalid."))),
        _ => {
            let text =
                format!("Value ({text}) for parameter cidrBlock is invalid. This is not a valid CIDR block.");
            Err(ApiError::value(text))
        }
    }
}

pub(super) fn create_vpc(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let cidr = block(params, "InvalidVpc.Range")?;
    let tags = tags_for(params, "vpc")?;
    let with_ipv6 = params.flag("AmazonProvidedIpv6CidrBlock")?.unwrap_or(false);
    let id = ctx.region.ids.id(kind::VPC.prefix);
    // Some /56 of the documentation range: nothing is routed here.
    let ipv6_cidr =
        with_ipv6.then(|| format!("2001:db8:{:x}:{:x}00::/56", ctx.region.ids.next() & 0xffff, 0));
    let vpc = Vpc {
        id: id.clone(),
        cidr,
        ipv6_cidr,
        is_default: false,
        tenancy: params.get("InstanceTenancy").unwrap_or("default").to_owned(),
        dns_hostnames: false,
        dns_support: true,
        tags,
        created_at: ctx.region.now,
    };
    let content = render::vpc(Element::new("vpc"), &vpc, ctx.region);
    ctx.region.add_vpc(vpc);
    Ok(Element::content().child(content))
}

pub(super) fn create_subnet(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let vpc = ctx.region.vpc(params.required("VpcId")?)?.clone();
    let cidr = block(params, "InvalidSubnet.Range")?;
    if !vpc.cidr.contains(cidr) {
        return Err(ApiError::new(
            "InvalidSubnet.Range",
            format!("The CIDR '{cidr}' is invalid."),
        ));
    }
    if ctx
        .region
        .subnets
        .values()
        .any(|it| it.vpc_id == vpc.id && it.cidr.overlaps(cidr))
    {
        let text = format!("The CIDR '{cidr}' conflicts with another subnet");
        return Err(ApiError::new("InvalidSubnet.Conflict", text));
    }
    let zones = ctx.region.zones();
    let by_id = |id: &str| {
        zones
            .iter()
            .find(|(_, zone_id)| zone_id == id)
            .map(|(name, _)| name.clone())
    };
    let zone = params
        .owned("AvailabilityZone")
        .or_else(|| params.get("AvailabilityZoneId").and_then(by_id))
        .or_else(|| zones.first().map(|(name, _)| name.clone()))
        .unwrap_or_default();
    if !zones.iter().any(|(name, _)| *name == zone) {
        let text = format!(
            "Value ({zone}) for parameter availabilityZone is invalid. Subnets can currently only be created in the following availability zones of the region."
        );
        return Err(ApiError::value(text));
    }
    let tags = tags_for(params, "subnet")?;
    let subnet = Subnet {
        id: ctx.region.ids.id(kind::SUBNET.prefix),
        vpc_id: vpc.id,
        cidr,
        zone,
        default_for_zone: false,
        tags,
        created_at: ctx.region.now,
        used: BTreeSet::new(),
        last_used: 0,
    };
    let content = render::subnet(Element::new("subnet"), &subnet, ctx.region);
    ctx.region.subnets.insert(subnet.id.clone(), subnet);
    Ok(Element::content().child(content))
}

pub(super) fn describe_vpc_attribute(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let vpc = ctx.region.vpc(params.required("VpcId")?)?;
    let content = Element::content().text("vpcId", &vpc.id);
    match params.required("Attribute")? {
        "enableDnsHostnames" => {
            Ok(content.child(Element::new("enableDnsHostnames").text("value", vpc.dns_hostnames)))
        }
        "enableDnsSupport" => {
            Ok(content.child(Element::new("enableDnsSupport").text("value", vpc.dns_support)))
        }
        other => Err(ApiError::value(format!(
            "Value ({other}) for parameter attribute is invalid."
        ))),
    }
}

pub(super) fn modify_vpc_attribute(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let id = ctx.region.vpc(params.required("VpcId")?)?.id.clone();
    let hostnames = params.group("EnableDnsHostnames").flag("Value")?;
    let support = params.group("EnableDnsSupport").flag("Value")?;
    if let Some(vpc) = ctx.region.vpcs.get_mut(&id) {
        vpc.dns_hostnames = hostnames.unwrap_or(vpc.dns_hostnames);
        vpc.dns_support = support.unwrap_or(vpc.dns_support);
    }
    Ok(Element::success())
}

#[cfg(test)]
mod tests;
