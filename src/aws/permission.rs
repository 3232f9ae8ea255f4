//! Rights, by calls that ask AWS to go no further than to say whether it would.

use std::pin::Pin;

use async_trait::async_trait;
use aws_sdk_ec2::types::{
    AttributeBooleanValue, CreateVolumePermission, CreateVolumePermissionModifications, HttpTokensState,
    ImageAttributeName, InstanceAttributeName, IpPermission, IpRange, LaunchPermission,
    LaunchPermissionModifications, LockMode, SnapshotAttributeName, Tag,
};
use aws_smithy_runtime_api::{client::result::SdkError, http::Response};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::{convert::sdk_tags, ec2::Ec2};
use crate::{
    api::names::tags,
    cloud::{
        CloudError, Direction, ErrorKind, ImageId, Listable, MISSING_RIGHT, MetadataOptions, Operation,
        Permission, PermissionApi, Probe, SecurityGroupId, SnapshotId,
    },
};

/// AWS's code for a call that would have been carried out.
const WOULD_SUCCEED: &str = "DryRunOperation";

/// The account that is asked about when it comes to sharing: one of AWS's own examples.
const SOMEBODY: &str = "123456789012";

/// A question on its way. Boxed one by one: as parts of one future, the twenty kinds of requests would take more of the
/// stack than a thread has.
type Question<'a> = Pin<Box<dyn Future<Output = Result<Permission, CloudError>> + Send + 'a>>;

/// Sends a request as a dry run. The parameter is set here and nowhere else, so that no probe can go without it.
macro_rules! ask {
    ($door:expr, $probe:expr, $request:expr) => {{
        let answer = Box::pin(said($request.dry_run(true).send()));
        Box::pin($door.dry_run($probe.operation(), answer))
    }};
}

#[async_trait]
impl PermissionApi for Ec2 {
    async fn permission(&self, probe: &Probe) -> Result<Permission, CloudError> {
        match self.ask(probe).await {
            Ok(permission) => Ok(permission),
            // Not the call itself was refused, but the way to it.
            Err(error) if error.operation == Operation::AssumeRole && error.lacks_right() => Err(error),
            Err(error) => match error.kind {
                ErrorKind::Transient | ErrorKind::Throttled | ErrorKind::Lost => Err(error),
                ErrorKind::NotFound
                | ErrorKind::Duplicate
                | ErrorKind::TokenReused
                | ErrorKind::IncorrectState
                | ErrorKind::InvalidSpec
                | ErrorKind::Denied
                | ErrorKind::Exhausted
                | ErrorKind::Unexpected
                | ErrorKind::Defect => Ok(Permission::NotKnown),
            },
        }
    }
}

impl Ec2 {
    fn ask<'a>(&'a self, probe: &'a Probe) -> Question<'a> {
        let client = &self.client;
        match probe {
            Probe::Launch(launch) => Box::pin(async move {
                let request = self.launch_request(launch).await?;
                ask!(self, probe, request).await
            }),
            Probe::CreateGroup(group) => ask!(self, probe, self.group_request(group)),
            Probe::Authorize(group, direction) => self.ask_authorize(probe, group, *direction),
            Probe::Revoke(group, direction) => self.ask_revoke(probe, group, *direction),
            Probe::SetTags(id, tags) => {
                let request = client.create_tags().resources(id);
                ask!(self, probe, request.set_tags(Some(sdk_tags(tags))))
            }
            Probe::CreateSnapshots(set) => ask!(self, probe, self.snapshots_request(set)),
            Probe::Protect(id) => {
                let on = AttributeBooleanValue::builder().value(true).build();
                let request = client.modify_instance_attribute().instance_id(id.as_str());
                ask!(self, probe, request.disable_api_termination(on))
            }
            Probe::SetMetadataOptions(id, options) => {
                let request = client.modify_instance_metadata_options();
                let request = request.instance_id(id.as_str()).http_tokens(tokens(*options));
                ask!(
                    self,
                    probe,
                    request.http_put_response_hop_limit(options.hop_limit)
                )
            }
            Probe::SetInterfaceGroups(id, groups) => {
                let groups = groups.iter().map(ToString::to_string).collect();
                let request = client.modify_network_interface_attribute();
                let request = request.network_interface_id(id.as_str());
                ask!(self, probe, request.set_groups(Some(groups)))
            }
            Probe::ReadProtection(id) => {
                let request = client.describe_instance_attribute().instance_id(id.as_str());
                ask!(
                    self,
                    probe,
                    request.attribute(InstanceAttributeName::DisableApiTermination)
                )
            }
            Probe::DeleteSnapshot(id)
            | Probe::LockSnapshot(id)
            | Probe::ReadSnapshotSharing(id)
            | Probe::UnshareSnapshot(id) => self.ask_snapshot(probe, id),
            Probe::ReadImageSharing(id) => {
                let request = client.describe_image_attribute().image_id(id.as_str());
                ask!(
                    self,
                    probe,
                    request.attribute(ImageAttributeName::LaunchPermission)
                )
            }
            Probe::UnshareImage(id) => self.ask_unshare_image(probe, id),
            Probe::Stop(id) | Probe::Start(id) | Probe::Reboot(id) | Probe::Terminate(id) => {
                self.ask_lifecycle(probe, id.as_str())
            }
            Probe::DeleteTags(_)
            | Probe::GrowVolume(..)
            | Probe::DeleteVolume(_)
            | Probe::DeleteGroup(_)
            | Probe::AssociateAddress(..)
            | Probe::DisassociateAddress(_) => self.ask_change(probe),
            Probe::List(listed) => self.ask_list(probe, *listed),
        }
    }

