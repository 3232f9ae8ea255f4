//! The IAM instance profile of an instance. Any well-formed profile exists.

use super::Context;
use crate::protocol::{Answer, ApiError, Element, Ids, PageLimit, Params, item, list, timestamp};
use crate::state::{InstanceProfile, ProfileAssociation, Region, Tags, kind};

const IDS: Ids = Ids {
    parameter: "AssociationId",
    kind: kind::PROFILE_ASSOCIATION,
    refuse_pages: false,
};

/// The profile a request names, by name or ARN.
pub(super) fn read(region: &mut Region, params: &Params) -> Result<Option<InstanceProfile>, ApiError> {
    let arn = match (params.get("Arn"), params.get("Name")) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {
            return Err(ApiError::combination(
                "The parameter 'iamInstanceProfile.name' may not be used in combination with 'iamInstanceProfile.arn'",
            ));
        }
        (Some(arn), None) if arn.starts_with("arn:aws:iam::") && arn.contains(":instance-profile/") => {
            arn.to_owned()
        }
        (Some(arn), None) => {
            let text = format!(
                "Value ({arn}) for parameter iamInstanceProfile.arn is invalid. Invalid IAM Instance Profile ARN"
            );
            return Err(ApiError::value(text));
        }
        (None, Some(name)) => format!("arn:aws:iam::{}:instance-profile/{name}", region.account),
    };
    let id = format!("AIPA{:016X}", region.ids.next());
    Ok(Some(InstanceProfile { arn, id }))
}

/// Notes that an instance has a profile; gives the association's id.
pub(super) fn add(region: &mut Region, instance_id: &str, profile: InstanceProfile) -> String {
    let association = ProfileAssociation {
        id: region.ids.id(kind::PROFILE_ASSOCIATION.prefix),
        instance_id: instance_id.to_owned(),
        profile,
        created_at: region.now,
        tags: Tags::new(),
    };
    let id = association.id.clone();
    region.profile_associations.insert(id.clone(), association);
    id
}

pub(super) fn associate(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let id = params.required("InstanceId")?;
    let instance = ctx.region.instance(id)?;
    if instance.profile.is_some() {
        let text = format!("There is an existing association for instance {id}");
        return Err(ApiError::new("IncorrectState", text));
    }
    if instance.state.is_ending() {
        return Err(ApiError::new(
            "IncorrectInstanceState",
            format!("The instance '{id}' is terminated."),
        ));
    }
    let profile = read(ctx.region, &params.group("IamInstanceProfile"))?
        .ok_or_else(|| ApiError::missing("IamInstanceProfile"))?;
    ctx.region.instance_mut(id)?.profile = Some(profile.clone());
    let association = add(ctx.region, id, profile);
    let made = ctx.region.profile_associations.get(&association);
    let made = made.map(|it| render(Element::new("iamInstanceProfileAssociation"), it, "associating"));
    Ok(made.into_iter().fold(Element::content(), Element::child))
}

pub(super) fn disassociate(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let id = params.required(IDS.parameter)?;
    IDS.kind.check(id)?;
    let association = ctx
        .region
        .profile_associations
        .remove(id)
        .ok_or_else(|| IDS.kind.not_found(id))?;
    if let Some(instance) = ctx.region.instances.get_mut(&association.instance_id) {
        instance.profile = None;
    }
    let gone = render(
        Element::new("iamInstanceProfileAssociation"),
        &association,
        "disassociating",
    );
    Ok(Element::content().child(gone))
}

pub(super) fn describe(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let visible = ctx.visible_before();
    let region = &*ctx.region;
    let page = list(
        (region, &region.profile_associations),
        params,
        IDS,
        PageLimit::Strict(1000),
        visible,
    )?;
    let items = page.items.iter().map(|it| render(item(), it, "associated"));
    Ok(Element::content()
        .list("iamInstanceProfileAssociationSet", items)
        .maybe("nextToken", page.next_token))
}

fn render(element: Element, association: &ProfileAssociation, state: &'static str) -> Element {
    let profile = Element::new("iamInstanceProfile")
        .text("arn", &association.profile.arn)
        .text("id", &association.profile.id);
    element
        .text("associationId", &association.id)
        .text("instanceId", &association.instance_id)
        .child(profile)
        .text("state", state)
        .text("timestamp", timestamp(association.created_at))
}
