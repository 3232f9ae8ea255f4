use super::*;

fn job(role_arn: &str) -> NewBackupJob {
    NewBackupJob {
        token: "t".to_owned(),
        instance_id: "i-1".into(),
        vault: "yagura".into(),
        role_arn: role_arn.to_owned(),
        tags: [].into(),
        start_within: Duration::from_secs(60),
        delete_after_days: None,
    }
}

#[test]
fn an_instance_is_named_in_the_account_and_the_part_of_aws_of_the_role() {
    for (role, region, expected) in [
        (
            "arn:aws:iam::111122223333:role/backup",
            "ap-northeast-1",
            "arn:aws:ec2:ap-northeast-1:111122223333:instance/i-1",
        ),
        (
            "arn:aws-cn:iam::444455556666:role/service-role/backup",
            "cn-north-1",
            "arn:aws-cn:ec2:cn-north-1:444455556666:instance/i-1",
        ),
    ] {
        assert_eq!(instance_arn(&job(role), &region.into()).unwrap(), expected);
    }
    for bad in ["", "backup", "arn:aws:s3:::bucket"] {
        let error = instance_arn(&job(bad), &"ap-northeast-1".into()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::InvalidSpec, "{bad}");
    }
}

#[test]
fn a_window_is_an_hour_at_least() {
    assert_eq!(start_window_minutes(Duration::from_secs(60)), 60);
    assert_eq!(start_window_minutes(Duration::from_secs(12 * 3600)), 720);
}

#[test]
fn a_missing_right_is_not_taken_for_a_missing_vault() {
    let refused = |code: &str, message: &str| CloudError {
        operation: Operation::DescribeBackupVault,
        kind: ErrorKind::Denied,
        code: code.to_owned(),
        message: message.to_owned(),
        turn_at: None,
    };
    let hidden = "Insufficient privileges to perform this action";
    let denied = "User: arn:aws:sts::111122223333:assumed-role/yagura/x is not authorized to perform: \
                  backup:DescribeBackupVault on resource: arn:aws:backup:ap-northeast-1:111122223333:backup-vault:yagura";
    assert!(is_no_vault(&refused("ResourceNotFoundException", "")));
    assert!(is_no_vault(&refused("AccessDeniedException", hidden)));
    assert!(!is_no_vault(&refused("AccessDeniedException", denied)));
    assert!(!is_no_vault(&refused("ThrottlingException", "")));
}

fn listed(state: BackupJobState) -> sdk::BackupJob {
    sdk::BackupJob::builder()
        .backup_job_id("j-1")
        .state(state)
        .creation_date(DateTime::from_secs(0))
        .build()
}

#[test]
fn a_job_in_a_state_that_aws_adds_has_not_ended_and_hides_no_other() {
    let state = |state| backup_job(listed(state)).unwrap().state;
    assert_eq!(state(BackupJobState::Created), JobState::Waiting);
    assert_eq!(state(BackupJobState::Partial), JobState::Failed);
    assert_eq!(state(BackupJobState::Completed), JobState::Completed);
    let new = backup_job(listed(BackupJobState::from("AGGREGATE_ALL"))).unwrap();
    assert_eq!(
        (new.state, new.state_name.as_str()),
        (JobState::Running, "AGGREGATE_ALL")
    );
}
