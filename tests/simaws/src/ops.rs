//! The operations: one function each, from parameters to the content of the answer.
//!
//! Each checks everything before it changes anything, so that a refused call has no effect.

mod addresses;
mod backup;
mod context;
mod dry_run;
mod image_attributes;
mod image_create;
mod images;
mod instance_attributes;
mod instance_status;
mod instances;
mod interfaces;
mod launch;
mod lifecycle;
mod profiles;
mod public_access;
mod recycle_bin;
mod regions;
mod render;
mod rule_spec;
mod rules;
mod security_groups;
mod sharing;
mod snapshot_attributes;
mod snapshot_copies;
mod snapshot_locks;
mod snapshots;
mod sts;
mod tagging;
mod volume_changes;
mod volumes;
mod vpcs;

pub(crate) use context::Context;
pub(crate) use dry_run::dry_run;
pub(crate) use sts::{Caller, SESSION_SECRET, check_credentials, session_token};

use crate::protocol::{Answer, ApiError, Content, Params, Service};

type Run = fn(&mut Context<'_>, &Params) -> Answer;

/// An operation on a region.
#[derive(Clone, Copy)]
pub(crate) struct Operation {
    run: How,
    /// Whether it changes something.
    pub(crate) mutates: bool,
}

/// By the format of its answer.
#[derive(Clone, Copy)]
enum How {
    Ec2(Run),
    Backup(backup::Run),
}

impl Operation {
    /// Carries it out.
    pub(crate) fn answer(self, ctx: &mut Context<'_>, params: &Params) -> Result<Content, ApiError> {
        match self.run {
            How::Ec2(run) => run(ctx, params).map(Content::Xml),
            How::Backup(run) => backup::answer(run, ctx, params).map(Content::Json),
        }
    }
}

/// The operation of a service that has this name.
pub(crate) fn operation(service: Service, action: &str) -> Option<Operation> {
    let of = |run, mutates| Operation { run, mutates };
    match service {
        Service::Ec2 => {
            let reads = reading(action).map(|run| of(How::Ec2(run), false));
            reads.or_else(|| mutating(action).map(|run| of(How::Ec2(run), true)))
        }
        Service::Backup => {
            let reads = backup::reading(action).map(|run| of(How::Backup(run), false));
            reads.or_else(|| backup::mutating(action).map(|run| of(How::Backup(run), true)))
        }
        Service::Sts | Service::Other => None,
    }
}

/// Whether an operation of this name only reads.
pub(crate) fn is_read(service: Service, action: &str) -> bool {
    operation(service, action).is_some_and(|it| !it.mutates)
}

/// Whether an operation of this name lists, page by page.
pub(crate) fn is_listing(service: Service, action: &str) -> bool {
    let lists = match service {
        Service::Backup => action.starts_with("List"),
        _ => {
            !action.ends_with("Attribute")
                && !matches!(
                    action,
                    "DescribeAddresses" | "DescribeAvailabilityZones" | "DescribeRegions"
                )
        }
    };
    lists && is_read(service, action)
}

/// Runs an STS operation; `None` when there is none of this name.
pub(crate) fn sts(
    world: &mut crate::state::World,
    caller: &Caller,
    action: &str,
    params: &Params,
) -> Option<Answer> {
    match action {
        "GetCallerIdentity" => Some(Ok(sts::get_caller_identity(world, caller))),
        "AssumeRole" => Some(sts::assume_role(world, caller, params)),
        _ => None,
    }
}

fn reading(action: &str) -> Option<Run> {
    Some(match action {
        "DescribeAddresses" => addresses::describe,
        "DescribeAvailabilityZones" => regions::describe_availability_zones,
        "DescribeIamInstanceProfileAssociations" => profiles::describe,
        "DescribeImageAttribute" => image_attributes::describe,
        "DescribeImages" => images::describe,
        "DescribeInstanceAttribute" => instance_attributes::describe,
        "DescribeInstanceStatus" => instance_status::describe,
        "DescribeInstances" => instances::describe,
        "DescribeLockedSnapshots" => snapshot_locks::describe,
        "DescribeNetworkInterfaces" => interfaces::describe,
        "DescribeRegions" => regions::describe_regions,
        "DescribeSecurityGroupRules" => rules::describe,
        "DescribeSecurityGroups" => security_groups::describe,
        "DescribeSnapshotAttribute" => snapshot_attributes::describe,
        "DescribeSnapshots" => snapshots::describe,
        "DescribeSubnets" => vpcs::describe_subnets,
        "DescribeTags" => tagging::describe,
        "DescribeVolumes" => volumes::describe,
        "DescribeVolumesModifications" => volume_changes::describe_modifications,
        "DescribeVpcAttribute" => vpcs::describe_vpc_attribute,
        "DescribeVpcs" => vpcs::describe_vpcs,
        "GetSnapshotBlockPublicAccessState" => public_access::get,
        "ListSnapshotsInRecycleBin" => recycle_bin::list_snapshots,
        "ListVolumesInRecycleBin" => recycle_bin::list_volumes,
        _ => return None,
    })
}

fn mutating(action: &str) -> Option<Run> {
    Some(match action {
        "AllocateAddress" => addresses::allocate,
        "AssociateAddress" => addresses::associate,
        "AssociateIamInstanceProfile" => profiles::associate,
        "AttachVolume" => volume_changes::attach,
        "AuthorizeSecurityGroupEgress" => rules::authorize_egress,
        "AuthorizeSecurityGroupIngress" => rules::authorize_ingress,
        "CopySnapshot" => snapshot_copies::copy,
        "CreateImage" => image_create::create,
        "CreateNetworkInterface" => interfaces::create,
        "CreateSecurityGroup" => security_groups::create,
        "CreateSnapshot" => snapshots::create,
        "CreateSnapshots" => snapshots::create_of_instance,
        "CreateSubnet" => vpcs::create_subnet,
        "CreateTags" => tagging::create,
        "CreateVolume" => volumes::create,
        "CreateVpc" => vpcs::create_vpc,
        "DeleteNetworkInterface" => interfaces::delete,
        "DeleteSecurityGroup" => security_groups::delete,
        "DeleteSnapshot" => snapshots::delete,
        "DeleteTags" => tagging::delete,
        "DeleteVolume" => volumes::delete,
        "DeregisterImage" => images::deregister,
        "DetachVolume" => volume_changes::detach,
        "DisableSnapshotBlockPublicAccess" => public_access::disable,
        "DisassociateAddress" => addresses::disassociate,
        "DisassociateIamInstanceProfile" => profiles::disassociate,
        "EnableSnapshotBlockPublicAccess" => public_access::enable,
        "LockSnapshot" => snapshot_locks::lock,
        "ModifyImageAttribute" => image_attributes::modify,
        "ModifyInstanceAttribute" => instance_attributes::modify,
        "ModifyInstanceMetadataOptions" => instance_attributes::modify_metadata_options,
        "ModifyNetworkInterfaceAttribute" => interfaces::modify_attribute,
        "ModifySecurityGroupRules" => rules::modify,
        "ModifySnapshotAttribute" => snapshot_attributes::modify,
        "ModifyVolume" => volume_changes::modify,
        "ModifyVpcAttribute" => vpcs::modify_vpc_attribute,
        "RebootInstances" => lifecycle::reboot,
        "RegisterImage" => images::register,
        "ReleaseAddress" => addresses::release,
        "RestoreSnapshotFromRecycleBin" => recycle_bin::restore_snapshot,
        "RestoreVolumeFromRecycleBin" => recycle_bin::restore_volume,
        "RevokeSecurityGroupEgress" => rules::revoke_egress,
        "RevokeSecurityGroupIngress" => rules::revoke_ingress,
        "RunInstances" => launch::run,
        "StartInstances" => lifecycle::start,
        "StopInstances" => lifecycle::stop,
        "TerminateInstances" => lifecycle::terminate,
        "UnlockSnapshot" => snapshot_locks::unlock,
        "UpdateSecurityGroupRuleDescriptionsEgress" => rules::update_descriptions_egress,
        "UpdateSecurityGroupRuleDescriptionsIngress" => rules::update_descriptions_ingress,
        _ => return None,
    })
}
