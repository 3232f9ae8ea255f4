use crate::Sim;
use crate::testing::{ask_as, call, refused, sim, snapshot};

const OTHER: (&str, &str) = ("222222222222", "ap-northeast-1");

fn image(sim: &Sim, key: Option<&str>) -> String {
    let snapshot = snapshot(sim, key);
    let params = [
        ("Name", "own"),
        ("RootDeviceName", "/dev/xvda"),
        ("BlockDeviceMapping.1.DeviceName", "/dev/xvda"),
        ("BlockDeviceMapping.1.Ebs.SnapshotId", snapshot.as_str()),
    ];
    call(sim, "RegisterImage", &params).text("imageId")
}

#[test]
fn an_image_is_shared_in_both_forms_and_taken_back() {
    let sim = sim();
    let id = image(&sim, None);
    let seen = || {
        let params = [("Owner.1", "111122223333")];
        ask_as(&sim, OTHER, "DescribeImages", &params)
            .all("imageId")
            .len()
    };
    let account = [
        ("ImageId", id.as_str()),
        ("LaunchPermission.Add.1.UserId", OTHER.0),
    ];
    call(&sim, "ModifyImageAttribute", &account);
    assert_eq!(seen(), 1);
    let attribute = [("ImageId", id.as_str()), ("Attribute", "launchPermission")];
    assert_eq!(
        call(&sim, "DescribeImageAttribute", &attribute).all("userId"),
        [OTHER.0]
    );
    let executable = [("ExecutableBy.1", "self")];
    assert_eq!(
        ask_as(&sim, OTHER, "DescribeImages", &executable).all("imageId"),
        [id.as_str()]
    );
    let back = [
        ("ImageId", id.as_str()),
        ("Attribute", "launchPermission"),
        ("OperationType", "remove"),
        ("UserId.1", OTHER.0),
    ];
    call(&sim, "ModifyImageAttribute", &back);
    assert_eq!(seen(), 0);
    call(
        &sim,
        "ModifyImageAttribute",
        &[("ImageId", &id), ("LaunchPermission.Add.1.Group", "all")],
    );
    assert_eq!(seen(), 1);
}

#[test]
fn an_encrypted_image_is_never_public() {
    let sim = sim();
    let id = image(&sim, Some("11111111-2222-3333-4444-555555555555"));
    let everyone = [("ImageId", id.as_str()), ("LaunchPermission.Add.1.Group", "all")];
    assert_eq!(
        refused(&sim, "ModifyImageAttribute", &everyone),
        "OperationNotPermitted"
    );
    let account = [
        ("ImageId", id.as_str()),
        ("LaunchPermission.Add.1.UserId", OTHER.0),
    ];
    call(&sim, "ModifyImageAttribute", &account);
}

#[test]
fn a_description_changes_in_both_forms() {
    let sim = sim();
    let id = image(&sim, None);
    let described = || call(&sim, "DescribeImages", &[("ImageId.1", &id)]).text("description");
    call(
        &sim,
        "ModifyImageAttribute",
        &[("ImageId", &id), ("Description.Value", "one")],
    );
    assert_eq!(described(), "one");
    let older = [
        ("ImageId", id.as_str()),
        ("Attribute", "description"),
        ("Value", "two"),
    ];
    call(&sim, "ModifyImageAttribute", &older);
    assert_eq!(described(), "two");
}

#[test]
fn an_image_of_another_owner_is_not_changed() {
    let sim = sim();
    let params = [
        ("ImageId", crate::DEFAULT_IMAGE_ID),
        ("Description.Value", "mine"),
    ];
    assert_eq!(refused(&sim, "ModifyImageAttribute", &params), "AuthFailure");
    let unknown = [
        ("ImageId", "ami-0123456789abcdef9"),
        ("Description.Value", "mine"),
    ];
    assert_eq!(
        refused(&sim, "ModifyImageAttribute", &unknown),
        "InvalidAMIID.NotFound"
    );
}
