//! Instances.

use aws_sdk_ec2::types as sdk;

use super::{Unreadable, instant, required, tags::tags};
use crate::cloud::{
    AttachedVolume, ImageId, Instance, InstanceId, InstanceState, MetadataOptions, NetworkInterface,
    NetworkInterfaceId, SecurityGroupId, SubnetId, VolumeId, VpcId,
};

pub(in crate::aws) fn instance(instance: sdk::Instance) -> Result<Instance, Unreadable> {
    let id = required(instance.instance_id.clone(), "instanceId")?;
    read_instance(instance).map_err(|unreadable| unreadable.within(&id))
}

fn read_instance(instance: sdk::Instance) -> Result<Instance, Unreadable> {
    let state = state(instance.state)?;
    let mut interfaces = instance.network_interfaces.unwrap_or_default();
    interfaces.sort_by_key(|interface| interface.attachment.as_ref().and_then(|it| it.device_index));
    let launched_at = required(instance.launch_time, "launchTime")?;
    let volumes = instance.block_device_mappings.unwrap_or_default().into_iter();
    Ok(Instance {
        id: InstanceId::new(required(instance.instance_id, "instanceId")?),
        state,
        state_reason: instance.state_reason.and_then(|reason| reason.code),
        image_id: ImageId::new(required(instance.image_id, "imageId")?),
        instance_type: required(instance.instance_type, "instanceType")?
            .as_str()
            .to_owned(),
        subnet_id: instance.subnet_id.map(SubnetId::new),
        vpc_id: instance.vpc_id.map(VpcId::new),
        private_ip: instance.private_ip_address,
        public_ip: instance.public_ip_address.filter(|address| !address.is_empty()),
        launched_at: instant(launched_at, "launchTime")?,
        client_token: instance.client_token.filter(|token| !token.is_empty()),
        metadata: metadata(instance.metadata_options, state)?,
        instance_profile: instance.iam_instance_profile.map(profile),
        interfaces: interfaces.into_iter().map(interface).collect::<Result<_, _>>()?,
        root_device: instance.root_device_name.filter(|device| !device.is_empty()),
        volumes: volumes.map(attached_volume).collect::<Result<_, _>>()?,
        tags: tags(instance.tags)?,
    })
}

/// A profile that is not named is one all the same.
fn profile(profile: sdk::IamInstanceProfile) -> String {
    profile
        .arn
        .or(profile.id)
        .unwrap_or_else(|| "without a name".to_owned())
}

fn state(state: Option<sdk::InstanceState>) -> Result<InstanceState, Unreadable> {
    match required(state.and_then(|state| state.name), "instanceState")? {
        sdk::InstanceStateName::Pending => Ok(InstanceState::Pending),
        sdk::InstanceStateName::Running => Ok(InstanceState::Running),
        sdk::InstanceStateName::Stopping => Ok(InstanceState::Stopping),
        sdk::InstanceStateName::Stopped => Ok(InstanceState::Stopped),
        sdk::InstanceStateName::ShuttingDown => Ok(InstanceState::ShuttingDown),
        sdk::InstanceStateName::Terminated => Ok(InstanceState::Terminated),
        other => Err(Unreadable::new(format!("unknown instance state {other}"))),
    }
}

fn metadata(
    options: Option<sdk::InstanceMetadataOptionsResponse>,
    state: InstanceState,
) -> Result<MetadataOptions, Unreadable> {
    let options = match options {
        Some(options) => options,
        // What is gone answers nothing, and AWS stops describing how.
        None if !state.is_live() => {
            return Ok(MetadataOptions {
                tokens_required: true,
                hop_limit: 1,
            });
        }
        None => return Err(Unreadable::missing("metadataOptions")),
    };
    Ok(MetadataOptions {
        tokens_required: required(options.http_tokens, "httpTokens")? == sdk::HttpTokensState::Required,
        hop_limit: required(options.http_put_response_hop_limit, "httpPutResponseHopLimit")?,
    })
}

fn interface(interface: sdk::InstanceNetworkInterface) -> Result<NetworkInterface, Unreadable> {
    let groups = interface.groups.unwrap_or_default().into_iter();
    let groups = groups.map(|group| required(group.group_id, "groupId").map(SecurityGroupId::new));
    Ok(NetworkInterface {
        id: NetworkInterfaceId::new(required(interface.network_interface_id, "networkInterfaceId")?),
        groups: groups.collect::<Result<_, _>>()?,
    })
}

fn attached_volume(mapping: sdk::InstanceBlockDeviceMapping) -> Result<AttachedVolume, Unreadable> {
    let ebs = required(mapping.ebs, "ebs")?;
    Ok(AttachedVolume {
        device: required(mapping.device_name, "deviceName")?,
        id: VolumeId::new(required(ebs.volume_id, "volumeId")?),
        delete_on_termination: required(ebs.delete_on_termination, "deleteOnTermination")?,
    })
}
