//! Ids as AWS writes them, and its errors for wrong ones.

use crate::draw::Draws;
use crate::protocol::ApiError;

/// A kind of id: its prefix and the error codes that go with it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IdKind {
    pub(crate) prefix: &'static str,
    pub(crate) noun: &'static str,
    /// The name AWS's messages give the parameter.
    pub(crate) parameter: &'static str,
    malformed: &'static str,
    not_found: &'static str,
}

impl IdKind {
    /// Refuses an id that cannot be one: after the prefix come 8 or 17 hexadecimal digits.
    pub(crate) fn check(self, id: &str) -> Result<(), ApiError> {
        let digits = id.strip_prefix(self.prefix).unwrap_or_default();
        let well_formed = matches!(digits.len(), 8 | 17) && digits.bytes().all(|b| b.is_ascii_hexdigit());
        if well_formed {
            return Ok(());
        }
        Err(ApiError::new(
            self.malformed,
            format!("Invalid id: \"{id}\" (expecting \"{}...\")", self.prefix),
        ))
    }

    pub(crate) fn not_found(self, id: &str) -> ApiError {
        ApiError::new(self.not_found, format!("The {} '{id}' does not exist", self.noun))
    }
}

/// The kinds of id, with the codes the EC2 Developer Guide lists under "Client error codes".
pub(crate) mod kind {
    use super::IdKind;

    macro_rules! kinds {
        ($($name:ident: $prefix:literal, $noun:literal, $parameter:literal, $malformed:literal, $not_found:literal;)*) => {
            $(pub(crate) const $name: IdKind = IdKind {
                prefix: $prefix,
                noun: $noun,
                parameter: $parameter,
                malformed: $malformed,
                not_found: $not_found,
            };)*
        };
    }

    kinds! {
        INSTANCE: "i-", "instance ID", "instancesSet", "InvalidInstanceID.Malformed", "InvalidInstanceID.NotFound";
        VOLUME: "vol-", "volume", "volumeSet", "InvalidVolumeID.Malformed", "InvalidVolume.NotFound";
        SNAPSHOT: "snap-", "snapshot", "snapshotSet", "InvalidSnapshotID.Malformed", "InvalidSnapshot.NotFound";
        GROUP: "sg-", "security group", "securityGroupIds", "InvalidGroupId.Malformed", "InvalidGroup.NotFound";
        RULE: "sgr-", "security group rule ID", "securityGroupRuleIds",
            "InvalidSecurityGroupRuleId.Malformed", "InvalidSecurityGroupRuleId.NotFound";
        INTERFACE: "eni-", "networkInterface ID", "networkInterfaceIds",
            "InvalidNetworkInterfaceId.Malformed", "InvalidNetworkInterfaceID.NotFound";
        VPC: "vpc-", "vpc ID", "vpcIds", "InvalidVpcID.Malformed", "InvalidVpcID.NotFound";
        SUBNET: "subnet-", "subnet ID", "subnetIds", "InvalidSubnetID.Malformed", "InvalidSubnetID.NotFound";
        IMAGE: "ami-", "image id", "imageIds", "InvalidAMIID.Malformed", "InvalidAMIID.NotFound";
        PROFILE_ASSOCIATION: "iip-assoc-", "association ID", "associationIds",
            "InvalidAssociationID.Malformed", "InvalidAssociationID.NotFound";
        ADDRESS: "eipalloc-", "allocation ID", "allocationIds",
            "InvalidAllocationID.Malformed", "InvalidAllocationID.NotFound";
        ASSOCIATION: "eipassoc-", "association ID", "associationIds",
            "InvalidAssociationID.Malformed", "InvalidAssociationID.NotFound";
        PREFIX_LIST: "pl-", "prefix list ID", "prefixListIds", "InvalidPrefixListId.Malformed", "InvalidPrefixListID.NotFound";
    }
}

/// Makes ids, the same ones for the same seed, account and region.
#[derive(Clone, Debug)]
pub(crate) struct IdSource(Draws);

impl IdSource {
    pub(crate) fn new(seed: u64, account: &str, region: &str) -> Self {
        Self(Draws::new(seed, &format!("{account}/{region}")))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0.next()
    }

    /// A new id of a kind, 17 digits of which the first is 0, as most of AWS's today.
    pub(crate) fn id(&mut self, prefix: &str) -> String {
        format!("{prefix}0{:016x}", self.next())
    }
}
