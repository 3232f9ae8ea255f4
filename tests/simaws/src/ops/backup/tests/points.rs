use serde_json::{Value, json};

use crate::testing::{
    advance, ask, back_up, call, instance_arn, job, refused, rest, rest_ok, rest_refused, run, segment, sim,
    vault,
};
use crate::{FaultKind, FaultSpec, Sim};

/// A recovery point in the vault `day`: its ARN.
fn point(sim: &Sim, instance: &str, more: &Value) -> String {
    let id = back_up(sim, ("day", instance), more);
    advance(sim, 8);
    job(sim, &id)["RecoveryPointArn"].as_str().unwrap().to_owned()
}

fn uri(arn: &str) -> String {
    format!("/backup-vaults/day/recovery-points/{}", segment(arn))
}

fn described(sim: &Sim, arn: &str) -> Value {
    rest_ok(sim, "GET", &uri(arn), &Value::Null)
}

fn gone(sim: &Sim, arn: &str) -> bool {
    let (status, value) = rest(sim, "GET", &uri(arn), &Value::Null);
    status == 400 && value["Code"] == "ResourceNotFoundException"
}

fn snapshots(sim: &Sim) -> Vec<String> {
    call(sim, "DescribeSnapshots", &[]).all("snapshotId")
}

#[test]
fn a_recovery_point_is_creating_while_its_job_runs() {
    let sim = sim();
    vault(&sim, "day");
    let id = back_up(&sim, ("day", &run(&sim, &[])), &json!({}));
    advance(&sim, 2);
    let arn = job(&sim, &id)["RecoveryPointArn"].as_str().unwrap().to_owned();
    assert_eq!(described(&sim, &arn)["Status"], "CREATING");
    let code = rest_refused(&sim, "DELETE", &uri(&arn), &Value::Null);
    assert_eq!(code, "InvalidResourceStateException");
    advance(&sim, 6);
    let told = described(&sim, &arn);
    assert_eq!(told["Status"], "COMPLETED");
    assert_eq!(told["CompletionDate"], 1_767_225_608.0);
    assert_eq!(told.get("Lifecycle"), None);
}

#[test]
fn what_is_deleted_goes_with_its_image_and_snapshots() {
    let sim = sim();
    vault(&sim, "day");
    let arn = point(&sim, &run(&sim, &[]), &json!({}));
    assert_eq!(snapshots(&sim).len(), 1);
    rest_ok(&sim, "DELETE", &uri(&arn), &Value::Null);
    assert_eq!(described(&sim, &arn)["Status"], "DELETING");
    advance(&sim, 2);
    assert!(gone(&sim, &arn));
    assert!(snapshots(&sim).is_empty());
    assert!(
        call(&sim, "DescribeImages", &[("Owner.1", "self")])
            .all("imageId")
            .is_empty()
    );
    assert_eq!(
        rest_refused(&sim, "DELETE", &uri(&arn), &Value::Null),
        "ResourceNotFoundException"
    );
}

#[test]
fn a_deletion_may_be_answered_and_not_happen() {
    let sim = sim();
    vault(&sim, "day");
    let arn = point(&sim, &run(&sim, &[]), &json!({}));
    let fault = sim.add_fault(FaultSpec::new("DeleteRecoveryPoint", FaultKind::Fail));
    rest_ok(&sim, "DELETE", &uri(&arn), &Value::Null);
    advance(&sim, 60);
    assert_eq!(described(&sim, &arn)["Status"], "COMPLETED");
    let faults = sim.faults();
    let told = faults.iter().find(|it| it.id == fault).unwrap();
    assert_eq!((told.fired, told.effects, told.untrue), (1, 0, 1));
    rest_ok(&sim, "DELETE", &uri(&arn), &Value::Null);
    advance(&sim, 2);
    assert!(gone(&sim, &arn));
}

