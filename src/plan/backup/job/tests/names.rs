use super::*;

#[test]
fn the_token_of_a_slot_outlives_its_object_and_one_by_hand_does_not() {
    let slot = Some((at(0), "t-uid"));
    assert_eq!(token("b-1", slot, 1), token("b-2", slot, 1));
    assert_ne!(token("b-1", slot, 1), token("b-1", slot, 2));
    assert_ne!(
        token("b-1", slot, 1),
        token("b-1", Some((at(86_400), "t-uid")), 1)
    );
    assert_ne!(token("b-1", slot, 1), token("b-1", Some((at(0), "t-2")), 1));
    assert_ne!(token("b-1", None, 1), token("b-2", None, 1));
    let uid = "5f0c2a4e-7a37-4d0f-8f0e-6f2f6a1d9c11";
    assert!(token(uid, Some((at(0), uid)), 3).len() <= 64);
}

#[test]
fn only_an_image_with_the_tags_of_the_backup_is_its() {
    let own = |key: &str, tenant: &str, slot| belongs(&image(1), key, Some(tenant), slot);
    assert!(own("acme/jira-1", "t-uid", None));
    assert!(own("acme/jira-1", "t-uid", Some("2027-01-15T08:00:00Z")));
    assert!(!own("acme/jira-1", "t-uid", Some("2027-01-16T08:00:00Z")));
    assert!(!own("acme/jira-2", "t-uid", None));
    assert!(!own("acme/jira-1", "t-other", None));
    // What a plan of AWS Backup made carries the instance's tags, not a Backup's.
    let mut foreign = image(1);
    foreign.tags.remove(tags::BACKUP);
    assert!(!belongs(&foreign, "acme/jira-1", Some("t-uid"), None));
}

#[test]
fn a_recovery_point_is_named_by_its_partition() {
    let arn = |region: &str| recovery_point(&"ami-1".into(), &region.into());
    assert_eq!(arn("ap-northeast-1"), "arn:aws:ec2:ap-northeast-1::image/ami-1");
    assert_eq!(arn("cn-north-1"), "arn:aws-cn:ec2:cn-north-1::image/ami-1");
    assert_eq!(
        arn("us-gov-west-1"),
        "arn:aws-us-gov:ec2:us-gov-west-1::image/ami-1"
    );
}
