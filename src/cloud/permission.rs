//! Asking beforehand whether a call is permitted.

use std::collections::BTreeSet;

use super::{
    AllocationId, AssociationId, Direction, ImageId, InstanceId, Launch, MetadataOptions, NetworkInterfaceId,
    NewGroup, NewSnapshotSet, Operation, SecurityGroupId, SnapshotId, Tags, VolumeId,
};

/// A call as the operator makes it, with the tags and ids that a policy may ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// Launching an instance.
    Launch(Launch),
    /// Making a security group.
    CreateGroup(NewGroup),
    /// Adding a rule of this direction to a group.
    Authorize(SecurityGroupId, Direction),
    /// Removing a rule of this direction from a group.
    Revoke(SecurityGroupId, Direction),
    /// Setting tags on a resource.
    SetTags(String, Tags),
    /// Taking a tag of ours from a resource.
    DeleteTags(String),
    /// Stopping an instance.
    Stop(InstanceId),
    /// Starting an instance.
    Start(InstanceId),
    /// Rebooting an instance.
    Reboot(InstanceId),
    /// Terminating an instance.
    Terminate(InstanceId),
    /// Making a volume so many GiB large.
    GrowVolume(VolumeId, i32),
    /// Deleting a volume.
    DeleteVolume(VolumeId),
    /// Deleting a security group.
    DeleteGroup(SecurityGroupId),
    /// Putting an Elastic IP on an interface.
    AssociateAddress(AllocationId, NetworkInterfaceId),
    /// Taking an Elastic IP off its interface.
    DisassociateAddress(AssociationId),
    /// Taking snapshots of an instance.
    CreateSnapshots(NewSnapshotSet),
    /// Protecting an instance from termination.
    Protect(InstanceId),
    /// Setting the metadata options of an instance.
    SetMetadataOptions(InstanceId, MetadataOptions),
    /// Swapping the groups of an interface.
    SetInterfaceGroups(NetworkInterfaceId, BTreeSet<SecurityGroupId>),
    /// Reading whether an instance is protected.
    ReadProtection(InstanceId),
    /// Deleting a snapshot.
    DeleteSnapshot(SnapshotId),
    /// Locking a snapshot.
    LockSnapshot(SnapshotId),
    /// Reading to whom a snapshot is opened.
    ReadSnapshotSharing(SnapshotId),
    /// Closing a snapshot to somebody.
    UnshareSnapshot(SnapshotId),
    /// Reading to whom an image is opened.
    ReadImageSharing(ImageId),
    /// Closing an image to somebody.
    UnshareImage(ImageId),
    /// Listing things of a kind.
    List(Listable),
}

/// What can be listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listable {
    /// Elastic IPs.
    Addresses,
    /// Images.
    Images,
    /// Status checks of instances.
    InstanceStatus,
    /// Instances.
    Instances,
    /// Security groups.
    Groups,
    /// Locks of snapshots.
    Locks,
    /// Deleted snapshots in the Recycle Bin.
    RecycledSnapshots,
    /// Deleted volumes in the Recycle Bin.
    RecycledVolumes,
    /// Snapshots.
    Snapshots,
    /// Subnets.
    Subnets,
    /// Volumes.
    Volumes,
    /// VPCs.
    Vpcs,
}

impl Probe {
    /// The operation it is about.
    pub fn operation(&self) -> Operation {
        match self {
            Self::Launch(_) => Operation::RunInstances,
            Self::CreateGroup(_) => Operation::CreateSecurityGroup,
            Self::Authorize(_, Direction::Ingress) => Operation::AuthorizeSecurityGroupIngress,
            Self::Authorize(_, Direction::Egress) => Operation::AuthorizeSecurityGroupEgress,
            Self::Revoke(_, Direction::Ingress) => Operation::RevokeSecurityGroupIngress,
            Self::Revoke(_, Direction::Egress) => Operation::RevokeSecurityGroupEgress,
            Self::SetTags(..) => Operation::CreateTags,
            Self::DeleteTags(_) => Operation::DeleteTags,
            Self::Stop(_) => Operation::StopInstances,
            Self::Start(_) => Operation::StartInstances,
            Self::Reboot(_) => Operation::RebootInstances,
            Self::Terminate(_) => Operation::TerminateInstances,
            Self::GrowVolume(..) => Operation::ModifyVolume,
            Self::DeleteVolume(_) => Operation::DeleteVolume,
            Self::DeleteGroup(_) => Operation::DeleteSecurityGroup,
            Self::AssociateAddress(..) => Operation::AssociateAddress,
            Self::DisassociateAddress(_) => Operation::DisassociateAddress,
            Self::CreateSnapshots(_) => Operation::CreateSnapshots,
            Self::Protect(_) => Operation::ModifyInstanceAttribute,
            Self::SetMetadataOptions(..) => Operation::ModifyInstanceMetadataOptions,
            Self::SetInterfaceGroups(..) => Operation::ModifyNetworkInterfaceAttribute,
            Self::ReadProtection(_) => Operation::DescribeInstanceAttribute,
            Self::DeleteSnapshot(_) => Operation::DeleteSnapshot,
            Self::LockSnapshot(_) => Operation::LockSnapshot,
            Self::ReadSnapshotSharing(_) => Operation::DescribeSnapshotAttribute,
            Self::UnshareSnapshot(_) => Operation::ModifySnapshotAttribute,
            Self::ReadImageSharing(_) => Operation::DescribeImageAttribute,
            Self::UnshareImage(_) => Operation::ModifyImageAttribute,
            Self::List(listed) => listed.operation(),
        }
    }
}

impl Listable {
    fn operation(self) -> Operation {
        match self {
            Self::Addresses => Operation::DescribeAddresses,
            Self::Images => Operation::DescribeImages,
            Self::InstanceStatus => Operation::DescribeInstanceStatus,
            Self::Instances => Operation::DescribeInstances,
            Self::Groups => Operation::DescribeSecurityGroups,
            Self::Locks => Operation::DescribeLockedSnapshots,
            Self::RecycledSnapshots => Operation::ListSnapshotsInRecycleBin,
            Self::RecycledVolumes => Operation::ListVolumesInRecycleBin,
            Self::Snapshots => Operation::DescribeSnapshots,
            Self::Subnets => Operation::DescribeSubnets,
            Self::Volumes => Operation::DescribeVolumes,
            Self::Vpcs => Operation::DescribeVpcs,
        }
    }
}

/// Whether a call is permitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Permission {
    /// It is.
    Permitted,
    /// A right is missing.
    Denied,
    /// AWS refused for another reason before it said.
    NotKnown,
}
