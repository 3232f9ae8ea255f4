use crate::Sim;
use crate::testing::{ask_as, call, refused, sim, snapshot};

const OTHER: (&str, &str) = ("222222222222", "ap-northeast-1");

fn publish(id: &str) -> [(&str, &str); 3] {
    [
        ("SnapshotId", id),
        ("OperationType", "add"),
        ("UserGroup.1", "all"),
    ]
}

fn seen_by_others(sim: &Sim) -> Vec<String> {
    ask_as(sim, OTHER, "DescribeSnapshots", &[("RestorableBy.1", "all")]).all("snapshotId")
}

#[test]
fn a_block_of_new_sharing_leaves_what_is_shared() {
    let sim = sim();
    let (shared, private) = (snapshot(&sim, None), snapshot(&sim, None));
    call(&sim, "ModifySnapshotAttribute", &publish(&shared));
    let block = [("State", "block-new-sharing")];
    assert_eq!(
        call(&sim, "EnableSnapshotBlockPublicAccess", &block).text("state"),
        "block-new-sharing"
    );
    assert_eq!(
        refused(&sim, "ModifySnapshotAttribute", &publish(&private)),
        "OperationNotPermitted"
    );
    assert_eq!(seen_by_others(&sim), [shared]);
    // Sharing with one account is no public sharing.
    let share = [
        ("SnapshotId", private.as_str()),
        ("OperationType", "add"),
        ("UserId.1", "222222222222"),
    ];
    call(&sim, "ModifySnapshotAttribute", &share);
}

#[test]
fn a_block_of_all_sharing_hides_what_its_attribute_still_calls_public() {
    let sim = sim();
    let id = snapshot(&sim, None);
    call(&sim, "ModifySnapshotAttribute", &publish(&id));
    call(
        &sim,
        "EnableSnapshotBlockPublicAccess",
        &[("State", "block-all-sharing")],
    );
    assert!(seen_by_others(&sim).is_empty());
    let attribute = [
        ("SnapshotId", id.as_str()),
        ("Attribute", "createVolumePermission"),
    ];
    assert_eq!(
        call(&sim, "DescribeSnapshotAttribute", &attribute).text("group"),
        "all"
    );
    let state = call(&sim, "GetSnapshotBlockPublicAccessState", &[]);
    assert_eq!(state.text("state"), "block-all-sharing");
    call(&sim, "DisableSnapshotBlockPublicAccess", &[]);
    assert_eq!(seen_by_others(&sim), [id]);
}

#[test]
fn the_block_is_of_one_account_and_region_and_starts_open() {
    let sim = sim();
    call(
        &sim,
        "EnableSnapshotBlockPublicAccess",
        &[("State", "block-all-sharing")],
    );
    for place in [OTHER, ("test", "eu-west-1")] {
        let state = ask_as(&sim, place, "GetSnapshotBlockPublicAccessState", &[]);
        assert_eq!(state.text("state"), "unblocked");
    }
    assert_eq!(
        refused(&sim, "EnableSnapshotBlockPublicAccess", &[("State", "unblocked")]),
        "InvalidParameterValue"
    );
}
