use crate::testing::{advance, call, group, refused, run, sim, sim_with, vpc};

const LAUNCH: [(&str, &str); 4] = [
    ("ImageId", "ami-0123456789abcdef0"),
    ("InstanceType", "t3.micro"),
    ("MinCount", "1"),
    ("MaxCount", "1"),
];

fn with<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    LAUNCH.into_iter().chain(more.iter().copied()).collect()
}

#[test]
fn a_token_gives_the_same_instance_again() {
    let sim = sim();
    let first = run(&sim, &[("ClientToken", "t")]);
    advance(&sim, 10);
    let again = call(&sim, "RunInstances", &with(&[("ClientToken", "t")]));
    assert_eq!(again.text("instanceId"), first);
    assert!(again.text("instanceState").contains("running"));
}

#[test]
fn a_token_with_other_parameters_is_refused() {
    let sim = sim();
    run(&sim, &[("ClientToken", "t")]);
    let other = with(&[("ClientToken", "t"), ("EbsOptimized", "true")]);
    assert_eq!(
        refused(&sim, "RunInstances", &other),
        "IdempotentParameterMismatch"
    );
    let long = "x".repeat(65);
    assert_eq!(
        refused(&sim, "RunInstances", &with(&[("ClientToken", &long)])),
        "InvalidParameterValue"
    );
}

#[test]
fn without_a_token_each_call_makes_an_instance() {
    let sim = sim();
    assert_ne!(run(&sim, &[]), run(&sim, &[]));
}

#[test]
fn a_token_whose_call_was_refused_is_still_free() {
    let sim = sim();
    let wrong = [("ClientToken", "t"), ("SubnetId", "subnet-12345678")];
    assert_eq!(
        refused(&sim, "RunInstances", &with(&wrong)),
        "InvalidSubnetID.NotFound"
    );
    run(&sim, &[("ClientToken", "t")]);
}

#[test]
fn tags_reach_the_instance_its_volumes_and_its_interface() {
    let sim = sim();
    let specifications: Vec<(String, &str)> = ["instance", "volume", "network-interface"]
        .iter()
        .enumerate()
        .flat_map(|(at, kind)| {
            let name = |rest| format!("TagSpecification.{}.{rest}", at + 1);
            [
                (name("ResourceType"), *kind),
                (name("Tag.1.Key"), "owner"),
                (name("Tag.1.Value"), kind),
            ]
        })
        .collect();
    let params: Vec<(&str, &str)> = specifications
        .iter()
        .map(|(name, value)| (name.as_str(), *value))
        .collect();
    run(&sim, &params);
    let tagged = call(
        &sim,
        "DescribeTags",
        &[("Filter.1.Name", "key"), ("Filter.1.Value.1", "owner")],
    );
    assert_eq!(
        tagged.all("resourceType"),
        ["network-interface", "instance", "volume"]
    );
    assert_eq!(tagged.all("resourceType"), tagged.all("value"));
}

#[test]
fn a_tag_of_another_resource_or_of_aws_is_refused() {
    let sim = sim();
    let specification = |kind, key| {
        with(&[
            ("TagSpecification.1.ResourceType", kind),
            ("TagSpecification.1.Tag.1.Key", key),
            ("TagSpecification.1.Tag.1.Value", "v"),
        ])
    };
    for (kind, key) in [("snapshot", "k"), ("instance", "aws:k")] {
        assert_eq!(
            refused(&sim, "RunInstances", &specification(kind, key)),
            "InvalidParameterValue"
        );
    }
}

#[test]
fn volumes_are_encrypted_and_kept_as_asked() {
    let sim = sim();
    let key = "arn:aws:kms:ap-northeast-1:111122223333:key/1";
    run(
        &sim,
        &[
            ("BlockDeviceMapping.1.DeviceName", "/dev/xvda"),
            ("BlockDeviceMapping.1.Ebs.Encrypted", "true"),
            ("BlockDeviceMapping.1.Ebs.KmsKeyId", key),
            ("BlockDeviceMapping.2.DeviceName", "/dev/sdf"),
            ("BlockDeviceMapping.2.Ebs.VolumeSize", "30"),
            ("BlockDeviceMapping.2.Ebs.VolumeType", "gp3"),
            ("BlockDeviceMapping.2.Ebs.Encrypted", "true"),
            ("BlockDeviceMapping.2.Ebs.DeleteOnTermination", "false"),
        ],
    );
    let state = sim.state(None, None);
    let volume = |device: &str| {
        let all = state["volumes"].as_array().unwrap();
        all.iter()
            .find(|volume| volume["attachment"]["device"] == device)
            .unwrap()
            .clone()
    };
    let (root, data) = (volume("/dev/xvda"), volume("/dev/sdf"));
    assert_eq!(
        (&root["kmsKeyId"], &root["size"], &root["encrypted"]),
        (&key.into(), &8.into(), &true.into())
    );
    assert_eq!((&data["size"], &data["encrypted"]), (&30.into(), &true.into()));
    assert_eq!(data["attachment"]["deleteOnTermination"], false);
    assert!(
        data["kmsKeyId"].as_str().unwrap().starts_with("arn:aws:kms:"),
        "the account's own key"
    );
}

