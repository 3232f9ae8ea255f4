use crate::testing::{Reply, advance, call, refused, sim, snapshot};
use crate::{FaultKind, FaultSpec, Sim};

const DAY: u64 = 86_400;

fn lock(sim: &Sim, id: &str, params: &[(&str, &str)]) -> Reply {
    call(sim, "LockSnapshot", &[&[("SnapshotId", id)], params].concat())
}

fn lock_refused(sim: &Sim, id: &str, params: &[(&str, &str)]) -> String {
    refused(sim, "LockSnapshot", &[&[("SnapshotId", id)], params].concat())
}

fn state(sim: &Sim, id: &str) -> Vec<String> {
    call(sim, "DescribeLockedSnapshots", &[("SnapshotId.1", id)]).all("lockState")
}

const GOVERNANCE: [(&str, &str); 2] = [("LockMode", "governance"), ("LockDuration", "7")];
const COMPLIANCE: [(&str, &str); 2] = [("LockMode", "compliance"), ("LockDuration", "7")];

#[test]
fn a_locked_snapshot_is_not_deleted_until_its_lock_ends() {
    let sim = sim();
    let id = snapshot(&sim, None);
    let locked = lock(&sim, &id, &GOVERNANCE);
    assert_eq!(locked.text("lockState"), "governance");
    assert_eq!(locked.text("lockExpiresOn"), "2026-01-08T00:00:05.000Z");
    let delete = [("SnapshotId", id.as_str())];
    assert_eq!(refused(&sim, "DeleteSnapshot", &delete), "SnapshotLocked");
    advance(&sim, 7 * DAY - 1);
    assert_eq!(refused(&sim, "DeleteSnapshot", &delete), "SnapshotLocked");
    advance(&sim, 1);
    assert_eq!(state(&sim, &id), ["expired"]);
    call(&sim, "DeleteSnapshot", &delete);
}

#[test]
fn a_governance_lock_is_shortened_and_opened() {
    let sim = sim();
    let id = snapshot(&sim, None);
    lock(&sim, &id, &GOVERNANCE);
    let shorter = lock(&sim, &id, &[("LockMode", "governance"), ("LockDuration", "1")]);
    assert_eq!(shorter.text("lockExpiresOn"), "2026-01-02T00:00:05.000Z");
    call(&sim, "UnlockSnapshot", &[("SnapshotId", &id)]);
    assert!(state(&sim, &id).is_empty());
    assert_eq!(
        refused(&sim, "UnlockSnapshot", &[("SnapshotId", &id)]),
        "IncorrectState"
    );
    call(&sim, "DeleteSnapshot", &[("SnapshotId", &id)]);
}

#[test]
fn a_compliance_lock_opens_while_it_cools_off_and_never_after() {
    let sim = sim();
    let cooling = [&COMPLIANCE[..], &[("CoolOffPeriod", "2")]].concat();
    let (first, second) = (snapshot(&sim, None), snapshot(&sim, None));
    for id in [&first, &second] {
        let locked = lock(&sim, id, &cooling);
        assert_eq!(locked.text("lockState"), "compliance-cooloff");
        assert_eq!(
            refused(&sim, "DeleteSnapshot", &[("SnapshotId", id)]),
            "SnapshotLocked"
        );
    }
    advance(&sim, 2 * 3600 - 1);
    call(&sim, "UnlockSnapshot", &[("SnapshotId", &first)]);
    advance(&sim, 1);
    assert_eq!(state(&sim, &second), ["compliance"]);
    let unlock = [("SnapshotId", second.as_str())];
    assert_eq!(refused(&sim, "UnlockSnapshot", &unlock), "OperationNotPermitted");
}

#[test]
fn a_compliance_lock_that_has_cooled_off_is_only_prolonged() {
    let sim = sim();
    let id = snapshot(&sim, None);
    lock(&sim, &id, &COMPLIANCE);
    assert_eq!(lock_refused(&sim, &id, &GOVERNANCE), "OperationNotPermitted");
    let shorter = [
        ("LockMode", "compliance"),
        ("ExpirationDate", "2026-01-08T00:00:04Z"),
    ];
    assert_eq!(lock_refused(&sim, &id, &shorter), "OperationNotPermitted");
    let cooling = [
        ("LockMode", "compliance"),
        ("LockDuration", "9"),
        ("CoolOffPeriod", "1"),
    ];
    assert_eq!(lock_refused(&sim, &id, &cooling), "InvalidParameterCombination");
    let longer = [
        ("LockMode", "compliance"),
        ("ExpirationDate", "2026-01-09T00:00:00Z"),
    ];
    assert_eq!(
        lock(&sim, &id, &longer).text("lockExpiresOn"),
        "2026-01-09T00:00:00.000Z"
    );
    // Once it has ended the snapshot can be locked in any way.
    advance(&sim, 9 * DAY);
    assert_eq!(lock(&sim, &id, &GOVERNANCE).text("lockState"), "governance");
}

