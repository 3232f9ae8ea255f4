//! Deletions, locks and sharing of copies.

use super::*;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Lets a set be taken on each of so many days, the operator being away; gives the snapshots of each.
fn days(world: &mut World, truth: &Truth, days: usize) -> Vec<Vec<String>> {
    let instance = instance(truth);
    let begin = world.clock.now();
    world.stop(0, yagura::clock::later(begin, DAY * 100));
    let mut sets = Vec::new();
    for day in 0..days {
        let before = snapshots(world);
        let description = format!("set of day {day}");
        let mut params = vec![
            ("InstanceSpecification.InstanceId", instance.id.clone()),
            ("Description", description),
            ("TagSpecification.1.ResourceType", "snapshot".to_owned()),
        ];
        let names: Vec<_> = (1..=2)
            .map(|number| {
                let name = |part: &str| format!("TagSpecification.1.Tag.{number}.{part}");
                (name("Key"), name("Value"))
            })
            .collect();
        for ((key, value), tag) in names.iter().zip([tags::UID, tags::CLUSTER]) {
            params.push((key, tag.to_owned()));
            params.push((value, instance.tags[tag].clone()));
        }
        let params: Vec<_> = params
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        world.someone("CreateSnapshots", &params).unwrap();
        let made = snapshots(world).into_iter().filter(|id| !before.contains(id));
        sets.push(made.collect());
        world.run_for(DAY).unwrap();
    }
    sets
}

fn snapshots(world: &World) -> Vec<String> {
    let truth = Truth::of(world, None).unwrap();
    truth.snapshots.iter().map(|one| one.id.clone()).collect()
}

#[test]
fn a_set_may_be_deleted_only_when_three_newer_days_are_good() {
    let (mut world, verdict, truth) = stage();
    let sets = days(&mut world, &truth, 4);
    let delete = |id: &str| arrives(&verdict, "DeleteSnapshot", &[("SnapshotId", id)]);
    assert_eq!(delete(&sets[0][0]), [""; 0]);
    for set in &sets[1..] {
        assert_eq!(delete(&set[0]).len(), 1, "{set:?}");
    }
    // Of the newest day one snapshot is lost: now the first is one of three.
    world
        .someone("DeleteSnapshot", &[("SnapshotId", &sets[3][1])])
        .unwrap();
    assert_eq!(delete(&sets[0][0]).len(), 1);
    assert_eq!(delete("snap-0123456789abcdef0"), [""; 0], "it is not there");
}

#[test]
fn what_aws_backup_made_and_what_is_nobodys_may_not_be_deleted_nor_locked() {
    let (mut world, verdict, truth) = stage();
    let sets = days(&mut world, &truth, 4);
    let id = &sets[0][0];
    let until = [
        ("SnapshotId", id.as_str()),
        ("ExpirationDate", "2027-12-01T00:00:00Z"),
    ];
    let lock = || {
        arrives(
            &verdict,
            "LockSnapshot",
            &[until[0], until[1], ("LockMode", "governance")],
        )
    };
    assert_eq!(lock(), [""; 0]);
    world
        .someone(
            "CreateTags",
            &[
                ("ResourceId.1", id),
                ("Tag.1.Key", tags::RELEASED),
                ("Tag.1.Value", "x"),
            ],
        )
        .unwrap();
    assert_eq!(
        arrives(&verdict, "DeleteSnapshot", &[("SnapshotId", id)]).len(),
        1
    );
    for tag in [tags::CLUSTER, tags::UID] {
        world
            .someone("DeleteTags", &[("ResourceId.1", id), ("Tag.1.Key", tag)])
            .unwrap();
    }
    assert_eq!(
        arrives(&verdict, "DeleteSnapshot", &[("SnapshotId", id)]).len(),
        1
    );
    assert_eq!(lock().len(), 1);
}

#[test]
fn a_lock_may_not_be_shortened_nor_made_final_and_nothing_may_be_opened() {
    let (mut world, verdict, truth) = stage();
    let sets = days(&mut world, &truth, 1);
    let id = sets[0][0].as_str();
    let lock = |mode: &str, until: &str| {
        let params = [("SnapshotId", id), ("LockMode", mode), ("ExpirationDate", until)];
        arrives(&verdict, "LockSnapshot", &params)
    };
    let set = [
        ("SnapshotId", id),
        ("LockMode", "governance"),
        ("ExpirationDate", "2027-06-01T00:00:00Z"),
    ];
    world.someone("LockSnapshot", &set).unwrap();
    assert_eq!(lock("governance", "2027-07-01T00:00:00Z"), [""; 0]);
    assert_eq!(lock("governance", "2027-05-01T00:00:00Z").len(), 1);
    assert_eq!(lock("compliance", "2027-07-01T00:00:00Z").len(), 1);
    let close = |field: &str| {
        let field = format!("CreateVolumePermission.{field}.1.UserId");
        let params = [("SnapshotId", id), (field.as_str(), "444455556666")];
        arrives(&verdict, "ModifySnapshotAttribute", &params)
    };
    assert_eq!(close("Remove"), [""; 0]);
    assert_eq!(close("Add").len(), 1);
}
