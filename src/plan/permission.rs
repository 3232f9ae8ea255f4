//! Which rights to ask AWS about, when, and what the answers come to.
//!
//! Deliberately absent: holding a step back. A step is tried whatever was answered, since only the real call is the
//! truth about a right.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;

use super::class::ClassIdentity;
use crate::{
    api::{Key, Reason, TenantClassSpec, names},
    clock::later,
    cloud::{
        Direction, ImageId, Instance, Launch, Listable, NetworkInterface, NewGroup, NewSnapshotSet,
        NewVolume, Operation, Permission, Probe, SecurityGroupId, SnapshotId, SubnetId, Tags, VolumeId,
        VpcId,
    },
    plan::tenant::{METADATA, TenantIdentity},
};

/// How long an answer is good for while something is to be done. Rights change by hand and seldom, and a real call
/// that is denied is told at once.
pub const RECHECK: Duration = Duration::from_secs(6 * 60 * 60);

/// How soon a right that was missing is asked for again: somebody may be mending it, and waits to see it mended.
pub const DENIED_RECHECK: Duration = Duration::from_secs(420);

/// What stands for the names of a Tenant in what is asked: no policy looks at them.
const NOBODY: &str = "preflight";

/// One answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What AWS said.
    pub permission: Permission,
    /// When it was asked.
    pub at: Timestamp,
}

/// The last answer about each operation that was asked for.
pub type Answers = BTreeMap<Operation, Answer>;

/// Why rights matter now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// Whether a Tenant of the class has something to do, so that a step may need them.
    pub is_busy: bool,
    /// When a Tenant of the class was last denied something.
    pub doubted_at: Option<Timestamp>,
}

/// When this operation is to be asked for; `None`: not until the demand changes.
pub fn due_at(answer: Option<&Answer>, demand: &Demand) -> Option<Timestamp> {
    let Some(answer) = answer else {
        return Some(Timestamp::MIN);
    };
    let is_doubted = demand.doubted_at.is_some_and(|doubted_at| doubted_at > answer.at);
    if answer.permission == Permission::Denied || is_doubted {
        return Some(later(answer.at, DENIED_RECHECK));
    }
    demand.is_busy.then(|| later(answer.at, RECHECK))
}

/// What the probes of a class are about.
#[derive(Clone, Debug)]
pub struct Ground<'a> {
    /// The class.
    pub identity: ClassIdentity,
    /// What it offers.
    pub spec: &'a TenantClassSpec,
    /// A subnet of it that is there, and its VPC.
    pub subnet: Option<(SubnetId, VpcId)>,
    /// A group of it.
    pub group: Option<SecurityGroupId>,
    /// One of its instances.
    pub instance: Option<&'a Instance>,
    /// A snapshot of one of its instances, made by us.
    pub snapshot: Option<SnapshotId>,
    /// A volume of one of its instances, and how many GiB it has.
    pub volume: Option<(VolumeId, i32)>,
    /// An image of one of its instances, which only AWS Backup makes.
    pub image: Option<ImageId>,
}

