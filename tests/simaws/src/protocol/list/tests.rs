use super::wildcard;
use crate::testing::{call, refused, run, sim};

#[test]
fn a_pattern_fits_as_aws_says() {
    for (pattern, value, fits) in [
        ("web", "web", true),
        ("web", "webs", false),
        ("web*", "web-1", true),
        ("*1", "web-1", true),
        ("w?b", "web", true),
        ("w?b", "wb", false),
        ("*", "", true),
        (r"a\*", "a*", true),
        (r"a\*", "ab", false),
    ] {
        assert_eq!(wildcard(pattern, value), fits, "{pattern} {value}");
    }
}

#[test]
fn pages_follow_each_other_without_gap_or_repetition() {
    let sim = sim();
    let tag = [
        ("TagSpecification.1.ResourceType", "instance"),
        ("TagSpecification.1.Tag.1.Key", "n"),
        ("TagSpecification.1.Tag.1.Value", "v"),
    ];
    let mut made: Vec<String> = (0..12).map(|_| run(&sim, &tag)).collect();
    run(&sim, &[]);
    let filter = [
        ("Filter.1.Name", "tag:n"),
        ("Filter.1.Value.1", "v*"),
        ("MaxResults", "5"),
    ];
    let (mut seen, mut token, mut pages) = (Vec::new(), None::<String>, 0);
    loop {
        let mut params = filter.to_vec();
        if let Some(token) = &token {
            params.push(("NextToken", token));
        }
        let reply = call(&sim, "DescribeInstances", &params);
        seen.extend(reply.all("instanceId"));
        pages += 1;
        token = reply.all("nextToken").pop();
        if token.is_none() {
            break;
        }
    }
    made.sort();
    seen.sort();
    assert_eq!((seen, pages), (made, 3));
}

#[test]
fn a_page_that_ends_the_listing_has_no_token_even_when_it_is_full() {
    let sim = sim();
    for _ in 0..5 {
        run(&sim, &[]);
    }
    let reply = call(&sim, "DescribeInstances", &[("MaxResults", "5")]);
    assert_eq!(
        (reply.all("instanceId").len(), reply.all("nextToken").len()),
        (5, 0)
    );
}

#[test]
fn page_sizes_have_their_limits() {
    let sim = sim();
    for size in ["4", "1001"] {
        assert_eq!(
            refused(&sim, "DescribeInstances", &[("MaxResults", size)]),
            "InvalidParameterValue"
        );
    }
    call(&sim, "DescribeVolumes", &[("MaxResults", "1000")]);
    assert_eq!(
        refused(&sim, "DescribeInstances", &[("NextToken", "nonsense")]),
        "InvalidNextToken"
    );
}

#[test]
fn ids_and_pages_exclude_each_other() {
    let sim = sim();
    let id = run(&sim, &[]);
    let params = [("InstanceId.1", id.as_str()), ("MaxResults", "5")];
    for operation in ["DescribeInstances", "DescribeInstanceStatus"] {
        assert_eq!(refused(&sim, operation, &params), "InvalidParameterCombination");
    }
}

#[test]
fn wrong_ids_and_filters_have_their_codes() {
    let sim = sim();
    for (operation, parameter, id, code) in [
        (
            "DescribeInstances",
            "InstanceId.1",
            "i-1",
            "InvalidInstanceID.Malformed",
        ),
        (
            "DescribeInstances",
            "InstanceId.1",
            "i-0123456789abcdef0",
            "InvalidInstanceID.NotFound",
        ),
        (
            "DescribeVolumes",
            "VolumeId.1",
            "vol-xyz",
            "InvalidVolumeID.Malformed",
        ),
        (
            "DescribeVolumes",
            "VolumeId.1",
            "vol-12345678",
            "InvalidVolume.NotFound",
        ),
        (
            "DescribeSnapshots",
            "SnapshotId.1",
            "snap-12345678",
            "InvalidSnapshot.NotFound",
        ),
        (
            "DescribeSecurityGroups",
            "GroupId.1",
            "sg-12345678",
            "InvalidGroup.NotFound",
        ),
        (
            "DescribeNetworkInterfaces",
            "NetworkInterfaceId.1",
            "eni-12345678",
            "InvalidNetworkInterfaceID.NotFound",
        ),
        (
            "DescribeSubnets",
            "SubnetId.1",
            "subnet-12345678",
            "InvalidSubnetID.NotFound",
        ),
        ("DescribeVpcs", "VpcId.1", "vpc-12345678", "InvalidVpcID.NotFound"),
        (
            "DescribeImages",
            "ImageId.1",
            "ami-12345678",
            "InvalidAMIID.NotFound",
        ),
    ] {
        assert_eq!(
            refused(&sim, operation, &[(parameter, id)]),
            code,
            "{operation} {id}"
        );
    }
    let filter = [("Filter.1.Name", "moon"), ("Filter.1.Value.1", "x")];
    assert_eq!(
        refused(&sim, "DescribeInstances", &filter),
        "InvalidParameterValue"
    );
}

#[test]
fn more_than_two_hundred_filter_values_are_refused() {
    let sim = sim();
    let names: Vec<String> = (1..=201)
        .map(|number| format!("Filter.1.Value.{number}"))
        .collect();
    let mut params = vec![("Filter.1.Name", "tag:n")];
    params.extend(names.iter().map(|name| (name.as_str(), "v")));
    assert_eq!(refused(&sim, "DescribeInstances", &params), "FilterLimitExceeded");
}

#[test]
fn instances_are_found_by_all_they_have() {
    let sim = sim();
    let id = run(&sim, &[("ClientToken", "tok")]);
    let all = call(&sim, "DescribeInstances", &[("InstanceId.1", &id)]);
    let group = all.text("groupId");
    for (name, value) in [
        ("client-token", "tok"),
        ("instance-id", id.as_str()),
        ("instance-state-name", "pending"),
        ("instance.group-id", group.as_str()),
        ("network-interface.group-id", group.as_str()),
        ("subnet-id", "subnet-0123456789abcdef0"),
        ("vpc-id", "vpc-0123456789abcdef0"),
        ("network-interface.subnet-id", "subnet-0123456789abcdef0"),
    ] {
        let params = [("Filter.1.Name", name), ("Filter.1.Value.1", value)];
        assert_eq!(
            call(&sim, "DescribeInstances", &params).all("instanceId"),
            std::slice::from_ref(&id),
            "{name}"
        );
        let params = [("Filter.1.Name", name), ("Filter.1.Value.1", "other")];
        assert!(
            call(&sim, "DescribeInstances", &params)
                .all("instanceId")
                .is_empty(),
            "{name}"
        );
    }
}
