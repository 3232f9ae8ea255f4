//! The narrow door: what the operator asks of AWS, in its own words.

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use jiff::Timestamp;

use super::{
    Address, AllocationId, AssociationId, AttachedVolume, BackupJob, BackupJobId, CloudError, Direction,
    Image, ImageId, Impaired, Instance, InstanceId, Lane, Launch, Listed, LockMode, MetadataOptions,
    NetworkInterfaceId, NewBackupJob, NewGroup, NewSnapshotSet, Operation, Permission, Probe, Recycled, Rule,
    SecurityGroup, SecurityGroupId, Sharing, Site, Snapshot, SnapshotId, SnapshotLock, Subnet, SubnetId,
    Tags, Vault, VaultName, Volume, VolumeId, VpcId,
};

/// Instances.
#[async_trait]
pub trait InstanceApi: Send + Sync {
    /// Every instance that carries our cluster tag, terminated ones included while AWS lists them.
    ///
    /// *Guarantees*: all pages or an error, never a part.
    async fn list_instances(&self) -> Result<Listed<Instance>, CloudError>;

    /// The running instances of which a status check fails, whoever owns them: AWS has no filter by tag here.
    ///
    /// *Guarantees*: all pages of every check or an error; the calls grow with what fails, not with what runs.
    async fn list_impaired(&self) -> Result<Listed<Impaired>, CloudError>;

    /// The instance of this id, whatever its tags say.
    ///
    /// *Guarantees*: asks by filter, so an unknown id is `None`, never an error.
    async fn find_instance(&self, id: &InstanceId) -> Result<Option<Instance>, CloudError>;

    /// The instances that a launch with this client token made, whatever their tags say.
    async fn find_launched(&self, token: &str) -> Result<Vec<Instance>, CloudError>;

    /// The live instances that carry this value of the tag `yagura.dev/label`, of any cluster.
    async fn find_labelled(&self, label: &str) -> Result<Vec<Instance>, CloudError>;

    /// The live instances that carry this value of this tag, whoever owns them.
    async fn find_tagged(&self, key: &str, value: &str) -> Result<Vec<Instance>, CloudError>;

    /// The live instances that carry this tag with any value, whoever owns them.
    ///
    /// *Guarantees*: all pages or an error, never a part.
    async fn list_having(&self, key: &str) -> Result<Listed<Instance>, CloudError>;

    /// Launches one instance: encrypted volumes that outlive it, IMDSv2 with hop limit 1, protected from termination.
    ///
    /// *Idempotency*: by `launch.token`; the same launch again gives the same instance.
    /// *Errors*: `TokenReused` when the token came with other parameters.
    async fn launch(&self, launch: &Launch) -> Result<Instance, CloudError>;

    /// Whether terminating this instance by the API is refused.
    async fn is_protected(&self, id: &InstanceId) -> Result<bool, CloudError>;

    /// Makes AWS refuse to terminate this instance. *Idempotency*: a repeat changes nothing.
    async fn protect(&self, id: &InstanceId) -> Result<(), CloudError>;

    /// Sets the metadata options. *Idempotency*: a repeat changes nothing.
    async fn set_metadata_options(&self, id: &InstanceId, options: MetadataOptions)
    -> Result<(), CloudError>;

    /// Makes these volumes outlive the instance. *Idempotency*: a repeat changes nothing.
    async fn keep_volumes(&self, id: &InstanceId, volumes: &[AttachedVolume]) -> Result<(), CloudError>;
}

/// What becomes of instances that are there. Each call answers when AWS has taken it on: a look tells when it is done.
#[async_trait]
pub trait LifecycleApi: Send + Sync {
    /// Stops an instance, its system first. *Idempotency*: a repeat changes nothing.
    ///
    /// *Errors*: `IncorrectState` when it is on its way out, or is protected from being stopped.
    async fn stop(&self, id: &InstanceId) -> Result<(), CloudError>;

    /// Starts a stopped instance; one that runs is left alone. *Idempotency*: a repeat changes nothing.
    ///
    /// *Errors*: `IncorrectState` while it is still stopping, or when it is on its way out; `Exhausted` when AWS has no
    /// room for it.
    async fn start(&self, id: &InstanceId) -> Result<(), CloudError>;

    /// Reboots an instance: its addresses, volumes and state stay as they are, and no listing shows it.
    ///
    /// *Idempotency*: none in AWS; the caller writes down that it asked before it asks.
    async fn reboot(&self, id: &InstanceId) -> Result<(), CloudError>;

