//! What the simulated AWS knows: accounts, regions, resources, and what time does to them.

mod address;
mod backup;
mod cidr;
mod flow;
mod history;
mod ids;
mod image;
mod instance;
mod network;
mod recycle_bin;
mod region;
mod security_group;
mod settle;
mod snapshot_lock;
mod storage;
mod tags;
mod world;

pub(crate) use address::Address;
pub(crate) use backup::{
    Backup, BackupJob, JobState, Lifecycle, Notifications, PointStatus, RecoveryPoint, Resource,
    ResourceKind, Timeline, Vault, VaultLock,
};
pub use backup::{BackupDoom, BackupEnd};
pub(crate) use cidr::Cidr;
pub use flow::Flow;
pub(crate) use history::History;
pub(crate) use ids::{IdKind, kind};
pub(crate) use image::{Image, ImageDevice, ImageState};
pub use instance::StatusCheck;
pub(crate) use instance::{
    Instance, InstanceProfile, InstanceState, MetadataOptions, ProfileAssociation, StateReason,
};
pub(crate) use network::{Interface, InterfaceAttachment, Subnet, Vpc};
pub(crate) use recycle_bin::RecycleBin;
pub use region::{DEFAULT_IMAGE_ID, DEFAULT_SUBNET_ID, DEFAULT_VPC_ID};
pub(crate) use region::{PublicAccess, Region};
pub(crate) use security_group::{Direction, Peer, Ports, Rule, RuleKey, SecurityGroup};
pub use settle::Timings;
pub(crate) use snapshot_lock::{LockMode, LockState, SnapshotLock, days_later};
pub(crate) use storage::{
    MOST_CONCURRENT, Modification, NewSnapshot, Snapshot, SnapshotState, Volume, VolumeAttachment,
    VolumeSpec, VolumeState,
};
pub(crate) use tags::Tags;
pub use world::Role;
pub(crate) use world::{Session, World};
