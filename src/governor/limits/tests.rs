use super::*;

#[test]
fn a_launch_takes_from_two_buckets_and_nothing_else_does() {
    let launch = limits(Operation::RunInstances);
    assert_eq!(launch.requests, Limit::new(5, 2));
    assert_eq!(launch.resources, Some(Limit::new(1000, 2)));
    assert_eq!(limits(Operation::CreateSecurityGroup).resources, None);
}

#[test]
fn the_two_directions_of_a_rule_have_buckets_of_one_size() {
    let of = |operation| limits(operation).requests;
    assert_eq!(
        of(Operation::AuthorizeSecurityGroupEgress),
        of(Operation::AuthorizeSecurityGroupIngress)
    );
    assert_eq!(
        of(Operation::RevokeSecurityGroupEgress),
        of(Operation::RevokeSecurityGroupIngress)
    );
}

#[test]
fn what_we_call_of_aws_backup_stays_within_the_sum_of_all_calls_to_it() {
    let of_backup = Operation::ALL
        .into_iter()
        .filter(|operation| operation.service() == "backup");
    let sum: u32 = of_backup.map(|operation| limits(operation).requests.refill).sum();
    assert!(
        (5..=50).contains(&sum),
        "{sum} a second: the sum needs a bucket now"
    );
}