    /// Gives a stopped instance another type. *Idempotency*: a repeat changes nothing.
    ///
    /// *Errors*: `IncorrectState` when it is not stopped; `InvalidSpec` when there is no such type, or the image does not
    /// go with it.
    async fn set_instance_type(&self, id: &InstanceId, instance_type: &str) -> Result<(), CloudError>;

    /// Lets AWS terminate this instance again. *Idempotency*: a repeat changes nothing.
    async fn unprotect(&self, id: &InstanceId) -> Result<(), CloudError>;

    /// Terminates an instance. Its volumes go with it as far as they are not kept.
    ///
    /// *Idempotency*: a repeat changes nothing, for about an hour; *Errors*: `NotFound` after that, and `IncorrectState`
    /// while it is protected.
    async fn terminate(&self, id: &InstanceId) -> Result<(), CloudError>;
}

/// Networks and firewalls.
#[async_trait]
pub trait NetworkApi: Send + Sync {
    /// Every security group that carries our cluster tag: all pages or an error.
    async fn list_groups(&self) -> Result<Listed<SecurityGroup>, CloudError>;

    /// The group of this id, whatever its tags say; `None` when there is none.
    async fn find_group(&self, id: &SecurityGroupId) -> Result<Option<SecurityGroup>, CloudError>;

    /// The group of this name in this VPC, whatever its tags say.
    async fn find_group_named(&self, vpc: &VpcId, name: &str) -> Result<Option<SecurityGroup>, CloudError>;

    /// Makes a group. AWS gives it an allow-all egress rule, which the answer contains.
    ///
    /// *Idempotency*: by the name; *Errors*: `Duplicate` when the name is taken.
    async fn create_group(&self, group: &NewGroup) -> Result<SecurityGroup, CloudError>;

    /// Deletes a group with its rules. *Idempotency*: by the id; *Errors*: `NotFound` when it is gone, `IncorrectState`
    /// while an interface carries it or a rule of another group names it.
    async fn delete_group(&self, id: &SecurityGroupId) -> Result<(), CloudError>;

    /// Adds rules of one direction in one call. *Errors*: `Duplicate` when one exists; then none is added.
    async fn authorize(
        &self,
        group: &SecurityGroupId,
        direction: Direction,
        rules: &BTreeSet<Rule>,
    ) -> Result<(), CloudError>;

    /// Removes rules of one direction in one call. *Errors*: `NotFound` when one is missing.
    async fn revoke(
        &self,
        group: &SecurityGroupId,
        direction: Direction,
        rules: &BTreeSet<Rule>,
    ) -> Result<(), CloudError>;

    /// Swaps the whole set of groups of an interface in one call. *Idempotency*: a repeat changes nothing.
    async fn set_interface_groups(
        &self,
        id: &NetworkInterfaceId,
        groups: &BTreeSet<SecurityGroupId>,
    ) -> Result<(), CloudError>;

    /// The subnet with its VPC and that VPC's address ranges; `None` when there is none.
    async fn find_subnet(&self, id: &SubnetId) -> Result<Option<Subnet>, CloudError>;
}

/// Elastic IPs.
#[async_trait]
pub trait AddressApi: Send + Sync {
    /// Every Elastic IP of the account and region, whoever uses it. AWS gives all in one answer.
    async fn list_addresses(&self) -> Result<Listed<Address>, CloudError>;

    /// The Elastic IP with this address; `None` when the account has none such in the region.
    async fn find_address(&self, public_ip: &str) -> Result<Option<Address>, CloudError>;

    /// Puts an Elastic IP on an interface. Takes it from nobody: one that is on another interface stays there.
    ///
    /// *Idempotency*: a repeat changes nothing; *Errors*: `IncorrectState` when it is on another interface.
    async fn associate_address(
        &self,
        allocation: &AllocationId,
        interface: &NetworkInterfaceId,
    ) -> Result<(), CloudError>;

    /// Takes an Elastic IP off its interface; it stays the account's.
    ///
    /// *Idempotency*: by the association; *Errors*: `NotFound` when that is no more.
    async fn disassociate_address(&self, association: &AssociationId) -> Result<(), CloudError>;
}

/// Volumes and snapshots.
#[async_trait]
pub trait StorageApi: Send + Sync {
    /// Every volume that carries our cluster tag: all pages or an error.
    async fn list_volumes(&self) -> Result<Listed<Volume>, CloudError>;

