use std::time::Duration;

use crate::Sim;
use crate::testing::{advance, call, refused, run, sim};

const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

fn volume(sim: &Sim) -> String {
    let params = [("AvailabilityZone", "ap-northeast-1a"), ("Size", "8")];
    let id = call(sim, "CreateVolume", &params).text("volumeId");
    advance(sim, 1);
    id
}

fn snapshot(sim: &Sim) -> String {
    let id = call(sim, "CreateSnapshot", &[("VolumeId", &volume(sim))]).text("snapshotId");
    advance(sim, 5);
    id
}

#[test]
fn without_a_rule_what_is_deleted_is_gone() {
    let sim = sim();
    let (volume, snapshot) = (volume(&sim), snapshot(&sim));
    call(&sim, "DeleteVolume", &[("VolumeId", &volume)]);
    call(&sim, "DeleteSnapshot", &[("SnapshotId", &snapshot)]);
    assert!(
        call(&sim, "ListVolumesInRecycleBin", &[])
            .all("volumeId")
            .is_empty()
    );
    let listed = call(&sim, "ListSnapshotsInRecycleBin", &[]);
    assert!(listed.all("snapshotId").is_empty());
    let restore = [("SnapshotId", snapshot.as_str())];
    assert_eq!(
        refused(&sim, "RestoreSnapshotFromRecycleBin", &restore),
        "InvalidSnapshot.NotFound"
    );
}

#[test]
fn a_rule_keeps_what_is_deleted_for_its_time_and_no_longer() {
    let sim = sim();
    sim.set_recycle_bin(WEEK, WEEK * 2);
    let (volume, snapshot) = (volume(&sim), snapshot(&sim));
    call(&sim, "DeleteVolume", &[("VolumeId", &volume)]);
    call(&sim, "DeleteSnapshot", &[("SnapshotId", &snapshot)]);
    assert_eq!(
        refused(&sim, "DescribeSnapshots", &[("SnapshotId.1", &snapshot)]),
        "InvalidSnapshot.NotFound"
    );
    let listed = call(&sim, "ListSnapshotsInRecycleBin", &[]);
    assert_eq!(listed.all("snapshotId"), [snapshot]);
    assert_eq!(listed.text("recycleBinEnterTime"), "2026-01-01T00:00:07.000Z");
    assert_eq!(listed.text("recycleBinExitTime"), "2026-01-08T00:00:07.000Z");
    assert_eq!(
        call(&sim, "ListVolumesInRecycleBin", &[]).all("volumeId"),
        [volume]
    );
    advance(&sim, WEEK.as_secs());
    let listed = call(&sim, "ListSnapshotsInRecycleBin", &[]);
    assert!(listed.all("snapshotId").is_empty());
    assert_eq!(
        call(&sim, "ListVolumesInRecycleBin", &[]).all("volumeId").len(),
        1
    );
    advance(&sim, WEEK.as_secs());
    assert!(
        call(&sim, "ListVolumesInRecycleBin", &[])
            .all("volumeId")
            .is_empty()
    );
}

#[test]
fn what_is_in_the_bin_can_be_had_back_as_it_was() {
    let sim = sim();
    sim.set_recycle_bin(WEEK, WEEK);
    let (volume, snapshot) = (volume(&sim), snapshot(&sim));
    for (id, key) in [(&volume, "of"), (&snapshot, "of")] {
        call(&sim, "CreateTags", &[("ResourceId.1", id), ("Tag.1.Key", key)]);
    }
    call(&sim, "DeleteVolume", &[("VolumeId", &volume)]);
    call(&sim, "DeleteSnapshot", &[("SnapshotId", &snapshot)]);
    call(&sim, "RestoreVolumeFromRecycleBin", &[("VolumeId", &volume)]);
    let restored = call(
        &sim,
        "RestoreSnapshotFromRecycleBin",
        &[("SnapshotId", &snapshot)],
    );
    assert_eq!(restored.text("status"), "completed");
    for (action, parameter, id) in [
        ("DescribeVolumes", "VolumeId.1", &volume),
        ("DescribeSnapshots", "SnapshotId.1", &snapshot),
    ] {
        assert_eq!(call(&sim, action, &[(parameter, id)]).text("key"), "of");
    }
    // Their time in the bin ends without them.
    advance(&sim, WEEK.as_secs());
    call(&sim, "DescribeVolumes", &[("VolumeId.1", &volume)]);
    call(&sim, "DescribeSnapshots", &[("SnapshotId.1", &snapshot)]);
}

#[test]
fn a_volume_that_goes_with_its_instance_goes_into_the_bin() {
    let sim = sim();
    sim.set_recycle_bin(Duration::ZERO, WEEK);
    let instance = run(&sim, &[]);
    advance(&sim, 2);
    let volume = call(&sim, "DescribeInstances", &[]).text("volumeId");
    call(&sim, "TerminateInstances", &[("InstanceId.1", &instance)]);
    advance(&sim, 2);
    let listed = call(&sim, "ListVolumesInRecycleBin", &[]);
    assert_eq!(listed.text("volumeId"), volume);
    call(&sim, "RestoreVolumeFromRecycleBin", &[("VolumeId", &volume)]);
    let restored = call(&sim, "DescribeVolumes", &[("VolumeId.1", &volume)]);
    assert_eq!(restored.text("status"), "available");
    assert!(restored.all("instanceId").is_empty());
}
