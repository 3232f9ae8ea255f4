use crate::Sim;
use crate::testing::{ask_as, call, refused, sim, snapshot};

const OTHER: (&str, &str) = ("222222222222", "ap-northeast-1");

/// A public snapshot, one shared with the other account, and a private one.
fn three(sim: &Sim) -> (String, String, String) {
    let (public, shared, private) = (snapshot(sim, None), snapshot(sim, None), snapshot(sim, None));
    let everyone = [
        ("SnapshotId", public.as_str()),
        ("OperationType", "add"),
        ("UserGroup.1", "all"),
    ];
    call(sim, "ModifySnapshotAttribute", &everyone);
    let one = [
        ("SnapshotId", shared.as_str()),
        ("OperationType", "add"),
        ("UserId.1", OTHER.0),
    ];
    call(sim, "ModifySnapshotAttribute", &one);
    (public, shared, private)
}

fn sorted(mut ids: Vec<String>) -> Vec<String> {
    ids.sort();
    ids
}

#[test]
fn the_owner_finds_what_everyone_can_restore() {
    let sim = sim();
    let (public, shared, _) = three(&sim);
    let list = |params: &[(&str, &str)]| call(&sim, "DescribeSnapshots", params).all("snapshotId");
    assert_eq!(list(&[("Owner.1", "self"), ("RestorableBy.1", "all")]), [public]);
    assert_eq!(list(&[("RestorableBy.1", OTHER.0)]), [shared]);
    assert_eq!(list(&[("Owner.1", "self")]).len(), 3);
    assert_eq!(list(&[("Owner.1", "111122223333")]).len(), 3);
    assert!(list(&[("Owner.1", "amazon")]).is_empty());
}

#[test]
fn another_account_sees_what_is_open_to_it_and_nothing_else() {
    let sim = sim();
    let (public, shared, private) = three(&sim);
    let list =
        |params: &[(&str, &str)]| sorted(ask_as(&sim, OTHER, "DescribeSnapshots", params).all("snapshotId"));
    assert_eq!(list(&[]), sorted(vec![public.clone(), shared.clone()]));
    assert_eq!(list(&[("Owner.1", "111122223333")]).len(), 2);
    assert!(list(&[("Owner.1", "self")]).is_empty());
    assert_eq!(list(&[("RestorableBy.1", "self")]), [shared.as_str()]);
    assert_eq!(list(&[("SnapshotId.1", &shared)]), [shared.as_str()]);
    let reply = ask_as(&sim, OTHER, "DescribeSnapshots", &[("SnapshotId.1", &private)]);
    assert_eq!(reply.code(), "InvalidSnapshot.NotFound");
    let elsewhere = ask_as(&sim, (OTHER.0, "eu-west-1"), "DescribeSnapshots", &[]);
    assert!(elsewhere.all("snapshotId").is_empty());
    let reply = ask_as(&sim, OTHER, "DeleteSnapshot", &[("SnapshotId", &public)]);
    assert_eq!(reply.code(), "InvalidSnapshot.NotFound");
}

#[test]
fn pages_of_shared_snapshots_are_full() {
    let sim = sim();
    for _ in 0..7 {
        three(&sim);
    }
    let params = [
        ("Owner.1", "self"),
        ("RestorableBy.1", "all"),
        ("MaxResults", "5"),
    ];
    let first = call(&sim, "DescribeSnapshots", &params);
    let token = first.text("nextToken");
    let rest = call(
        &sim,
        "DescribeSnapshots",
        &[&params[..], &[("NextToken", &token)]].concat(),
    );
    assert_eq!(
        (first.all("snapshotId").len(), rest.all("snapshotId").len()),
        (5, 2)
    );
}

#[test]
fn a_permission_that_is_not_wholly_said_is_refused() {
    let sim = sim();
    let id = snapshot(&sim, None);
    let modify = |params: &[(&str, &str)]| {
        refused(
            &sim,
            "ModifySnapshotAttribute",
            &[&[("SnapshotId", id.as_str())], params].concat(),
        )
    };
    assert_eq!(modify(&[]), "MissingParameter");
    assert_eq!(modify(&[("UserId.1", OTHER.0)]), "MissingParameter");
    assert_eq!(
        modify(&[("OperationType", "add"), ("UserGroup.1", "some")]),
        "InvalidParameterValue"
    );
    assert_eq!(
        modify(&[("OperationType", "add"), ("UserId.1", "me")]),
        "InvalidUserID.Malformed"
    );
}