    /// The volumes of these ids, whatever their tags say; what is not there is left out.
    ///
    /// *Guarantees*: asks by filter, in as few calls as there have to be, and for no id without any call.
    async fn find_volumes(&self, ids: &[VolumeId]) -> Result<Vec<Volume>, CloudError>;

    /// Makes a volume larger, while it is in use. The file system on it stays as it was.
    ///
    /// *Idempotency*: none in AWS, which takes one change of a volume in six hours; the caller looks before it repeats.
    /// *Errors*: `IncorrectState` until those are over; `InvalidSpec` when it would become smaller.
    async fn grow_volume(&self, id: &VolumeId, size_gib: i32) -> Result<(), CloudError>;

    /// Deletes a volume. *Idempotency*: by the id; *Errors*: `NotFound` when it is gone, `IncorrectState` while it is
    /// attached.
    async fn delete_volume(&self, id: &VolumeId) -> Result<(), CloudError>;

    /// Those of these volumes that were deleted and are still in the Recycle Bin.
    ///
    /// *Guarantees*: all pages or an error.
    async fn list_recycled_volumes(&self, ids: &[VolumeId]) -> Result<Vec<Recycled<VolumeId>>, CloudError>;

    /// Every snapshot that carries our cluster tag: all pages or an error.
    async fn list_snapshots(&self) -> Result<Listed<Snapshot>, CloudError>;

    /// The snapshots of our account with this description, whatever their tags say.
    async fn find_snapshots(&self, description: &str) -> Result<Vec<Snapshot>, CloudError>;

    /// Takes one point in time of every volume of an instance, root included; the answers are pending.
    ///
    /// *Idempotency*: none in AWS; the caller looks before it repeats.
    async fn create_snapshots(&self, set: &NewSnapshotSet) -> Result<Vec<Snapshot>, CloudError>;

    /// How many snapshots the account has in the region, whoever made them: what its quota counts.
    ///
    /// *Guarantees*: all pages or an error. A page is 1,000 snapshots, so this is for once a day.
    async fn count_snapshots(&self) -> Result<u64, CloudError>;

    /// Every lock in force in the account and region, whoever set it: AWS has no filter by tag here.
    ///
    /// *Guarantees*: all pages or an error.
    async fn list_locks(&self) -> Result<Listed<SnapshotLock>, CloudError>;

    /// The lock of a snapshot, whoever set it, asked for by the snapshot's id; `None`: it is not locked.
    ///
    /// *Errors*: `NotFound` when the snapshot is gone.
    async fn lock_of(&self, id: &SnapshotId) -> Result<Option<SnapshotLock>, CloudError>;

    /// Locks a snapshot until then, or prolongs its lock. A governance lock can also be shortened so: the caller
    /// does not.
    ///
    /// *Idempotency*: a repeat changes nothing.
    async fn lock_snapshot(
        &self,
        id: &SnapshotId,
        mode: LockMode,
        until: Timestamp,
    ) -> Result<SnapshotLock, CloudError>;

    /// Deletes a snapshot. *Idempotency*: by the id; *Errors*: `NotFound` when it is gone. What AWS answers for a
    /// locked one is documented nowhere: after a refusal the lock is read, never the code.
    async fn delete_snapshot(&self, id: &SnapshotId) -> Result<(), CloudError>;

    /// Those of these snapshots that were deleted and are still in the Recycle Bin.
    ///
    /// *Guarantees*: all pages or an error.
    async fn list_recycled(&self, ids: &[SnapshotId]) -> Result<Vec<Recycled<SnapshotId>>, CloudError>;

    /// The snapshots that carry our cluster tag and that everybody may use: all pages or an error.
    async fn list_public_snapshots(&self) -> Result<Listed<Snapshot>, CloudError>;

    /// To whom a snapshot is opened. *Errors*: `NotFound` when it is gone.
    async fn sharing_of_snapshot(&self, id: &SnapshotId) -> Result<Sharing, CloudError>;

    /// Closes a snapshot to these. *Idempotency*: a repeat changes nothing.
    async fn unshare_snapshot(&self, id: &SnapshotId, from: &Sharing) -> Result<(), CloudError>;

    /// Every image that carries our cluster tag, pending ones included: all pages or an error.
    async fn list_images(&self) -> Result<Listed<Image>, CloudError>;

