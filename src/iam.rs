//! The IAM policies that the operator needs, from the list of its operations: one table, from which the policy, its
//! documentation and their tests come.
//!
//! Deliberately absent: `kms`. A key is opened to the operator by the key's own policy.

mod grants;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use self::grants::{ADOPTION, Grant, Kind, When, grants};
use crate::{api::names::tags, cloud::Operation};

/// Every action of the policy.
pub fn actions() -> BTreeSet<&'static str> {
    Operation::ALL.into_iter().map(Operation::action).collect()
}

/// The roles that a policy names, each by its ARN.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roles {
    /// Those that the operator assumes in other accounts.
    pub accounts: Vec<String>,
    /// Those that AWS Backup works as, in the account of the policy.
    pub backup: Vec<String>,
}

/// The policy for one installation.
///
/// A role in another account needs the same without roles in other accounts, and with the roles for AWS Backup there.
pub fn policy(cluster_id: &str, roles: &Roles) -> Value {
    let mut statements: BTreeMap<(When, Vec<Kind>), BTreeSet<&'static str>> = BTreeMap::new();
    for operation in Operation::ALL {
        for grant in grants(operation) {
            // A statement without a resource is not valid.
            if grant.on.iter().any(|kind| !kind.arns(roles).is_empty()) {
                let actions = statements.entry((grant.when, shared(grant))).or_default();
                actions.insert(grant.action(operation));
            }
        }
    }
    document(cluster_id, roles, statements)
}

/// What a grant's statement is about. Those that ask of plain resources of ours for nothing but our tag share one: AWS
/// takes 6,144 characters, and an action is granted nothing on a kind of resource that it does not know.
fn shared(grant: &Grant) -> Vec<Kind> {
    const PLAIN: [Kind; 4] = [Kind::Address, Kind::Instance, Kind::SecurityGroup, Kind::Volume];
    let is_plain = grant.on.iter().all(|kind| PLAIN.contains(kind));
    match grant.when {
        When::Ours if is_plain => PLAIN.to_vec(),
        _ => grant.on.to_vec(),
    }
}

fn document(
    cluster_id: &str,
    roles: &Roles,
    statements: BTreeMap<(When, Vec<Kind>), BTreeSet<&'static str>>,
) -> Value {
    let mut made: BTreeMap<When, usize> = BTreeMap::new();
    let statements = statements.into_iter().map(|((when, on), actions)| {
        let number = made.entry(when).or_default();
        *number += 1;
        let name = format!("{when:?}{number}");
        statement(cluster_id, roles, (name, when, &on), &actions)
    });
    json!({"Version": "2012-10-17", "Statement": statements.collect::<Vec<_>>()})
}

/// What the operator needs besides to adopt instances that others made. Only where somebody adopts is it attached, and
/// taken away afterwards: without it, whoever writes Tenants cannot take over what is not ours.
pub fn adoption_policy(cluster_id: &str) -> Value {
    let statements = ADOPTION.iter().map(|grant| {
        let actions = BTreeSet::from([grant.action(Operation::CreateTags)]);
        ((grant.when, grant.on.to_vec()), actions)
    });
    document(cluster_id, &Roles::default(), statements.collect())
}

fn statement(
    cluster_id: &str,
    roles: &Roles,
    (name, when, on): (String, When, &[Kind]),
    actions: &BTreeSet<&'static str>,
) -> Value {
    let mut statement = Map::new();
    statement.insert("Sid".to_owned(), json!(name));
    statement.insert("Effect".to_owned(), json!("Allow"));
    statement.insert("Action".to_owned(), json!(actions));
    let resources: Vec<_> = on.iter().flat_map(|kind| kind.arns(roles)).collect();
    statement.insert("Resource".to_owned(), json!(resources));
    if let Some(condition) = when.condition(cluster_id) {
        statement.insert("Condition".to_owned(), condition);
    }
    Value::Object(statement)
}

impl Kind {
    fn arns(self, roles: &Roles) -> Vec<String> {
        let of_account = |name: &str| vec![format!("arn:aws:ec2:*:*:{name}/*")];
        // These may belong to AWS or to another account, and then their ARN names none.
        let of_anybody = |name: &str| vec![format!("arn:aws:ec2:*::{name}/*")];
        match self {
            Self::Address => of_account("elastic-ip"),
            Self::Everything => vec!["*".to_owned()],
            Self::Role => roles.accounts.clone(),
            Self::BackupRole => roles.backup.clone(),
            Self::Image => of_anybody("image"),
            Self::Snapshot => of_anybody("snapshot"),
            Self::Instance => of_account("instance"),
            Self::NetworkInterface => of_account("network-interface"),
            Self::SecurityGroup => of_account("security-group"),
            Self::Subnet => of_account("subnet"),
            Self::Vault => vec!["arn:aws:backup:*:*:backup-vault:*".to_owned()],
            Self::Volume => of_account("volume"),
            Self::Vpc => of_account("vpc"),
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Address => "Elastic IPs",
            Self::BackupRole => "the named roles",
            Self::Everything => "everything",
            Self::Image => "images",
            Self::Instance => "instances",
            Self::NetworkInterface => "network interfaces",
            Self::Role => "the named roles",
            Self::SecurityGroup => "security groups",
            Self::Snapshot => "snapshots",
            Self::Subnet => "subnets",
            Self::Vault => "vaults of AWS Backup",
            Self::Volume => "volumes",
            Self::Vpc => "VPCs",
        }
    }
}

