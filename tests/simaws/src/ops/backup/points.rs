//! Recovery points.

use serde_json::{Value, json};

use super::page::page;
use super::{
    Answer, Context, invalid_request, invalid_value, lifecycle, not_found, render_lifecycle, time, vaults,
};
use crate::protocol::{ApiError, Params};
use crate::state::{PointStatus, RecoveryPoint};

pub(super) fn list_by_vault(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let vault = vaults::find(ctx, params)?.name.clone();
    let backup = &ctx.region.backup;
    let resource = params.get("ByResourceArn");
    // Few are of one resource, many in one vault.
    let times = match resource {
        Some(arn) => backup.points_of_resource(arn),
        None => backup.points_of_vault(&vault),
    };
    let kind = params.get("ByResourceType");
    let of_a_plan = params.get("ByBackupPlanId").is_some();
    let keep = |point: &RecoveryPoint| {
        point.vault == vault && kind.is_none_or(|kind| kind == point.resource.kind.name()) && !of_a_plan
    };
    let page = page((times, backup.points()), params, ctx.visible_before(), keep)?;
    let points: Vec<Value> = page.items.into_iter().map(render).collect();
    Ok(json!({ "RecoveryPoints": points, "NextToken": page.next_token }))
}

pub(super) fn list_by_resource(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let arn = params.required("ResourceArn")?;
    let backup = &ctx.region.backup;
    let times = backup.points_of_resource(arn);
    let page = page((times, backup.points()), params, ctx.visible_before(), |_| true)?;
    let points = page.items.into_iter().map(|point| {
        json!({
            "RecoveryPointArn": point.arn,
            "CreationDate": time(point.created_at),
            "Status": point.status.name(),
            "StatusMessage": point.status_message,
            "EncryptionKeyArn": point.key_arn,
            "BackupSizeBytes": point.size_bytes,
            "BackupVaultName": point.vault,
            "IsParent": false,
            "VaultType": "BACKUP_VAULT",
        })
    });
    let points: Vec<Value> = points.collect();
    Ok(json!({ "RecoveryPoints": points, "NextToken": page.next_token }))
}

pub(super) fn describe(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let visible = ctx.visible_before();
    let point = find(ctx, params)?;
    if !visible.shows(&point.arn, point.created_at) {
        return Err(unknown(&point.arn));
    }
    let mut members = render(point);
    if let Some(members) = members.as_object_mut() {
        members.insert("StorageClass".to_owned(), "WARM".into());
    }
    Ok(members)
}

pub(super) fn delete(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let (arn, _) = changeable(ctx, params, "deleted")?;
    if ctx.doomed.is_some() {
        // AWS may say that it succeeded, and keep it.
        ctx.ignored = true;
    } else {
        ctx.region.delete_point(&arn, ctx.timings);
    }
    Ok(Value::Null)
}

pub(super) fn update_lifecycle(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let lifecycle = lifecycle(params)?;
    if lifecycle
        .as_ref()
        .is_some_and(|it| it.move_to_cold_storage_after_days.is_some())
    {
        return Err(invalid_value("This resource type has no cold storage"));
    }
    let (arn, vault_arn) = changeable(ctx, params, "changed")?;
    ctx.region.set_lifecycle(&arn, lifecycle);
    let point = ctx.region.backup.point(&arn).ok_or_else(|| unknown(&arn))?;
    Ok(json!({
        "BackupVaultArn": vault_arn,
        "RecoveryPointArn": arn,
        "Lifecycle": render_lifecycle(point.lifecycle.as_ref()),
        "CalculatedLifecycle": calculated(point),
    }))
}

/// The ARNs of a recovery point and its vault, unless the point cannot be deleted or changed now.
fn changeable(ctx: &Context<'_>, params: &Params, done: &str) -> Result<(String, String), ApiError> {
    let vault = vaults::find(ctx, params)?;
    let point = find(ctx, params)?;
    if vault.lock.is_some() {
        return Err(invalid_request(format!(
            "Recovery point {} cannot be {done}: backup vault {} is locked",
            point.arn, vault.name
        )));
    }
    if matches!(point.status, PointStatus::Creating | PointStatus::Deleting) {
        let text = "AWS Backup is already performing an action on this recovery point. Try again later.";
        return Err(ApiError::new("InvalidResourceStateException", text));
    }
    Ok((point.arn.clone(), vault.arn.clone()))
}

/// The recovery point of the request, in the vault of the request.
fn find<'a>(ctx: &'a Context<'_>, params: &Params) -> Result<&'a RecoveryPoint, ApiError> {
    let vault = &vaults::find(ctx, params)?.name;
    let arn = params.required("RecoveryPointArn")?;
    let point = ctx.region.backup.point(arn);
    point
        .filter(|point| point.vault == *vault)
        .ok_or_else(|| unknown(arn))
}

fn unknown(arn: &str) -> ApiError {
    not_found(format!("Recovery point {arn} does not exist"))
}

fn calculated(point: &RecoveryPoint) -> Value {
    point
        .delete_at()
        .map_or(Value::Null, |at| json!({ "DeleteAt": time(at) }))
}

fn render(point: &RecoveryPoint) -> Value {
    json!({
        "RecoveryPointArn": point.arn,
        "BackupVaultName": point.vault,
        "BackupVaultArn": point.vault_arn,
        "ResourceArn": point.resource.arn,
        "ResourceType": point.resource.kind.name(),
        "IamRoleArn": point.role_arn,
        "Status": point.status.name(),
        "StatusMessage": point.status_message,
        "CreationDate": time(point.created_at),
        "InitiationDate": time(point.created_at),
        "CompletionDate": point.completed_at.map(time),
        "BackupSizeInBytes": point.size_bytes,
        "Lifecycle": render_lifecycle(point.lifecycle.as_ref()),
        "CalculatedLifecycle": calculated(point),
        "EncryptionKeyArn": point.key_arn,
        "IsEncrypted": point.key_arn.is_some(),
        "IsParent": false,
        "VaultType": "BACKUP_VAULT",
    })
}
