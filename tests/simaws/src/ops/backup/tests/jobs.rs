use std::time::Duration;

use serde_json::{Value, json};

use crate::testing::{
    advance, ask, back_up, call, instance_arn, job, rest, rest_ok, rest_refused, run, sim, sim_with, vault,
};
use crate::{BackupDoom, BackupEnd, FaultKind, FaultSpec, Sim};

/// A vault and an instance with two tagged volumes.
fn set_up(sim: &Sim) -> String {
    vault(sim, "day");
    run(
        sim,
        &[
            ("BlockDeviceMapping.1.DeviceName", "/dev/sdf"),
            ("BlockDeviceMapping.1.Ebs.VolumeSize", "20"),
            ("TagSpecification.1.ResourceType", "volume"),
            ("TagSpecification.1.Tag.1.Key", "owner"),
            ("TagSpecification.1.Tag.1.Value", "us"),
            ("TagSpecification.2.ResourceType", "instance"),
            ("TagSpecification.2.Tag.1.Key", "Name"),
            ("TagSpecification.2.Tag.1.Value", "web"),
        ],
    )
}

fn state(sim: &Sim, id: &str) -> String {
    job(sim, id)["State"].as_str().unwrap().to_owned()
}

fn listed(sim: &Sim, query: &str) -> Vec<String> {
    let answer = rest_ok(sim, "GET", &format!("/backup-jobs?{query}"), &Value::Null);
    let jobs = answer["BackupJobs"].as_array().unwrap().iter();
    jobs.map(|job| job["BackupJobId"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_job_goes_through_its_states_and_leaves_an_image_with_snapshots() {
    let sim = sim();
    let instance = set_up(&sim);
    let tags = json!({ "RecoveryPointTags": { "yagura.dev/slot": "s1", "Name": "mine" } });
    let id = back_up(&sim, ("day", &instance), &tags);
    assert_eq!(state(&sim, &id), "CREATED");
    assert_eq!(job(&sim, &id).get("RecoveryPointArn"), None);
    advance(&sim, 1);
    assert_eq!(state(&sim, &id), "PENDING");
    advance(&sim, 1);
    assert_eq!(state(&sim, &id), "RUNNING");
    assert_eq!(
        ask(&sim, "DescribeImages", &[("Owner.1", "self")]).text("imageState"),
        "pending"
    );
    advance(&sim, 6);
    let done = job(&sim, &id);
    assert_eq!(done["State"], "COMPLETED");
    assert_eq!(done["ResourceType"], "EC2");
    assert_eq!(done["PercentDone"], "100.0");
    assert_eq!(done["BackupSizeInBytes"], 28_u64 << 30);
    // 2026-01-01T00:00:00Z; it ran two seconds later and took six.
    assert_eq!(done["CreationDate"], 1_767_225_600.0);
    assert_eq!(done["InitiationDate"], 1_767_225_602.0);
    assert_eq!(done["CompletionDate"], 1_767_225_608.0);
    let arn = done["RecoveryPointArn"].as_str().unwrap();
    let image = arn.strip_prefix("arn:aws:ec2:ap-northeast-1::image/").unwrap();
    let images = call(&sim, "DescribeImages", &[("ImageId.1", image)]);
    assert_eq!(images.text("imageState"), "available");
    assert_eq!(images.text("name"), format!("AwsBackup_{instance}_{id}"));
    for tag in [
        ("yagura.dev/slot", "s1"),
        ("Name", "mine"),
        ("aws:backup:source-resource", &instance),
    ] {
        let text = format!("<key>{}</key><value>{}</value>", tag.0, tag.1);
        assert!(images.body.contains(&text), "{text} in {}", images.body);
    }
    let filter = [
        ("Filter.1.Name", "tag-key"),
        ("Filter.1.Value.1", "aws:backup:source-resource"),
    ];
    let snapshots = call(&sim, "DescribeSnapshots", &filter);
    assert_eq!(snapshots.all("status"), ["completed", "completed"]);
    assert_eq!(
        snapshots
            .body
            .matches("<key>owner</key><value>us</value>")
            .count(),
        2
    );
    assert!(!snapshots.body.contains("yagura.dev/slot"));
}

#[test]
fn a_volume_s_recovery_point_is_a_snapshot() {
    let sim = sim();
    let instance = set_up(&sim);
    let volumes = call(&sim, "DescribeVolumes", &[]);
    let volume = volumes.text("volumeId");
    let body = json!({
        "BackupVaultName": "day", "IamRoleArn": "arn:aws:iam::111122223333:role/backup",
        "ResourceArn": format!("arn:aws:ec2:ap-northeast-1:111122223333:volume/{volume}"),
        "RecoveryPointTags": { "a": "b" },
    });
    let started = rest_ok(&sim, "PUT", "/backup-jobs", &body);
    let id = started["BackupJobId"].as_str().unwrap();
    advance(&sim, 8);
    let done = job(&sim, id);
    assert_eq!(
        (&done["State"], &done["ResourceType"]),
        (&json!("COMPLETED"), &json!("EBS"))
    );
    let arn = done["RecoveryPointArn"].as_str().unwrap();
    let snapshot = arn.strip_prefix("arn:aws:ec2:ap-northeast-1::snapshot/").unwrap();
    let told = call(&sim, "DescribeSnapshots", &[("SnapshotId.1", snapshot)]);
    for text in [
        "<key>a</key><value>b</value>",
        "<key>owner</key><value>us</value>",
    ] {
        assert!(told.body.contains(text), "{text} in {}", told.body);
    }
    assert!(told.body.contains(&format!("<value>{volume}</value>")));
    drop(instance);
}

#[test]
fn the_same_token_gives_the_same_job_and_does_nothing_more() {
    let sim = sim();
    let instance = set_up(&sim);
    let token = json!({ "IdempotencyToken": "slot-1" });
    let first = back_up(&sim, ("day", &instance), &token);
    advance(&sim, 60);
    assert_eq!(back_up(&sim, ("day", &instance), &token), first);
    let calls = sim.calls();
    let last = calls.last().unwrap();
    assert_eq!((last.service, &*last.operation), ("backup", "StartBackupJob"));
    assert!(last.replayed && !last.effect);
    assert_eq!(last.params["ResourceArn"], instance_arn(&instance));
    assert_eq!(listed(&sim, "").len(), 1);
    let other = json!({ "IdempotencyToken": "slot-2" });
    assert_ne!(back_up(&sim, ("day", &instance), &other), first);
    vault(&sim, "night");
    let body = json!({
        "BackupVaultName": "night", "ResourceArn": instance_arn(&instance), "IdempotencyToken": "slot-1",
        "IamRoleArn": "arn:aws:iam::111122223333:role/backup",
    });
    let code = rest_refused(&sim, "PUT", "/backup-jobs", &body);
    assert_eq!(code, "InvalidParameterValueException");
}

#[test]
fn one_job_of_a_resource_runs_at_a_time() {
    let sim = sim();
    let instance = set_up(&sim);
    let jobs: Vec<String> = (0..3)
        .map(|_| back_up(&sim, ("day", &instance), &json!({})))
        .collect();
    let states = |sim: &Sim| -> Vec<String> { jobs.iter().map(|id| state(sim, id)).collect() };
    let running = |sim: &Sim| states(sim).iter().filter(|it| *it == "RUNNING").count();
    advance(&sim, 2);
    assert_eq!(running(&sim), 1);
    advance(&sim, 6);
    assert_eq!(running(&sim), 1);
    advance(&sim, 6);
    assert_eq!(running(&sim), 1);
    advance(&sim, 6);
    assert_eq!(states(&sim), ["COMPLETED"; 3]);
    let ends: Vec<f64> = jobs
        .iter()
        .map(|id| job(&sim, id)["CompletionDate"].as_f64().unwrap())
        .collect();
    let first = ends.iter().copied().fold(f64::MAX, f64::min);
    let mut after: Vec<f64> = ends.iter().map(|end| end - first).collect();
    after.sort_by(f64::total_cmp);
    assert_eq!(after, [0.0, 6.0, 12.0]);
}

#[test]
fn a_job_that_waits_past_its_window_expires() {
    let sim = sim_with(|options| options.timings.backup_start = Duration::from_secs(2 * 3600));
    let instance = set_up(&sim);
    let short = back_up(&sim, ("day", &instance), &json!({ "StartWindowMinutes": 60 }));
    let long = back_up(&sim, ("day", &instance), &json!({}));
    advance(&sim, 2 * 3600);
    assert_eq!(state(&sim, &short), "EXPIRED");
    assert_eq!(state(&sim, &long), "RUNNING");
    let body = json!({
        "BackupVaultName": "day", "ResourceArn": instance_arn(&instance), "StartWindowMinutes": 59,
        "IamRoleArn": "arn:aws:iam::111122223333:role/backup",
    });
    let code = rest_refused(&sim, "PUT", "/backup-jobs", &body);
    assert_eq!(code, "InvalidParameterValueException");
}

#[test]
fn jobs_start_within_the_hour_each_at_its_own_time_which_the_seed_gives() {
    let starts = |seed: u64| -> Vec<f64> {
        let sim = sim_with(|options| {
            options.seed = seed;
            options.timings.backup_start = Duration::ZERO;
            options.timings.backup_start_spread = Duration::from_secs(3600);
        });
        vault(&sim, "day");
        let jobs: Vec<String> = (0..20)
            .map(|_| back_up(&sim, ("day", &run(&sim, &[])), &json!({})))
            .collect();
        advance(&sim, 3600);
        let start = |id: &String| job(&sim, id)["InitiationDate"].as_f64().unwrap() - 1_767_225_600.0;
        jobs.iter().map(start).collect()
    };
    let first = starts(1);
    assert!(first.iter().all(|at| (0.0..=3600.0).contains(at)), "{first:?}");
    let (least, most) = (
        first.iter().copied().fold(f64::MAX, f64::min),
        first.iter().copied().fold(f64::MIN, f64::max),
    );
    assert!(most - least > 1800.0, "{first:?}");
    assert_eq!(first, starts(1));
    assert_ne!(first, starts(2));
}

#[test]
fn a_doomed_job_fails_with_its_message_and_leaves_nothing() {
    let sim = sim();
    let instance = set_up(&sim);
    let doom = |state| BackupDoom {
        state,
        message: "The key is disabled".to_owned(),
    };
    for (end, told) in [(BackupEnd::Failed, "FAILED"), (BackupEnd::Aborted, "ABORTED")] {
        sim.doom_backups(None, &instance, doom(end));
        let id = back_up(&sim, ("day", &instance), &json!({}));
        advance(&sim, 2);
        assert_eq!(state(&sim, &id), "RUNNING");
        advance(&sim, 6);
        let ended = job(&sim, &id);
        assert_eq!(
            (&ended["State"], &ended["StatusMessage"]),
            (&json!(told), &json!("The key is disabled"))
        );
        assert_eq!(ended.get("RecoveryPointArn"), None);
        assert!(call(&sim, "DescribeSnapshots", &[]).all("snapshotId").is_empty());
        assert!(
            call(&sim, "DescribeImages", &[("Owner.1", "self")])
                .all("imageId")
                .is_empty()
        );
    }
    sim.doom_backups(None, &instance, doom(BackupEnd::Expired));
    let id = back_up(&sim, ("day", &instance), &json!({}));
    advance(&sim, 2);
    assert_eq!(state(&sim, &id), "EXPIRED");
    sim.doom_backups(None, &instance, doom(BackupEnd::Partial));
    let id = back_up(&sim, ("day", &instance), &json!({}));
    advance(&sim, 8);
    assert_eq!(state(&sim, &id), "PARTIAL");
    sim.heal_backups(None, Some(&instance));
    let id = back_up(&sim, ("day", &instance), &json!({}));
    advance(&sim, 8);
    assert_eq!(state(&sim, &id), "COMPLETED");
}

#[test]
fn a_fault_dooms_the_job_of_one_call() {
    let sim = sim();
    let instance = set_up(&sim);
    sim.add_fault(FaultSpec {
        code: Some("Out of space".to_owned()),
        ..FaultSpec::new("StartBackupJob", FaultKind::Fail)
    });
    let doomed = back_up(&sim, ("day", &instance), &json!({}));
    let other = back_up(&sim, ("day", &run(&sim, &[])), &json!({}));
    advance(&sim, 8);
    assert_eq!(state(&sim, &doomed), "FAILED");
    assert_eq!(job(&sim, &doomed)["StatusMessage"], "Out of space");
    assert_eq!(state(&sim, &other), "COMPLETED");
}

#[test]
fn a_job_fails_when_its_instance_ends_before_it_runs() {
    let sim = sim();
    let instance = set_up(&sim);
    let id = back_up(&sim, ("day", &instance), &json!({}));
    call(&sim, "TerminateInstances", &[("InstanceId.1", &instance)]);
    advance(&sim, 8);
    assert_eq!(state(&sim, &id), "FAILED");
    let message = job(&sim, &id)["StatusMessage"].as_str().unwrap().to_owned();
    assert!(message.contains(&instance), "{message}");
}

#[test]
fn what_is_not_there_cannot_be_backed_up() {
    let sim = sim();
    let instance = set_up(&sim);
    let role = "arn:aws:iam::111122223333:role/backup";
    let arn = instance_arn(&instance);
    let unknown = instance_arn("i-0123456789abcdef0");
    for (vault, arn, role, code) in [
        ("nope", &*arn, role, "ResourceNotFoundException"),
        ("day", &*unknown, role, "ResourceNotFoundException"),
        (
            "day",
            "arn:aws:s3:::bucket",
            role,
            "InvalidParameterValueException",
        ),
        ("day", &*arn, "backup", "InvalidParameterValueException"),
        ("day", "", role, "MissingParameterValueException"),
    ] {
        let body = json!({ "BackupVaultName": vault, "ResourceArn": arn, "IamRoleArn": role });
        assert_eq!(rest_refused(&sim, "PUT", "/backup-jobs", &body), code, "{body}");
    }
    let code = rest_refused(&sim, "GET", "/backup-jobs/nope", &Value::Null);
    assert_eq!(code, "ResourceNotFoundException");
    assert_eq!(listed(&sim, "").len(), 0);
}

#[test]
fn a_job_that_is_stopped_leaves_nothing() {
    let sim = sim();
    let instance = set_up(&sim);
    let (early, running) = (
        back_up(&sim, ("day", &run(&sim, &[])), &json!({})),
        back_up(&sim, ("day", &instance), &json!({})),
    );
    let stop = |id: &str| rest(&sim, "POST", &format!("/backup-jobs/{id}"), &Value::Null);
    assert_eq!(stop(&early), (200, Value::Null));
    advance(&sim, 2);
    assert_eq!(stop(&running), (200, Value::Null));
    assert_eq!(state(&sim, &running), "ABORTING");
    advance(&sim, 1);
    assert_eq!(
        (state(&sim, &early), state(&sim, &running)),
        ("ABORTED".into(), "ABORTED".into())
    );
    assert!(call(&sim, "DescribeSnapshots", &[]).all("snapshotId").is_empty());
    assert_eq!(stop(&running).1["Code"], "InvalidRequestException");
}

#[test]
fn jobs_are_listed_the_newest_first_page_by_page() {
    let sim = sim();
    let instance = set_up(&sim);
    let mut jobs = Vec::new();
    for _ in 0..5 {
        jobs.insert(0, back_up(&sim, ("day", &instance), &json!({})));
        advance(&sim, 60);
    }
    let mut seen = Vec::new();
    let mut query = "maxResults=2".to_owned();
    loop {
        let answer = rest_ok(&sim, "GET", &format!("/backup-jobs?{query}"), &Value::Null);
        let page = answer["BackupJobs"].as_array().unwrap();
        seen.extend(
            page.iter()
                .map(|job| job["BackupJobId"].as_str().unwrap().to_owned()),
        );
        match answer["NextToken"].as_str() {
            Some(token) => query = format!("maxResults=2&nextToken={}", token.replace(':', "%3A")),
            None => break,
        }
    }
    assert_eq!(seen, jobs);
    assert_eq!(listed(&sim, "createdAfter=2026-01-01T00%3A02%3A59Z"), jobs[..2]);
    assert_eq!(listed(&sim, "createdBefore=2026-01-01T00%3A01%3A00Z"), jobs[4..]);
    assert_eq!(listed(&sim, "state=COMPLETED").len(), 5);
    assert_eq!(listed(&sim, "state=FAILED").len(), 0);
    assert_eq!(listed(&sim, "backupVaultName=night").len(), 0);
    assert_eq!(listed(&sim, "resourceType=EC2").len(), 5);
    let arn = crate::testing::segment(&instance_arn(&instance));
    assert_eq!(listed(&sim, &format!("resourceArn={arn}")), jobs);
    assert_eq!(listed(&sim, "resourceArn=arn%3Aother").len(), 0);
    for wrong in [
        "maxResults=0",
        "maxResults=1001",
        "nextToken=x",
        "createdAfter=soon",
    ] {
        let code = rest_refused(&sim, "GET", &format!("/backup-jobs?{wrong}"), &Value::Null);
        assert_eq!(code, "InvalidParameterValueException", "{wrong}");
    }
}

#[test]
fn jobs_are_listed_for_thirty_days() {
    let sim = sim();
    let instance = set_up(&sim);
    back_up(&sim, ("day", &instance), &json!({ "IdempotencyToken": "t" }));
    advance(&sim, 29 * 86_400);
    assert_eq!(listed(&sim, "").len(), 1);
    advance(&sim, 2 * 86_400);
    assert_eq!(listed(&sim, "").len(), 0);
}
