use clap::Parser;
use serde_json::json;

use super::{
    show::{Progress, created, has_come_to, json as as_json},
    *,
};
use crate::cli::{Cli, Command};

fn parsed(line: &[&str]) -> Result<NowArgs, String> {
    let words = ["yagura", "backup", "now"].iter().chain(line);
    match Cli::try_parse_from(words)
        .map_err(|error| error.to_string())?
        .command
    {
        Command::Backup {
            command: BackupCommand::Now(args),
        } => Ok(args),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_tenant_and_a_reason_suffice() {
    let args = parsed(&["acme-jira", "--reason", " before upgrade "]).unwrap();
    assert_eq!(
        (args.tenant.as_str(), args.reason.as_str()),
        ("acme-jira", "before upgrade")
    );
    assert_eq!((args.namespace, args.wait, args.output), (None, false, None));
    let args = parsed(&[
        "acme-jira",
        "-n",
        "acme",
        "--reason",
        "x",
        "--wait",
        "--timeout",
        "90m",
        "-o",
        "json",
    ])
    .unwrap();
    assert_eq!(args.namespace.as_deref(), Some("acme"));
    assert_eq!((args.wait, args.timeout.as_secs()), (true, 5400));
    assert_eq!(args.output, Some(Output::Json));
}

#[test]
fn a_backup_without_a_reason_or_with_an_impossible_value_is_refused_with_what_is_possible() {
    for (line, said) in [
        (vec!["acme-jira"], "--reason"),
        (vec!["--reason", "x"], "TENANT"),
        (
            vec!["acme-jira", "--reason", "  "],
            "say why in 1 to 500 characters",
        ),
        (vec!["Acme", "--reason", "x"], "the name of a Tenant"),
        (vec!["acme-jira", "--reason", "x", "--timeout", "1h"], "--wait"),
        (
            vec!["acme-jira", "--reason", "x", "--wait", "--timeout", "25h"],
            "from 1s to 24h",
        ),
        (vec!["acme-jira", "--reason", "x", "-o", "xml"], "json"),
    ] {
        let error = parsed(&line).unwrap_err();
        assert!(error.contains(said), "{line:?}: {error}");
    }
}

#[test]
fn the_help_teaches_by_example_and_names_the_exit_codes() {
    let mut command = <Cli as clap::CommandFactory>::command();
    let now = command
        .find_subcommand_mut("backup")
        .and_then(|backup| backup.find_subcommand_mut("now"))
        .unwrap();
    let help = now.render_long_help().to_string();
    for part in [
        "yagura backup now acme-jira -n acme --reason",
        "Exit codes",
        "kubectl yagura",
    ] {
        assert!(help.contains(part), "{help}");
    }
}

#[test]
fn names_are_new_each_time_and_never_those_of_slots() {
    let names: BTreeSet<String> = (0..1000)
        .map(|_| asked_for("acme-jira", "x", &suffix()).name_any())
        .collect();
    assert!(names.len() > 990, "{}", names.len());
    for name in names {
        let end = name.strip_prefix("acme-jira-").unwrap();
        assert_eq!(end.len(), SUFFIX, "{name}");
        assert!(end.bytes().all(|byte| ALPHABET.contains(&byte)), "{name}");
    }
}

#[test]
fn only_what_a_person_may_set_is_set() {
    let spec = serde_json::to_value(asked_for("acme-jira", "before upgrade", "x").spec).unwrap();
    assert_eq!(
        spec,
        json!({"tenantRef": "acme-jira", "reason": "before upgrade"})
    );
}

fn backup(status: &serde_json::Value) -> Backup {
    serde_json::from_value(json!({
        "apiVersion": "yagura.dev/v1alpha1",
        "kind": "Backup",
        "metadata": {
            "name": "acme-jira-bcdfgh", "namespace": "acme",
            "managedFields": [{"manager": "yagura", "operation": "Apply"}],
        },
        "spec": {"tenantRef": "acme-jira", "reason": "x"},
        "status": status,
    }))
    .unwrap()
}

fn ready(message: &str) -> serde_json::Value {
    json!([{
        "type": "Ready", "status": "False", "reason": "BackupStarted", "message": message,
        "lastTransitionTime": "2026-11-25T03:00:00Z",
    }])
}

#[test]
fn progress_tells_each_change_once() {
    let mut progress = Progress::default();
    let mut told = |backup: &Backup| progress.of(backup);
    let mut new = backup(&json!({}));
    new.status = None;
    assert_eq!(
        told(&new).as_deref(),
        Some("Pending: no operator has taken it on yet")
    );
    assert_eq!(told(&new), None);
    let running = backup(&json!({
        "phase": "Running",
        "conditions": ready("AWS completes the snapshots"),
        "methods": [{"method": "Snapshot", "state": "Running", "snapshotIds": ["snap-1", "snap-2"]}],
    }));
    assert_eq!(
        told(&running).as_deref(),
        Some("Running, 2 snapshots: AWS completes the snapshots")
    );
    assert_eq!(told(&running), None);
    let complete = backup(&json!({
        "phase": "Complete",
        "conditions": ready("every method succeeded"),
        "methods": [{
            "method": "Snapshot", "state": "Complete", "snapshotIds": ["snap-1"], "bytes": 21_474_836_480_i64,
            "checks": [{"name": "SnapshotsCompleted", "passed": true}, {"name": "SizesPositive", "passed": false}],
        }],
    }));
    assert_eq!(
        told(&complete).as_deref(),
        Some("Complete, 1 snapshot, 20 GiB, 1 of 2 checks passed: every method succeeded")
    );
}

#[test]
fn the_end_decides_the_exit_code() {
    let code = |phase| format!("{:?}", exit_code(phase));
    let plain = |code: u8| format!("{:?}", ExitCode::from(code));
    assert_eq!(code(None), plain(0));
    assert_eq!(code(Some(BackupPhase::Complete)), plain(0));
    for phase in [
        BackupPhase::Failed,
        BackupPhase::Partial,
        BackupPhase::Missed,
        BackupPhase::Expired,
    ] {
        assert_eq!(code(Some(phase)), plain(2), "{phase}");
        assert!(backup(&json!({"phase": phase})).has_ended());
    }
    assert!(!backup(&json!({"phase": "Running"})).has_ended());
    assert!(!backup(&json!({})).has_ended());
}

#[test]
fn the_object_is_shown_by_its_full_kind_and_without_its_managers() {
    let backup = backup(&json!({}));
    assert_eq!(
        created(&backup),
        "backups.yagura.dev/acme-jira-bcdfgh asked for, in namespace acme"
    );
    let whole = self::backup(&json!({"phase": "Complete"}));
    assert_eq!(
        has_come_to(&whole),
        "backups.yagura.dev/acme-jira-bcdfgh is Complete"
    );
    let text = as_json(&backup).unwrap();
    assert!(text.contains("\"tenantRef\": \"acme-jira\""), "{text}");
    assert!(!text.contains("managedFields"), "{text}");
}

fn door() -> Door {
    // The provider of TLS is chosen at the first client of a process.
    let config = kube::Config::new("http://127.0.0.1:1".parse().unwrap());
    Door {
        client: Client::try_from(config).unwrap(),
        url: "http://127.0.0.1:1/".to_owned(),
        namespace: "acme".to_owned(),
    }
}

fn refusal(code: u16, details: bool) -> kube::Error {
    let details = details.then(|| json!({"name": "acme-jira", "kind": "tenants"}));
    let status = json!({"status": "Failure", "code": code, "message": "of the server", "reason": "", "details": details});
    kube::Error::Api(serde_json::from_value(status).unwrap())
}

#[tokio::test]
async fn a_refusal_names_the_verb_and_a_cluster_without_the_kind_is_told_as_such() {
    let door = door();
    let said = |error| door.told(error, "create", "backups").to_string();
    assert_eq!(
        said(refusal(403, true)),
        "you may not create backups.yagura.dev in namespace acme: of the server"
    );
    assert!(said(refusal(404, false)).starts_with("this cluster has no backups.yagura.dev"));
    assert_eq!(
        said(refusal(422, true)),
        "the API server refuses to create backups.yagura.dev in namespace acme: of the server"
    );
}

#[tokio::test]
async fn a_cluster_that_does_not_answer_is_named() {
    let error = door().find_tenant("acme-jira").await.unwrap_err();
    assert_eq!(error.to_string(), "asking the API server at http://127.0.0.1:1/");
}

#[test]
fn a_mistyped_tenant_is_answered_with_those_there_are() {
    let names = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
    assert_eq!(there_are(names(&["b", "a"])), "there are: a, b");
    assert!(there_are(names(&[])).contains("-n"));
    assert!(there_are(None).contains("may not list"));
}
