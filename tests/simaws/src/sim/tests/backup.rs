//! What is the same for all services, tried on AWS Backup.

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use serde_json::{Value, json};

use crate::testing::{
    advance, back_up, call, instance_arn, job, rest, rest_ok, rest_refused, rest_request, run, sim, sim_with,
    vault,
};
use crate::{Effect, FaultKind, FaultSpec, Matching, Outcome, Sim};

const JOBS: &str = "/backup-jobs";

fn jobs(sim: &Sim) -> usize {
    sim.resources("backupJobs", None, None)
        .unwrap()
        .as_array()
        .unwrap()
        .len()
}

/// What starts a backup of an instance.
fn start(instance: &str) -> Value {
    json!({
        "BackupVaultName": "day", "ResourceArn": instance_arn(instance),
        "IamRoleArn": "arn:aws:iam::111122223333:role/backup",
    })
}

/// A vault and an instance.
fn set_up(sim: &Sim) -> String {
    vault(sim, "day");
    run(sim, &[])
}

#[test]
fn a_call_is_logged_with_its_service_and_its_parameters() {
    let sim = sim();
    let instance = set_up(&sim);
    let id = back_up(
        &sim,
        ("day", &instance),
        &json!({ "RecoveryPointTags": { "a.b": "c" } }),
    );
    job(&sim, &id);
    let calls = sim.calls();
    let [started, described] = &calls[calls.len() - 2..] else {
        panic!("two calls")
    };
    assert_eq!(
        (started.service, &*started.operation),
        ("backup", "StartBackupJob")
    );
    assert_eq!(started.params["RecoveryPointTags.a.b"], "c");
    assert!(started.effect && !started.replayed && started.delivered);
    assert_eq!((&*started.code, started.status), ("OK", 200));
    assert_eq!(described.params["BackupJobId"], id);
    assert!(!described.effect);
}

#[test]
fn a_lost_answer_had_its_effect_and_its_token_finds_it_again() {
    let sim = sim();
    let instance = set_up(&sim);
    let mut body = start(&instance);
    body["IdempotencyToken"] = json!("slot");
    sim.add_fault(FaultSpec::new("StartBackupJob", FaultKind::Drop));
    let outcome = sim.handle(&rest_request("test", ("PUT", JOBS), &body));
    assert!(matches!(outcome, Outcome::Lost));
    assert_eq!(jobs(&sim), 1);
    rest_ok(&sim, "PUT", JOBS, &body);
    assert_eq!(jobs(&sim), 1);
}

#[test]
fn errors_come_in_the_words_of_the_service() {
    for (kind, status, code) in [
        (FaultKind::Throttle, 400, "ThrottlingException"),
        (FaultKind::Unavailable, 503, "ServiceUnavailableException"),
        (FaultKind::Deny, 403, "AccessDeniedException"),
        (FaultKind::Error, 400, "ThrottlingException"),
    ] {
        let sim = sim();
        let instance = set_up(&sim);
        sim.add_fault(FaultSpec::new("StartBackupJob", kind));
        let request = rest_request("test", ("PUT", JOBS), &start(&instance));
        let Outcome::Answered(response) = sim.handle(&request) else {
            panic!("not answered")
        };
        assert_eq!(response.status().as_u16(), status);
        assert_eq!(response.headers()["x-amzn-errortype"], code);
        assert_eq!(response.headers()["content-type"], "application/json");
        assert_eq!(jobs(&sim), 0);
    }
}

#[test]
fn an_error_can_hide_an_effect_and_a_fault_can_choose_its_resource() {
    let sim = sim();
    let (one, two) = (set_up(&sim), run(&sim, &[]));
    sim.add_fault(FaultSpec {
        matching: Some(Matching {
            param: Some("ResourceArn".to_owned()),
            contains: two.clone(),
        }),
        ..FaultSpec::new("StartBackupJob", FaultKind::Unavailable).striking(Effect::After)
    });
    rest_ok(&sim, "PUT", JOBS, &start(&one));
    let code = rest_refused(&sim, "PUT", JOBS, &start(&two));
    assert_eq!(code, "ServiceUnavailableException");
    assert_eq!(jobs(&sim), 2);
    assert_eq!(sim.faults()[0].effects, 1);
}

#[test]
fn a_truncated_answer_is_cut_in_half() {
    let sim = sim();
    set_up(&sim);
    sim.add_fault(FaultSpec::new("ListBackupJobs", FaultKind::Truncate));
    let request = rest_request("test", ("GET", JOBS), &Value::Null);
    let Outcome::Answered(response) = sim.handle(&request) else {
        panic!("not answered")
    };
    assert_eq!(response.body(), "{\"Backup");
}

