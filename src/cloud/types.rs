//! What the operator knows of AWS resources: the part it decides on, in its own words.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;
use jiff::Timestamp;

use super::{
    AllocationId, AssociationId, ImageId, InstanceId, NetworkInterfaceId, SecurityGroupId, SnapshotId,
    SubnetId, VolumeId, VpcId,
};

/// Tags by key.
pub type Tags = BTreeMap<String, String>;

/// Where an instance is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InstanceState {
    /// Starting.
    Pending,
    /// Running.
    Running,
    /// On its way to `Stopped`.
    Stopping,
    /// Stopped; it can be started again.
    Stopped,
    /// On its way to `Terminated`; counts as vanished.
    ShuttingDown,
    /// Gone for good, still listed for about an hour.
    Terminated,
}

impl InstanceState {
    /// Whether the instance still exists in the sense of the promises.
    pub fn is_live(self) -> bool {
        !matches!(self, Self::ShuttingDown | Self::Terminated)
    }
}

/// How an instance answers requests for its metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MetadataOptions {
    /// Whether a session token is required (IMDSv2).
    pub tokens_required: bool,
    /// How many network hops an answer may travel.
    pub hop_limit: i32,
}

/// A network interface attached to an instance.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NetworkInterface {
    /// Its id.
    pub id: NetworkInterfaceId,
    /// The security groups in force on it.
    pub groups: BTreeSet<SecurityGroupId>,
}

/// A volume as an instance sees it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AttachedVolume {
    /// The device name, such as `/dev/sdf`.
    pub device: String,
    /// The volume.
    pub id: VolumeId,
    /// Whether terminating the instance would delete it.
    pub delete_on_termination: bool,
}

/// One EC2 instance.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Instance {
    /// Its id.
    pub id: InstanceId,
    /// Where it is in its life.
    pub state: InstanceState,
    /// AWS's code for the last change of state, such as `Client.UserInitiatedShutdown`.
    pub state_reason: Option<String>,
    /// The image it was launched from.
    pub image_id: ImageId,
    /// Its type, such as `m6i.large`.
    pub instance_type: String,
    /// The subnet it stands in.
    pub subnet_id: Option<SubnetId>,
    /// The VPC it stands in.
    pub vpc_id: Option<VpcId>,
    /// Its private address.
    pub private_ip: Option<String>,
    /// Its public address: the Elastic IP, where one is on its first interface.
    pub public_ip: Option<String>,
    /// When it was last started.
    pub launched_at: Timestamp,
    /// The client token of the call that launched it.
    pub client_token: Option<String>,
    /// Its metadata options.
    pub metadata: MetadataOptions,
    /// The instance profile that lends it rights, an ARN.
    pub instance_profile: Option<String>,
    /// Its network interfaces, the first one first.
    pub interfaces: Vec<NetworkInterface>,
    /// The device name of the volume it starts from.
    pub root_device: Option<String>,
    /// Its volumes.
    pub volumes: Vec<AttachedVolume>,
    /// Its tags.
    pub tags: Tags,
}

/// One EBS volume.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Volume {
    /// Its id.
    pub id: VolumeId,
    /// Whether it is encrypted.
    pub encrypted: bool,
    /// The key it is encrypted with, an ARN.
    pub kms_key_id: Option<String>,
    /// Its size in GiB.
    pub size_gib: i32,
    /// The instance it is attached to.
    pub attached_to: Option<InstanceId>,
    /// Its tags.
    pub tags: Tags,
}

/// One Elastic IP.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// Its allocation.
    pub allocation_id: AllocationId,
    /// The address itself.
    pub public_ip: String,
    /// What ties it to an interface; `None` while it is on none.
    pub association_id: Option<AssociationId>,
    /// The instance it leads to.
    pub instance_id: Option<InstanceId>,
    /// The interface it is on.
    pub interface_id: Option<NetworkInterfaceId>,
    /// Its tags.
    pub tags: Tags,
}

