use crate::testing::{advance, call, group, refused, run, sim, sim_with, vpc};

#[test]
fn names_are_unique_in_their_vpc_whatever_their_case() {
    let sim = sim();
    let (one, two) = (vpc(&sim), vpc(&sim));
    group(&sim, &one, "Web");
    let again = [
        ("GroupName", "wEB"),
        ("GroupDescription", "d"),
        ("VpcId", one.as_str()),
    ];
    assert_eq!(
        refused(&sim, "CreateSecurityGroup", &again),
        "InvalidGroup.Duplicate"
    );
    group(&sim, &two, "web");
}

#[test]
fn a_new_group_lets_everything_out() {
    let sim = sim();
    let id = group(&sim, &vpc(&sim), "web");
    let described = call(&sim, "DescribeSecurityGroups", &[("GroupId.1", &id)]);
    assert_eq!(described.all("cidrIp"), ["0.0.0.0/0"]);
    assert_eq!(described.all("ipProtocol"), ["-1"]);
    assert!(described.all("fromPort").is_empty());
}

#[test]
fn in_a_vpc_with_ipv6_it_lets_everything_out_twice() {
    let sim = sim();
    let params = [
        ("CidrBlock", "10.0.0.0/16"),
        ("AmazonProvidedIpv6CidrBlock", "true"),
    ];
    let vpc = call(&sim, "CreateVpc", &params).text("vpcId");
    let id = group(&sim, &vpc, "web");
    assert_eq!(
        call(&sim, "DescribeSecurityGroups", &[("GroupId.1", &id)]).all("cidrIpv6"),
        ["::/0"]
    );
}

#[test]
fn a_group_in_use_is_not_deleted_until_the_instance_is_gone() {
    let sim = sim();
    let id = group(&sim, crate::DEFAULT_VPC_ID, "web");
    let instance = run(&sim, &[("SecurityGroupId.1", &id)]);
    assert_eq!(
        refused(&sim, "DeleteSecurityGroup", &[("GroupId", &id)]),
        "DependencyViolation"
    );
    call(&sim, "TerminateInstances", &[("InstanceId.1", &instance)]);
    assert_eq!(
        refused(&sim, "DeleteSecurityGroup", &[("GroupId", &id)]),
        "DependencyViolation"
    );
    advance(&sim, 2);
    call(&sim, "DeleteSecurityGroup", &[("GroupId", &id)]);
    assert_eq!(
        refused(&sim, "DeleteSecurityGroup", &[("GroupId", &id)]),
        "InvalidGroup.NotFound"
    );
}

#[test]
fn a_group_another_groups_rule_names_is_not_deleted() {
    let sim = sim();
    let vpc = vpc(&sim);
    let (named, naming) = (group(&sim, &vpc, "named"), group(&sim, &vpc, "naming"));
    let rule = [
        ("GroupId", naming.as_str()),
        ("IpPermissions.1.IpProtocol", "-1"),
        ("IpPermissions.1.Groups.1.GroupId", named.as_str()),
    ];
    call(&sim, "AuthorizeSecurityGroupIngress", &rule);
    assert_eq!(
        refused(&sim, "DeleteSecurityGroup", &[("GroupId", &named)]),
        "DependencyViolation"
    );
}

#[test]
fn the_default_group_is_not_deleted() {
    let sim = sim();
    let filter = [("Filter.1.Name", "group-name"), ("Filter.1.Value.1", "default")];
    let id = call(&sim, "DescribeSecurityGroups", &filter).text("groupId");
    assert_eq!(
        refused(&sim, "DeleteSecurityGroup", &[("GroupId", &id)]),
        "CannotDelete"
    );
}

#[test]
fn groups_are_found_by_their_tags() {
    let sim = sim();
    let vpc = vpc(&sim);
    let params = [
        ("GroupName", "web"),
        ("GroupDescription", "d"),
        ("VpcId", vpc.as_str()),
        ("TagSpecification.1.ResourceType", "security-group"),
        ("TagSpecification.1.Tag.1.Key", "tenant"),
        ("TagSpecification.1.Tag.1.Value", "t1"),
    ];
    let id = call(&sim, "CreateSecurityGroup", &params).text("groupId");
    group(&sim, &vpc, "other");
    let filter = [("Filter.1.Name", "tag:tenant"), ("Filter.1.Value.1", "t1")];
    assert_eq!(call(&sim, "DescribeSecurityGroups", &filter).all("groupId"), [id]);
}

#[test]
fn text_beyond_ascii_is_refused() {
    let params = [("GroupName", "web"), ("GroupDescription", "櫓")];
    assert_eq!(
        refused(&sim(), "CreateSecurityGroup", &params),
        "InvalidParameterValue"
    );
}

#[test]
fn a_region_takes_only_so_many_groups() {
    let sim = sim_with(|options| options.security_groups_per_region = 2);
    group(&sim, crate::DEFAULT_VPC_ID, "one");
    let params = [("GroupName", "two"), ("GroupDescription", "d")];
    assert_eq!(
        refused(&sim, "CreateSecurityGroup", &params),
        "SecurityGroupLimitExceeded"
    );
}
