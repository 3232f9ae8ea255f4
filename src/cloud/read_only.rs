//! A door to AWS through which nothing can be changed: for whoever only wants to look.
//!
//! Every call that would change something is refused here, before it comes near a wire. The compiler keeps the list
//! whole: a call that is added to a trait must be sorted here, too. DryRuns go through, since they change nothing.

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use jiff::Timestamp;

use super::{
    Address, AddressApi, AllocationId, AssociationId, AttachedVolume, BackupApi, BackupJob, BackupJobId,
    Cloud, CloudError, Direction, ErrorKind, Image, ImageId, Impaired, Instance, InstanceApi, InstanceId,
    Lane, Launch, LifecycleApi, Listed, LockMode, MetadataOptions, NetworkApi, NetworkInterfaceId,
    NewBackupJob, NewGroup, NewSnapshotSet, Operation, PaceApi, Permission, PermissionApi, Probe, Recycled,
    Rule, SecurityGroup, SecurityGroupId, Sharing, Site, Sites, Snapshot, SnapshotId, SnapshotLock,
    StorageApi, Subnet, SubnetId, TagApi, Tags, Vault, VaultName, Volume, VolumeId, VpcId,
};

/// The doors to all sites, each of them read-only.
pub struct ReadOnly(Arc<dyn Sites>);

impl ReadOnly {
    /// Lets nobody change anything through these doors.
    pub fn new(sites: Arc<dyn Sites>) -> Self {
        Self(sites)
    }
}

impl Sites for ReadOnly {
    fn door(&self, site: &Site, lane: Lane) -> Arc<dyn Cloud> {
        Arc::new(Reader(self.0.door(site, lane)))
    }

    // Nobody takes backups here.
    fn slot_began(&self, _: &Site, _: Timestamp) {}
}

/// One read-only door.
struct Reader(Arc<dyn Cloud>);

fn refused<T>(operation: Operation) -> Result<T, CloudError> {
    Err(CloudError {
        operation,
        kind: ErrorKind::Defect,
        code: "ReadOnly".to_owned(),
        message: "nothing is changed through this door: the call was not sent".to_owned(),
        turn_at: None,
    })
}

#[async_trait]
impl InstanceApi for Reader {
    async fn list_instances(&self) -> Result<Listed<Instance>, CloudError> {
        self.0.list_instances().await
    }

    async fn list_impaired(&self) -> Result<Listed<Impaired>, CloudError> {
        self.0.list_impaired().await
    }

    async fn find_instance(&self, id: &InstanceId) -> Result<Option<Instance>, CloudError> {
        self.0.find_instance(id).await
    }

    async fn find_launched(&self, token: &str) -> Result<Vec<Instance>, CloudError> {
        self.0.find_launched(token).await
    }

    async fn find_labelled(&self, label: &str) -> Result<Vec<Instance>, CloudError> {
        self.0.find_labelled(label).await
    }

    async fn find_tagged(&self, key: &str, value: &str) -> Result<Vec<Instance>, CloudError> {
        self.0.find_tagged(key, value).await
    }

    async fn list_having(&self, key: &str) -> Result<Listed<Instance>, CloudError> {
        self.0.list_having(key).await
    }

    async fn launch(&self, _: &Launch) -> Result<Instance, CloudError> {
        refused(Operation::RunInstances)
    }

    async fn is_protected(&self, id: &InstanceId) -> Result<bool, CloudError> {
        self.0.is_protected(id).await
    }

    async fn protect(&self, _: &InstanceId) -> Result<(), CloudError> {
        refused(Operation::ModifyInstanceAttribute)
    }

    async fn set_metadata_options(&self, _: &InstanceId, _: MetadataOptions) -> Result<(), CloudError> {
        refused(Operation::ModifyInstanceMetadataOptions)
    }

    async fn keep_volumes(&self, _: &InstanceId, _: &[AttachedVolume]) -> Result<(), CloudError> {
        refused(Operation::ModifyInstanceAttribute)
    }
}

#[async_trait]
impl LifecycleApi for Reader {
    async fn stop(&self, _: &InstanceId) -> Result<(), CloudError> {
        refused(Operation::StopInstances)
    }