/// Something that was deleted and that a rule of the account keeps in the Recycle Bin: it is not gone yet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Recycled<Id> {
    /// What.
    pub id: Id,
    /// When it leaves the Recycle Bin, and with that is gone.
    pub until: Timestamp,
}

/// Which way traffic goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// Into the instance.
    Ingress,
    /// Out of the instance.
    Egress,
}

/// What a rule lets through.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// Everything, AWS's `-1`.
    All,
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// Any other, by AWS's word or number.
    Other(String),
}

/// The other end of a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Peer {
    /// A range of addresses.
    Cidr(IpNet),
    /// The members of a security group.
    Group(SecurityGroupId),
    /// A prefix list, `pl-…`.
    PrefixList(String),
}

/// One firewall rule. The description is not part of it, as in AWS: two rules that differ only in that are one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rule {
    /// Which way.
    pub direction: Direction,
    /// Which protocol.
    pub protocol: Protocol,
    /// First port, or -1 where the protocol has none.
    pub from_port: i32,
    /// Last port, or -1 where the protocol has none.
    pub to_port: i32,
    /// From or to where.
    pub peer: Peer,
}

/// One security group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SecurityGroup {
    /// Its id.
    pub id: SecurityGroupId,
    /// Its name, unique in its VPC without regard to case.
    pub name: String,
    /// Its VPC.
    pub vpc_id: VpcId,
    /// Its rules, both directions.
    pub rules: BTreeSet<Rule>,
    /// Its tags.
    pub tags: Tags,
}

/// Where a snapshot is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SnapshotState {
    /// Being written.
    Pending,
    /// Whole.
    Completed,
    /// Failed.
    Error,
}

/// One EBS snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Snapshot {
    /// Its id.
    pub id: SnapshotId,
    /// The volume it was taken of.
    pub volume_id: VolumeId,
    /// Where it is in its life.
    pub state: SnapshotState,
    /// AWS's reason, when it failed.
    pub state_message: Option<String>,
    /// When AWS began it.
    pub started_at: Timestamp,
    /// The size of its volume in GiB.
    pub size_gib: i32,
    /// Whether it is encrypted.
    pub encrypted: bool,
    /// The key it is encrypted with, an ARN.
    pub kms_key_id: Option<String>,
    /// What its creator wrote.
    pub description: String,
    /// Its tags.
    pub tags: Tags,
}

/// One subnet with what a launch in it needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subnet {
    /// Its id.
    pub id: SubnetId,
    /// The VPC it belongs to.
    pub vpc_id: VpcId,
    /// Every address range of that VPC.
    pub vpc_cidrs: Vec<IpNet>,
}

/// A volume that a launch asks for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NewVolume {
    /// The device name. The root volume is asked for with the image's root device name.
    pub device: String,
    /// The size in GiB; `None` keeps the image's.
    pub size_gib: Option<i32>,
}

/// Everything one RunInstances call says. A retry after an unknown outcome sends exactly the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Launch {
    /// Makes the call idempotent.
    pub token: String,
    /// The image.
    pub image_id: ImageId,
    /// The type.
    pub instance_type: String,
    /// The subnet.
    pub subnet_id: SubnetId,
    /// The groups of its only interface.
    pub groups: BTreeSet<SecurityGroupId>,
    /// The volumes; every one is encrypted and outlives the instance. Those of the image, its root
    /// volume above all, need not be listed: they come with the image and are treated alike.
    pub volumes: Vec<NewVolume>,
    /// The key of the volumes; `None` uses the account's own EBS key.
    pub kms_key_id: Option<String>,
    /// Tags of the instance, its interface and its volumes.
    pub tags: Tags,
}

/// A security group to be made.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NewGroup {
    /// Its name: deterministic, so that it guards against a second one.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Its VPC.
    pub vpc_id: VpcId,
    /// Its tags.
    pub tags: Tags,
}

/// One point in time of all volumes of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NewSnapshotSet {
    /// The instance.
    pub instance_id: InstanceId,
    /// Written on every snapshot; the Backup's uid.
    pub description: String,
    /// Tags of every snapshot.
    pub tags: Tags,
}
