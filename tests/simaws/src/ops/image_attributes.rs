//! Who may start instances of an image, and its description.

use super::Context;
use super::images::own;
use super::sharing::{self, Change};
use crate::protocol::{Answer, ApiError, Element, Params};

const PERMISSION: &str = "launchPermission";

pub(super) fn describe(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let image = own(ctx.region, params.required("ImageId")?)?;
    let content = Element::content().text("imageId", &image.id);
    match params.required("Attribute")? {
        PERMISSION => Ok(content.list(PERMISSION, sharing::items(image.is_public, &image.shared_with))),
        "description" => Ok(content.child(Element::new("description").text("value", &image.description))),
        other => Err(unknown(other)),
    }
}

pub(super) fn modify(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let id = params.required("ImageId")?;
    let image = own(ctx.region, id)?;
    let description = params.group("Description").owned("Value");
    let (description, change) = match (params.get("Attribute"), description) {
        (Some("description"), None) => (Some(params.required("Value")?.to_owned()), None),
        (None | Some("description"), Some(description)) => (Some(description), None),
        (None | Some(PERMISSION), None) => (None, Some(Change::read(params, "LaunchPermission")?)),
        (Some(PERMISSION), Some(_)) => {
            return Err(ApiError::combination(
                "Only one attribute can be modified in one call",
            ));
        }
        (Some(other), _) => return Err(unknown(other)),
    };
    let encrypted = image.devices.iter().any(|device| device.encrypted);
    if encrypted && change.as_ref().is_some_and(Change::adds_everyone) {
        let text = "Images with encrypted snapshots cannot be made public";
        return Err(ApiError::new("OperationNotPermitted", text));
    }
    if let Some(image) = ctx.region.images.get_mut(id) {
        if let Some(description) = description {
            image.description = description;
        }
        if let Some(change) = change {
            change.apply(&mut image.is_public, &mut image.shared_with);
        }
    }
    Ok(Element::success())
}

fn unknown(attribute: &str) -> ApiError {
    ApiError::value(format!("Value ({attribute}) for parameter attribute is invalid."))
}

#[cfg(test)]
mod tests;
