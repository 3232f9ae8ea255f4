use serde_json::json;

use super::read;
use crate::protocol::Params;

fn parsed(method: &str, uri: &str, body: &str) -> (String, Params) {
    let request = http::Request::builder()
        .method(method)
        .uri(uri)
        .body(body.to_owned())
        .unwrap();
    read(&request)
}

#[test]
fn a_path_ends_with_a_slash_or_without_one() {
    for uri in ["/backup-jobs", "/backup-jobs/"] {
        assert_eq!(parsed("GET", uri, "").0, "ListBackupJobs");
        assert_eq!(parsed("PUT", uri, "{}").0, "StartBackupJob");
    }
}

#[test]
fn an_arn_in_a_path_is_one_parameter() {
    let uri = "/backup-vaults/day/recovery-points/arn%3Aaws%3Aec2%3Aap-northeast-1%3A%3Aimage%2Fami-1";
    let (action, params) = parsed("DELETE", uri, "");
    assert_eq!(action, "DeleteRecoveryPoint");
    assert_eq!(params.get("BackupVaultName"), Some("day"));
    assert_eq!(
        params.get("RecoveryPointArn"),
        Some("arn:aws:ec2:ap-northeast-1::image/ami-1")
    );
}

#[test]
fn parameters_have_their_names_from_the_model_wherever_they_stand() {
    let (_, params) = parsed(
        "GET",
        "/backup-jobs?maxResults=5&state=RUNNING&nextToken=a%2Bb",
        "",
    );
    assert_eq!(params.get("MaxResults"), Some("5"));
    assert_eq!(params.get("ByState"), Some("RUNNING"));
    assert_eq!(params.get("NextToken"), Some("a+b"));
    let body = json!({
        "ResourceArn": "arn:1", "Lifecycle": {"DeleteAfterDays": 7, "MoveToColdStorageAfterDays": null},
        "RecoveryPointTags": {"yagura.dev/slot": "now"}, "Index": true, "List": ["a", "b"],
    });
    let (_, params) = parsed("PUT", "/backup-jobs", &body.to_string());
    assert_eq!(params.group("Lifecycle").get("DeleteAfterDays"), Some("7"));
    assert_eq!(params.group("Lifecycle").get("MoveToColdStorageAfterDays"), None);
    assert_eq!(
        params.group("RecoveryPointTags").get("yagura.dev/slot"),
        Some("now")
    );
    assert_eq!(params.list("List"), ["a", "b"]);
    assert_eq!(params.get("Index"), Some("true"));
}

#[test]
fn what_is_no_operation_keeps_its_method_and_path_as_its_name() {
    assert_eq!(parsed("GET", "/backup/plans", "").0, "GET /backup/plans");
    assert_eq!(parsed("POST", "/backup-vaults", "").0, "POST /backup-vaults");
}
