use bytes::Bytes;
use serde_json::{Value, json};

use super::handle;
use crate::testing::{advance, ask, back_up, call, job, run, sim, sim_with, vault};
use crate::{Clock, Sim};

fn control(sim: &Sim, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let body = if body.is_null() {
        Bytes::new()
    } else {
        Bytes::from(body.to_string())
    };
    let request = http::Request::builder()
        .method(method)
        .uri(format!("/_sim/{path}"))
        .body(body)
        .unwrap();
    let response = handle(sim, &request);
    (
        response.status().as_u16(),
        serde_json::from_slice(response.body()).unwrap(),
    )
}

#[test]
fn the_clock_moves_when_told_to() {
    let sim = sim();
    run(&sim, &[]);
    assert_eq!(
        control(&sim, "POST", "clock", &json!({ "advance": "10s" })).0,
        200
    );
    assert!(
        call(&sim, "DescribeInstances", &[])
            .text("instanceState")
            .contains("running")
    );
}

#[test]
fn the_wall_clock_does_not_move() {
    let sim = sim_with(|options| options.clock = Clock::Wall);
    assert_eq!(
        control(&sim, "POST", "clock", &json!({ "advance": "10s" })).0,
        409
    );
}

#[test]
fn a_fault_that_is_misspelt_is_refused() {
    let fault = json!({ "operation": "RunInstances", "kind": "hold", "timse": 2 });
    assert_eq!(control(&sim(), "POST", "faults", &fault).0, 400);
}

#[test]
fn denials_come_and_go() {
    let sim = sim();
    control(&sim, "POST", "deny", &json!({ "action": "DescribeVpcs" }));
    assert_eq!(ask(&sim, "DescribeVpcs", &[]).code(), "UnauthorizedOperation");
    control(&sim, "DELETE", "deny", &Value::Null);
    call(&sim, "DescribeVpcs", &[]);
}

#[test]
fn calls_can_be_read_from_a_number_on() {
    let sim = sim();
    call(&sim, "DescribeVpcs", &[]);
    call(&sim, "DescribeSubnets", &[]);
    let (_, calls) = control(&sim, "GET", "calls?since=1", &Value::Null);
    assert_eq!(calls.as_array().unwrap().len(), 1);
    assert_eq!(calls[0]["operation"], "DescribeSubnets");
}

#[test]
fn the_state_shows_what_is_true() {
    let sim = sim();
    let id = run(
        &sim,
        &[
            ("DisableApiTermination", "true"),
            ("MetadataOptions.HttpTokens", "required"),
        ],
    );
    let (_, state) = control(
        &sim,
        "GET",
        "state?account=111122223333&region=ap-northeast-1",
        &Value::Null,
    );
    let instance = &state["instances"][0];
    assert_eq!(instance["id"], id.as_str());
    assert_eq!(instance["state"], "pending");
    assert_eq!(instance["disableApiTermination"], true);
    assert_eq!(instance["metadataOptions"]["httpTokens"], "required");
    assert_eq!(
        state["networkInterfaces"][0]["attachment"]["instanceId"],
        id.as_str()
    );
    assert_eq!(state["volumes"][0]["attachment"]["instanceId"], id.as_str());
    assert_eq!(state["securityGroups"][0]["name"], "default");
}

#[test]
fn an_unknown_path_is_not_found() {
    assert_eq!(control(&sim(), "GET", "moon", &Value::Null).0, 404);
    assert_eq!(
        control(&sim(), "POST", "faults/fault-9/release", &Value::Null).0,
        404
    );
}

#[test]
fn a_status_check_is_impaired_and_healed() {
    let sim = sim();
    let id = run(&sim, &[]);
    let path = format!("instances/{id}/checks");
    let change = |status: &str| json!({ "check": "ebs", "status": status });
    assert_eq!(control(&sim, "POST", &path, &change("impaired")).0, 200);
    crate::testing::advance(&sim, 2);
    let impaired = || {
        let filter = [
            ("Filter.1.Name", "attached-ebs-status.status"),
            ("Filter.1.Value.1", "impaired"),
        ];
        call(&sim, "DescribeInstanceStatus", &filter)
            .all("instanceId")
            .len()
    };
    assert_eq!(impaired(), 1);
    assert_eq!(control(&sim, "POST", &path, &change("ok")).0, 200);
    assert_eq!(impaired(), 0);
    assert_eq!(control(&sim, "POST", &path, &change("sick")).0, 400);
    assert_eq!(
        control(&sim, "POST", "instances/i-1/checks", &change("ok")).0,
        404
    );
}

#[test]
fn settings_change_together_or_not_at_all() {
    let sim = sim();
    let settings = json!({
        "limits": "aws", "otherClient": 0.1, "describeLag": "5s", "describeLagSpread": "5s",
        "readLag": "1s", "latency": ["20ms", "300ms"],
    });
    assert_eq!(control(&sim, "POST", "settings", &settings).0, 200);
    call(&sim, "DescribeVpcs", &[]);
    let (_, limits) = control(&sim, "GET", "limits", &Value::Null);
    assert_eq!(limits[0]["bucket"], "DescribeVpcs");
    assert_eq!(
        (&limits[0]["tokens"], &limits[0]["refill"]),
        (&json!(99), &json!(20.0))
    );
    let wrong = json!({ "limits": "off", "describeLag": "-5s" });
    assert_eq!(control(&sim, "POST", "settings", &wrong).0, 400);
    call(&sim, "DescribeVpcs", &[]);
    assert_eq!(sim.limits()[0].taken, 2);
}