#[test]
fn a_duration_begins_when_a_pending_snapshot_completes() {
    let sim = sim();
    let volume = call(
        &sim,
        "CreateVolume",
        &[("AvailabilityZone", "ap-northeast-1a"), ("Size", "8")],
    );
    let volume = volume.text("volumeId");
    let take = || call(&sim, "CreateSnapshot", &[("VolumeId", &volume)]).text("snapshotId");
    let (timed, dated) = (take(), take());
    let locked = lock(&sim, &timed, &GOVERNANCE);
    assert!(locked.all("lockExpiresOn").is_empty() && locked.all("lockDurationStartTime").is_empty());
    assert_eq!(
        refused(&sim, "DeleteSnapshot", &[("SnapshotId", &timed)]),
        "SnapshotLocked"
    );
    let until = [
        ("LockMode", "governance"),
        ("ExpirationDate", "2026-02-01T00:00:00Z"),
    ];
    let locked = lock(&sim, &dated, &until);
    assert_eq!(locked.text("lockExpiresOn"), "2026-02-01T00:00:00.000Z");
    assert_eq!(locked.text("lockDuration"), "31");
    advance(&sim, 5);
    let both = [
        ("Filter.1.Name", "lock-state"),
        ("Filter.1.Value.1", "governance"),
    ];
    let mut expire = call(&sim, "DescribeLockedSnapshots", &both).all("lockExpiresOn");
    expire.sort();
    assert_eq!(expire, ["2026-01-08T00:00:05.000Z", "2026-02-01T00:00:00.000Z"]);
}

#[test]
fn a_snapshot_that_fails_loses_its_lock() {
    let sim = sim();
    sim.add_fault(FaultSpec::new("CreateSnapshot", FaultKind::Fail));
    let volume = call(
        &sim,
        "CreateVolume",
        &[("AvailabilityZone", "ap-northeast-1a"), ("Size", "8")],
    );
    let id = call(&sim, "CreateSnapshot", &[("VolumeId", &volume.text("volumeId"))]).text("snapshotId");
    lock(&sim, &id, &GOVERNANCE);
    advance(&sim, 5);
    assert!(state(&sim, &id).is_empty());
    assert_eq!(lock_refused(&sim, &id, &GOVERNANCE), "IncorrectState");
    call(&sim, "DeleteSnapshot", &[("SnapshotId", &id)]);
}

#[test]
fn a_lock_is_refused_when_it_is_not_wholly_said() {
    let sim = sim();
    let id = snapshot(&sim, None);
    let cases: [(&[(&str, &str)], &str); 7] = [
        (&[("LockDuration", "1")], "MissingParameter"),
        (&[("LockMode", "governance")], "InvalidParameterCombination"),
        (
            &[("LockMode", "firm"), ("LockDuration", "1")],
            "InvalidParameterValue",
        ),
        (
            &[("LockMode", "governance"), ("LockDuration", "0")],
            "InvalidParameterValue",
        ),
        (
            &[
                ("LockMode", "governance"),
                ("LockDuration", "1"),
                ("CoolOffPeriod", "1"),
            ],
            "InvalidParameterCombination",
        ),
        (
            &[
                ("LockMode", "compliance"),
                ("LockDuration", "1"),
                ("CoolOffPeriod", "73"),
            ],
            "InvalidParameterValue",
        ),
        (
            &[
                ("LockMode", "governance"),
                ("ExpirationDate", "2025-12-31T00:00:00Z"),
            ],
            "InvalidParameterValue",
        ),
    ];
    for (params, code) in cases {
        assert_eq!(lock_refused(&sim, &id, params), code, "{params:?}");
    }
    assert!(state(&sim, &id).is_empty());
    let by_tag = [("Filter.1.Name", "tag:a"), ("Filter.1.Value.1", "b")];
    assert_eq!(
        refused(&sim, "DescribeLockedSnapshots", &by_tag),
        "InvalidParameterValue"
    );
}

#[test]
fn locked_snapshots_come_in_pages() {
    let sim = sim();
    for _ in 0..6 {
        lock(&sim, &snapshot(&sim, None), &GOVERNANCE);
    }
    snapshot(&sim, None);
    let first = call(&sim, "DescribeLockedSnapshots", &[("MaxResults", "5")]);
    let token = first.text("nextToken");
    let rest = call(
        &sim,
        "DescribeLockedSnapshots",
        &[("MaxResults", "5"), ("NextToken", &token)],
    );
    assert_eq!(
        (first.all("snapshotId").len(), rest.all("snapshotId").len()),
        (5, 1)
    );
}
