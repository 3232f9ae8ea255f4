//! The one call that makes an instance.

use std::sync::{Arc, PoisonError};

use aws_sdk_ec2::types::{
    BlockDeviceMapping, EbsBlockDevice, HttpTokensState, Image, InstanceMetadataEndpointState,
    InstanceMetadataOptionsRequest, InstanceType, ResourceType,
};

use super::{
    convert::{self, Unreadable, tag_specification},
    ec2::Ec2,
};
use crate::cloud::{CloudError, ErrorKind, ImageId, Instance, Launch, NewVolume, Operation};

/// How many network hops an answer of the metadata service may travel: none beyond the instance itself.
const METADATA_HOPS: i32 = 1;

/// The device names of the volumes that come with an image, its root volume among them.
pub(super) struct ImageVolumes(Vec<String>);

impl Ec2 {
    pub(super) async fn run_instance(&self, launch: &Launch) -> Result<Instance, CloudError> {
        let operation = Operation::RunInstances;
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
        let request = self
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
            .max_count(1);
        let answer = self.call(operation, request.send()).await?;
        let launched = answer.instances.unwrap_or_default().into_iter().next();
        let launched = launched.ok_or_else(|| Unreadable::missing("instances").of(operation))?;
        convert::instance(launched).map_err(|unreadable| unreadable.of(operation))
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
        let volumes = image_devices(image).map_err(|unreadable| unreadable.of(operation))?;
        let volumes = Arc::new(ImageVolumes(volumes));
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
    }
}

fn image_devices(image: Image) -> Result<Vec<String>, Unreadable> {
    let root = convert::required(image.root_device_name, "rootDeviceName")?;
    let mut devices = vec![root];
    for mapping in image.block_device_mappings.unwrap_or_default() {
        // Without `ebs` it is an instance store, which no promise covers.
        let device = mapping.ebs.and(mapping.device_name);
        devices.extend(device.filter(|device| !devices.contains(device)));
    }
    Ok(devices)
}

/// Every volume the instance will have, the image's own included: all encrypted, all outliving it.
fn mappings(launch: &Launch, image: &ImageVolumes) -> Vec<BlockDeviceMapping> {
    let asked_for = |device: &String| launch.volumes.iter().any(|volume| volume.device == *device);
    let untouched = image.0.iter().filter(|device| !asked_for(device));
    let untouched = untouched.map(|device| NewVolume {
        device: device.clone(),
        size_gib: None,
    });
    untouched
        .chain(launch.volumes.iter().cloned())
        .map(|volume| {
            let ebs = EbsBlockDevice::builder()
                .set_volume_size(volume.size_gib)
                .encrypted(true)
                .set_kms_key_id(launch.kms_key_id.clone())
                .delete_on_termination(false);
            BlockDeviceMapping::builder()
                .device_name(volume.device)
                .ebs(ebs.build())
                .build()
        })
        .collect()
}
