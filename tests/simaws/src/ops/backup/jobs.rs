//! Backup jobs.

use std::time::Duration;

use serde_json::{Value, json};

use super::page::{date, page};
use super::{
    Answer, Context, invalid_request, invalid_value, lifecycle, not_found, render_lifecycle, resources, time,
    vaults,
};
use crate::clock::later;
use crate::ops::context::{MOST_TAGS, check_tag};
use crate::protocol::{ApiError, Params};
use crate::state::{BackupDoom, BackupEnd, BackupJob, JobState, Tags};

/// How long a job waits for its start at most, in minutes, unless the call says otherwise.
const START_WINDOW: u64 = 480;

/// The least a call may say.
const LEAST_WINDOW: u64 = 60;

pub(super) fn start(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let vault = vaults::find(ctx, params)?;
    let (vault, vault_arn) = (vault.name.clone(), vault.arn.clone());
    let resource_arn = params.required("ResourceArn")?;
    let role_arn = role(params.required("IamRoleArn")?)?;
    let token = params.owned("IdempotencyToken").filter(|token| !token.is_empty());
    if let Some(job) = token
        .as_ref()
        .and_then(|token| ctx.region.backup.job_of_token(token))
    {
        // AWS does not say what another resource under the same token is: an error is assumed.
        if job.resource.arn != resource_arn || job.vault != vault {
            return Err(invalid_value(
                "The idempotency token was used for another resource or vault",
            ));
        }
        let answer = started(job);
        ctx.replayed = true;
        return Ok(answer);
    }
    let resource = resources::find(ctx, resource_arn)?;
    let window = params.number("StartWindowMinutes")?.unwrap_or(START_WINDOW);
    if window < LEAST_WINDOW {
        return Err(invalid_value(format!(
            "StartWindowMinutes must be at least {LEAST_WINDOW}"
        )));
    }
    let (lifecycle, tags) = (lifecycle(params)?, tags(params)?);
    let now = ctx.region.now;
    let job = BackupJob {
        id: job_id(ctx),
        vault,
        vault_arn,
        resource,
        role_arn,
        token,
        lifecycle,
        tags,
        state: JobState::Created,
        doom: ctx.doomed.clone().map(|message| BackupDoom {
            state: BackupEnd::Failed,
            message,
        }),
        due: None,
        created_at: now,
        starts_at: now,
        start_by: later(now, Duration::from_secs(window.saturating_mul(60))),
        initiated_at: None,
        completed_at: None,
        status_message: None,
        recovery_point_arn: None,
        size_bytes: None,
        key_arn: None,
    };
    let answer = started(&job);
    ctx.region.begin_job(job, ctx.timings);
    Ok(answer)
}

fn started(job: &BackupJob) -> Value {
    json!({
        "BackupJobId": job.id,
        "CreationDate": time(job.created_at),
        "IsParent": false,
    })
}

fn role(arn: &str) -> Result<String, ApiError> {
    let rest = arn.strip_prefix("arn:aws:iam::").unwrap_or_default();
    match rest.split_once(":role/") {
        Some((account, name)) if account.len() == 12 && !name.is_empty() => Ok(arn.to_owned()),
        _ => Err(invalid_value(format!("{arn} is not the ARN of a role"))),
    }
}

fn tags(params: &Params) -> Result<Tags, ApiError> {
    let mut tags = Tags::new();
    for (key, value) in params.group("RecoveryPointTags").iter() {
        check_tag(key, value)?;
        tags.insert(key.to_owned(), value.to_owned());
    }
    if tags.len() > MOST_TAGS {
        return Err(invalid_value(format!(
            "A recovery point takes {MOST_TAGS} tags at most"
        )));
    }
    Ok(tags)
}

fn job_id(ctx: &mut Context<'_>) -> String {
    let (high, low) = (ctx.region.ids.next(), ctx.region.ids.next());
    let digits = format!("{high:016X}{low:016X}");
    let mut id = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if matches!(at, 8 | 12 | 16 | 20) {
            id.push('-');
        }
        id.push(digit);
    }
    id
}

pub(super) fn stop(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let id = params.required("BackupJobId")?;
    if ctx.region.backup.job(id).is_none() {
        return Err(unknown(id));
    }
    if !ctx.region.stop_job(id) {
        return Err(invalid_request(format!("Backup job {id} has ended")));
    }
    Ok(Value::Null)
}

pub(super) fn describe(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let id = params.required("BackupJobId")?;
    let visible = ctx.visible_before();
    let job = ctx.region.backup.job(id);
    let job = job.filter(|job| visible.shows(id, job.created_at));
    Ok(render(job.ok_or_else(|| unknown(id))?, ctx))
}

fn unknown(id: &str) -> ApiError {
    not_found(format!("Backup job {id} does not exist"))
}

pub(super) fn list(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let completed_after = date(params, "ByCompleteAfter")?;
    let completed_before = date(params, "ByCompleteBefore")?;
    let account = params.get("ByAccountId");
    let fits = |name: &str, value: &str| params.get(name).is_none_or(|wanted| wanted == value);
    let keep = |job: &BackupJob| {
        account.is_none_or(|it| it == "*" || it == ctx.region.account)
            && fits("ByState", job.state.name())
            && fits("ByBackupVaultName", &job.vault)
            && fits("ByResourceType", job.resource.kind.name())
            && completed_after.is_none_or(|after| job.completed_at.is_some_and(|at| at > after))
            && completed_before.is_none_or(|before| job.completed_at.is_some_and(|at| at < before))
            && params.get("ByParentJobId").is_none()
    };
    let backup = &ctx.region.backup;
    let times = backup.job_times(params.get("ByResourceArn"));
    let page = page((times, backup.jobs()), params, ctx.visible_before(), keep)?;
    let jobs: Vec<Value> = page.items.into_iter().map(|job| render(job, ctx)).collect();
    Ok(json!({ "BackupJobs": jobs, "NextToken": page.next_token }))
}

fn render(job: &BackupJob, ctx: &Context<'_>) -> Value {
    let region = &ctx.region;
    json!({
        "AccountId": region.account,
        "BackupJobId": job.id,
        "BackupVaultName": job.vault,
        "BackupVaultArn": job.vault_arn,
        "ResourceArn": job.resource.arn,
        "ResourceType": job.resource.kind.name(),
        "IamRoleArn": job.role_arn,
        "State": job.state.name(),
        "StatusMessage": job.status_message,
        "PercentDone": job.percent_done(region.now),
        "CreationDate": time(job.created_at),
        "InitiationDate": job.initiated_at.map(time),
        "StartBy": time(job.start_by),
        "CompletionDate": job.completed_at.map(time),
        "RecoveryPointArn": job.recovery_point_arn,
        "RecoveryPointLifecycle": render_lifecycle(job.lifecycle.as_ref()),
        "BackupSizeInBytes": job.size_bytes,
        "EncryptionKeyArn": job.key_arn,
        "IsEncrypted": job.initiated_at.map(|_| job.key_arn.is_some()),
        "IsParent": false,
    })
}
