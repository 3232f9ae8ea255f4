use aws_sdk_ec2::types::{BlockDeviceMapping, EbsBlockDevice, Image};

use super::{mappings, read_image};
use crate::cloud::{Launch, NewVolume};

/// An image with a root volume, a data volume and an instance store.
fn image() -> Image {
    let device = |name: &str| BlockDeviceMapping::builder().device_name(name);
    let ebs = |snapshot: &str| EbsBlockDevice::builder().snapshot_id(snapshot).volume_size(8);
    Image::builder()
        .root_device_name("/dev/xvda")
        .block_device_mappings(device("/dev/xvda").ebs(ebs("snap-root").build()).build())
        .block_device_mappings(
            device("/dev/sdb")
                .ebs(ebs("snap-data").iops(3000).build())
                .build(),
        )
        .block_device_mappings(device("/dev/sdc").virtual_name("ephemeral0").build())
        .build()
}

fn launched(volumes: &[(&str, i32)]) -> Vec<(String, EbsBlockDevice)> {
    let volumes = volumes.iter().map(|(device, size)| NewVolume {
        device: (*device).to_owned(),
        size_gib: Some(*size),
    });
    let launch = Launch {
        token: "token".to_owned(),
        image_id: "ami-1".into(),
        instance_type: "m6i.large".to_owned(),
        subnet_id: "subnet-1".into(),
        groups: ["sg-1".into()].into(),
        volumes: volumes.collect(),
        kms_key_id: Some("arn:aws:kms:key".to_owned()),
        tags: [].into(),
    };
    let mappings = mappings(&launch, &read_image(image()).unwrap()).into_iter();
    mappings
        .map(|one| (one.device_name.unwrap(), one.ebs.unwrap()))
        .collect()
}

#[test]
fn every_volume_is_encrypted_with_our_key_and_outlives_the_instance() {
    let volumes = launched(&[("/dev/sdf", 20)]);
    let devices: Vec<_> = volumes.iter().map(|(device, _)| device.as_str()).collect();
    assert_eq!(devices, ["/dev/xvda", "/dev/sdb", "/dev/sdf"]);
    for (_, ebs) in volumes {
        assert_eq!(ebs.encrypted, Some(true));
        assert_eq!(ebs.delete_on_termination, Some(false));
        assert_eq!(ebs.kms_key_id.as_deref(), Some("arn:aws:kms:key"));
    }
}

#[test]
fn what_the_image_says_of_a_volume_stays() {
    let volumes = launched(&[("/dev/sdb", 40), ("/dev/xvda", 30)]);
    assert_eq!(volumes.len(), 2, "nothing is asked for twice");
    let (_, root) = &volumes[0];
    assert_eq!((root.volume_size, root.snapshot_id.as_deref()), (Some(30), None));
    let (_, data) = &volumes[1];
    assert_eq!((data.volume_size, data.iops), (Some(40), Some(3000)));
    assert_eq!(data.snapshot_id.as_deref(), Some("snap-data"));
    let (_, untouched) = &launched(&[])[1];
    assert_eq!(untouched.volume_size, Some(8));
}