#[test]
fn a_locked_vault_keeps_every_point_in_it() {
    let sim = sim();
    vault(&sim, "day");
    let arn = point(&sim, &run(&sim, &[]), &json!({}));
    rest_ok(
        &sim,
        "PUT",
        "/backup-vaults/day/vault-lock",
        &json!({ "MinRetentionDays": 1 }),
    );
    advance(&sim, 30 * 86_400);
    assert_eq!(
        rest_refused(&sim, "DELETE", &uri(&arn), &Value::Null),
        "InvalidRequestException"
    );
    let lifecycle = json!({ "Lifecycle": { "DeleteAfterDays": 40 } });
    assert_eq!(
        rest_refused(&sim, "POST", &uri(&arn), &lifecycle),
        "InvalidRequestException"
    );
    assert_eq!(described(&sim, &arn)["Status"], "COMPLETED");
    rest_ok(&sim, "DELETE", "/backup-vaults/day/vault-lock", &Value::Null);
    rest_ok(&sim, "DELETE", &uri(&arn), &Value::Null);
}

#[test]
fn a_lifecycle_ends_within_eight_hours_after_its_date() {
    let sim = sim();
    vault(&sim, "day");
    let more = json!({ "Lifecycle": { "DeleteAfterDays": 2 } });
    let points: Vec<String> = (0..12).map(|_| point(&sim, &run(&sim, &[]), &more)).collect();
    let first = described(&sim, &points[0]);
    assert_eq!(first["Lifecycle"], json!({ "DeleteAfterDays": 2 }));
    let date = first["CalculatedLifecycle"]["DeleteAt"].as_f64().unwrap();
    assert_eq!(date - first["CreationDate"].as_f64().unwrap(), 2.0 * 86_400.0);
    // The first is 88 seconds older than the last.
    advance(&sim, 2 * 86_400 - 12 * 8);
    assert!(points.iter().all(|arn| !gone(&sim, arn)));
    advance(&sim, 4 * 3600);
    let ended = points.iter().filter(|arn| gone(&sim, arn)).count();
    assert!((1..12).contains(&ended), "{ended}");
    advance(&sim, 4 * 3600 + 120);
    assert!(points.iter().all(|arn| gone(&sim, arn)));
    assert!(snapshots(&sim).is_empty());
}

#[test]
fn a_changed_lifecycle_counts() {
    let sim = sim();
    vault(&sim, "day");
    let more = json!({ "Lifecycle": { "DeleteAfterDays": 2 } });
    let (longer, never) = (
        point(&sim, &run(&sim, &[]), &more),
        point(&sim, &run(&sim, &[]), &more),
    );
    let change = json!({ "Lifecycle": { "DeleteAfterDays": 9 } });
    assert_eq!(
        rest_ok(&sim, "POST", &uri(&longer), &change)["Lifecycle"]["DeleteAfterDays"],
        9
    );
    rest_ok(
        &sim,
        "POST",
        &uri(&never),
        &json!({ "Lifecycle": { "DeleteAfterDays": -1 } }),
    );
    advance(&sim, 8 * 86_400);
    assert!(!gone(&sim, &longer) && !gone(&sim, &never));
    advance(&sim, 2 * 86_400);
    assert!(gone(&sim, &longer) && !gone(&sim, &never));
}

#[test]
fn an_expired_point_with_a_locked_snapshot_stays() {
    let sim = sim();
    vault(&sim, "day");
    let arn = point(
        &sim,
        &run(&sim, &[]),
        &json!({ "Lifecycle": { "DeleteAfterDays": 1 } }),
    );
    let snapshot = snapshots(&sim).remove(0);
    let lock = [
        ("SnapshotId", &*snapshot),
        ("LockMode", "governance"),
        ("LockDuration", "9"),
    ];
    call(&sim, "LockSnapshot", &lock);
    advance(&sim, 2 * 86_400);
    assert_eq!(described(&sim, &arn)["Status"], "EXPIRED");
}