#[test]
fn a_delayed_request_has_its_effect_later() {
    let sim = sim();
    let instance = set_up(&sim);
    let late = FaultSpec::delay("StartBackupJob", Duration::from_secs(40)).striking(Effect::Before);
    sim.add_fault(late);
    let request = rest_request("test", ("PUT", JOBS), &start(&instance));
    let Outcome::Delayed(delayed) = sim.handle(&request) else {
        panic!("not delayed")
    };
    assert_eq!(jobs(&sim), 0);
    advance(&sim, 40);
    assert_eq!(jobs(&sim), 1);
    let due = pin!(delayed.due());
    let answer = due.poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(answer, Poll::Ready(response) if response.status() == 200));
}

#[test]
fn who_is_denied_an_action_or_has_no_session_is_refused() {
    let sim = sim();
    let instance = set_up(&sim);
    sim.deny("backup:Start*");
    let (status, told) = rest(&sim, "PUT", JOBS, &start(&instance));
    assert_eq!((status, &told["Code"]), (403, &json!("AccessDeniedException")));
    rest_ok(&sim, "GET", JOBS, &Value::Null);
    let request = rest_request("ASIA0000", ("GET", JOBS), &Value::Null);
    let Outcome::Answered(response) = sim.handle(&request) else {
        panic!("not answered")
    };
    assert_eq!(
        response.headers()["x-amzn-errortype"],
        "UnrecognizedClientException"
    );
}

#[test]
fn a_session_acts_in_the_account_of_its_role_until_it_ends() {
    let sim = sim();
    let params = [
        ("RoleArn", "arn:aws:iam::444455556666:role/x"),
        ("RoleSessionName", "s"),
    ];
    let key = call(&sim, "AssumeRole", &params).text("AccessKeyId");
    let ask = |method, uri| match sim.handle(&rest_request(&key, (method, uri), &json!({}))) {
        Outcome::Answered(response) => response,
        _ => panic!("not answered"),
    };
    assert_eq!(ask("PUT", "/backup-vaults/day").status(), 200);
    let there = sim.resources("backupVaults", Some("444455556666"), None).unwrap();
    assert_eq!(there[0]["name"], "day");
    assert_eq!(sim.resources("backupVaults", None, None).unwrap(), json!([]));
    advance(&sim, 3600);
    let ended = ask("GET", "/backup-vaults");
    assert_eq!(ended.headers()["x-amzn-errortype"], "ExpiredTokenException");
}

/// Every page of a listing of jobs, at most so many.
fn pages(sim: &Sim, most: usize) -> Vec<Vec<String>> {
    let (mut pages, mut token) = (Vec::new(), None::<String>);
    while pages.len() < most {
        let more = token.map(|token| format!("&nextToken={}", token.replace(':', "%3A")));
        let uri = format!("{JOBS}?maxResults=2{}", more.unwrap_or_default());
        let answer = rest_ok(sim, "GET", &uri, &Value::Null);
        let jobs = answer["BackupJobs"].as_array().unwrap().iter();
        pages.push(
            jobs.map(|job| job["BackupJobId"].as_str().unwrap().to_owned())
                .collect(),
        );
        token = answer["NextToken"].as_str().map(ToOwned::to_owned);
        if token.is_none() {
            break;
        }
    }
    pages
}

#[test]
fn pages_of_a_listing_repeat_when_a_fault_says_so() {
    let sim = sim();
    let instance = set_up(&sim);
    for _ in 0..5 {
        back_up(&sim, ("day", &instance), &json!({}));
    }
    let plain = pages(&sim, 9);
    assert_eq!(plain.len(), 3);
    sim.add_fault(FaultSpec::new("ListBackupJobs", FaultKind::DuplicatePage));
    assert_eq!(
        pages(&sim, 9),
        [&plain[0], &plain[0], &plain[1], &plain[2]].map(Clone::clone)
    );
    sim.add_fault(FaultSpec::new("ListBackupJobs", FaultKind::EndlessToken));
    assert!(pages(&sim, 6).iter().all(|page| *page == plain[0]));
}