    async fn start(&self, _: &InstanceId) -> Result<(), CloudError> {
        refused(Operation::StartInstances)
    }

    async fn reboot(&self, _: &InstanceId) -> Result<(), CloudError> {
        refused(Operation::RebootInstances)
    }

    async fn set_instance_type(&self, _: &InstanceId, _: &str) -> Result<(), CloudError> {
        refused(Operation::ModifyInstanceAttribute)
    }

    async fn unprotect(&self, _: &InstanceId) -> Result<(), CloudError> {
        refused(Operation::ModifyInstanceAttribute)
    }

    async fn terminate(&self, _: &InstanceId) -> Result<(), CloudError> {
        refused(Operation::TerminateInstances)
    }
}

#[async_trait]
impl NetworkApi for Reader {
    async fn list_groups(&self) -> Result<Listed<SecurityGroup>, CloudError> {
        self.0.list_groups().await
    }

    async fn find_group(&self, id: &SecurityGroupId) -> Result<Option<SecurityGroup>, CloudError> {
        self.0.find_group(id).await
    }

    async fn find_group_named(&self, vpc: &VpcId, name: &str) -> Result<Option<SecurityGroup>, CloudError> {
        self.0.find_group_named(vpc, name).await
    }

    async fn create_group(&self, _: &NewGroup) -> Result<SecurityGroup, CloudError> {
        refused(Operation::CreateSecurityGroup)
    }

    async fn delete_group(&self, _: &SecurityGroupId) -> Result<(), CloudError> {
        refused(Operation::DeleteSecurityGroup)
    }

    async fn authorize(
        &self,
        _: &SecurityGroupId,
        direction: Direction,
        _: &BTreeSet<Rule>,
    ) -> Result<(), CloudError> {
        refused(match direction {
            Direction::Ingress => Operation::AuthorizeSecurityGroupIngress,
            Direction::Egress => Operation::AuthorizeSecurityGroupEgress,
        })
    }

    async fn revoke(
        &self,
        _: &SecurityGroupId,
        direction: Direction,
        _: &BTreeSet<Rule>,
    ) -> Result<(), CloudError> {
        refused(match direction {
            Direction::Ingress => Operation::RevokeSecurityGroupIngress,
            Direction::Egress => Operation::RevokeSecurityGroupEgress,
        })
    }

    async fn set_interface_groups(
        &self,
        _: &NetworkInterfaceId,
        _: &BTreeSet<SecurityGroupId>,
    ) -> Result<(), CloudError> {
        refused(Operation::ModifyNetworkInterfaceAttribute)
    }

    async fn find_subnet(&self, id: &SubnetId) -> Result<Option<Subnet>, CloudError> {
        self.0.find_subnet(id).await
    }
}

#[async_trait]
impl AddressApi for Reader {
    async fn list_addresses(&self) -> Result<Listed<Address>, CloudError> {
        self.0.list_addresses().await
    }

    async fn find_address(&self, public_ip: &str) -> Result<Option<Address>, CloudError> {
        self.0.find_address(public_ip).await
    }

    async fn associate_address(&self, _: &AllocationId, _: &NetworkInterfaceId) -> Result<(), CloudError> {
        refused(Operation::AssociateAddress)
    }

    async fn disassociate_address(&self, _: &AssociationId) -> Result<(), CloudError> {
        refused(Operation::DisassociateAddress)
    }
}

#[async_trait]
impl StorageApi for Reader {
    async fn list_volumes(&self) -> Result<Listed<Volume>, CloudError> {
        self.0.list_volumes().await
    }

    async fn find_volumes(&self, ids: &[VolumeId]) -> Result<Vec<Volume>, CloudError> {
        self.0.find_volumes(ids).await
    }

    async fn lock_of(&self, id: &SnapshotId) -> Result<Option<SnapshotLock>, CloudError> {
        self.0.lock_of(id).await
    }

    async fn grow_volume(&self, _: &VolumeId, _: i32) -> Result<(), CloudError> {
        refused(Operation::ModifyVolume)
    }

