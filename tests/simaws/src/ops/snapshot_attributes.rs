//! Who may make volumes of a snapshot.

use super::Context;
use super::sharing::{self, Change};
use super::volumes::default_key;
use crate::protocol::{Answer, ApiError, Element, Params};
use crate::state::PublicAccess;

const ATTRIBUTE: &str = "createVolumePermission";

pub(super) fn describe(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let snapshot = ctx.region.snapshot(params.required("SnapshotId")?)?;
    check_attribute(Some(params.required("Attribute")?))?;
    Ok(Element::content().text("snapshotId", &snapshot.id).list(
        ATTRIBUTE,
        sharing::items(snapshot.is_public, &snapshot.shared_with),
    ))
}

pub(super) fn modify(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let id = params.required("SnapshotId")?;
    let region = &*ctx.region;
    let snapshot = region.snapshot(id)?;
    check_attribute(params.get("Attribute"))?;
    let change = Change::read(params, "CreateVolumePermission")?;
    if change.adds_everyone() && snapshot.encrypted {
        let text = "Encrypted snapshots with EBS default key or any key cannot be shared publicly";
        return Err(ApiError::new("OperationNotPermitted", text));
    }
    if change.adds_everyone() && region.snapshot_public_access != PublicAccess::Unblocked {
        let text = "Public sharing of snapshots is blocked in this region by block public access";
        return Err(ApiError::new("OperationNotPermitted", text));
    }
    if change.adds_someone() && snapshot.kms_key_id == Some(default_key(region)) {
        let text = "Snapshots encrypted with the AWS Managed CMK can't be shared";
        return Err(ApiError::new("InvalidParameter", text));
    }
    let snapshot = ctx.region.snapshot_mut(id)?;
    change.apply(&mut snapshot.is_public, &mut snapshot.shared_with);
    Ok(Element::success())
}

fn check_attribute(attribute: Option<&str>) -> Result<(), ApiError> {
    match attribute {
        None | Some(ATTRIBUTE) => Ok(()),
        Some(other) => Err(ApiError::value(format!(
            "Value ({other}) for parameter attribute is invalid."
        ))),
    }
}

#[cfg(test)]
mod tests;
