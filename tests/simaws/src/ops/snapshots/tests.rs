use crate::testing::{advance, call, refused, run, sim};
use crate::{FaultKind, FaultSpec, Sim};

/// A running instance with a data volume; its id and its volumes, the root first.
fn server(sim: &Sim) -> (String, Vec<String>) {
    let id = run(
        sim,
        &[
            ("BlockDeviceMapping.1.DeviceName", "/dev/xvdf"),
            ("BlockDeviceMapping.1.Ebs.VolumeSize", "30"),
            ("BlockDeviceMapping.1.Ebs.Encrypted", "true"),
            ("TagSpecification.1.ResourceType", "volume"),
            ("TagSpecification.1.Tag.1.Key", "tenant"),
            ("TagSpecification.1.Tag.1.Value", "t1"),
        ],
    );
    advance(sim, 2);
    let instance = call(sim, "DescribeInstances", &[("InstanceId.1", &id)]);
    (id, instance.all("volumeId"))
}

#[test]
fn a_snapshot_grows_and_completes() {
    let sim = sim();
    let (_, volumes) = server(&sim);
    let made = call(&sim, "CreateSnapshot", &[("VolumeId", &volumes[1])]);
    assert_eq!(
        (made.text("status").as_str(), made.text("progress").as_str()),
        ("pending", "")
    );
    advance(&sim, 4);
    let growing = call(&sim, "DescribeSnapshots", &[("Owner.1", "self")]);
    assert_eq!(
        (growing.text("status").as_str(), growing.text("progress").as_str()),
        ("pending", "80%")
    );
    advance(&sim, 1);
    let done = call(&sim, "DescribeSnapshots", &[("Owner.1", "self")]);
    assert_eq!(
        (done.text("status").as_str(), done.text("progress").as_str()),
        ("completed", "100%")
    );
    assert_eq!(
        (done.text("volumeSize").as_str(), done.text("encrypted").as_str()),
        ("30", "true")
    );
    assert_eq!(done.text("completionTime"), "2026-01-01T00:00:07.000Z");
}

#[test]
fn all_volumes_of_an_instance_are_taken_together_with_their_tags() {
    let sim = sim();
    let (id, volumes) = server(&sim);
    let params = [
        ("InstanceSpecification.InstanceId", id.as_str()),
        ("CopyTagsFromSource", "volume"),
        ("TagSpecification.1.ResourceType", "snapshot"),
        ("TagSpecification.1.Tag.1.Key", "slot"),
        ("TagSpecification.1.Tag.1.Value", "s1"),
    ];
    let made = call(&sim, "CreateSnapshots", &params);
    assert_eq!(made.all("volumeId"), volumes);
    assert_eq!(made.all("state"), ["pending", "pending"]);
    for tag in ["tag:tenant", "tag:slot"] {
        let filter = [("Filter.1.Name", tag), ("Filter.1.Value.1", "*")];
        assert_eq!(
            call(&sim, "DescribeSnapshots", &filter).all("snapshotId").len(),
            2
        );
    }
}

#[test]
fn volumes_can_be_left_out() {
    let sim = sim();
    let (id, volumes) = server(&sim);
    let instance = ("InstanceSpecification.InstanceId", id.as_str());
    let made = call(
        &sim,
        "CreateSnapshots",
        &[instance, ("InstanceSpecification.ExcludeBootVolume", "true")],
    );
    assert_eq!(made.all("volumeId"), volumes[1..]);
    let data = ("InstanceSpecification.ExcludeDataVolumeId.1", volumes[1].as_str());
    assert_eq!(
        call(&sim, "CreateSnapshots", &[instance, data]).all("volumeId"),
        volumes[..1]
    );
    let root = ("InstanceSpecification.ExcludeDataVolumeId.1", volumes[0].as_str());
    assert_eq!(
        refused(&sim, "CreateSnapshots", &[instance, root]),
        "InvalidParameterValue"
    );
}

#[test]
fn a_set_that_fails_ends_in_error_as_a_whole() {
    let sim = sim();
    let (id, _) = server(&sim);
    sim.add_fault(FaultSpec::new("CreateSnapshots", FaultKind::Fail));
    call(
        &sim,
        "CreateSnapshots",
        &[("InstanceSpecification.InstanceId", &id)],
    );
    advance(&sim, 5);
    assert_eq!(
        call(&sim, "DescribeSnapshots", &[]).all("status"),
        ["error", "error"]
    );
}

#[test]
fn a_volume_takes_five_snapshots_at_a_time() {
    let sim = sim();
    let (_, volumes) = server(&sim);
    let volume = [("VolumeId", volumes[0].as_str())];
    for _ in 0..5 {
        call(&sim, "CreateSnapshot", &volume);
    }
    assert_eq!(
        refused(&sim, "CreateSnapshot", &volume),
        "ConcurrentSnapshotLimitExceeded"
    );
    advance(&sim, 5);
    call(&sim, "CreateSnapshot", &volume);
}

#[test]
fn a_deleted_snapshot_is_gone_and_one_an_image_holds_stays() {
    let sim = sim();
    let (_, volumes) = server(&sim);
    let id = call(&sim, "CreateSnapshot", &[("VolumeId", &volumes[0])]).text("snapshotId");
    advance(&sim, 5);
    let image = [
        ("Name", "mine"),
        ("RootDeviceName", "/dev/xvda"),
        ("BlockDeviceMapping.1.DeviceName", "/dev/xvda"),
        ("BlockDeviceMapping.1.Ebs.SnapshotId", id.as_str()),
    ];
    let image = call(&sim, "RegisterImage", &image).text("imageId");
    assert_eq!(
        refused(&sim, "DeleteSnapshot", &[("SnapshotId", &id)]),
        "InvalidSnapshot.InUse"
    );
    call(&sim, "DeregisterImage", &[("ImageId", &image)]);
    call(&sim, "DeleteSnapshot", &[("SnapshotId", &id)]);
    assert_eq!(
        refused(&sim, "DeleteSnapshot", &[("SnapshotId", &id)]),
        "InvalidSnapshot.NotFound"
    );
}

#[test]
fn a_snapshot_is_shared_with_accounts_and_never_public_when_encrypted() {
    let sim = sim();
    let id = crate::testing::snapshot(&sim, Some("11111111-2222-3333-4444-555555555555"));
    let snapshot = ("SnapshotId", id.as_str());
    let add = [snapshot, ("OperationType", "add"), ("UserId.1", "444455556666")];
    call(&sim, "ModifySnapshotAttribute", &add);
    let attribute = [snapshot, ("Attribute", "createVolumePermission")];
    assert_eq!(
        call(&sim, "DescribeSnapshotAttribute", &attribute).all("userId"),
        ["444455556666"]
    );
    let public = [snapshot, ("CreateVolumePermission.Add.1.Group", "all")];
    assert_eq!(
        refused(&sim, "ModifySnapshotAttribute", &public),
        "OperationNotPermitted"
    );
    let remove = [
        snapshot,
        ("CreateVolumePermission.Remove.1.UserId", "444455556666"),
    ];
    call(&sim, "ModifySnapshotAttribute", &remove);
    assert!(
        call(&sim, "DescribeSnapshotAttribute", &attribute)
            .all("userId")
            .is_empty()
    );
}

#[test]
fn snapshots_of_other_owners_are_not_listed() {
    let sim = sim();
    let (_, volumes) = server(&sim);
    call(&sim, "CreateSnapshot", &[("VolumeId", &volumes[0])]);
    assert!(
        call(&sim, "DescribeSnapshots", &[("Owner.1", "amazon")])
            .all("snapshotId")
            .is_empty()
    );
}