/// How to ask for this operation; `None` where there is nothing yet to ask about, or no right is needed.
pub fn probe_of(operation: Operation, ground: &Ground<'_>) -> Option<Probe> {
    let group = || ground.group.clone();
    let instance = ground.instance;
    Some(match operation {
        // The first shows by every other call in the account, and the second is permitted to everybody.
        Operation::AssumeRole | Operation::GetCallerIdentity => return None,
        // AWS Backup knows no dry run.
        Operation::DeleteRecoveryPoint
        | Operation::DescribeBackupVault
        | Operation::ListBackupJobs
        | Operation::StartBackupJob => return None,
        // Which address is meant a Tenant says, and only where one is.
        Operation::AssociateAddress | Operation::DisassociateAddress => return None,
        Operation::StopInstances => Probe::Stop(instance?.id.clone()),
        Operation::StartInstances => Probe::Start(instance?.id.clone()),
        Operation::RebootInstances => Probe::Reboot(instance?.id.clone()),
        Operation::TerminateInstances => Probe::Terminate(instance?.id.clone()),
        Operation::DeleteTags => Probe::DeleteTags(instance?.id.to_string()),
        Operation::DeleteSecurityGroup => Probe::DeleteGroup(group()?),
        Operation::ModifyVolume => {
            let (id, size_gib) = ground.volume.clone()?;
            Probe::GrowVolume(id, size_gib)
        }
        Operation::DeleteVolume => Probe::DeleteVolume(ground.volume.clone()?.0),
        Operation::DescribeAddresses => Probe::List(Listable::Addresses),
        Operation::ListSnapshotsInRecycleBin => Probe::List(Listable::RecycledSnapshots),
        Operation::ListVolumesInRecycleBin => Probe::List(Listable::RecycledVolumes),
        Operation::DeleteSnapshot => Probe::DeleteSnapshot(ground.snapshot.clone()?),
        Operation::LockSnapshot => Probe::LockSnapshot(ground.snapshot.clone()?),
        Operation::DescribeSnapshotAttribute => Probe::ReadSnapshotSharing(ground.snapshot.clone()?),
        Operation::ModifySnapshotAttribute => Probe::UnshareSnapshot(ground.snapshot.clone()?),
        Operation::DescribeImageAttribute => Probe::ReadImageSharing(ground.image.clone()?),
        Operation::ModifyImageAttribute => Probe::UnshareImage(ground.image.clone()?),
        Operation::DescribeLockedSnapshots => Probe::List(Listable::Locks),
        Operation::AuthorizeSecurityGroupEgress => Probe::Authorize(group()?, Direction::Egress),
        Operation::AuthorizeSecurityGroupIngress => Probe::Authorize(group()?, Direction::Ingress),
        Operation::RevokeSecurityGroupEgress => Probe::Revoke(group()?, Direction::Egress),
        Operation::RevokeSecurityGroupIngress => Probe::Revoke(group()?, Direction::Ingress),
        Operation::CreateSecurityGroup => Probe::CreateGroup(ground.new_group()?),
        Operation::RunInstances => Probe::Launch(ground.launch()?),
        Operation::CreateSnapshots => Probe::CreateSnapshots(NewSnapshotSet {
            instance_id: instance?.id.clone(),
            description: NOBODY.to_owned(),
            tags: ground.nobody().tags(),
        }),
        Operation::CreateTags => {
            let instance = instance?;
            Probe::SetTags(instance.id.to_string(), ours(&instance.tags))
        }
        Operation::ModifyInstanceAttribute => Probe::Protect(instance?.id.clone()),
        Operation::ModifyInstanceMetadataOptions => Probe::SetMetadataOptions(instance?.id.clone(), METADATA),
        Operation::ModifyNetworkInterfaceAttribute => {
            let NetworkInterface { id, groups } = instance?.interfaces.first()?;
            Probe::SetInterfaceGroups(id.clone(), groups.clone())
        }
        Operation::DescribeInstanceAttribute => Probe::ReadProtection(instance?.id.clone()),
        Operation::DescribeImages => Probe::List(Listable::Images),
        Operation::DescribeInstanceStatus => Probe::List(Listable::InstanceStatus),
        Operation::DescribeInstances => Probe::List(Listable::Instances),
        Operation::DescribeSecurityGroups => Probe::List(Listable::Groups),
        Operation::DescribeSnapshots => Probe::List(Listable::Snapshots),
        Operation::DescribeSubnets => Probe::List(Listable::Subnets),
        Operation::DescribeVolumes => Probe::List(Listable::Volumes),
        Operation::DescribeVpcs => Probe::List(Listable::Vpcs),
    })
}

/// The tags of ours among these.
fn ours(tags: &Tags) -> Tags {
    let ours = |(key, _): &(&String, &String)| key.starts_with(names::GROUP);
    let ours = tags.iter().filter(ours);
    ours.map(|(key, value)| (key.clone(), value.clone())).collect()
}

