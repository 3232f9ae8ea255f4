use crate::testing::{advance, ask_as, call, refused, sim, snapshot};

const KEY: &str = "11111111-2222-3333-4444-555555555555";
const OSAKA: (&str, &str) = ("test", "ap-northeast-3");

fn from_tokyo(id: &str) -> [(&str, &str); 2] {
    [("SourceRegion", "ap-northeast-1"), ("SourceSnapshotId", id)]
}

#[test]
fn a_copy_is_a_snapshot_of_its_own_in_the_region_that_is_asked() {
    let sim = sim();
    let source = snapshot(&sim, None);
    let tag = [
        ("TagSpecification.1.ResourceType", "snapshot"),
        ("TagSpecification.1.Tag.1.Key", "slot"),
        ("TagSpecification.1.Tag.1.Value", "s1"),
    ];
    let asked = [&from_tokyo(&source)[..], &tag].concat();
    let copy = ask_as(&sim, OSAKA, "CopySnapshot", &asked).text("snapshotId");
    let there = |seconds| {
        advance(&sim, seconds);
        ask_as(&sim, OSAKA, "DescribeSnapshots", &[("SnapshotId.1", &copy)])
    };
    let pending = there(0);
    assert_eq!(
        (pending.text("status"), pending.text("volumeSize")),
        ("pending".to_owned(), "8".to_owned())
    );
    let done = there(5);
    assert_eq!(
        (done.text("status"), done.text("volumeId")),
        ("completed".to_owned(), "vol-ffffffff".to_owned())
    );
    assert_eq!(done.text("value"), "s1");
    assert_eq!(
        refused(&sim, "DescribeSnapshots", &[("SnapshotId.1", &copy)]),
        "InvalidSnapshot.NotFound"
    );
    // It outlives its source.
    call(&sim, "DeleteSnapshot", &[("SnapshotId", &source)]);
    assert_eq!(there(0).text("status"), "completed");
}

#[test]
fn a_copy_is_encrypted_when_its_source_is_or_when_it_is_asked_to_be() {
    let sim = sim();
    let (plain, secret) = (snapshot(&sim, None), snapshot(&sim, Some(KEY)));
    let copied = |params: &[(&str, &str)]| {
        let id = call(&sim, "CopySnapshot", params).text("snapshotId");
        let copy = call(&sim, "DescribeSnapshots", &[("SnapshotId.1", &id)]);
        (
            copy.text("encrypted"),
            copy.all("kmsKeyId").pop().unwrap_or_default(),
        )
    };
    assert_eq!(copied(&from_tokyo(&plain)), ("false".to_owned(), String::new()));
    let with_key = [
        &from_tokyo(&plain)[..],
        &[("Encrypted", "true"), ("KmsKeyId", KEY)],
    ]
    .concat();
    let arn = format!("arn:aws:kms:ap-northeast-1:111122223333:key/{KEY}");
    assert_eq!(copied(&with_key), ("true".to_owned(), arn.clone()));
    // Without a key named, a copy is under the account's own key for EBS, not its source's.
    let (encrypted, key) = copied(&from_tokyo(&secret));
    assert!(encrypted == "true" && key != arn && !key.is_empty(), "{key}");
    let opened = [&from_tokyo(&secret)[..], &[("Encrypted", "false")]].concat();
    assert_eq!(refused(&sim, "CopySnapshot", &opened), "InvalidParameterValue");
    let key_alone = [&from_tokyo(&plain)[..], &[("KmsKeyId", KEY)]].concat();
    assert_eq!(
        refused(&sim, "CopySnapshot", &key_alone),
        "InvalidParameterDependency"
    );
}

#[test]
fn only_twenty_copies_are_under_way_into_a_region() {
    let sim = sim();
    let source = snapshot(&sim, None);
    for _ in 0..20 {
        call(&sim, "CopySnapshot", &from_tokyo(&source));
    }
    assert_eq!(
        refused(&sim, "CopySnapshot", &from_tokyo(&source)),
        "ResourceLimitExceeded"
    );
    assert_eq!(
        ask_as(&sim, OSAKA, "CopySnapshot", &from_tokyo(&source)).status,
        200
    );
    advance(&sim, 5);
    call(&sim, "CopySnapshot", &from_tokyo(&source));
}

#[test]
fn a_source_must_be_complete_and_open_to_the_caller() {
    let sim = sim();
    let volume = call(
        &sim,
        "CreateVolume",
        &[("AvailabilityZone", "ap-northeast-1a"), ("Size", "8")],
    );
    let id = call(&sim, "CreateSnapshot", &[("VolumeId", &volume.text("volumeId"))]).text("snapshotId");
    assert_eq!(refused(&sim, "CopySnapshot", &from_tokyo(&id)), "IncorrectState");
    advance(&sim, 5);
    let other = ("222222222222", "eu-west-1");
    let copy = || ask_as(&sim, other, "CopySnapshot", &from_tokyo(&id));
    assert_eq!(copy().code(), "InvalidSnapshot.NotFound");
    let share = [
        ("SnapshotId", id.as_str()),
        ("OperationType", "add"),
        ("UserId.1", other.0),
    ];
    call(&sim, "ModifySnapshotAttribute", &share);
    let copied = copy().text("snapshotId");
    let owner = ask_as(&sim, other, "DescribeSnapshots", &[("SnapshotId.1", &copied)]).text("ownerId");
    assert_eq!(owner, other.0);
    let wrong_region = [("SourceRegion", "us-east-1"), ("SourceSnapshotId", id.as_str())];
    assert_eq!(
        refused(&sim, "CopySnapshot", &wrong_region),
        "InvalidSnapshot.NotFound"
    );
}
