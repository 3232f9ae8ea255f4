//! Ten thousand of everything in one region: what costs a step per thing there is would take hours here.

use serde_json::{Value, json};

use crate::testing::{advance, back_up, call, rest_ok, segment, sim, vault};
use crate::{DEFAULT_IMAGE_ID, Sim};

const INSTANCES: usize = 10_000;

/// All pages of a listing of AWS Backup: how many there are of what it lists, and how many pages.
fn count(sim: &Sim, uri: &str, members: &str) -> (usize, usize) {
    let (mut found, mut pages, mut token) = (0, 0, String::new());
    loop {
        let answer = rest_ok(sim, "GET", &format!("{uri}?maxResults=1000{token}"), &Value::Null);
        found += answer[members].as_array().unwrap().len();
        pages += 1;
        match answer["NextToken"].as_str() {
            Some(next) => token = format!("&nextToken={}", segment(next)),
            None => return (found, pages),
        }
    }
}

/// The same of one of EC2.
fn count_ec2(sim: &Sim, action: &str, (params, member): (&[(&str, &str)], &str)) -> (usize, usize) {
    let (mut found, mut pages, mut token) = (0, 0, None::<String>);
    loop {
        let mut params = params.to_vec();
        params.push(("MaxResults", "1000"));
        params.extend(token.as_deref().map(|token| ("NextToken", token)));
        let reply = call(sim, action, &params);
        found += reply.body.matches(&format!("<{member}>")).count();
        pages += 1;
        token = reply.all("nextToken").pop();
        if token.is_none() {
            return (found, pages);
        }
    }
}

#[test]
fn ten_thousand_instances_are_backed_up_listed_locked_and_cleared_away() {
    let sim = sim();
    vault(&sim, "day");
    let launch = [
        ("ImageId", DEFAULT_IMAGE_ID),
        ("InstanceType", "t3.micro"),
        ("MinCount", "1000"),
        ("MaxCount", "1000"),
        ("BlockDeviceMapping.1.DeviceName", "/dev/sdf"),
        ("BlockDeviceMapping.1.Ebs.VolumeSize", "20"),
    ];
    for _ in 0..INSTANCES / 1000 {
        sim.act(None, "RunInstances", &launch).unwrap();
    }
    advance(&sim, 60);
    let instances = sim.resources("instances", None, None).unwrap();
    for instance in instances.as_array().unwrap() {
        back_up(&sim, ("day", instance["id"].as_str().unwrap()), &json!({}));
    }
    advance(&sim, 60);
    assert_eq!(count(&sim, "/backup-jobs", "BackupJobs"), (INSTANCES, 10));
    let points = "/backup-vaults/day/recovery-points";
    assert_eq!(count(&sim, points, "RecoveryPoints"), (INSTANCES, 10));
    let own = [("Owner.1", "self")];
    assert_eq!(
        count_ec2(&sim, "DescribeSnapshots", (&own, "snapshotId")),
        (2 * INSTANCES, 20)
    );
    // An image shows the ids of its snapshots too; Amazon's own image makes one page more.
    assert_eq!(
        count_ec2(&sim, "DescribeImages", (&own, "imageId")),
        (INSTANCES, 11)
    );
    let snapshots = sim.resources("snapshots", None, None).unwrap();
    for snapshot in snapshots.as_array().unwrap() {
        let id = snapshot["id"].as_str().unwrap();
        let lock = [
            ("SnapshotId", id),
            ("LockMode", "governance"),
            ("LockDuration", "1"),
        ];
        sim.act(None, "LockSnapshot", &lock).unwrap();
    }
    let locked = count_ec2(&sim, "DescribeLockedSnapshots", (&[], "lockState"));
    assert_eq!(locked, (2 * INSTANCES, 20));
    let public = [("RestorableBy.1", "all")];
    assert_eq!(
        count_ec2(&sim, "DescribeSnapshots", (&public, "snapshotId")),
        (0, 1)
    );
    advance(&sim, 2 * 86_400);
    let made = sim.resources("recoveryPoints", None, None).unwrap();
    for point in made.as_array().unwrap() {
        let uri = format!("{points}/{}", segment(point["arn"].as_str().unwrap()));
        rest_ok(&sim, "DELETE", &uri, &Value::Null);
    }
    advance(&sim, 60);
    assert_eq!(count(&sim, points, "RecoveryPoints"), (0, 1));
    assert_eq!(count_ec2(&sim, "DescribeSnapshots", (&own, "snapshotId")), (0, 1));
}
