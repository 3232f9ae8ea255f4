use crate::testing::{advance, call, group, refused, run, sim};

#[test]
fn termination_protection_can_be_turned_on_and_off() {
    let sim = sim();
    let id = run(&sim, &[]);
    for value in ["true", "false"] {
        call(
            &sim,
            "ModifyInstanceAttribute",
            &[("InstanceId", &id), ("DisableApiTermination.Value", value)],
        );
        let params = [
            ("InstanceId", id.as_str()),
            ("Attribute", "disableApiTermination"),
        ];
        assert_eq!(
            call(&sim, "DescribeInstanceAttribute", &params).text("value"),
            value
        );
    }
}

#[test]
fn the_type_changes_only_when_stopped() {
    let sim = sim();
    let id = run(&sim, &[]);
    advance(&sim, 2);
    let change = [("InstanceId", id.as_str()), ("InstanceType.Value", "m5.large")];
    assert_eq!(
        refused(&sim, "ModifyInstanceAttribute", &change),
        "IncorrectInstanceState"
    );
    call(&sim, "StopInstances", &[("InstanceId.1", &id)]);
    advance(&sim, 2);
    call(&sim, "ModifyInstanceAttribute", &change);
    assert_eq!(
        call(&sim, "DescribeInstances", &[]).text("instanceType"),
        "m5.large"
    );
}

#[test]
fn groups_and_the_fate_of_volumes_change_while_it_runs() {
    let sim = sim();
    let id = run(&sim, &[]);
    let wanted = group(&sim, crate::DEFAULT_VPC_ID, "wanted");
    call(
        &sim,
        "ModifyInstanceAttribute",
        &[("InstanceId", &id), ("GroupId.1", &wanted)],
    );
    let device = [
        ("InstanceId", id.as_str()),
        ("BlockDeviceMapping.1.DeviceName", "/dev/xvda"),
        ("BlockDeviceMapping.1.Ebs.DeleteOnTermination", "false"),
    ];
    call(&sim, "ModifyInstanceAttribute", &device);
    let state = sim.state(None, None);
    assert_eq!(
        state["networkInterfaces"][0]["groupIds"],
        serde_json::json!([wanted])
    );
    assert_eq!(state["volumes"][0]["attachment"]["deleteOnTermination"], false);
}

#[test]
fn metadata_options_keep_what_is_not_named() {
    let sim = sim();
    let id = run(&sim, &[("MetadataOptions.HttpPutResponseHopLimit", "2")]);
    let params = [("InstanceId", id.as_str()), ("HttpTokens", "required")];
    call(&sim, "ModifyInstanceMetadataOptions", &params);
    let described = call(&sim, "DescribeInstances", &[]);
    assert_eq!(
        (
            described.text("httpTokens").as_str(),
            described.text("httpPutResponseHopLimit").as_str()
        ),
        ("required", "2")
    );
}
