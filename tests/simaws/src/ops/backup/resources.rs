//! ARNs of what is backed up.

use super::{Context, invalid_value, not_found};
use crate::protocol::ApiError;
use crate::state::{InstanceState, Resource, ResourceKind};

/// The instance or volume with this ARN, which has to be there.
pub(super) fn find(ctx: &Context<'_>, arn: &str) -> Result<Resource, ApiError> {
    let region = &ctx.region;
    let here = format!("arn:aws:ec2:{}:{}:", region.name, region.account);
    let Some((noun, id)) = arn.strip_prefix(&here).and_then(|rest| rest.split_once('/')) else {
        return Err(invalid_value(format!(
            "{arn} is not the ARN of an instance or volume of this account and region"
        )));
    };
    let (kind, exists) = match noun {
        "instance" => {
            let found = region.instances.get(id);
            let lives = found.is_some_and(|it| it.state != InstanceState::Terminated);
            (ResourceKind::Instance, lives)
        }
        "volume" => (ResourceKind::Volume, region.volumes.contains_key(id)),
        _ => return Err(invalid_value(format!("{arn} is of an unsupported resource type"))),
    };
    if !exists {
        return Err(not_found(format!("There is no resource {arn}")));
    }
    Ok(Resource {
        arn: arn.to_owned(),
        id: id.to_owned(),
        kind,
    })
}
