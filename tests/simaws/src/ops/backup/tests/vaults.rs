use serde_json::{Value, json};

use crate::Sim;
use crate::testing::{advance, back_up, job, rest_ok, rest_refused, run, sim, vault};

fn described(sim: &Sim, name: &str) -> Value {
    rest_ok(sim, "GET", &format!("/backup-vaults/{name}"), &Value::Null)
}

fn lock(sim: &Sim, name: &str, lock: &Value) {
    rest_ok(sim, "PUT", &format!("/backup-vaults/{name}/vault-lock"), lock);
}

#[test]
fn a_vault_is_made_described_listed_and_deleted() {
    let sim = sim();
    let key = "arn:aws:kms:ap-northeast-1:111122223333:key/1";
    let made = rest_ok(
        &sim,
        "PUT",
        "/backup-vaults/day",
        &json!({ "EncryptionKeyArn": key }),
    );
    let arn = "arn:aws:backup:ap-northeast-1:111122223333:backup-vault:day";
    assert_eq!(made["BackupVaultArn"], arn);
    let told = described(&sim, "day");
    assert_eq!(
        (&told["EncryptionKeyArn"], &told["Locked"]),
        (&json!(key), &json!(false))
    );
    assert_eq!(told["NumberOfRecoveryPoints"], 0);
    assert_eq!(told.get("MinRetentionDays"), None);
    let again = rest_refused(&sim, "PUT", "/backup-vaults/day", &json!({}));
    assert_eq!(again, "AlreadyExistsException");
    for name in ["a", "with%20space"] {
        let code = rest_refused(&sim, "PUT", &format!("/backup-vaults/{name}"), &json!({}));
        assert_eq!(code, "InvalidParameterValueException");
    }
    for name in ["a1", "b1"] {
        vault(&sim, name);
    }
    let first = rest_ok(&sim, "GET", "/backup-vaults?maxResults=2", &Value::Null);
    assert_eq!(first["BackupVaultList"].as_array().unwrap().len(), 2);
    let uri = format!(
        "/backup-vaults?nextToken={}",
        first["NextToken"].as_str().unwrap()
    );
    let second = rest_ok(&sim, "GET", &uri, &Value::Null);
    assert_eq!(second["BackupVaultList"][0]["BackupVaultName"], "day");
    assert_eq!(second.get("NextToken"), None);
    rest_ok(&sim, "DELETE", "/backup-vaults/day", &Value::Null);
    let code = rest_refused(&sim, "GET", "/backup-vaults/day", &Value::Null);
    assert_eq!(code, "ResourceNotFoundException");
}

#[test]
fn the_creator_s_id_makes_a_repeat_harmless() {
    let sim = sim();
    let body = json!({ "CreatorRequestId": "once" });
    rest_ok(&sim, "PUT", "/backup-vaults/day", &body);
    rest_ok(&sim, "PUT", "/backup-vaults/day", &body);
    let calls = sim.calls();
    assert_eq!(
        (calls[0].effect, calls[1].effect, calls[1].replayed),
        (true, false, true)
    );
}

#[test]
fn a_vault_with_recovery_points_stays() {
    let sim = sim();
    vault(&sim, "day");
    back_up(&sim, ("day", &run(&sim, &[])), &json!({}));
    advance(&sim, 8);
    assert_eq!(described(&sim, "day")["NumberOfRecoveryPoints"], 1);
    let code = rest_refused(&sim, "DELETE", "/backup-vaults/day", &Value::Null);
    assert_eq!(code, "InvalidRequestException");
}

