//! Identifiers of AWS resources, each a type of its own so that none can stand where another is meant.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes the identifier as AWS prints it.
            pub fn new(id: impl Into<String>) -> Self {
                Self(id.into())
            }

            /// The identifier as AWS prints it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(id: &str) -> Self {
                Self(id.to_owned())
            }
        }

        impl From<String> for $name {
            fn from(id: String) -> Self {
                Self(id)
            }
        }
    };
}

id!(
    /// An EC2 instance, `i-…`.
    InstanceId
);
id!(
    /// An EBS volume, `vol-…`.
    VolumeId
);
id!(
    /// An EBS snapshot, `snap-…`.
    SnapshotId
);
id!(
    /// A security group, `sg-…`.
    SecurityGroupId
);
id!(
    /// A network interface, `eni-…`.
    NetworkInterfaceId
);
id!(
    /// A subnet, `subnet-…`.
    SubnetId
);
id!(
    /// A virtual private cloud, `vpc-…`.
    VpcId
);
id!(
    /// A machine image, `ami-…`.
    ImageId
);
id!(
    /// The allocation of an Elastic IP, `eipalloc-…`.
    AllocationId
);
id!(
    /// An Elastic IP's place on a network interface, `eipassoc-…`.
    AssociationId
);
id!(
    /// A job of AWS Backup.
    BackupJobId
);
id!(
    /// A vault of AWS Backup, by its name.
    VaultName
);
id!(
    /// A region, such as `ap-northeast-1`.
    Region
);
id!(
    /// An account, twelve digits.
    AccountId
);
id!(
    /// The identity of one installation of the operator, the value of the tag `yagura.dev/cluster`.
    ClusterId
);