#[test]
fn a_stale_read_answers_from_before() {
    let sim = sim_with(|options| options.history = 3);
    let instance = set_up(&sim);
    let id = back_up(&sim, ("day", &instance), &json!({}));
    advance(&sim, 8);
    rest_ok(&sim, "PUT", "/backup-vaults/night", &json!({}));
    sim.add_fault(FaultSpec::stale_read("ListBackupVaults", 1));
    sim.add_fault(FaultSpec::stale_read("DescribeBackupJob", 2));
    let vaults = |sim: &Sim| rest_ok(sim, "GET", "/backup-vaults", &Value::Null)["BackupVaultList"].clone();
    assert_eq!(vaults(&sim).as_array().unwrap().len(), 1);
    assert_eq!(vaults(&sim).as_array().unwrap().len(), 2);
    let code = rest_refused(&sim, "GET", &format!("{JOBS}/{id}"), &Value::Null);
    assert_eq!(code, "ResourceNotFoundException");
    assert_eq!(job(&sim, &id)["State"], "COMPLETED");
}

#[test]
fn what_is_young_is_not_shown_for_a_while() {
    let sim = sim_with(|options| options.describe_lag = Duration::from_secs(5));
    vault(&sim, "day");
    advance(&sim, 5);
    let id = back_up(&sim, ("day", &run(&sim, &[])), &json!({}));
    let uri = format!("{JOBS}/{id}");
    assert_eq!(
        rest_refused(&sim, "GET", &uri, &Value::Null),
        "ResourceNotFoundException"
    );
    assert_eq!(pages(&sim, 1), [Vec::<String>::new()]);
    advance(&sim, 5);
    assert_eq!(job(&sim, &id)["State"], "RUNNING");
    assert_eq!(pages(&sim, 1), [vec![id]]);
}

#[test]
fn a_lagging_read_may_see_a_state_that_has_passed() {
    let sim = sim_with(|options| options.read_lag = Duration::from_secs(6));
    let instance = set_up(&sim);
    advance(&sim, 10);
    let id = back_up(&sim, ("day", &instance), &json!({}));
    let mut seen = Vec::new();
    for _ in 0..20 {
        advance(&sim, 1);
        let (status, told) = rest(&sim, "GET", &format!("{JOBS}/{id}"), &Value::Null);
        seen.push(if status == 200 {
            told["State"].to_string()
        } else {
            "none".to_owned()
        });
    }
    assert!(seen.contains(&"none".to_owned()), "{seen:?}");
    assert_eq!(seen.last().unwrap(), "\"COMPLETED\"");
}

#[test]
fn others_start_jobs_and_change_vaults_unlogged() {
    let sim = sim();
    let instance = run(&sim, &[]);
    let calls = sim.calls().len();
    sim.deny("*");
    let act = |action: &str, params: &[(&str, &str)]| sim.act(None, action, params);
    act("CreateBackupVault", &[("BackupVaultName", "day")]).unwrap();
    let lock = [("BackupVaultName", "day"), ("MinRetentionDays", "4")];
    act("PutBackupVaultLockConfiguration", &lock).unwrap();
    let arn = instance_arn(&instance);
    let start = [
        ("BackupVaultName", "day"),
        ("ResourceArn", &*arn),
        ("IamRoleArn", "arn:aws:iam::111122223333:role/backup"),
        ("RecoveryPointTags.a", "b"),
        ("Lifecycle.DeleteAfterDays", "4"),
    ];
    let started: Value = serde_json::from_str(&act("StartBackupJob", &start).unwrap()).unwrap();
    assert!(started["BackupJobId"].is_string());
    assert_eq!(sim.calls().len(), calls);
    advance(&sim, 8);
    let points = sim.resources("recoveryPoints", None, None).unwrap();
    assert_eq!(points[0]["status"], "COMPLETED");
    let again = act("CreateBackupVault", &[("BackupVaultName", "day")]).unwrap_err();
    assert!(again.starts_with("AlreadyExistsException: "), "{again}");
}

#[test]
fn what_is_no_operation_is_refused_as_the_service_refuses_it() {
    let sim = sim();
    let (status, told) = rest(&sim, "GET", "/backup/plans", &Value::Null);
    assert_eq!(
        (status, &told["Code"]),
        (404, &json!("UnknownOperationException"))
    );
    assert_eq!(sim.calls()[0].operation, "GET /backup/plans");
}

#[test]
fn a_dry_run_is_unknown_to_the_service() {
    let sim = sim();
    vault(&sim, "day");
    rest_ok(&sim, "DELETE", "/backup-vaults/day?DryRun=true", &Value::Null);
    assert_eq!(sim.resources("backupVaults", None, None).unwrap(), json!([]));
}
