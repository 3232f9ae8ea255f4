//! Block public access for snapshots: a switch of the whole region.

use super::Context;
use crate::protocol::{Answer, ApiError, Element, Params};
use crate::state::PublicAccess;

pub(super) fn enable(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let access = match params.required("State")? {
        "block-all-sharing" => PublicAccess::BlockAllSharing,
        "block-new-sharing" => PublicAccess::BlockNewSharing,
        other => return Err(ApiError::value(format!("Invalid value '{other}' for state"))),
    };
    ctx.region.snapshot_public_access = access;
    Ok(state(access))
}

pub(super) fn disable(ctx: &mut Context<'_>, _params: &Params) -> Answer {
    ctx.region.snapshot_public_access = PublicAccess::Unblocked;
    Ok(state(PublicAccess::Unblocked))
}

pub(super) fn get(ctx: &mut Context<'_>, _params: &Params) -> Answer {
    Ok(state(ctx.region.snapshot_public_access).text("managedBy", "account"))
}

fn state(access: PublicAccess) -> Element {
    Element::content().text("state", access.name())
}

#[cfg(test)]
mod tests;
