//! The one call that makes an instance.

use std::sync::{Arc, PoisonError};

use aws_sdk_ec2::{
    operation::run_instances::builders::RunInstancesFluentBuilder,
    types::{
        BlockDeviceMapping, EbsBlockDevice, HttpTokensState, Image, InstanceMetadataEndpointState,
        InstanceMetadataOptionsRequest, InstanceType, ResourceType,
    },
};

use super::{
    convert::{self, Unreadable, tag_specification},
    ec2::Ec2,
};
use crate::cloud::{CloudError, ErrorKind, ImageId, Instance, Launch, NewVolume, Operation};

/// How many network hops an answer of the metadata service may travel: none beyond the instance itself.
const METADATA_HOPS: i32 = 1;

/// The volumes that come with an image, as a launch has to repeat them to change anything about them.
pub(super) struct ImageVolumes(Vec<ImageVolume>);

struct ImageVolume {
    device: String,
    like: EbsBlockDevice,
}

impl Ec2 {
    pub(super) async fn run_instance(&self, launch: &Launch) -> Result<Instance, CloudError> {
        let operation = Operation::RunInstances;
        let request = self.launch_request(launch).await?;
        let answer = self.call(operation, request.send()).await?;
        let launched = answer.instances.unwrap_or_default().into_iter().next();
        let launched = launched.ok_or_else(|| Unreadable::missing("instances").of(operation))?;
        convert::instance(launched).map_err(|unreadable| unreadable.of(operation))
    }

    /// The request, which a question for the right to launch sends, too: policies look at all of it.
    pub(super) async fn launch_request(
        &self,
        launch: &Launch,
    ) -> Result<RunInstancesFluentBuilder, CloudError> {
        let image = self.image_volumes(&launch.image_id).await?;
        let metadata = InstanceMetadataOptionsRequest::builder()
            .http_endpoint(InstanceMetadataEndpointState::Enabled)
            .http_tokens(HttpTokensState::Required)
            .http_put_response_hop_limit(METADATA_HOPS)
            .build();
        let groups = launch.groups.iter().map(ToString::to_string).collect();
        // A tag on only some of what a launch makes would leave the rest to nobody.
        let tagged = [
            ResourceType::Instance,
            ResourceType::Volume,
            ResourceType::NetworkInterface,
        ];
        let tags = tagged.map(|resource| tag_specification(resource, &launch.tags));
        Ok(self
            .client
            .run_instances()
            .client_token(&launch.token)
            .image_id(launch.image_id.as_str())
            .instance_type(InstanceType::from(launch.instance_type.as_str()))
            .subnet_id(launch.subnet_id.as_str())
            .set_security_group_ids(Some(groups))
            .set_block_device_mappings(Some(mappings(launch, &image)))
            .metadata_options(metadata)
            .disable_api_termination(true)
            .set_tag_specifications(Some(tags.into()))
            .min_count(1)
            .max_count(1))
    }

    /// What comes with an image. Kept for good: an image never changes.
    async fn image_volumes(&self, id: &ImageId) -> Result<Arc<ImageVolumes>, CloudError> {
        let known = self
            .images
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(id)
            .cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let operation = Operation::DescribeImages;
        let request = self.client.describe_images().image_ids(id.as_str());
        let answer = self.call(operation, request.send()).await?;
        let image = answer.images.unwrap_or_default().into_iter().next();
        let image = image.ok_or_else(|| no_such_image(id))?;
        let volumes = read_image(image).map_err(|unreadable| unreadable.of(operation))?;
        let volumes = Arc::new(volumes);
        let mut images = self.images.lock().unwrap_or_else(PoisonError::into_inner);
        images.insert(id.clone(), Arc::clone(&volumes));
        Ok(volumes)
    }
}

fn no_such_image(id: &ImageId) -> CloudError {
    CloudError {
        operation: Operation::DescribeImages,
        kind: ErrorKind::InvalidSpec,
        code: "InvalidAMIID.NotFound".to_owned(),
        message: format!("there is no image {id}"),
        turn_at: None,
    }
}

fn read_image(image: Image) -> Result<ImageVolumes, Unreadable> {
    let root = convert::required(image.root_device_name, "rootDeviceName")?;
    // Of the root AWS refuses to be told the snapshot, and keeps what it is not told.
    let mut volumes = vec![ImageVolume {
        device: root,
        like: EbsBlockDevice::builder().build(),
    }];
    for mapping in image.block_device_mappings.unwrap_or_default() {
        // Without `ebs` it is an instance store, which no promise covers.
        let (Some(device), Some(ebs)) = (mapping.device_name, mapping.ebs) else {
            continue;
        };
        if volumes.iter().all(|volume| volume.device != device) {
            volumes.push(ImageVolume {
                device,
                like: repeatable(ebs),
            });
        }
    }
    Ok(ImageVolumes(volumes))
}

/// Naming a device replaces what the image says of it: all that shall stay has to be said again.
fn repeatable(ebs: EbsBlockDevice) -> EbsBlockDevice {
    EbsBlockDevice::builder()
        .set_snapshot_id(ebs.snapshot_id)
        .set_volume_size(ebs.volume_size)
        .set_volume_type(ebs.volume_type)
        .set_iops(ebs.iops)
        .set_throughput(ebs.throughput)
        .build()
}

/// Every volume the instance will have, the image's own included: all encrypted, all outliving it.
fn mappings(launch: &Launch, image: &ImageVolumes) -> Vec<BlockDeviceMapping> {
    let of_image = image.0.iter().map(|volume| {
        let asked_for = launch.volumes.iter().find(|asked| asked.device == volume.device);
        let size = asked_for.and_then(|asked| asked.size_gib);
        mapping(launch, &volume.device, volume.like.clone(), size)
    });
    let is_new = |volume: &&NewVolume| image.0.iter().all(|own| own.device != volume.device);
    let new = launch.volumes.iter().filter(is_new);
    let new = new.map(|volume| {
        let blank = EbsBlockDevice::builder().build();
        mapping(launch, &volume.device, blank, volume.size_gib)
    });
    of_image.chain(new).collect()
}

fn mapping(launch: &Launch, device: &str, like: EbsBlockDevice, size_gib: Option<i32>) -> BlockDeviceMapping {
    let mut ebs = like;
    ebs.volume_size = size_gib.or(ebs.volume_size);
    ebs.encrypted = Some(true);
    ebs.kms_key_id.clone_from(&launch.kms_key_id);
    ebs.delete_on_termination = Some(false);
    BlockDeviceMapping::builder().device_name(device).ebs(ebs).build()
}

#[cfg(test)]
mod tests;