#[test]
fn a_key_without_encryption_and_a_root_smaller_than_the_image_are_refused() {
    let sim = sim();
    let root = ("BlockDeviceMapping.1.DeviceName", "/dev/xvda");
    let key = with(&[root, ("BlockDeviceMapping.1.Ebs.KmsKeyId", "k")]);
    assert_eq!(refused(&sim, "RunInstances", &key), "InvalidParameterDependency");
    let small = with(&[root, ("BlockDeviceMapping.1.Ebs.VolumeSize", "4")]);
    assert_eq!(refused(&sim, "RunInstances", &small), "InvalidBlockDeviceMapping");
}

#[test]
fn groups_must_be_of_the_subnets_vpc() {
    let sim = sim();
    let elsewhere = group(&sim, &vpc(&sim), "elsewhere");
    let params = with(&[("SecurityGroupId.1", &elsewhere)]);
    assert_eq!(refused(&sim, "RunInstances", &params), "InvalidParameter");
    let unknown = with(&[("SecurityGroupId.1", "sg-12345678")]);
    assert_eq!(refused(&sim, "RunInstances", &unknown), "InvalidGroup.NotFound");
}

#[test]
fn an_interface_takes_five_groups_and_no_more() {
    let sim = sim();
    let ids: Vec<String> = (0..6)
        .map(|n| group(&sim, crate::DEFAULT_VPC_ID, &format!("g{n}")))
        .collect();
    let names: Vec<String> = (1..=6).map(|n| format!("SecurityGroupId.{n}")).collect();
    let groups: Vec<(&str, &str)> = names
        .iter()
        .zip(&ids)
        .map(|(name, id)| (name.as_str(), id.as_str()))
        .collect();
    run(&sim, &groups[..5]);
    assert_eq!(
        refused(&sim, "RunInstances", &with(&groups)),
        "SecurityGroupsPerInterfaceLimitExceeded"
    );
}

#[test]
fn a_refused_launch_leaves_nothing_behind() {
    let sim = sim();
    let before = sim.state(None, None);
    refused(
        &sim,
        "RunInstances",
        &with(&[("DisableApiTermination", "perhaps")]),
    );
    refused(
        &sim,
        "RunInstances",
        &with(&[("MetadataOptions.HttpTokens", "perhaps")]),
    );
    let after = sim.state(None, None);
    assert_eq!(before, after);
}

#[test]
fn many_instances_share_a_reservation() {
    let sim = sim();
    let params = [LAUNCH[0], LAUNCH[1], ("MinCount", "1"), ("MaxCount", "3")];
    let reply = call(&sim, "RunInstances", &params);
    assert_eq!(reply.all("reservationId").len(), 1);
    assert_eq!(reply.all("amiLaunchIndex"), ["0", "1", "2"]);
    assert_eq!(call(&sim, "DescribeInstances", &[]).all("reservationId").len(), 1);
}

#[test]
fn an_instance_runs_after_its_time() {
    let sim = sim_with(|options| options.timings.instance = std::time::Duration::from_secs(30));
    run(&sim, &[]);
    advance(&sim, 29);
    assert!(
        call(&sim, "DescribeInstances", &[])
            .text("instanceState")
            .contains("pending")
    );
    advance(&sim, 1);
    assert!(
        call(&sim, "DescribeInstances", &[])
            .text("instanceState")
            .contains("running")
    );
}

#[test]
fn a_launch_made_to_fail_is_accepted_and_ends_with_its_reason() {
    let sim = sim();
    sim.fail_launch("Client.InvalidKMSKey.InvalidState");
    let failed = run(&sim, &[]);
    let good = run(&sim, &[]);
    advance(&sim, 2);
    let described = call(&sim, "DescribeInstances", &[("InstanceId.1", &failed)]);
    assert!(described.text("instanceState").contains("terminated"));
    assert!(
        described
            .text("stateReason")
            .contains("<code>Client.InvalidKMSKey.InvalidState</code>")
    );
    assert_eq!(described.text("reason"), "Client.InvalidKMSKey.InvalidState");
    let described = call(&sim, "DescribeInstances", &[("InstanceId.1", &good)]);
    assert!(described.text("instanceState").contains("running"));
    // What it held is free again.
    assert_eq!(call(&sim, "DescribeVolumes", &[]).all("createTime").len(), 1);
}
