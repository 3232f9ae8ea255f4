//! CopySnapshot: into the region that is asked, from any region, of the caller or shared with it.

use std::collections::BTreeSet;

use super::context::tags_for;
use super::sharing::Shared;
use super::volumes::{default_key, key_arn};
use super::{Context, render};
use crate::clock::later;
use crate::protocol::{Answer, ApiError, Element, Params};
use crate::state::{Region, Snapshot, SnapshotState, kind};

/// What AWS calls the volume of every copy.
const NO_VOLUME: &str = "vol-ffffffff";

/// AWS's limit of copies under way into one region.
const MOST_CONCURRENT: usize = 20;

pub(super) fn copy(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let from = params.required("SourceRegion")?;
    let id = params.required("SourceSnapshotId")?;
    let source = source(ctx, from, id)?;
    if source.state != SnapshotState::Completed {
        let text = format!("Snapshot '{id}' is in invalid state - {}", source.state.name());
        return Err(ApiError::new("IncorrectState", text));
    }
    let kms_key_id = key(ctx.region, &source, params)?;
    let tags = tags_for(params, "snapshot")?;
    if ctx.region.pending_snapshots(NO_VOLUME) >= MOST_CONCURRENT {
        let text = format!(
            "Too many snapshot copies in progress. The limit is {MOST_CONCURRENT} for this destination region."
        );
        return Err(ApiError::new("ResourceLimitExceeded", text));
    }
    let region = &mut *ctx.region;
    let described = format!("[Copied {id} from {from}] {}", source.description);
    let copy = Snapshot {
        id: region.ids.id(kind::SNAPSHOT.prefix),
        owner: region.account.clone(),
        volume_id: NO_VOLUME.to_owned(),
        volume_size: source.volume_size,
        description: params.owned("Description").unwrap_or(described),
        encrypted: kms_key_id.is_some(),
        kms_key_id,
        state: SnapshotState::Pending,
        due: Some(later(region.now, ctx.timings.snapshot)),
        doomed: ctx.doomed.is_some(),
        started_at: region.now,
        completed_at: None,
        // Neither permissions, nor tags, nor the lock are copied.
        shared_with: BTreeSet::new(),
        is_public: false,
        lock: None,
        by_backup: false,
        tags,
    };
    let content = Element::content().text("snapshotId", &copy.id);
    let content = render::with_tags(content, &copy.tags);
    region.add_snapshot(copy);
    Ok(content)
}

/// The snapshot in that region: the caller's own, or another account's that is open to it.
fn source(ctx: &mut Context<'_>, from: &str, id: &str) -> Result<Snapshot, ApiError> {
    kind::SNAPSHOT.check(id)?;
    let me = ctx.region.account.clone();
    let own = (from == ctx.region.name)
        .then(|| ctx.region.snapshots.get(id))
        .flatten();
    if let Some(own) = own {
        return Ok(own.clone());
    }
    let when = (ctx.region.now, ctx.timings);
    let mut regions = ctx.elsewhere.accounts_in(from, when);
    regions
        .find_map(|region| {
            let snapshot = region.snapshots.get(id)?;
            (snapshot.owner == me || snapshot.is_open_to(&me, region)).then(|| snapshot.clone())
        })
        .ok_or_else(|| kind::SNAPSHOT.not_found(id))
}

/// The key of the copy; `None` when it is not encrypted.
fn key(region: &Region, source: &Snapshot, params: &Params) -> Result<Option<String>, ApiError> {
    let asked = params.flag("Encrypted")?;
    if source.encrypted && asked == Some(false) {
        return Err(ApiError::value("A copy of an encrypted snapshot is encrypted"));
    }
    let encrypted = source.encrypted || asked == Some(true);
    match params.get("KmsKeyId") {
        Some(_) if !encrypted => Err(ApiError::new(
            "InvalidParameterDependency",
            "The parameter KmsKeyId requires the parameter Encrypted to be set.",
        )),
        Some(key) => Ok(Some(key_arn(region, key))),
        None => Ok(encrypted.then(|| default_key(region))),
    }
}

#[cfg(test)]
mod tests;