impl When {
    fn condition(self, cluster_id: &str) -> Option<Value> {
        let of_request = format!("aws:RequestTag/{}", tags::CLUSTER);
        let of_resource = format!("aws:ResourceTag/{}", tags::CLUSTER);
        let uid_of_resource = format!("aws:ResourceTag/{}", tags::UID);
        let of_a_backup = format!("aws:ResourceTag/{}", tags::BACKUP);
        let offered = format!("aws:ResourceTag/{}", tags::ADOPT);
        let made_by_backup = format!("aws:ResourceTag/{}", tags::AWS_BACKUP_SOURCE);
        Some(match self {
            Self::Always => return None,
            Self::MadeOurs => json!({"StringEquals": {of_request: cluster_id}}),
            Self::Ours => json!({"StringEquals": {of_resource: cluster_id}}),
            // Of no key at all `ForAllValues` would be true, and to AWS that means every tag.
            Self::TakenUp => json!({
                "StringEquals": {of_resource: cluster_id},
                "ForAllValues:StringEquals": {"aws:TagKeys": [tags::RELEASED]},
                "Null": {"aws:TagKeys": "false"},
            }),
            Self::OursAlone => json!({
                "StringEquals": {of_resource: cluster_id},
                "Null": {made_by_backup: "true"},
            }),
            Self::OfBackup => json!({
                "StringEquals": {of_resource: cluster_id},
                "Null": {of_a_backup: "false"},
            }),
            Self::ToBackup => json!({"StringEquals": {"iam:PassedToService": "backup.amazonaws.com"}}),
            Self::MadeBy => json!({"StringEquals": {of_request: cluster_id, "ec2:CreateAction": makers()}}),
            Self::WasOurs => json!({
                "StringEquals": {of_request: cluster_id},
                "Null": {of_resource: "true", uid_of_resource: "false"},
            }),
            Self::Unclaimed => json!({
                "StringEquals": {of_request: cluster_id},
                "Null": {of_resource: "true"},
            }),
            Self::Offered => json!({
                "StringEquals": {of_request: cluster_id},
                "Null": {of_resource: "true", offered: "false"},
            }),
        })
    }

    fn words(self) -> &'static str {
        match self {
            Self::Always => "none",
            Self::MadeOurs => "the request sets our cluster tag",
            Self::Ours => "the resource carries our cluster tag",
            Self::TakenUp => {
                "the resource carries our cluster tag; the request takes the tag `yagura.dev/released` and no other"
            }
            Self::OursAlone => {
                "the resource carries our cluster tag and not the tag `aws:backup:source-resource` of AWS Backup"
            }
            Self::OfBackup => "the resource carries our cluster tag and the tag `yagura.dev/backup`",
            Self::ToBackup => "it is given to `backup.amazonaws.com`",
            Self::MadeBy => "the request makes something and sets our cluster tag",
            Self::WasOurs => {
                "the resource has no cluster tag, but the tag `yagura.dev/uid`; the request sets our cluster tag"
            }
            Self::Unclaimed => "the resource has no cluster tag; the request sets ours",
            Self::Offered => {
                "the resource has no cluster tag, but the tag `yagura.dev/adopt`; the request sets our cluster tag"
            }
        }
    }
}

/// The operations that tag what they make.
fn makers() -> Vec<String> {
    let makes = |operation: &Operation| {
        grants(*operation)
            .iter()
            .any(|grant| grant.when == When::MadeOurs)
    };
    Operation::ALL
        .iter()
        .filter(|operation| makes(operation))
        .map(ToString::to_string)
        .collect()
}

/// The trust policy of a role in another account: who may assume it, with which external id, under which name.
pub fn trust_policy(operator: &str, cluster_id: &str, external_id: &str) -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "YaguraMayEnter",
            "Effect": "Allow",
            "Principal": {"AWS": operator},
            "Action": Operation::AssumeRole.action(),
            "Condition": {"StringEquals": {
                "sts:ExternalId": external_id,
                "sts:RoleSessionName": format!("yagura-{cluster_id}"),
            }},
        }],
    })
}

/// The table of the documentation: every action with what it may touch, on which condition, and why.
pub fn table() -> String {
    let mut text = "| action | on | condition | why |\n| --- | --- | --- | --- |\n".to_owned();
    for operation in Operation::ALL {
        for grant in grants(operation) {
            let Grant { when, on, why, .. } = grant;
            let on: Vec<_> = on.iter().map(|kind| kind.words()).collect();
            let action = grant.action(operation);
            text.push_str(&format!(
                "| `{action}` | {} | {} | {why} |\n",
                on.join(", "),
                when.words()
            ));
        }
    }
    text
}

#[cfg(test)]
mod tests;
