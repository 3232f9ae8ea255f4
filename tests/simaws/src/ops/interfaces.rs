//! Network interfaces.

use super::context::tags_for;
use super::{Context, render};
use crate::protocol::{Answer, ApiError, Element, Ids, PageLimit, Params, item, list};
use crate::state::{Interface, Region, Tags, kind};

const IDS: Ids = Ids {
    parameter: "NetworkInterfaceId",
    kind: kind::INTERFACE,
    refuse_pages: true,
};

/// AWS's default quota.
const MOST_GROUPS: usize = 5;

/// What an interface is to be.
pub(super) struct Spec<'a> {
    pub(super) subnet_id: &'a str,
    pub(super) group_ids: &'a [String],
    pub(super) description: &'a str,
    pub(super) tags: Tags,
}

pub(super) fn describe(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let visible = ctx.visible_before();
    let region = &*ctx.region;
    let page = list(
        (region, &region.interfaces),
        params,
        IDS,
        PageLimit::Strict(1000),
        visible,
    )?;
    let items = page
        .items
        .iter()
        .map(|it| render::interface(item(), it, region, true));
    Ok(Element::content()
        .list("networkInterfaceSet", items)
        .maybe("nextToken", page.next_token))
}

pub(super) fn create(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let subnet = ctx.region.subnet(params.required("SubnetId")?)?.clone();
    let mut group_ids = params.list("SecurityGroupId");
    if group_ids.is_empty() {
        group_ids.extend(
            ctx.region
                .default_group(&subnet.vpc_id)
                .map(|group| group.id.clone()),
        );
    }
    check_groups(ctx.region, &group_ids, &subnet.vpc_id)?;
    let spec = Spec {
        subnet_id: &subnet.id,
        group_ids: &group_ids,
        description: params.get("Description").unwrap_or_default(),
        tags: tags_for(params, "network-interface")?,
    };
    let interface = make(ctx.region, spec)?;
    let content = render::interface(Element::new("networkInterface"), &interface, ctx.region, true);
    ctx.region.interfaces.insert(interface.id.clone(), interface);
    Ok(Element::content().child(content))
}

pub(super) fn delete(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let id = params.required(IDS.parameter)?;
    if ctx.region.interface_mut(id)?.attachment.is_some() {
        let text = format!("Network interface '{id}' is currently in use.");
        return Err(ApiError::new("InvalidParameterValue", text));
    }
    ctx.region.remove_interface(id);
    Ok(Element::success())
}

pub(super) fn modify_attribute(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let id = params.required(IDS.parameter)?;
    let vpc_id = ctx.region.interface_mut(id)?.vpc_id.clone();
    let group_ids = params.list("SecurityGroupId");
    if !group_ids.is_empty() {
        check_groups(ctx.region, &group_ids, &vpc_id)?;
    }
    let source_dest_check = params.group("SourceDestCheck").flag("Value")?;
    let attachment = params.group("Attachment");
    let delete_on_termination = attachment.flag("DeleteOnTermination")?;
    let interface = ctx.region.interface_mut(id)?;
    if let Some(wanted) = attachment.get("AttachmentId")
        && interface.attachment.as_ref().is_none_or(|it| it.id != wanted)
    {
        let text = format!("The networkInterface attachment '{wanted}' does not exist.");
        return Err(ApiError::new("InvalidAttachmentID.NotFound", text));
    }
    if !group_ids.is_empty() {
        interface.group_ids = group_ids;
    }
    if let Some(description) = params.group("Description").owned("Value") {
        interface.description = description;
    }
    if let Some(flag) = source_dest_check {
        interface.source_dest_check = flag;
    }
    if let (Some(flag), Some(attachment)) = (delete_on_termination, interface.attachment.as_mut()) {
        attachment.delete_on_termination = flag;
    }
    Ok(Element::success())
}

/// Refuses groups that are not there, of another VPC, or too many.
pub(super) fn check_groups(region: &Region, ids: &[String], vpc_id: &str) -> Result<(), ApiError> {
    for id in ids {
        if region.group(id)?.vpc_id != vpc_id {
            let text = format!("Security group {id} does not belong to VPC {vpc_id}.");
            return Err(ApiError::new("InvalidParameter", text));
        }
    }
    if ids.len() > MOST_GROUPS {
        return Err(ApiError::new(
            "SecurityGroupsPerInterfaceLimitExceeded",
            "The maximum number of security groups per interface has been reached.",
        ));
    }
    Ok(())
}

/// A new interface with an address of its subnet; not yet in the region.
pub(super) fn make(region: &mut Region, spec: Spec<'_>) -> Result<Interface, ApiError> {
    let id = region.ids.id(kind::INTERFACE.prefix);
    let bits = region.ids.next();
    let subnet = region
        .subnets
        .get_mut(spec.subnet_id)
        .ok_or_else(|| kind::SUBNET.not_found(spec.subnet_id))?;
    let address = subnet.take_address().ok_or_else(|| {
        ApiError::new(
            "InsufficientFreeAddressesInSubnet",
            format!(
                "The specified subnet '{}' does not have enough free addresses.",
                spec.subnet_id
            ),
        )
    })?;
    Ok(Interface {
        id,
        vpc_id: subnet.vpc_id.clone(),
        subnet_id: subnet.id.clone(),
        zone: subnet.zone.clone(),
        private_ip: address.to_string(),
        // 06: a locally administered address, as AWS's are.
        mac: format!(
            "06:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}",
            bits & 255,
            bits >> 8 & 255,
            bits >> 16 & 255,
            bits >> 24 & 255,
            bits >> 32 & 255
        ),
        description: spec.description.to_owned(),
        group_ids: spec.group_ids.to_vec(),
        source_dest_check: true,
        attachment: None,
        address_id: None,
        tags: spec.tags,
        created_at: region.now,
    })
}