impl Ground<'_> {
    /// A Tenant as far as its tags go.
    fn nobody(&self) -> TenantIdentity {
        TenantIdentity {
            cluster: self.identity.cluster.clone(),
            cluster_uid: self.identity.cluster_uid.clone(),
            tenant: Key::new(NOBODY, &self.identity.name),
            uid: self.identity.uid.clone(),
            label: NOBODY.to_owned(),
            customer: NOBODY.to_owned(),
        }
    }

    fn new_group(&self) -> Option<NewGroup> {
        let (_, vpc_id) = self.subnet.as_ref()?;
        Some(NewGroup {
            name: format!("yagura-{NOBODY}-{}", self.identity.uid),
            description: "Yagura: asks whether a group may be made".to_owned(),
            vpc_id: vpc_id.clone(),
            tags: self.nobody().tags(),
        })
    }

    /// A launch of the class's first plan and image, as a Tenant would ask for it.
    fn launch(&self) -> Option<Launch> {
        let (subnet_id, _) = self.subnet.as_ref()?;
        let plan = self.spec.plans.values().next()?;
        let images = self.spec.applications.values().next();
        let image = images.and_then(|application| application.images.values().next())?;
        let volumes = plan.volumes.iter().map(|volume| NewVolume {
            device: volume.device.clone(),
            size_gib: Some(volume.size_gib),
        });
        let base = self.spec.network.base_group_ids.iter();
        let base = base.map(|id| SecurityGroupId::from(id.as_str()));
        let encryption = self.spec.encryption.as_ref();
        Some(Launch {
            token: format!("yagura-{NOBODY}-{}", self.identity.uid),
            image_id: ImageId::from(image.as_str()),
            instance_type: plan.instance_type.clone(),
            subnet_id: subnet_id.clone(),
            groups: base.chain(self.group.clone()).collect(),
            volumes: volumes.collect(),
            kms_key_id: encryption.map(|encryption| encryption.kms_key_id.clone()),
            tags: self.nobody().instance_tags(1),
        })
    }
}

/// What the rights come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether every right is there; `None`: not known.
    pub holds: Option<bool>,
    /// Why, in one word.
    pub reason: Reason,
    /// What a person should read.
    pub message: String,
}

/// Judges the answers, and beside them the operation that was just denied for real.
///
/// What cannot be asked for yet does not keep the rest from being told as permitted; but without an answer about the
/// two that a Tenant begins with, nothing is.
pub fn verdict(answers: &Answers, denied: Option<Operation>) -> Verdict {
    let is = |operation: &Operation, permission| {
        let answer = answers.get(operation);
        answer.is_some_and(|answer| answer.permission == permission)
    };
    let mut missing: BTreeSet<_> = answers
        .keys()
        .filter(|operation| is(operation, Permission::Denied))
        .copied()
        .collect();
    missing.extend(denied);
    if !missing.is_empty() {
        return Verdict {
            holds: Some(false),
            reason: Reason::Denied,
            message: missing_rights(missing),
        };
    }
    let unknown: Vec<_> = Operation::ALL
        .into_iter()
        .filter(|operation| is_expected(*operation) && !is(operation, Permission::Permitted))
        .collect();
    let message = format!("not known yet: {}", list(unknown.iter().copied()));
    let essential = [Operation::CreateSecurityGroup, Operation::RunInstances];
    if essential.iter().any(|operation| unknown.contains(operation)) {
        return Verdict {
            holds: None,
            reason: Reason::NotKnown,
            message,
        };
    }
    Verdict {
        holds: Some(true),
        reason: Reason::Permitted,
        message: if unknown.is_empty() {
            "every call that the operator makes is permitted".to_owned()
        } else {
            format!("what could be asked for is permitted; {message}")
        },
    }
}

/// What a person should read where these rights are missing.
pub fn missing_rights(operations: impl IntoIterator<Item = Operation>) -> String {
    format!(
        "the operator's IAM policy lacks {}; `yagura iam-policy` prints what belongs in it",
        list(operations)
    )
}

fn list(operations: impl IntoIterator<Item = Operation>) -> String {
    let actions: Vec<_> = operations.into_iter().map(Operation::action).collect();
    actions.join(", ")
}

/// Whether an answer about this operation comes in every class sooner or later. Of images only where AWS Backup makes the
/// backups; and of what is in use, AWS may say just that to the question whether it may be deleted.
fn is_expected(operation: Operation) -> bool {
    let may_stay_open = matches!(
        operation,
        Operation::DescribeImageAttribute
            | Operation::ModifyImageAttribute
            | Operation::DeleteSecurityGroup
            | Operation::DeleteVolume
            | Operation::TerminateInstances
    );
    is_asked_for(operation) && !may_stay_open
}

/// Whether there is a way to ask for this operation.
fn is_asked_for(operation: Operation) -> bool {
    let is_never = matches!(
        operation,
        Operation::AssumeRole
            | Operation::GetCallerIdentity
            | Operation::AssociateAddress
            | Operation::DisassociateAddress
    );
    !is_never && operation.service() != "backup"
}

#[cfg(test)]
mod tests;
