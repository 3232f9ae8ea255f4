//! The operations of AWS Backup.

mod jobs;
mod page;
mod points;
mod resources;
mod vault_locks;
mod vaults;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Context;
use crate::protocol::{ApiError, Params};
use crate::state::Lifecycle;

/// The members of an answer, or AWS's error. Members that are null are left out; null alone is no body.
type Answer = Result<Value, ApiError>;

pub(super) type Run = fn(&mut Context<'_>, &Params) -> Answer;

pub(super) fn reading(action: &str) -> Option<Run> {
    Some(match action {
        "DescribeBackupJob" => jobs::describe,
        "DescribeBackupVault" => vaults::describe,
        "DescribeRecoveryPoint" => points::describe,
        "GetBackupVaultAccessPolicy" => vaults::get_policy,
        "GetBackupVaultNotifications" => vaults::get_notifications,
        "ListBackupJobs" => jobs::list,
        "ListBackupVaults" => vaults::list,
        "ListRecoveryPointsByBackupVault" => points::list_by_vault,
        "ListRecoveryPointsByResource" => points::list_by_resource,
        _ => return None,
    })
}

pub(super) fn mutating(action: &str) -> Option<Run> {
    Some(match action {
        "CreateBackupVault" => vaults::create,
        "DeleteBackupVault" => vaults::delete,
        "DeleteBackupVaultAccessPolicy" => vaults::delete_policy,
        "DeleteBackupVaultLockConfiguration" => vault_locks::delete,
        "DeleteBackupVaultNotifications" => vaults::delete_notifications,
        "DeleteRecoveryPoint" => points::delete,
        "PutBackupVaultAccessPolicy" => vaults::put_policy,
        "PutBackupVaultLockConfiguration" => vault_locks::put,
        "PutBackupVaultNotifications" => vaults::put_notifications,
        "StartBackupJob" => jobs::start,
        "StopBackupJob" => jobs::stop,
        "UpdateRecoveryPointLifecycle" => points::update_lifecycle,
        _ => return None,
    })
}

/// Runs an operation; what its answer does not have is left out, and errors have this service's codes.
pub(super) fn answer(run: Run, ctx: &mut Context<'_>, params: &Params) -> Answer {
    match run(ctx, params) {
        Ok(value) => Ok(without_nulls(value)),
        Err(error) => Err(match &*error.code {
            "MissingParameter" => ApiError::new("MissingParameterValueException", error.message),
            "InvalidParameterValue" => invalid_value(error.message),
            _ => error,
        }),
    }
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let present = members.into_iter().filter(|(_, value)| !value.is_null());
            present
                .map(|(name, value)| (name, without_nulls(value)))
                .collect()
        }
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        other => other,
    }
}

fn invalid_value(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidParameterValueException", message)
}

fn invalid_request(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidRequestException", message)
}

fn not_found(message: impl Into<String>) -> ApiError {
    ApiError::new("ResourceNotFoundException", message)
}

/// A time as this service writes it: seconds since 1970.
#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds since 1970 fit a double for 285,000 years"
)]
fn time(at: Timestamp) -> Value {
    json!(at.as_millisecond() as f64 / 1000.0)
}

/// The lifecycle of a request, within AWS's rules.
fn lifecycle(params: &Params) -> Result<Option<Lifecycle>, ApiError> {
    let given = params.group("Lifecycle");
    let days = |name| match given.number::<i64>(name)? {
        // So a console writes "never".
        Some(-1) => Ok(None),
        Some(days) if !(1..=36_500).contains(&days) => {
            Err(invalid_value(format!("{name} must be from 1 to 36500")))
        }
        days => Ok(days),
    };
    let lifecycle = Lifecycle {
        move_to_cold_storage_after_days: days("MoveToColdStorageAfterDays")?,
        delete_after_days: days("DeleteAfterDays")?,
    };
    if let (Some(cold), Some(end)) = (
        lifecycle.move_to_cold_storage_after_days,
        lifecycle.delete_after_days,
    ) && end < cold + 90
    {
        return Err(invalid_value(
            "DeleteAfterDays must be at least 90 days after MoveToColdStorageAfterDays",
        ));
    }
    Ok((lifecycle != Lifecycle::default()).then_some(lifecycle))
}

fn render_lifecycle(lifecycle: Option<&Lifecycle>) -> Value {
    lifecycle.map_or(Value::Null, |it| {
        json!({
            "MoveToColdStorageAfterDays": it.move_to_cold_storage_after_days,
            "DeleteAfterDays": it.delete_after_days,
        })
    })
}

#[cfg(test)]
mod tests;
