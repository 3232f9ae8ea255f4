//! What our own calls did or found, told to the inventory so that the next pass sees it.

use std::collections::BTreeSet;

use crate::cloud::{
    ImageId, Instance, InstanceId, MetadataOptions, NetworkInterfaceId, Rule, SecurityGroup, SecurityGroupId,
    Snapshot, SnapshotId, SnapshotLock, Tags, VolumeId,
};

/// What one call did or found. Recorded right after the call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// This instance was launched, protected from termination.
    Launched(Instance),
    /// This group was made.
    GroupCreated(SecurityGroup),
    /// The group's rules, of both directions, are now these.
    RulesChanged {
        /// The group.
        group: SecurityGroupId,
        /// All its rules.
        rules: BTreeSet<Rule>,
    },
    /// The groups of an interface are now these.
    InterfaceGroups {
        /// The instance it is attached to.
        instance: InstanceId,
        /// The interface.
        interface: NetworkInterfaceId,
        /// All its groups.
        groups: BTreeSet<SecurityGroupId>,
    },
    /// These tags were set on a resource of any kind.
    Tagged {
        /// Its id.
        id: String,
        /// The tags that were set; others stay.
        tags: Tags,
    },
    /// The tags of these keys were taken from a resource of any kind.
    Untagged {
        /// Its id.
        id: String,
        /// The keys that are gone.
        keys: BTreeSet<String>,
    },
    /// This instance was told to stop.
    InstanceStopped(InstanceId),
    /// This instance was told to start.
    InstanceStarted(InstanceId),
    /// The type of this instance is now this.
    TypeChanged {
        /// The instance.
        instance: InstanceId,
        /// Its type.
        instance_type: String,
    },
    /// This instance was told to terminate.
    InstanceTerminated(InstanceId),
    /// The address by which everybody reaches this instance is now this.
    AddressChanged {
        /// The instance.
        instance: InstanceId,
        /// Its address; `None` after one was taken off.
        public_ip: Option<String>,
    },
    /// This volume is being made so large.
    VolumeGrown {
        /// The volume.
        volume: VolumeId,
        /// Its size in GiB.
        size_gib: i32,
    },
    /// This volume was deleted, or a look by its id found that it is.
    VolumeDeleted(VolumeId),
    /// This group was deleted, or a look by its id found that it is.
    GroupDeleted(SecurityGroupId),
    /// This instance is now protected from termination.
    Protected(InstanceId),
    /// This instance may be terminated again.
    Unprotected(InstanceId),
    /// The instance's metadata options are now these.
    MetadataOptions {
        /// The instance.
        instance: InstanceId,
        /// Its options.
        options: MetadataOptions,
    },
    /// These volumes now outlive the instance.
    VolumesKept {
        /// The instance.
        instance: InstanceId,
        /// The volumes.
        volumes: BTreeSet<VolumeId>,
    },
    /// These snapshots were begun.
    SnapshotsCreated(Vec<Snapshot>),
    /// This snapshot was deleted, or a look by its id found that it is.
    Deleted(SnapshotId),
    /// This image was deleted, or a look by its id found that it is.
    ImageDeleted(ImageId),
    /// The lock of a snapshot is now this.
    Locked(SnapshotLock),
    /// This snapshot is open to nobody any more.
    SnapshotClosed(SnapshotId),
    /// This image is open to nobody any more.
    ImageClosed(ImageId),
    /// A look by id, token or label found this instance, whatever its tags.
    Seen(Instance),
    /// A look by id or name found this group, whatever its tags.
    SeenGroup(SecurityGroup),
}
