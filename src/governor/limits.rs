//! What AWS allows, as data.
//!
//! The figures are those of "Request throttling for the Amazon EC2 API" in the EC2 Developer Guide: per
//! account, region and API action, since "each API is evaluated individually". AWS may have raised them for an
//! account; then ours are careful, not wrong.
//!
//! Absent is the class of describes "unfiltered and unpaginated" (50 tokens, 10 a second): every describe of
//! ours has a filter and asks page by page.

use crate::cloud::Operation;

/// A token bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// How many tokens it holds.
    pub capacity: u32,
    /// How many tokens it gains in a second.
    pub refill: u32,
}

impl Limit {
    const fn new(capacity: u32, refill: u32) -> Self {
        Self { capacity, refill }
    }
}

/// What limits one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// One token for each call.
    pub requests: Limit,
    /// One token for each instance touched, where AWS counts those too.
    pub resources: Option<Limit>,
}

/// Describes and gets.
const NON_MUTATING: Limit = Limit::new(100, 20);

/// Changes that AWS lists nowhere else.
const MUTATING: Limit = Limit::new(50, 5);

/// Changes that cost AWS much.
const RESOURCE_INTENSIVE: Limit = Limit::new(50, 5);

/// Changes with a bucket named for themselves, which happen to have the same size.
const NAMED: Limit = Limit::new(100, 5);

const TAGS: Limit = Limit::new(100, 10);

/// Launching, and starting what was stopped.
const RUN_INSTANCES: Limit = Limit::new(5, 2);

/// One call for 1,000 instances and 1,000 calls for one take the same tokens.
const INSTANCES_RUN: Limit = Limit::new(1000, 2);

/// The same of stopping and of terminating.
const INSTANCES_ENDED: Limit = Limit::new(1000, 20);

/// AWS publishes no bucket for STS. The operator asks once who it is and then for one session per account and
/// hour, so this is far more than it needs and less than any service of AWS's allows.
const STS: Limit = Limit::new(20, 5);

/// Calls of AWS Backup, by "AWS Backup endpoints and quotas" in the AWS General Reference. AWS states rates and no
/// buckets: a bucket of one second's worth keeps to them. It also limits the sum of all calls, to 50 a second; what we call
/// of it may come to less than that together, so the sum needs no bucket.
const BACKUP_CHANGES: Limit = Limit::new(5, 5);

const BACKUP_READS: Limit = Limit::new(15, 15);

const BACKUP_LISTS: Limit = Limit::new(20, 20);

/// The limits of an operation. Without wildcard: a new operation must decide.
pub fn limits(operation: Operation) -> Limits {
    let requests = match operation {
        // The first has neither filter nor pages where everything is asked for, but is not in the class for those.
        Operation::DescribeAddresses
        | Operation::DescribeImageAttribute
        | Operation::DescribeImages
        | Operation::DescribeInstanceAttribute
        | Operation::DescribeInstanceStatus
        | Operation::DescribeInstances
        | Operation::DescribeLockedSnapshots
        | Operation::DescribeSecurityGroups
        | Operation::DescribeSnapshotAttribute
        | Operation::DescribeSnapshots
        | Operation::DescribeSubnets
        | Operation::DescribeVolumes
        | Operation::DescribeVpcs
        | Operation::ListSnapshotsInRecycleBin
        | Operation::ListVolumesInRecycleBin => NON_MUTATING,
        // Egress is in the class by default, ingress is listed with what costs much.
        Operation::AssociateAddress
        | Operation::AuthorizeSecurityGroupEgress
        | Operation::CreateSecurityGroup
        | Operation::DeleteSecurityGroup
        | Operation::DisassociateAddress
        | Operation::LockSnapshot
        | Operation::ModifyInstanceAttribute
        | Operation::ModifyVolume
        | Operation::RebootInstances
        | Operation::RevokeSecurityGroupEgress
        | Operation::StopInstances => MUTATING,
        Operation::AuthorizeSecurityGroupIngress | Operation::RevokeSecurityGroupIngress => {
            RESOURCE_INTENSIVE
        }
        Operation::CreateSnapshots
        | Operation::DeleteSnapshot
        | Operation::DeleteVolume
        | Operation::ModifyImageAttribute
        | Operation::ModifyInstanceMetadataOptions
        | Operation::ModifyNetworkInterfaceAttribute
        | Operation::ModifySnapshotAttribute
        | Operation::TerminateInstances => NAMED,
        Operation::CreateTags | Operation::DeleteTags => TAGS,
        Operation::RunInstances | Operation::StartInstances => RUN_INSTANCES,
        Operation::AssumeRole | Operation::GetCallerIdentity => STS,
        Operation::DeleteRecoveryPoint | Operation::StartBackupJob => BACKUP_CHANGES,
        Operation::DescribeBackupVault => BACKUP_READS,
        Operation::ListBackupJobs => BACKUP_LISTS,
    };
    let resources = match operation {
        Operation::RunInstances | Operation::StartInstances => Some(INSTANCES_RUN),
        Operation::StopInstances | Operation::TerminateInstances => Some(INSTANCES_ENDED),
        _ => None,
    };
    Limits { requests, resources }
}

#[cfg(test)]
mod tests;
