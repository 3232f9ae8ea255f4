use crate::testing::{advance, call, refused, run, sim};
use crate::{FaultKind, FaultSpec, Sim};

/// A running instance with an encrypted data volume.
fn server(sim: &Sim) -> String {
    let id = run(
        sim,
        &[
            ("BlockDeviceMapping.1.DeviceName", "/dev/xvdf"),
            ("BlockDeviceMapping.1.Ebs.VolumeSize", "30"),
            ("BlockDeviceMapping.1.Ebs.Encrypted", "true"),
        ],
    );
    advance(sim, 2);
    id
}

fn image(sim: &Sim, instance: &str, params: &[(&str, &str)]) -> String {
    let base = [("InstanceId", instance), ("Name", "backup 1")];
    call(sim, "CreateImage", &[&base[..], params].concat()).text("imageId")
}

fn reboots(sim: &Sim) -> u64 {
    sim.state(None, None)["instances"][0]["reboots"].as_u64().unwrap()
}

#[test]
fn an_image_is_available_when_its_snapshots_are_complete() {
    let sim = sim();
    let tags = [
        ("TagSpecification.1.ResourceType", "image"),
        ("TagSpecification.1.Tag.1.Key", "kind"),
        ("TagSpecification.1.Tag.1.Value", "image"),
        ("TagSpecification.2.ResourceType", "snapshot"),
        ("TagSpecification.2.Tag.1.Key", "kind"),
        ("TagSpecification.2.Tag.1.Value", "snapshot"),
    ];
    let id = image(&sim, &server(&sim), &tags);
    let described = call(&sim, "DescribeImages", &[("ImageId.1", &id)]);
    assert_eq!(described.text("imageState"), "pending");
    assert_eq!(
        (described.all("snapshotId").len(), described.text("value")),
        (2, "image".to_owned())
    );
    let launch = [
        ("ImageId", id.as_str()),
        ("InstanceType", "t3.micro"),
        ("MinCount", "1"),
        ("MaxCount", "1"),
    ];
    assert_eq!(refused(&sim, "RunInstances", &launch), "InvalidAMIID.Unavailable");
    advance(&sim, 5);
    let available = [
        ("Filter.1.Name", "state"),
        ("Filter.1.Value.1", "available"),
        ("Owner.1", "self"),
    ];
    assert_eq!(
        call(&sim, "DescribeImages", &available).all("imageId"),
        [id.as_str()]
    );
    let snapshots = call(&sim, "DescribeSnapshots", &[("Owner.1", "self")]);
    assert_eq!(snapshots.all("value"), ["snapshot", "snapshot"]);
    // An instance of it has both volumes, the encrypted one under the same key.
    call(&sim, "RunInstances", &launch);
    let keys = call(&sim, "DescribeVolumes", &[]).all("kmsKeyId");
    assert_eq!((keys.len(), &keys[0]), (2, &keys[1]));
}

#[test]
fn an_instance_is_rebooted_unless_told_not_to() {
    let sim = sim();
    let id = server(&sim);
    call(
        &sim,
        "CreateImage",
        &[("InstanceId", &id), ("Name", "quiet"), ("NoReboot", "true")],
    );
    assert_eq!(reboots(&sim), 0);
    call(&sim, "CreateImage", &[("InstanceId", &id), ("Name", "clean")]);
    assert_eq!(reboots(&sim), 1);
}

#[test]
fn a_volume_can_be_left_out_and_none_added() {
    let sim = sim();
    let server = server(&sim);
    let without = [
        ("BlockDeviceMapping.1.DeviceName", "/dev/xvdf"),
        ("BlockDeviceMapping.1.NoDevice", ""),
    ];
    let id = image(&sim, &server, &without);
    assert_eq!(
        call(&sim, "DescribeImages", &[("ImageId.1", &id)])
            .all("snapshotId")
            .len(),
        1
    );
    let more = [
        ("InstanceId", server.as_str()),
        ("Name", "backup 2"),
        ("BlockDeviceMapping.1.DeviceName", "/dev/xvdz"),
        ("BlockDeviceMapping.1.Ebs.VolumeSize", "1"),
    ];
    assert_eq!(refused(&sim, "CreateImage", &more), "InvalidBlockDeviceMapping");
}

#[test]
fn an_image_whose_snapshot_fails_has_failed() {
    let sim = sim();
    sim.add_fault(FaultSpec::new("CreateImage", FaultKind::Fail));
    let id = image(&sim, &server(&sim), &[]);
    advance(&sim, 5);
    let described = call(&sim, "DescribeImages", &[("ImageId.1", &id)]);
    assert_eq!(described.text("imageState"), "failed");
}

#[test]
fn names_are_well_formed_and_given_once() {
    let sim = sim();
    let server = server(&sim);
    image(&sim, &server, &[]);
    let named = |name: &str| refused(&sim, "CreateImage", &[("InstanceId", &server), ("Name", name)]);
    assert_eq!(named("backup 1"), "InvalidAMIName.Duplicate");
    assert_eq!(named("ab"), "InvalidAMIName.Malformed");
    assert_eq!(named("what?"), "InvalidAMIName.Malformed");
    let before = call(&sim, "DescribeSnapshots", &[("Owner.1", "self")])
        .all("snapshotId")
        .len();
    assert_eq!(before, 2, "refused calls left snapshots behind");
}

#[test]
fn only_an_instance_that_runs_or_has_run_has_an_image() {
    let sim = sim();
    let id = run(&sim, &[]);
    let params = [("InstanceId", id.as_str()), ("Name", "backup")];
    assert_eq!(refused(&sim, "CreateImage", &params), "IncorrectState");
    advance(&sim, 2);
    call(&sim, "StopInstances", &[("InstanceId.1", &id)]);
    advance(&sim, 2);
    call(&sim, "CreateImage", &params);
    assert_eq!(reboots(&sim), 0);
    call(&sim, "TerminateInstances", &[("InstanceId.1", &id)]);
    let again = [params[0], ("Name", "backup 2")];
    assert_eq!(refused(&sim, "CreateImage", &again), "IncorrectState");
}
