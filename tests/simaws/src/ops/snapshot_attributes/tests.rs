use crate::testing::{call, refused, sim, snapshot};

const KEY: &str = "11111111-2222-3333-4444-555555555555";

#[test]
fn a_snapshot_under_a_key_of_ones_own_is_shared_with_accounts_only() {
    let sim = sim();
    let id = snapshot(&sim, Some(KEY));
    let base = [("SnapshotId", id.as_str()), ("OperationType", "add")];
    let account = [&base[..], &[("UserId.1", "222222222222")]].concat();
    call(&sim, "ModifySnapshotAttribute", &account);
    let everyone = [&base[..], &[("UserGroup.1", "all")]].concat();
    assert_eq!(
        refused(&sim, "ModifySnapshotAttribute", &everyone),
        "OperationNotPermitted"
    );
    let attribute = [
        ("SnapshotId", id.as_str()),
        ("Attribute", "createVolumePermission"),
    ];
    let attribute = call(&sim, "DescribeSnapshotAttribute", &attribute);
    assert_eq!(
        (attribute.all("userId").len(), attribute.all("group").len()),
        (1, 0)
    );
}

#[test]
fn a_snapshot_under_awss_own_key_is_shared_with_nobody() {
    let sim = sim();
    let params = [
        ("AvailabilityZone", "ap-northeast-1a"),
        ("Size", "8"),
        ("Encrypted", "true"),
    ];
    let volume = call(&sim, "CreateVolume", &params).text("volumeId");
    let id = call(&sim, "CreateSnapshot", &[("VolumeId", &volume)]).text("snapshotId");
    let account = [
        ("SnapshotId", id.as_str()),
        ("OperationType", "add"),
        ("UserId.1", "222222222222"),
    ];
    assert_eq!(
        refused(&sim, "ModifySnapshotAttribute", &account),
        "InvalidParameter"
    );
    let remove = [
        ("SnapshotId", id.as_str()),
        ("OperationType", "remove"),
        ("UserId.1", "222222222222"),
    ];
    call(&sim, "ModifySnapshotAttribute", &remove);
}
