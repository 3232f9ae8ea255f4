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
fn the_owner_finds_images_that_others_may_start() {
    let sim = sim();
    let image = |name: &str| register(&sim, name, &snapshot(&sim, None));
    let (public, shared, private) = (image("public"), image("shared"), image("private"));
    for (id, whom) in [
        (&public, ("UserGroup.1", "all")),
        (&shared, ("UserId.1", "222222222222")),
    ] {
        let params = [("ImageId", id.as_str()), ("OperationType", "add"), whom];
        call(&sim, "ModifyImageAttribute", &params);
    }
    let list = |user: &str| {
        let params = [("Owner.1", "self"), ("ExecutableBy.1", user)];
        call(&sim, "DescribeImages", &params).all("imageId")
    };
    assert_eq!(list("all"), [public.as_str()]);
    assert_eq!(list("222222222222"), [shared.as_str()]);
    assert!(list("333333333333").is_empty());
    let named = [("Owner.1", "self"), ("ImageId.1", crate::DEFAULT_IMAGE_ID)];
    assert!(call(&sim, "DescribeImages", &named).all("imageId").is_empty());
    let all = call(&sim, "DescribeImages", &[("Owner.1", "self")]).all("imageId");
    assert_eq!(all.len(), 3);
    assert!(all.contains(&private));
}

#[test]
fn the_name_of_an_image_that_went_is_free_again() {
    let sim = sim();
    let snapshot = snapshot(&sim, None);
    let image = register(&sim, "once", &snapshot);
    let again = [
        ("Name", "once"),
        ("RootDeviceName", "/dev/xvda"),
        ("BlockDeviceMapping.1.DeviceName", "/dev/xvda"),
        ("BlockDeviceMapping.1.Ebs.SnapshotId", snapshot.as_str()),
    ];
    assert_eq!(refused(&sim, "RegisterImage", &again), "InvalidAMIName.Duplicate");
    call(&sim, "DeregisterImage", &[("ImageId", &image)]);
    call(&sim, "RegisterImage", &again);
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
