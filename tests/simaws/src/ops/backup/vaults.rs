//! Backup vaults.

use serde_json::{Value, json};

use super::page::size;
use super::{Answer, Context, invalid_request, invalid_value, not_found, time};
use crate::ops::context::check_tag;
use crate::protocol::{ApiError, Params};
use crate::state::{Notifications, Tags, Vault};

/// The vault that a request names.
pub(super) fn find<'a>(ctx: &'a Context<'_>, params: &Params) -> Result<&'a Vault, ApiError> {
    let name = params.required("BackupVaultName")?;
    ctx.region.backup.vaults.get(name).ok_or_else(|| unknown(name))
}

/// The same, to change it.
pub(super) fn find_mut<'a>(ctx: &'a mut Context<'_>, params: &Params) -> Result<&'a mut Vault, ApiError> {
    let name = params.required("BackupVaultName")?;
    ctx.region
        .backup
        .vaults
        .get_mut(name)
        .ok_or_else(|| unknown(name))
}

fn unknown(name: &str) -> ApiError {
    not_found(format!("Backup vault {name} does not exist"))
}

pub(super) fn create(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let name = params.required("BackupVaultName")?.to_owned();
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !(2..=50).contains(&name.len()) || !name.chars().all(fits) {
        return Err(invalid_value(format!("{name} is not a name of a backup vault")));
    }
    let creator_request_id = params.owned("CreatorRequestId");
    if let Some(vault) = ctx.region.backup.vaults.get(&name) {
        if creator_request_id.is_none() || vault.creator_request_id != creator_request_id {
            let text = format!("Backup vault {name} exists");
            return Err(ApiError::new("AlreadyExistsException", text));
        }
        let answer = created(vault);
        ctx.replayed = true;
        return Ok(answer);
    }
    let mut tags = Tags::new();
    for (key, value) in params.group("BackupVaultTags").iter() {
        check_tag(key, value)?;
        tags.insert(key.to_owned(), value.to_owned());
    }
    let region = &mut *ctx.region;
    let place = format!("{}:{}", region.name, region.account);
    let own_key = format!("arn:aws:kms:{place}:key/0e5a0000-0000-4000-a000-0000000000ba");
    let vault = Vault {
        arn: format!("arn:aws:backup:{place}:backup-vault:{name}"),
        name,
        encryption_key_arn: params.owned("EncryptionKeyArn").unwrap_or(own_key),
        creator_request_id,
        lock: None,
        policy: None,
        notifications: None,
        tags,
        created_at: region.now,
    };
    let answer = created(&vault);
    region.backup.vaults.insert(vault.name.clone(), vault);
    Ok(answer)
}

fn created(vault: &Vault) -> Value {
    json!({
        "BackupVaultName": vault.name,
        "BackupVaultArn": vault.arn,
        "CreationDate": time(vault.created_at),
    })
}

pub(super) fn delete(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let name = find(ctx, params)?.name.clone();
    if ctx.region.backup.points_of_vault(&name).is_some() {
        return Err(invalid_request(format!(
            "Backup vault {name} cannot be deleted because it contains recovery points"
        )));
    }
    ctx.region.backup.vaults.remove(&name);
    Ok(Value::Null)
}

pub(super) fn describe(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let visible = ctx.visible_before();
    let vault = find(ctx, params)?;
    if !visible.shows(&vault.name, vault.created_at) {
        return Err(unknown(&vault.name));
    }
    Ok(render(vault, ctx))
}

pub(super) fn list(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let size = size(params)?;
    let visible = ctx.visible_before();
    let after = params.get("NextToken").unwrap_or_default();
    let vaults = ctx.region.backup.vaults.values();
    let mut rest = vaults.filter(|it| it.name.as_str() > after && visible.shows(&it.name, it.created_at));
    let page: Vec<&Vault> = rest.by_ref().take(size).collect();
    let next_token = rest.next().and(page.last()).map(|vault| vault.name.clone());
    let members: Vec<Value> = page.into_iter().map(|vault| render(vault, ctx)).collect();
    Ok(json!({ "BackupVaultList": members, "NextToken": next_token }))
}

fn render(vault: &Vault, ctx: &Context<'_>) -> Value {
    let points = ctx.region.backup.points_of_vault(&vault.name);
    let lock = vault.lock.as_ref();
    json!({
        "BackupVaultName": vault.name,
        "BackupVaultArn": vault.arn,
        "VaultType": "BACKUP_VAULT",
        "VaultState": "AVAILABLE",
        "EncryptionKeyArn": vault.encryption_key_arn,
        "CreationDate": time(vault.created_at),
        "CreatorRequestId": vault.creator_request_id,
        "NumberOfRecoveryPoints": points.map_or(0, std::collections::BTreeSet::len),
        "Locked": lock.is_some(),
        "MinRetentionDays": lock.and_then(|it| it.min_retention_days),
        "MaxRetentionDays": lock.and_then(|it| it.max_retention_days),
        "LockDate": lock.and_then(|it| it.lock_date).map(time),
    })
}

pub(super) fn put_policy(ctx: &mut Context<'_>, params: &Params) -> Answer {
    find_mut(ctx, params)?.policy = params.owned("Policy");
    Ok(Value::Null)
}

pub(super) fn get_policy(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let vault = find(ctx, params)?;
    let Some(policy) = &vault.policy else {
        return Err(not_found(format!(
            "Backup vault {} has no access policy",
            vault.name
        )));
    };
    Ok(json!({
        "BackupVaultName": vault.name,
        "BackupVaultArn": vault.arn,
        "Policy": policy,
    }))
}

pub(super) fn delete_policy(ctx: &mut Context<'_>, params: &Params) -> Answer {
    find_mut(ctx, params)?.policy = None;
    Ok(Value::Null)
}

pub(super) fn put_notifications(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let notifications = Notifications {
        topic_arn: params.required("SNSTopicArn")?.to_owned(),
        events: params.list("BackupVaultEvents"),
    };
    find_mut(ctx, params)?.notifications = Some(notifications);
    Ok(Value::Null)
}

pub(super) fn get_notifications(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let vault = find(ctx, params)?;
    let Some(notifications) = &vault.notifications else {
        return Err(not_found(format!(
            "Backup vault {} has no notifications",
            vault.name
        )));
    };
    Ok(json!({
        "BackupVaultName": vault.name,
        "BackupVaultArn": vault.arn,
        "SNSTopicArn": notifications.topic_arn,
        "BackupVaultEvents": notifications.events,
    }))
}

pub(super) fn delete_notifications(ctx: &mut Context<'_>, params: &Params) -> Answer {
    find_mut(ctx, params)?.notifications = None;
    Ok(Value::Null)
}