#[test]
fn a_lock_can_be_taken_away_until_its_date() {
    let sim = sim();
    vault(&sim, "day");
    lock(&sim, "day", &json!({ "MinRetentionDays": 4 }));
    advance(&sim, 365 * 86_400);
    let told = described(&sim, "day");
    assert_eq!(
        (&told["Locked"], &told["MinRetentionDays"]),
        (&json!(true), &json!(4))
    );
    assert_eq!(told.get("LockDate"), None);
    rest_ok(&sim, "DELETE", "/backup-vaults/day/vault-lock", &Value::Null);
    assert_eq!(described(&sim, "day")["Locked"], false);
    lock(
        &sim,
        "day",
        &json!({ "MinRetentionDays": 4, "ChangeableForDays": 3 }),
    );
    assert!(described(&sim, "day")["LockDate"].is_number());
    advance(&sim, 3 * 86_400 - 1);
    lock(
        &sim,
        "day",
        &json!({ "MinRetentionDays": 5, "ChangeableForDays": 3 }),
    );
    advance(&sim, 3 * 86_400);
    for (method, body) in [("DELETE", Value::Null), ("PUT", json!({ "MinRetentionDays": 1 }))] {
        let code = rest_refused(&sim, method, "/backup-vaults/day/vault-lock", &body);
        assert_eq!(code, "InvalidRequestException");
    }
}

#[test]
fn a_lock_that_cannot_be_is_refused() {
    let sim = sim();
    vault(&sim, "day");
    for wrong in [
        json!({ "MinRetentionDays": 0 }),
        json!({ "MaxRetentionDays": 36_501 }),
        json!({ "MinRetentionDays": 8, "MaxRetentionDays": 7 }),
        json!({ "MinRetentionDays": 8, "ChangeableForDays": 2 }),
    ] {
        let code = rest_refused(&sim, "PUT", "/backup-vaults/day/vault-lock", &wrong);
        assert_eq!(code, "InvalidParameterValueException", "{wrong}");
    }
}

#[test]
fn a_lifecycle_outside_the_lock_fails_the_job() {
    let sim = sim();
    vault(&sim, "day");
    lock(
        &sim,
        "day",
        &json!({ "MinRetentionDays": 4, "MaxRetentionDays": 30 }),
    );
    for (lifecycle, state) in [
        (json!({}), "FAILED"),
        (json!({ "Lifecycle": { "DeleteAfterDays": 3 } }), "FAILED"),
        (json!({ "Lifecycle": { "DeleteAfterDays": 31 } }), "FAILED"),
        (json!({ "Lifecycle": { "DeleteAfterDays": 4 } }), "COMPLETED"),
        (json!({ "Lifecycle": { "DeleteAfterDays": 30 } }), "COMPLETED"),
    ] {
        let id = back_up(&sim, ("day", &run(&sim, &[])), &lifecycle);
        advance(&sim, 8);
        let told = job(&sim, &id);
        assert_eq!(told["State"], state, "{lifecycle}");
        assert_eq!(told.get("StatusMessage").is_some(), state == "FAILED");
    }
    vault(&sim, "least");
    lock(&sim, "least", &json!({ "MinRetentionDays": 4 }));
    let id = back_up(&sim, ("least", &run(&sim, &[])), &json!({}));
    advance(&sim, 8);
    assert_eq!(job(&sim, &id)["State"], "COMPLETED");
}

#[test]
fn a_policy_and_notifications_are_kept() {
    let sim = sim();
    vault(&sim, "day");
    let (policy, notify) = (
        "/backup-vaults/day/access-policy",
        "/backup-vaults/day/notification-configuration",
    );
    assert_eq!(
        rest_refused(&sim, "GET", policy, &Value::Null),
        "ResourceNotFoundException"
    );
    rest_ok(&sim, "PUT", policy, &json!({ "Policy": "{}" }));
    assert_eq!(rest_ok(&sim, "GET", policy, &Value::Null)["Policy"], "{}");
    rest_ok(&sim, "DELETE", policy, &Value::Null);
    assert_eq!(
        rest_refused(&sim, "GET", policy, &Value::Null),
        "ResourceNotFoundException"
    );
    let body = json!({ "SNSTopicArn": "arn:t", "BackupVaultEvents": ["BACKUP_JOB_COMPLETED"] });
    rest_ok(&sim, "PUT", notify, &body);
    let told = rest_ok(&sim, "GET", notify, &Value::Null);
    assert_eq!(told["BackupVaultEvents"], json!(["BACKUP_JOB_COMPLETED"]));
    rest_ok(&sim, "DELETE", notify, &Value::Null);
    assert_eq!(
        rest_refused(&sim, "GET", notify, &Value::Null),
        "ResourceNotFoundException"
    );
}
