//! To whom snapshots and images are opened, from the SDK's shapes.

use aws_sdk_ec2::types::{CreateVolumePermission, LaunchPermission};

use crate::cloud::{AccountId, Sharing};

pub(super) fn snapshot_sharing(permissions: Vec<CreateVolumePermission>) -> Sharing {
    let mut sharing = Sharing::default();
    for permission in permissions {
        // "all" is the only group there is; one that AWS adds would be wide open, too.
        sharing.public |= permission.group.is_some();
        sharing.accounts.extend(permission.user_id.map(AccountId::from));
    }
    sharing
}

pub(super) fn image_sharing(permissions: Vec<LaunchPermission>) -> Sharing {
    let mut sharing = Sharing::default();
    for permission in permissions {
        sharing.public |= permission.group.is_some();
        let named = [
            permission.user_id,
            permission.organization_arn,
            permission.organizational_unit_arn,
        ];
        sharing
            .accounts
            .extend(named.into_iter().flatten().map(AccountId::from));
    }
    sharing
}