    fn ask_lifecycle<'a>(&'a self, probe: &'a Probe, id: &str) -> Question<'a> {
        let client = &self.client;
        match probe {
            Probe::Stop(_) => ask!(self, probe, client.stop_instances().instance_ids(id)),
            Probe::Start(_) => ask!(self, probe, client.start_instances().instance_ids(id)),
            Probe::Reboot(_) => ask!(self, probe, client.reboot_instances().instance_ids(id)),
            _ => ask!(self, probe, client.terminate_instances().instance_ids(id)),
        }
    }

    fn ask_change<'a>(&'a self, probe: &'a Probe) -> Question<'a> {
        let client = &self.client;
        match probe {
            Probe::DeleteTags(id) => {
                // The one tag of ours that is ever taken away.
                let released = Tag::builder().key(tags::RELEASED).build();
                ask!(self, probe, client.delete_tags().resources(id).tags(released))
            }
            Probe::GrowVolume(id, size_gib) => {
                let request = client.modify_volume().volume_id(id.as_str());
                ask!(self, probe, request.size(*size_gib))
            }
            Probe::DeleteVolume(id) => ask!(self, probe, client.delete_volume().volume_id(id.as_str())),
            Probe::DeleteGroup(id) => {
                ask!(self, probe, client.delete_security_group().group_id(id.as_str()))
            }
            Probe::AssociateAddress(allocation, interface) => {
                let request = client.associate_address().allocation_id(allocation.as_str());
                let request = request.network_interface_id(interface.as_str());
                ask!(self, probe, request.allow_reassociation(false))
            }
            Probe::DisassociateAddress(association) => {
                let request = client.disassociate_address();
                ask!(self, probe, request.association_id(association.as_str()))
            }
            _ => Box::pin(std::future::ready(Ok(Permission::NotKnown))),
        }
    }

    fn ask_snapshot<'a>(&'a self, probe: &'a Probe, id: &SnapshotId) -> Question<'a> {
        let client = &self.client;
        match probe {
            Probe::DeleteSnapshot(_) => ask!(self, probe, client.delete_snapshot().snapshot_id(id.as_str())),
            Probe::LockSnapshot(_) => {
                let request = client.lock_snapshot().snapshot_id(id.as_str());
                ask!(
                    self,
                    probe,
                    request.lock_mode(LockMode::Governance).lock_duration(1)
                )
            }
            Probe::UnshareSnapshot(_) => {
                let request = client.modify_snapshot_attribute().snapshot_id(id.as_str());
                let request = request.attribute(SnapshotAttributeName::CreateVolumePermission);
                let somebody = CreateVolumePermission::builder().user_id(SOMEBODY).build();
                let removed = CreateVolumePermissionModifications::builder().remove(somebody);
                ask!(self, probe, request.create_volume_permission(removed.build()))
            }
            _ => {
                let request = client.describe_snapshot_attribute().snapshot_id(id.as_str());
                ask!(
                    self,
                    probe,
                    request.attribute(SnapshotAttributeName::CreateVolumePermission)
                )
            }
        }
    }