#[test]
fn ec2_does_not_end_what_is_aws_backup_s() {
    let sim = sim();
    vault(&sim, "day");
    let arn = point(&sim, &run(&sim, &[]), &json!({}));
    let image = arn.rsplit('/').next().unwrap();
    let snapshot = snapshots(&sim).remove(0);
    for (action, param, id) in [
        ("DeleteSnapshot", "SnapshotId", &*snapshot),
        ("DeregisterImage", "ImageId", image),
    ] {
        let reply = ask(&sim, action, &[(param, id)]);
        assert_eq!(reply.code(), "InvalidParameterValue");
        assert!(
            reply.body.contains("managed by the AWS Backup service"),
            "{}",
            reply.body
        );
        let dry = refused(&sim, action, &[(param, id), ("DryRun", "true")]);
        assert_eq!(dry, "DryRunOperation");
    }
    assert_eq!(snapshots(&sim).len(), 1);
}

#[test]
fn tags_of_a_point_go_through_ec2_but_for_aws_s_own() {
    let sim = sim();
    vault(&sim, "day");
    let arn = point(
        &sim,
        &run(&sim, &[]),
        &json!({ "RecoveryPointTags": { "a": "b" } }),
    );
    let image = arn.rsplit('/').next().unwrap();
    call(&sim, "DeleteTags", &[("ResourceId.1", image)]);
    let images = call(&sim, "DescribeImages", &[("ImageId.1", image)]);
    assert_eq!(images.all("key"), ["aws:backup:source-resource"]);
    let own = [
        ("ResourceId.1", image),
        ("Tag.1.Key", "aws:backup:source-resource"),
    ];
    assert_eq!(refused(&sim, "DeleteTags", &own), "InvalidParameterValue");
}

#[test]
fn points_are_listed_by_vault_and_by_resource() {
    let sim = sim();
    vault(&sim, "day");
    vault(&sim, "night");
    let (one, two) = (run(&sim, &[]), run(&sim, &[]));
    let mut points: Vec<String> = Vec::new();
    for instance in [&one, &two, &one] {
        points.insert(0, point(&sim, instance, &json!({})));
    }
    let night = back_up(&sim, ("night", &one), &json!({}));
    advance(&sim, 8);
    let night = job(&sim, &night)["RecoveryPointArn"].as_str().unwrap().to_owned();
    let listed = |uri: &str| -> Vec<String> {
        let answer = rest_ok(&sim, "GET", uri, &Value::Null);
        let points = answer["RecoveryPoints"].as_array().unwrap().iter();
        points
            .map(|point| point["RecoveryPointArn"].as_str().unwrap().to_owned())
            .collect()
    };
    let all = "/backup-vaults/day/recovery-points";
    assert_eq!(listed(all), points);
    assert_eq!(listed(&format!("{all}?maxResults=1")), points[..1]);
    assert_eq!(listed(&format!("{all}?resourceType=EBS")).len(), 0);
    assert_eq!(
        listed(&format!("{all}?createdAfter=2026-01-01T00%3A00%3A05Z")),
        points[..2]
    );
    let of_two = format!("{all}?resourceArn={}", segment(&instance_arn(&two)));
    assert_eq!(listed(&of_two), points[1..2]);
    let of_one = format!("/resources/{}/recovery-points", segment(&instance_arn(&one)));
    assert_eq!(
        listed(&of_one),
        [night.clone(), points[0].clone(), points[2].clone()]
    );
    let code = rest_refused(&sim, "GET", "/backup-vaults/nope/recovery-points", &Value::Null);
    assert_eq!(code, "ResourceNotFoundException");
    let other_vault = format!("/backup-vaults/day/recovery-points/{}", segment(&night));
    assert_eq!(
        rest_refused(&sim, "GET", &other_vault, &Value::Null),
        "ResourceNotFoundException"
    );
}