    /// To whom an image is opened. *Errors*: `NotFound` when it is gone.
    async fn sharing_of_image(&self, id: &ImageId) -> Result<Sharing, CloudError>;

    /// Closes an image to these. *Idempotency*: a repeat changes nothing.
    async fn unshare_image(&self, id: &ImageId, from: &Sharing) -> Result<(), CloudError>;
}

/// AWS Backup.
#[async_trait]
pub trait BackupApi: Send + Sync {
    /// Asks for a backup of an instance; gives the job.
    ///
    /// *Idempotency*: by `job.token`; the same again gives the same job and does nothing.
    async fn start_backup(&self, job: &NewBackupJob) -> Result<BackupJobId, CloudError>;

    /// The jobs for instances that were created after this, whoever asked for them: all pages or an error.
    async fn list_backup_jobs(&self, created_after: Timestamp) -> Result<Listed<BackupJob>, CloudError>;

    /// The vault of this name; `None` when there is none, or none that we may see: AWS answers alike.
    async fn find_vault(&self, name: &VaultName) -> Result<Option<Vault>, CloudError>;

    /// Deletes a recovery point, with its image and snapshots. AWS may answer well and not delete: look again.
    ///
    /// *Idempotency*: by the ARN; *Errors*: `NotFound` when it is gone.
    async fn delete_recovery_point(&self, vault: &VaultName, arn: &str) -> Result<(), CloudError>;
}

/// Tags.
#[async_trait]
pub trait TagApi: Send + Sync {
    /// Sets these tags on the resources of these ids. *Idempotency*: a repeat changes nothing.
    async fn set_tags(&self, ids: &[String], tags: &Tags) -> Result<(), CloudError>;

    /// Takes the tags of these keys from the resources of these ids, whatever their values.
    ///
    /// *Idempotency*: a repeat changes nothing. Without a key nothing is called: to AWS that would mean all tags.
    async fn delete_tags(&self, ids: &[String], keys: &[&str]) -> Result<(), CloudError>;
}

/// Rights.
#[async_trait]
pub trait PermissionApi: Send + Sync {
    /// Whether this call would be permitted.
    ///
    /// *Guarantees*: nothing is changed. Only a refusal for a missing right is `Denied`; whatever else AWS finds wrong
    /// with the call, such as a resource that is gone, says nothing about rights and is `NotKnown`.
    /// *Errors*: where nothing was answered, AWS throttles, or the account could not be entered.
    async fn permission(&self, probe: &Probe) -> Result<Permission, CloudError>;
}

/// AWS's rate limits.
#[async_trait]
pub trait PaceApi: Send + Sync {
    /// Asks for the turn of one call that is written down before it is made.
    ///
    /// *Guarantees*: as [`PaceApi::book_calls`].
    async fn book(&self, operation: Operation) -> Result<(), CloudError> {
        self.book_calls(operation, 1).await
    }

    /// Asks for the turn of so many calls of one operation, which the same pass then makes one after another.
    ///
    /// *Guarantees*: nothing is called and nothing waited for. After `Ok` these calls are made without another wait than
    /// that for the few before them, if the first follows within some seconds, by the same pass or the next one of the
    /// same object; where it does not follow, nothing is lost.
    /// *Errors*: `Throttled` with the code `HeldBack`: `turn_at` says when to ask again, and the turn is kept until then.
    async fn book_calls(&self, operation: Operation, calls: u32) -> Result<(), CloudError>;
}

/// All of AWS that one region of one account offers.
pub trait Cloud:
    InstanceApi
    + LifecycleApi
    + NetworkApi
    + AddressApi
    + StorageApi
    + BackupApi
    + TagApi
    + PermissionApi
    + PaceApi
{
}

impl<T> Cloud for T where
    T: InstanceApi
        + LifecycleApi
        + NetworkApi
        + AddressApi
        + StorageApi
        + BackupApi
        + TagApi
        + PermissionApi
        + PaceApi
{
}

/// Gives the door to each site.
pub trait Sites: Send + Sync {
    /// The door to this site for work of this lane. What is behind it is made once, then shared.
    fn door(&self, site: &Site, lane: Lane) -> Arc<dyn Cloud>;

    /// Tells that a slot of backups began then. In the first hour after it the calls that begin backups take all of AWS's
    /// limits, whatever the operator's share. *Idempotency*: a repeat changes nothing.
    fn slot_began(&self, site: &Site, at: Timestamp);
}