    async fn delete_volume(&self, _: &VolumeId) -> Result<(), CloudError> {
        refused(Operation::DeleteVolume)
    }

    async fn list_recycled_volumes(&self, ids: &[VolumeId]) -> Result<Vec<Recycled<VolumeId>>, CloudError> {
        self.0.list_recycled_volumes(ids).await
    }

    async fn list_snapshots(&self) -> Result<Listed<Snapshot>, CloudError> {
        self.0.list_snapshots().await
    }

    async fn find_snapshots(&self, description: &str) -> Result<Vec<Snapshot>, CloudError> {
        self.0.find_snapshots(description).await
    }

    async fn create_snapshots(&self, _: &NewSnapshotSet) -> Result<Vec<Snapshot>, CloudError> {
        refused(Operation::CreateSnapshots)
    }

    async fn count_snapshots(&self) -> Result<u64, CloudError> {
        self.0.count_snapshots().await
    }

    async fn list_locks(&self) -> Result<Listed<SnapshotLock>, CloudError> {
        self.0.list_locks().await
    }

    async fn lock_snapshot(
        &self,
        _: &SnapshotId,
        _: LockMode,
        _: Timestamp,
    ) -> Result<SnapshotLock, CloudError> {
        refused(Operation::LockSnapshot)
    }

    async fn delete_snapshot(&self, _: &SnapshotId) -> Result<(), CloudError> {
        refused(Operation::DeleteSnapshot)
    }

    async fn list_recycled(&self, ids: &[SnapshotId]) -> Result<Vec<Recycled<SnapshotId>>, CloudError> {
        self.0.list_recycled(ids).await
    }

    async fn list_public_snapshots(&self) -> Result<Listed<Snapshot>, CloudError> {
        self.0.list_public_snapshots().await
    }

    async fn sharing_of_snapshot(&self, id: &SnapshotId) -> Result<Sharing, CloudError> {
        self.0.sharing_of_snapshot(id).await
    }

    async fn unshare_snapshot(&self, _: &SnapshotId, _: &Sharing) -> Result<(), CloudError> {
        refused(Operation::ModifySnapshotAttribute)
    }

    async fn list_images(&self) -> Result<Listed<Image>, CloudError> {
        self.0.list_images().await
    }

    async fn sharing_of_image(&self, id: &ImageId) -> Result<Sharing, CloudError> {
        self.0.sharing_of_image(id).await
    }

    async fn unshare_image(&self, _: &ImageId, _: &Sharing) -> Result<(), CloudError> {
        refused(Operation::ModifyImageAttribute)
    }
}

#[async_trait]
impl BackupApi for Reader {
    async fn start_backup(&self, _: &NewBackupJob) -> Result<BackupJobId, CloudError> {
        refused(Operation::StartBackupJob)
    }

    async fn list_backup_jobs(&self, created_after: Timestamp) -> Result<Listed<BackupJob>, CloudError> {
        self.0.list_backup_jobs(created_after).await
    }

    async fn find_vault(&self, name: &VaultName) -> Result<Option<Vault>, CloudError> {
        self.0.find_vault(name).await
    }

    async fn delete_recovery_point(&self, _: &VaultName, _: &str) -> Result<(), CloudError> {
        refused(Operation::DeleteRecoveryPoint)
    }
}

#[async_trait]
impl TagApi for Reader {
    async fn set_tags(&self, _: &[String], _: &Tags) -> Result<(), CloudError> {
        refused(Operation::CreateTags)
    }

    async fn delete_tags(&self, _: &[String], _: &[&str]) -> Result<(), CloudError> {
        refused(Operation::DeleteTags)
    }
}

#[async_trait]
impl PermissionApi for Reader {
    async fn permission(&self, probe: &Probe) -> Result<Permission, CloudError> {
        self.0.permission(probe).await
    }
}

#[async_trait]
impl PaceApi for Reader {
    async fn book_calls(&self, operation: Operation, _: u32) -> Result<(), CloudError> {
        // A turn is asked for only before a call that makes something.
        refused(operation)
    }
}

#[cfg(test)]
mod tests;