#[test]
fn the_clock_tells_who_waits_for_it() {
    let sim = sim();
    let (_, clock) = control(&sim, "GET", "clock", &Value::Null);
    assert_eq!(clock["nextWait"], Value::Null);
}

#[test]
fn flows_open_and_are_cut() {
    let sim = sim();
    let id = run(&sim, &[]);
    crate::testing::advance(&sim, 10);
    let opening = json!({ "instance": id, "peer": "203.0.113.7", "port": 22 });
    assert_eq!(
        control(&sim, "POST", "flows", &opening),
        (200, json!({ "open": false }))
    );
    let params = json!({
        "GroupName": "default", "IpPermissions.1.IpProtocol": "-1",
        "IpPermissions.1.IpRanges.1.CidrIp": "0.0.0.0/0",
    });
    let act = json!({ "action": "AuthorizeSecurityGroupIngress", "params": params });
    assert_eq!(control(&sim, "POST", "act", &act).0, 200);
    assert_eq!(
        control(&sim, "POST", "flows", &opening),
        (200, json!({ "open": true }))
    );
    let (_, flows) = control(&sim, "GET", "state/flows", &Value::Null);
    assert_eq!(flows[0]["port"], 22);
    let cut = format!("flows?instance={id}&peer=203.0.113.7");
    assert_eq!(
        control(&sim, "DELETE", &cut, &Value::Null),
        (200, json!({ "cut": 1 }))
    );
    assert_eq!(control(&sim, "DELETE", "flows?peer=x", &Value::Null).0, 400);
}

#[test]
fn what_others_may_not_is_told() {
    let act = json!({ "action": "DescribeMoon" });
    let (status, told) = control(&sim(), "POST", "act", &act);
    assert_eq!(status, 400);
    assert!(
        told["error"].as_str().unwrap().starts_with("InvalidAction"),
        "{told}"
    );
}

#[test]
fn a_role_is_set_up() {
    let sim = sim();
    let arn = "arn:aws:iam::222222222222:role/yagura";
    let role = json!({ "arn": arn, "externalId": "word", "trustedAccount": "111122223333" });
    assert_eq!(control(&sim, "POST", "roles", &role).0, 200);
    let assume = [("RoleArn", arn), ("RoleSessionName", "one")];
    assert_eq!(ask(&sim, "AssumeRole", &assume).code(), "AccessDenied");
    call(
        &sim,
        "AssumeRole",
        &[&assume[..], &[("ExternalId", "word")]].concat(),
    );
}

#[test]
fn backups_are_doomed_and_healed_and_their_start_is_set() {
    let sim = sim();
    vault(&sim, "day");
    let (one, two) = (run(&sim, &[]), run(&sim, &[]));
    let settings = json!({ "backupStart": "1m", "backupStartSpread": "0s" });
    assert_eq!(control(&sim, "POST", "settings", &settings).0, 200);
    let doom = json!({ "message": "No room", "state": "PARTIAL" });
    assert_eq!(
        control(&sim, "POST", &format!("backups/{one}/doom"), &doom).0,
        200
    );
    let doom = json!({ "message": "No key" });
    assert_eq!(
        control(&sim, "POST", &format!("backups/{two}/doom"), &doom).0,
        200
    );
    let states = |sim: &Sim| {
        let jobs = [&one, &two].map(|id| back_up(sim, ("day", id), &json!({})));
        advance(sim, 59);
        assert_eq!(job(sim, &jobs[0])["State"], "PENDING");
        advance(sim, 7);
        jobs.map(|id| job(sim, &id)["State"].as_str().unwrap().to_owned())
    };
    assert_eq!(states(&sim), ["PARTIAL", "FAILED"]);
    assert_eq!(
        control(&sim, "DELETE", &format!("backups/{one}/doom"), &Value::Null).0,
        200
    );
    assert_eq!(states(&sim), ["COMPLETED", "FAILED"]);
    assert_eq!(control(&sim, "DELETE", "backups/doom", &Value::Null).0, 200);
    assert_eq!(states(&sim), ["COMPLETED", "COMPLETED"]);
    let wrong = json!({ "message": "x", "state": "SAD" });
    assert_eq!(
        control(&sim, "POST", &format!("backups/{one}/doom"), &wrong).0,
        400
    );
}

#[test]
fn others_act_on_aws_backup_too() {
    let sim = sim();
    let act = json!({ "action": "CreateBackupVault", "params": { "BackupVaultName": "day" } });
    assert_eq!(control(&sim, "POST", "act", &act).0, 200);
    let (_, vaults) = control(&sim, "GET", "state/backupVaults", &Value::Null);
    assert_eq!(vaults[0]["name"], "day");
}
