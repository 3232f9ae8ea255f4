use crate::Sim;
use crate::testing::{advance, ask_as, call, refused, run, sim, snapshot};

fn register(sim: &Sim, name: &str, snapshot: &str) -> String {
    let params = [
        ("Name", name),
        ("Architecture", "x86_64"),
        ("RootDeviceName", "/dev/xvda"),
        ("BlockDeviceMapping.1.DeviceName", "/dev/xvda"),
        ("BlockDeviceMapping.1.Ebs.SnapshotId", snapshot),
    ];
    call(sim, "RegisterImage", &params).text("imageId")
}

#[test]
fn snapshots_stay_when_their_image_goes_unless_told_otherwise() {
    let sim = sim();
    let snapshot = snapshot(&sim, None);
    let image = register(&sim, "first", &snapshot);
    assert_eq!(
        refused(&sim, "DeleteSnapshot", &[("SnapshotId", &snapshot)]),
        "InvalidSnapshot.InUse"
    );
    let gone = call(&sim, "DeregisterImage", &[("ImageId", &image)]);
    assert!(gone.all("returnCode").is_empty());
    let image = register(&sim, "second", &snapshot);
    let both = [("ImageId", image.as_str()), ("DeleteAssociatedSnapshots", "true")];
    assert_eq!(call(&sim, "DeregisterImage", &both).text("returnCode"), "success");
    assert_eq!(
        refused(&sim, "DescribeSnapshots", &[("SnapshotId.1", &snapshot)]),
        "InvalidSnapshot.NotFound"
    );
}

#[test]
fn a_snapshot_that_cannot_be_deleted_does_not_keep_its_image() {
    let sim = sim();
    let (held, locked) = (snapshot(&sim, None), snapshot(&sim, None));
    let (first, _second) = (register(&sim, "first", &held), register(&sim, "second", &held));
    let third = register(&sim, "third", &locked);
    let lock = [
        ("SnapshotId", locked.as_str()),
        ("LockMode", "governance"),
        ("LockDuration", "1"),
    ];
    call(&sim, "LockSnapshot", &lock);
    for (image, said) in [(first, "skipped"), (third, "client-error")] {
        let both = [("ImageId", image.as_str()), ("DeleteAssociatedSnapshots", "true")];
        assert_eq!(call(&sim, "DeregisterImage", &both).text("returnCode"), said);
        assert_eq!(
            refused(&sim, "DescribeImages", &[("ImageId.1", &image)]),
            "InvalidAMIID.NotFound"
        );
    }
    let left = call(&sim, "DescribeSnapshots", &[("Owner.1", "self")]).all("snapshotId");
    assert_eq!(left.len(), 2);
}

#[test]
fn images_are_listed_by_owner() {
    let sim = sim();
    let own = register(&sim, "own", &snapshot(&sim, None));
    let list = |owner: &str| call(&sim, "DescribeImages", &[("Owner.1", owner)]).all("imageId");
    assert_eq!(list("self"), [own.as_str()]);
    assert_eq!(list("111122223333"), [own.as_str()]);
    assert_eq!(list("amazon"), [crate::DEFAULT_IMAGE_ID]);
    let every = call(&sim, "DescribeImages", &[]).all("imageId");
    assert_eq!(every.len(), 2, "{every:?}");
    let other = ask_as(&sim, ("222222222222", "ap-northeast-1"), "DescribeImages", &[]);
    assert_eq!(other.all("imageId"), [crate::DEFAULT_IMAGE_ID]);
}

#[test]
fn an_image_is_registered_of_complete_snapshots_only() {
    let sim = sim();
    run(&sim, &[]);
    advance(&sim, 2);
    let volume = call(&sim, "DescribeVolumes", &[]).text("volumeId");
    let pending = call(&sim, "CreateSnapshot", &[("VolumeId", &volume)]).text("snapshotId");
    let params = [
        ("Name", "early"),
        ("RootDeviceName", "/dev/xvda"),
        ("BlockDeviceMapping.1.DeviceName", "/dev/xvda"),
        ("BlockDeviceMapping.1.Ebs.SnapshotId", pending.as_str()),
    ];
    assert_eq!(refused(&sim, "RegisterImage", &params), "IncorrectState");
}