    fn ask_unshare_image<'a>(&'a self, probe: &'a Probe, id: &ImageId) -> Question<'a> {
        let request = self.client.modify_image_attribute().image_id(id.as_str());
        let somebody = LaunchPermission::builder().user_id(SOMEBODY).build();
        let removed = LaunchPermissionModifications::builder().remove(somebody);
        ask!(self, probe, request.launch_permission(removed.build()))
    }

    fn ask_authorize<'a>(
        &'a self,
        probe: &'a Probe,
        group: &SecurityGroupId,
        direction: Direction,
    ) -> Question<'a> {
        match direction {
            Direction::Ingress => {
                let request = self.client.authorize_security_group_ingress();
                let request = request.group_id(group.as_str());
                ask!(self, probe, request.ip_permissions(some_rule()))
            }
            Direction::Egress => {
                let request = self.client.authorize_security_group_egress();
                let request = request.group_id(group.as_str());
                ask!(self, probe, request.ip_permissions(some_rule()))
            }
        }
    }

    fn ask_revoke<'a>(
        &'a self,
        probe: &'a Probe,
        group: &SecurityGroupId,
        direction: Direction,
    ) -> Question<'a> {
        match direction {
            Direction::Ingress => {
                let request = self.client.revoke_security_group_ingress();
                let request = request.group_id(group.as_str());
                ask!(self, probe, request.ip_permissions(some_rule()))
            }
            Direction::Egress => {
                let request = self.client.revoke_security_group_egress();
                let request = request.group_id(group.as_str());
                ask!(self, probe, request.ip_permissions(some_rule()))
            }
        }
    }

    fn ask_list<'a>(&'a self, probe: &'a Probe, listed: Listable) -> Question<'a> {
        let client = &self.client;
        match listed {
            Listable::Addresses => ask!(self, probe, client.describe_addresses()),
            Listable::Images => ask!(self, probe, client.describe_images()),
            Listable::InstanceStatus => ask!(self, probe, client.describe_instance_status()),
            Listable::Instances => ask!(self, probe, client.describe_instances()),
            Listable::Groups => ask!(self, probe, client.describe_security_groups()),
            Listable::Locks => ask!(self, probe, client.describe_locked_snapshots()),
            Listable::RecycledSnapshots => ask!(self, probe, client.list_snapshots_in_recycle_bin()),
            Listable::RecycledVolumes => ask!(self, probe, client.list_volumes_in_recycle_bin()),
            Listable::Snapshots => ask!(self, probe, client.describe_snapshots()),
            Listable::Subnets => ask!(self, probe, client.describe_subnets()),
            Listable::Volumes => ask!(self, probe, client.describe_volumes()),
            Listable::Vpcs => ask!(self, probe, client.describe_vpcs()),
        }
    }
}

/// A rule to ask about: policies do not look into rules. Its range is one for documentation, where nobody is.
fn some_rule() -> IpPermission {
    let nobody = IpRange::builder().cidr_ip("192.0.2.1/32").build();
    let rule = IpPermission::builder().ip_protocol("tcp").ip_ranges(nobody);
    rule.from_port(443).to_port(443).build()
}

fn tokens(options: MetadataOptions) -> HttpTokensState {
    match options.tokens_required {
        true => HttpTokensState::Required,
        false => HttpTokensState::Optional,
    }
}

/// What the answer to a dry run says. The two that answer the question are errors to AWS, and none to us.
async fn said<T, E>(
    answer: impl Future<Output = Result<T, SdkError<E, Response>>>,
) -> Result<Permission, SdkError<E, Response>>
where
    E: ProvideErrorMetadata,
{
    match answer.await {
        // Only an emulator that does not know the parameter answers so.
        Ok(_) => Ok(Permission::Permitted),
        Err(error) => match error.code() {
            Some(WOULD_SUCCEED) => Ok(Permission::Permitted),
            Some(code) if MISSING_RIGHT.contains(&code) => Ok(Permission::Denied),
            Some(_) | None => Err(error),
        },
    }
}

#[cfg(test)]
mod tests;
