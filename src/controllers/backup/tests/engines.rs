//! What a policy needs of the classes and accounts of its Tenants: a vault for AWS Backup, and room in the quota.

use super::{bed::Bed, *};
use crate::api::{BackupPolicySpec, ClassBackup, Engine, TenantClass};

fn class(bed: &Bed, backup: Option<ClassBackup>) {
    let key = Key::new("", "tokyo");
    let mut class = (*bed.cluster.cached::<TenantClass>(&key).unwrap()).clone();
    class.spec.backup = backup;
    bed.cluster.put(&class);
}

fn with_vault() -> ClassBackup {
    ClassBackup {
        vault: Some("yagura".into()),
        role_arn: Some("arn:aws:iam::111122223333:role/backup".into()),
        snapshot_quota: None,
    }
}

fn by(engine: Engine) -> BackupPolicySpec {
    BackupPolicySpec {
        at: Some("03:15".into()),
        time_zone: Some("UTC".into()),
        engine: Some(engine),
        ..BackupPolicySpec::default()
    }
}

fn condition(bed: &Bed, type_: &str) -> (String, String, String) {
    let status = bed.policy_status();
    let found = find_condition(&status.conditions, type_).unwrap();
    (found.status.clone(), found.reason.clone(), found.message.clone())
}

#[tokio::test]
async fn aws_backup_is_refused_where_a_class_has_no_vault_and_what_was_in_force_stays() {
    let (bed, _) = Bed::new().await;
    bed.policy("daily", by(Engine::EC2));
    bed.settle().await;
    bed.policy("daily", by(Engine::AWSBackup));
    bed.settle().await;
    let (_, reason, message) = condition(&bed, "Stalled");
    assert_eq!(reason, "EngineUnavailable");
    assert!(
        message.contains("spec.backup.vault and spec.backup.roleArn in TenantClass tokyo"),
        "{message}"
    );
    assert_eq!(bed.policy_status().effective.unwrap().engine, Some(Engine::EC2));
    bed.until("2031-05-01T03:30:00Z").await;
    assert_eq!(bed.phase("web-203105010315"), Some(BackupPhase::Complete));
    class(&bed, Some(with_vault()));
    bed.settle().await;
    assert_eq!(
        condition(&bed, "Ready"),
        (
            "True".into(),
            "Succeeded".into(),
            "daily at 03:15 UTC by AWS Backup, which begins within the hour: later than is promised, perhaps"
                .into()
        )
    );
    let warnings = bed
        .events()
        .into_iter()
        .filter(|reason| *reason == Reason::StartMayBeLate);
    assert_eq!(warnings.count(), 1);
}

#[tokio::test]
async fn a_class_that_loses_its_vault_leaves_its_tenants_to_ec2() {
    let (bed, _) = Bed::new().await;
    class(&bed, Some(with_vault()));
    bed.policy("daily", by(Engine::AWSBackup));
    bed.settle().await;
    assert_eq!(condition(&bed, "Ready").0, "True");
    class(&bed, None);
    bed.until("2031-05-01T03:30:00Z").await;
    assert_eq!(condition(&bed, "Stalled").1, "EngineUnavailable");
    assert_eq!(bed.phase("web-203105010315"), Some(BackupPhase::Complete));
}

#[tokio::test]
async fn a_quota_without_room_is_said_before_the_run_and_stops_nothing() {
    let (mut bed, instance) = Bed::new().await;
    let volumes = i32::try_from(instance.volumes.len()).unwrap();
    let quota = |snapshot_quota| ClassBackup {
        snapshot_quota: Some(snapshot_quota),
        ..ClassBackup::default()
    };
    // Three good days and two sets beside them, of each volume.
    class(&bed, Some(quota(5 * volumes - 1)));
    bed.policy("daily", by(Engine::EC2));
    bed.until("2031-05-01T02:14:00Z").await;
    assert_eq!(condition(&bed, "QuotaSufficient").0, "Unknown");
    bed.until("2031-05-01T02:16:00Z").await;
    let (status, reason, message) = condition(&bed, "QuotaSufficient");
    assert_eq!((status.as_str(), reason.as_str()), ("False", "QuotaShort"));
    assert!(
        message.contains(&format!("quota of {}", 5 * volumes - 1)),
        "{message}"
    );
    assert_eq!(condition(&bed, "Ready").0, "True");
    bed.until("2031-05-01T03:30:00Z").await;
    assert_eq!(bed.phase("web-203105010315"), Some(BackupPhase::Complete));
    // Another process has not counted, and knows no better.
    bed.restart();
    bed.pass_time(Duration::from_secs(60)).await;
    assert_eq!(condition(&bed, "QuotaSufficient").1, "QuotaShort");
    bed.until("2031-05-02T02:20:00Z").await;
    // It was raised: the count of the day is judged anew, without another.
    class(&bed, Some(quota(5 * volumes)));
    bed.settle().await;
    assert_eq!(condition(&bed, "QuotaSufficient").1, "QuotaAmple");
    let short = bed
        .events()
        .into_iter()
        .filter(|reason| *reason == Reason::QuotaShort);
    assert_eq!(short.count(), 1);
}

#[tokio::test]
async fn the_snapshots_of_an_account_are_counted_once_a_day_however_many_policies_there_are() {
    let (bed, _) = Bed::new().await;
    bed.policy("daily", by(Engine::EC2));
    for name in ["other", "third"] {
        bed.policy(name, by(Engine::EC2));
    }
    bed.settle().await;
    let counts = || {
        let calls = bed.stage.sim.calls();
        calls
            .iter()
            .filter(|call| call.operation == "DescribeSnapshots")
            .filter(|call| !call.params.keys().any(|name| name.starts_with("Filter")))
            .filter(|call| !call.params.keys().any(|name| name.starts_with("RestorableBy")))
            .count()
    };
    let before = counts();
    bed.until("2031-05-03T04:00:00Z").await;
    assert_eq!(counts() - before, 3, "three days");
}
