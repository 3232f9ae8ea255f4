//! Elastic IPs.

use super::context::tags_for;
use super::{Context, render};
use crate::protocol::{Answer, ApiError, Element, Ids, PageLimit, Params, item, list};
use crate::state::{Address, Region, kind};

const IDS: Ids = Ids {
    parameter: "AllocationId",
    kind: kind::ADDRESS,
    refuse_pages: false,
};

pub(super) fn describe(ctx: &mut Context<'_>, params: &Params) -> Answer {
    // It knows no pages: what asks for one is mistaken.
    if params.get("MaxResults").is_some() || params.get("NextToken").is_some() {
        return Err(ApiError::new(
            "UnknownParameter",
            "DescribeAddresses gives everything in one answer",
        ));
    }
    let visible = ctx.visible_before();
    let region = &*ctx.region;
    let wanted = params.list("PublicIp");
    for address in &wanted {
        if !region.addresses.values().any(|it| it.public_ip == *address) {
            return Err(ApiError::new(
                "InvalidAddress.NotFound",
                format!("Address '{address}' not found."),
            ));
        }
    }
    let page = list(
        (region, &region.addresses),
        params,
        IDS,
        PageLimit::Strict(1000),
        visible,
    )?;
    let shown = page.items.into_iter();
    let shown = shown.filter(|it| wanted.is_empty() || wanted.contains(&it.public_ip));
    Ok(Element::content().list("addressesSet", shown.map(|it| render(it, region))))
}

fn render(address: &Address, region: &Region) -> Element {
    let interface = address.interface(region);
    let attachment = interface.and_then(|it| it.attachment.as_ref());
    let element = item()
        .text("publicIp", &address.public_ip)
        .text("allocationId", &address.id)
        .text("domain", "vpc")
        .maybe("instanceId", attachment.map(|it| &it.instance_id))
        .maybe("associationId", address.association.as_ref().map(|it| &it.id))
        .maybe("networkInterfaceId", interface.map(|it| &it.id))
        .maybe("networkInterfaceOwnerId", interface.map(|_| &region.account))
        .maybe("privateIpAddress", interface.map(|it| &it.private_ip))
        .text("publicIpv4Pool", "amazon")
        .text("networkBorderGroup", &region.name);
    render::with_tags(element, &address.tags)
}

pub(super) fn allocate(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let tags = tags_for(params, "elastic-ip")?;
    let border = ctx.region.name.clone();
    let address = ctx.region.new_address(tags);
    Ok(Element::content()
        .text("publicIp", &address.public_ip)
        .text("domain", "vpc")
        .text("allocationId", &address.id)
        .text("publicIpv4Pool", "amazon")
        .text("networkBorderGroup", border))
}

pub(super) fn release(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let id = params.required(IDS.parameter)?;
    let address = ctx.region.address(id)?;
    if address.association.is_some() {
        let text = format!("Address {} is in use.", address.public_ip);
        return Err(ApiError::new("InvalidIPAddress.InUse", text).of_state());
    }
    ctx.region.addresses.remove(id);
    Ok(Element::success())
}

pub(super) fn associate(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let id = params.required(IDS.parameter)?;
    let association = ctx.region.address(id)?.association.clone();
    let interface = target(ctx.region, params)?;
    if let Some(association) = association {
        if association.interface_id == interface {
            return Ok(Element::success().text("associationId", association.id));
        }
        // In a VPC it is taken from whoever has it, unless that is forbidden.
        if params.flag("AllowReassociation")? == Some(false) {
            let text = format!(
                "resource {id} is already associated with associate-id {}",
                association.id
            );
            return Err(ApiError::new("Resource.AlreadyAssociated", text).of_state());
        }
    }
    let associated = ctx.region.associate(id, &interface);
    Ok(Element::success().maybe("associationId", associated))
}

/// The interface that the call names, or the only one of the instance that it names.
fn target(region: &mut Region, params: &Params) -> Result<String, ApiError> {
    if let Some(id) = params.get("NetworkInterfaceId") {
        return region.interface_mut(id).map(|it| it.id.clone());
    }
    let id = params.required("InstanceId")?;
    let instance = region.instance(id)?;
    match instance.interface_ids.as_slice() {
        [only] => Ok(only.clone()),
        [] => Err(ApiError::new(
            "InvalidInstanceID",
            format!("The instance '{id}' has no network interface"),
        )),
        _ => Err(ApiError::new(
            "InvalidInstanceID",
            format!(
                "There are multiple interfaces attached to instance '{id}'. Please specify an interface ID for the operation instead."
            ),
        )),
    }
}

pub(super) fn disassociate(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let id = params.required("AssociationId")?;
    kind::ASSOCIATION.check(id)?;
    let mut addresses = ctx.region.addresses.values();
    let of_id = |it: &&Address| it.association.as_ref().is_some_and(|it| it.id == id);
    let address = addresses.find(of_id).map(|it| it.id.clone());
    let address = address.ok_or_else(|| kind::ASSOCIATION.not_found(id))?;
    ctx.region.disassociate(&address);
    Ok(Element::success())
}

#[cfg(test)]
mod tests;
