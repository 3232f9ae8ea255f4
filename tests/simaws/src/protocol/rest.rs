//! AWS Backup's REST-JSON protocol: a method, a path and a JSON body make an operation with parameters.
//!
//! Whatever the place of a parameter, here it has its name from the service's model (`MaxResults` for
//! `?maxResults=`) and its place in one flat form (`RecoveryPointTags.KEY`, `BackupVaultEvents.1`), as the query
//! protocols have it: so faults, the log and [`crate::Sim::act`] treat all services alike.

use http::Method;
use serde_json::Value;

use super::Params;

/// An operation: its name, its method and its path, in which `{NAME}` is a parameter.
struct Route(&'static str, Method, &'static str);

const ROUTES: [Route; 21] = [
    Route(
        "CreateBackupVault",
        Method::PUT,
        "backup-vaults/{BackupVaultName}",
    ),
    Route(
        "DeleteBackupVault",
        Method::DELETE,
        "backup-vaults/{BackupVaultName}",
    ),
    Route(
        "DescribeBackupVault",
        Method::GET,
        "backup-vaults/{BackupVaultName}",
    ),
    Route("ListBackupVaults", Method::GET, "backup-vaults"),
    Route(
        "PutBackupVaultLockConfiguration",
        Method::PUT,
        "backup-vaults/{BackupVaultName}/vault-lock",
    ),
    Route(
        "DeleteBackupVaultLockConfiguration",
        Method::DELETE,
        "backup-vaults/{BackupVaultName}/vault-lock",
    ),
    Route(
        "PutBackupVaultAccessPolicy",
        Method::PUT,
        "backup-vaults/{BackupVaultName}/access-policy",
    ),
    Route(
        "GetBackupVaultAccessPolicy",
        Method::GET,
        "backup-vaults/{BackupVaultName}/access-policy",
    ),
    Route(
        "DeleteBackupVaultAccessPolicy",
        Method::DELETE,
        "backup-vaults/{BackupVaultName}/access-policy",
    ),
    Route(
        "PutBackupVaultNotifications",
        Method::PUT,
        "backup-vaults/{BackupVaultName}/notification-configuration",
    ),
    Route(
        "GetBackupVaultNotifications",
        Method::GET,
        "backup-vaults/{BackupVaultName}/notification-configuration",
    ),
    Route(
        "DeleteBackupVaultNotifications",
        Method::DELETE,
        "backup-vaults/{BackupVaultName}/notification-configuration",
    ),
    Route(
        "ListRecoveryPointsByBackupVault",
        Method::GET,
        "backup-vaults/{BackupVaultName}/recovery-points",
    ),
    Route(
        "DescribeRecoveryPoint",
        Method::GET,
        "backup-vaults/{BackupVaultName}/recovery-points/{RecoveryPointArn}",
    ),
    Route(
        "DeleteRecoveryPoint",
        Method::DELETE,
        "backup-vaults/{BackupVaultName}/recovery-points/{RecoveryPointArn}",
    ),
    Route(
        "UpdateRecoveryPointLifecycle",
        Method::POST,
        "backup-vaults/{BackupVaultName}/recovery-points/{RecoveryPointArn}",
    ),
    Route("StartBackupJob", Method::PUT, "backup-jobs"),
    Route("ListBackupJobs", Method::GET, "backup-jobs"),
    Route("DescribeBackupJob", Method::GET, "backup-jobs/{BackupJobId}"),
    Route("StopBackupJob", Method::POST, "backup-jobs/{BackupJobId}"),
    Route(
        "ListRecoveryPointsByResource",
        Method::GET,
        "resources/{ResourceArn}/recovery-points",
    ),
];

/// The names that parameters of the query string have in the model.
const QUERY: [(&str, &str); 13] = [
    ("backupPlanId", "ByBackupPlanId"),
    ("backupVaultName", "ByBackupVaultName"),
    ("accountId", "ByAccountId"),
    ("completeAfter", "ByCompleteAfter"),
    ("completeBefore", "ByCompleteBefore"),
    ("createdAfter", "ByCreatedAfter"),
    ("createdBefore", "ByCreatedBefore"),
    ("maxResults", "MaxResults"),
    ("nextToken", "NextToken"),
    ("parentJobId", "ByParentJobId"),
    ("resourceArn", "ByResourceArn"),
    ("resourceType", "ByResourceType"),
    ("state", "ByState"),
];

/// Whether a path is one of a REST service; the query protocols have only the root.
pub(super) fn is_rest(path: &str) -> bool {
    path.len() > 1
}

/// The operation and its parameters; the method and path in the place of the operation when there is none.
pub(super) fn read<B: AsRef<[u8]>>(request: &http::Request<B>) -> (String, Params) {
    let (method, path) = (request.method(), request.uri().path());
    // botocore ends some paths with a slash, other clients end none with it.
    let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
    let found = ROUTES
        .iter()
        .filter(|route| route.1 == method)
        .find_map(|route| Some((route.0, labels(route.2, &segments)?)));
    let Some((action, mut params)) = found else {
        return (format!("{method} {path}"), Params::default());
    };
    for (name, value) in form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes()) {
        let renamed = QUERY.iter().find(|(query, _)| *query == name);
        let name = renamed.map_or(&*name, |(_, name)| name);
        params.set(name, Some(value.into_owned()));
    }
    if let Ok(body) = serde_json::from_slice::<Value>(request.body().as_ref()) {
        flatten(&mut params, "", &body);
    }
    (action.to_owned(), params)
}

/// The parameters in a path; `None` when it is another path.
fn labels(pattern: &str, segments: &[&str]) -> Option<Params> {
    let pattern: Vec<&str> = pattern.split('/').collect();
    if pattern.len() != segments.len() {
        return None;
    }
    let mut params = Params::default();
    for (part, segment) in pattern.into_iter().zip(segments) {
        match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            Some(name) if !segment.is_empty() => params.set(name, Some(decode(segment))),
            None if part == *segment => {}
            _ => return None,
        }
    }
    Some(params)
}

/// A segment of a path without its percent signs. Unlike in a form, a plus is a plus.
fn decode(segment: &str) -> String {
    let field = segment.replace('+', "%2B");
    let mut fields = form_urlencoded::parse(field.as_bytes());
    fields
        .next()
        .map(|(name, _)| name.into_owned())
        .unwrap_or_default()
}

fn flatten(params: &mut Params, prefix: &str, value: &Value) {
    let name = |part: &str| match prefix {
        "" => part.to_owned(),
        _ => format!("{prefix}.{part}"),
    };
    match value {
        Value::Null => {}
        Value::Object(members) => {
            for (member, value) in members {
                flatten(params, &name(member), value);
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                flatten(params, &name(&(at + 1).to_string()), item);
            }
        }
        Value::String(text) => params.set(prefix, Some(text.clone())),
        Value::Bool(_) | Value::Number(_) => params.set(prefix, Some(value.to_string())),
    }
}

#[cfg(test)]
mod tests;
