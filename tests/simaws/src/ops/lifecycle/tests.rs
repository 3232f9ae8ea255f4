use crate::Sim;
use crate::testing::{advance, call, refused, run, sim};

fn state_of(sim: &Sim, id: &str) -> String {
    let state = call(sim, "DescribeInstances", &[("InstanceId.1", id)]).text("instanceState");
    state
        .split("<name>")
        .nth(1)
        .unwrap()
        .split('<')
        .next()
        .unwrap()
        .to_owned()
}

fn running(sim: &Sim, params: &[(&str, &str)]) -> String {
    let id = run(sim, params);
    advance(sim, 2);
    id
}

#[test]
fn an_instance_stops_and_starts_over_time() {
    let sim = sim();
    let id = running(&sim, &[]);
    call(&sim, "StopInstances", &[("InstanceId.1", &id)]);
    assert_eq!(state_of(&sim, &id), "stopping");
    assert_eq!(
        refused(&sim, "StartInstances", &[("InstanceId.1", &id)]),
        "IncorrectInstanceState"
    );
    advance(&sim, 2);
    assert_eq!(state_of(&sim, &id), "stopped");
    let described = call(&sim, "DescribeInstances", &[]);
    assert!(
        described
            .text("stateReason")
            .contains("Client.UserInitiatedShutdown")
    );
    assert!(
        described
            .text("reason")
            .starts_with("User initiated (2026-01-01 00:00:02 GMT)")
    );
    call(&sim, "StartInstances", &[("InstanceId.1", &id)]);
    assert_eq!(state_of(&sim, &id), "pending");
    advance(&sim, 2);
    assert_eq!(state_of(&sim, &id), "running");
    assert!(call(&sim, "DescribeInstances", &[]).all("stateReason").is_empty());
}

#[test]
fn terminating_takes_time_and_is_idempotent_and_the_instance_stays_listed_for_an_hour() {
    let sim = sim();
    let id = running(&sim, &[]);
    for _ in 0..2 {
        call(&sim, "TerminateInstances", &[("InstanceId.1", &id)]);
        assert_eq!(state_of(&sim, &id), "shutting-down");
    }
    advance(&sim, 2);
    assert_eq!(state_of(&sim, &id), "terminated");
    call(&sim, "TerminateInstances", &[("InstanceId.1", &id)]);
    advance(&sim, 3600);
    assert_eq!(
        refused(&sim, "DescribeInstances", &[("InstanceId.1", &id)]),
        "InvalidInstanceID.NotFound"
    );
}

#[test]
fn a_terminated_instance_gives_everything_back_but_the_volumes_to_keep() {
    let sim = sim();
    let id = running(
        &sim,
        &[
            ("BlockDeviceMapping.1.DeviceName", "/dev/sdf"),
            ("BlockDeviceMapping.1.Ebs.VolumeSize", "5"),
            ("BlockDeviceMapping.1.Ebs.DeleteOnTermination", "false"),
        ],
    );
    call(&sim, "TerminateInstances", &[("InstanceId.1", &id)]);
    assert_eq!(
        sim.state(None, None)["volumes"].as_array().unwrap().len(),
        2,
        "not before it is terminated"
    );
    advance(&sim, 2);
    let state = sim.state(None, None);
    assert!(state["networkInterfaces"].as_array().unwrap().is_empty());
    let volumes = state["volumes"].as_array().unwrap();
    assert_eq!(volumes.len(), 1);
    assert_eq!(
        (&volumes[0]["size"], &volumes[0]["state"]),
        (&5.into(), &"available".into())
    );
    let described = call(&sim, "DescribeInstances", &[]);
    assert!(described.all("vpcId").is_empty() && described.all("privateIpAddress").is_empty());
}

#[test]
fn a_protected_instance_is_not_terminated_and_neither_are_the_others_of_the_call() {
    let sim = sim();
    let protected = running(&sim, &[("DisableApiTermination", "true")]);
    let other = running(&sim, &[]);
    let both = [
        ("InstanceId.1", other.as_str()),
        ("InstanceId.2", protected.as_str()),
    ];
    assert_eq!(
        refused(&sim, "TerminateInstances", &both),
        "OperationNotPermitted"
    );
    assert_eq!(state_of(&sim, &other), "running");
}

#[test]
fn one_unknown_id_fails_the_whole_call() {
    let sim = sim();
    let id = running(&sim, &[]);
    let params = [
        ("InstanceId.1", id.as_str()),
        ("InstanceId.2", "i-0123456789abcdef0"),
    ];
    assert_eq!(
        refused(&sim, "StopInstances", &params),
        "InvalidInstanceID.NotFound"
    );
    assert_eq!(state_of(&sim, &id), "running");
}

#[test]
fn the_status_lists_what_runs_unless_all_are_asked_for() {
    let sim = sim();
    let running = running(&sim, &[]);
    let pending = run(&sim, &[]);
    assert_eq!(
        call(&sim, "DescribeInstanceStatus", &[]).all("instanceId"),
        [running]
    );
    let all = call(&sim, "DescribeInstanceStatus", &[("IncludeAllInstances", "true")]);
    assert_eq!(all.all("instanceId").len(), 2);
    assert!(
        call(&sim, "DescribeInstanceStatus", &[("InstanceId.1", &pending)])
            .all("instanceId")
            .is_empty()
    );
}
