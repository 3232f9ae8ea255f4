use std::collections::BTreeSet;

use serde_json::Value;

use super::{Grant, Kind, Roles, When, actions, adoption_policy, grants, policy, table, trust_policy};
use crate::cloud::Operation;

/// The most characters, without white space, that AWS takes for a managed policy.
const MOST: usize = 6144;

fn roles() -> Roles {
    let role = |number: u64| format!("arn:aws:iam::{:012}:role/yagura", 111_122_223_333 + number);
    Roles {
        accounts: (0..10).map(role).collect(),
        backup: vec!["arn:aws:iam::111122223333:role/yagura-backup".to_owned()],
    }
}

fn statements(policy: &Value) -> &Vec<Value> {
    policy["Statement"].as_array().unwrap()
}

fn actions_of(policy: &Value) -> BTreeSet<String> {
    let actions = statements(policy)
        .iter()
        .flat_map(|one| one["Action"].as_array().unwrap());
    actions
        .map(|action| action.as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn every_action_is_an_operation_and_the_reverse() {
    let all: BTreeSet<_> = actions().into_iter().map(str::to_owned).collect();
    assert_eq!(all.len(), Operation::ALL.len());
    let mut with_roles = actions_of(&policy("tokyo-1", &roles()));
    assert!(
        with_roles.remove("iam:PassRole"),
        "StartBackupJob hands a role over"
    );
    assert_eq!(with_roles, all);
    let mut own = actions_of(&policy("tokyo-1", &Roles::default()));
    assert!(own.insert("sts:AssumeRole".to_owned()), "no role is named");
    assert_eq!(own, all);
}

#[test]
fn no_action_has_a_wildcard_and_none_is_granted_twice_the_same_way() {
    let policy = policy("tokyo-1", &roles());
    let mut ids = BTreeSet::new();
    for statement in statements(&policy) {
        assert_eq!(statement["Effect"], "Allow");
        let id = statement["Sid"].as_str().unwrap();
        assert!(id.chars().all(|sign| sign.is_ascii_alphanumeric()), "{id}");
        assert!(ids.insert(id), "{id} is there twice");
        assert!(!statement["Resource"].as_array().unwrap().is_empty(), "{id}");
        for action in statement["Action"].as_array().unwrap() {
            assert!(!action.as_str().unwrap().contains('*'), "{action}");
        }
    }
}

#[test]
fn the_policy_of_a_long_name_and_ten_accounts_fits_a_managed_policy() {
    let text = policy(&"a".repeat(32), &roles()).to_string();
    assert!(serde_json::from_str::<Value>(&text).is_ok());
    let size = text.chars().filter(|sign| !sign.is_whitespace()).count();
    assert!(size <= MOST, "{size} characters");
}

#[test]
fn what_changes_something_is_tied_to_our_tags_wherever_it_can_be() {
    // Everything else says in its `why` what it cannot be tied to.
    let untied = [
        Operation::AssumeRole,
        Operation::GetCallerIdentity,
        Operation::StartBackupJob,
        Operation::ModifyNetworkInterfaceAttribute,
    ];
    let is_ours = |when| !matches!(when, When::Always | When::ToBackup);
    for operation in Operation::ALL {
        let is_tied = grants(operation).iter().any(|grant| is_ours(grant.when));
        let is_expected = !operation.is_read() && !untied.contains(&operation);
        assert_eq!(is_tied, is_expected, "{operation}");
        for grant in grants(operation) {
            assert!(grant.why.len() > 10, "{operation} does not say why");
        }
    }
}

#[test]
fn nothing_but_reads_is_granted_on_everything() {
    for operation in Operation::ALL {
        let everything = grants(operation)
            .iter()
            .any(|grant| grant.on.contains(&Kind::Everything));
        assert!(!everything || operation.is_read(), "{operation}");
    }
}

#[test]
fn the_policy_holds_to_one_installation() {
    let (one, other) = (
        policy("one", &Roles::default()),
        policy("other", &Roles::default()),
    );
    for (one, other) in statements(&one).iter().zip(statements(&other)) {
        assert_eq!(one == other, one.get("Condition").is_none());
    }
}

#[test]
fn a_tag_may_be_put_back_but_nothing_that_can_be_changed_can_be_claimed() {
    let claims = grants(Operation::CreateTags)
        .iter()
        .filter(|grant| grant.when == When::Unclaimed);
    let claimed: BTreeSet<_> = claims.flat_map(|grant| grant.on).collect();
    // AWS changes and deletes a volume by these only where nothing is attached to it or it only grows; and what somebody
    // attached to an instance of ours has to be tagged.
    let of_volumes = [Operation::DeleteVolume, Operation::ModifyVolume];
    // It takes a tag that means nothing on what is not released.
    let of_tags = [Operation::CreateTags, Operation::DeleteTags];
    let others = Operation::ALL
        .into_iter()
        .filter(|one| !of_tags.contains(one) && !of_volumes.contains(one));
    for operation in others {
        let is_ours = |grant: &&Grant| matches!(grant.when, When::Ours | When::OursAlone | When::OfBackup);
        for grant in grants(operation).iter().filter(is_ours) {
            assert!(grant.on.iter().all(|kind| !claimed.contains(kind)), "{operation}");
        }
    }
}

#[test]
fn only_the_tag_of_a_release_can_be_taken_away_and_never_all_tags() {
    let policy = policy("tokyo-1", &Roles::default());
    let takes = |one: &&Value| {
        one["Action"]
            .as_array()
            .unwrap()
            .contains(&"ec2:DeleteTags".into())
    };
    let statements: Vec<_> = statements(&policy).iter().filter(takes).collect();
    assert_eq!(statements.len(), 1);
    let condition = &statements[0]["Condition"];
    assert_eq!(
        condition["ForAllValues:StringEquals"]["aws:TagKeys"],
        serde_json::json!(["yagura.dev/released"])
    );
    // Of no key at all the condition above would be true.
    assert_eq!(condition["Null"]["aws:TagKeys"], "false");
    assert_eq!(
        condition["StringEquals"]["aws:ResourceTag/yagura.dev/cluster"],
        "tokyo-1"
    );
}

#[test]
fn adoption_takes_only_what_nobody_claims_and_somebody_offers() {
    let policy = adoption_policy("tokyo-1");
    assert_eq!(statements(&policy).len(), 1);
    let statement = &statements(&policy)[0];
    assert_eq!(statement["Action"], serde_json::json!(["ec2:CreateTags"]));
    assert_eq!(
        statement["Resource"],
        serde_json::json!(["arn:aws:ec2:*:*:instance/*"])
    );
    let condition = &statement["Condition"];
    assert_eq!(condition["Null"]["aws:ResourceTag/yagura.dev/cluster"], "true");
    assert_eq!(condition["Null"]["aws:ResourceTag/yagura.dev/adopt"], "false");
    assert_eq!(
        condition["StringEquals"]["aws:RequestTag/yagura.dev/cluster"],
        "tokyo-1"
    );
}

#[test]
fn an_elastic_ip_has_to_carry_our_tag() {
    let policy = policy("tokyo-1", &Roles::default());
    let of_addresses = |one: &&Value| {
        let resources = one["Resource"].as_array().unwrap();
        resources.contains(&"arn:aws:ec2:*:*:elastic-ip/*".into())
    };
    for statement in statements(&policy).iter().filter(of_addresses) {
        let condition = &statement["Condition"]["StringEquals"];
        assert_eq!(condition["aws:ResourceTag/yagura.dev/cluster"], "tokyo-1");
    }
    assert_eq!(statements(&policy).iter().filter(of_addresses).count(), 1);
}

#[test]
fn the_table_names_every_action() {
    let table = table();
    for action in actions() {
        assert!(table.contains(&format!("| `{action}` |")), "{action}");
    }
}

#[test]
fn a_role_is_entered_only_with_its_external_id_and_under_the_operators_name() {
    let policy = trust_policy("arn:aws:iam::111122223333:role/yagura", "tokyo-1", "x1");
    let condition = &policy["Statement"][0]["Condition"]["StringEquals"];
    assert_eq!(condition["sts:ExternalId"], "x1");
    assert_eq!(condition["sts:RoleSessionName"], "yagura-tokyo-1");
}

#[test]
fn a_role_is_handed_to_aws_backup_only_and_only_where_it_is_named() {
    let policy = policy("tokyo-1", &roles());
    let passes = |one: &&Value| one["Action"] == serde_json::json!(["iam:PassRole"]);
    let passed: Vec<_> = statements(&policy).iter().filter(passes).collect();
    assert_eq!(passed.len(), 1);
    assert_eq!(
        passed[0]["Resource"],
        serde_json::json!(["arn:aws:iam::111122223333:role/yagura-backup"])
    );
    assert_eq!(
        passed[0]["Condition"]["StringEquals"]["iam:PassedToService"],
        "backup.amazonaws.com"
    );
}

#[test]
fn what_aws_backup_made_is_neither_locked_nor_deleted_though_it_carries_our_tags() {
    let policy = policy("tokyo-1", &Roles::default());
    for action in ["ec2:DeleteSnapshot", "ec2:LockSnapshot"] {
        let permits = |one: &&Value| one["Action"].as_array().unwrap().contains(&action.into());
        for statement in statements(&policy).iter().filter(permits) {
            let condition = &statement["Condition"];
            assert_eq!(
                condition["Null"]["aws:ResourceTag/aws:backup:source-resource"], "true",
                "{action}"
            );
            assert_eq!(
                condition["StringEquals"]["aws:ResourceTag/yagura.dev/cluster"],
                "tokyo-1"
            );
        }
    }
}
