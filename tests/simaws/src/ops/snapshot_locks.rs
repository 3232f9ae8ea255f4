//! Locking snapshots.

use jiff::Timestamp;

use super::Context;
use super::context::no_tag_filters;
use crate::protocol::{Answer, ApiError, Element, Ids, Listed, PageLimit, Params, item, list_as, timestamp};
use crate::state::{
    LockMode, LockState, Region, Snapshot, SnapshotLock, SnapshotState, Tags, days_later, kind,
};

const IDS: Ids = Ids {
    parameter: "SnapshotId",
    kind: kind::SNAPSHOT,
    refuse_pages: true,
};

pub(super) fn lock(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let id = params.required(IDS.parameter)?;
    let now = ctx.region.now;
    let snapshot = ctx.region.snapshot(id)?;
    let lock = read(snapshot, params, now)?;
    if snapshot.state == SnapshotState::Error {
        let text = format!("The snapshot '{id}' is in the 'error' state and cannot be locked");
        return Err(ApiError::new("IncorrectState", text));
    }
    if let Some(before) = &snapshot.lock {
        check_change(before, &lock, params, now)?;
    }
    let content = render(Element::content().text("snapshotId", id), &lock, now);
    ctx.region.snapshot_mut(id)?.lock = Some(lock);
    Ok(content)
}

/// The lock a call asks for.
fn read(snapshot: &Snapshot, params: &Params, now: Timestamp) -> Result<SnapshotLock, ApiError> {
    let mode = match params.required("LockMode")? {
        "governance" => LockMode::Governance,
        "compliance" => LockMode::Compliance,
        other => return Err(ApiError::value(format!("Invalid value '{other}' for lockMode"))),
    };
    let cool_off_hours = ranged(params, "CoolOffPeriod", 72)?;
    if mode == LockMode::Governance && cool_off_hours.is_some() {
        return Err(ApiError::combination(
            "A cooling-off period can only be given for the compliance mode",
        ));
    }
    let completed = snapshot.state == SnapshotState::Completed;
    let (duration_days, expires_at) =
        match (ranged(params, "LockDuration", 36_500)?, expiration(params, now)?) {
            (Some(days), None) => (days, completed.then(|| days_later(now, days))),
            (None, Some(at)) => (whole_days(now, at), Some(at)),
            _ => {
                return Err(ApiError::combination(
                    "Either LockDuration or ExpirationDate must be given",
                ));
            }
        };
    let held = snapshot.lock.as_ref().filter(|lock| lock.is_held(now));
    Ok(SnapshotLock {
        mode,
        duration_days,
        cool_off_hours,
        // A change does not make a lock younger, but a cooling-off period that is asked for begins now.
        created_on: held
            .filter(|_| cool_off_hours.is_none())
            .map_or(now, |lock| lock.created_on),
        starts_at: completed.then_some(now),
        expires_at,
    })
}

/// What a held lock lets itself be changed to: in compliance mode, once it has cooled off, only prolonged. AWS
/// documents no code for the refusals; they are assumed.
fn check_change(
    before: &SnapshotLock,
    after: &SnapshotLock,
    params: &Params,
    now: Timestamp,
) -> Result<(), ApiError> {
    if before.state(now) != LockState::Compliance {
        return Ok(());
    }
    if params.get("CoolOffPeriod").is_some() {
        return Err(ApiError::combination(
            "The cooling-off period of a snapshot locked in compliance mode cannot be changed",
        ));
    }
    if after.mode != LockMode::Compliance || after.ends(now) < before.ends(now) {
        return Err(ApiError::new(
            "OperationNotPermitted",
            "The lock of a snapshot locked in compliance mode can only be prolonged",
        ));
    }
    Ok(())
}

fn ranged(params: &Params, name: &str, most: u32) -> Result<Option<u32>, ApiError> {
    let number = params.number(name)?;
    match number {
        Some(number) if !(1..=most).contains(&number) => Err(ApiError::value(format!(
            "Value ({number}) for parameter {name} is invalid. Expecting 1 to {most}."
        ))),
        number => Ok(number),
    }
}

fn expiration(params: &Params, now: Timestamp) -> Result<Option<Timestamp>, ApiError> {
    let Some(text) = params.get("ExpirationDate") else {
        return Ok(None);
    };
    match text.parse::<Timestamp>() {
        Ok(at) if at > now => Ok(Some(at)),
        Ok(_) => Err(ApiError::value("The expiration date must be in the future")),
        Err(_) => Err(ApiError::value(format!(
            "Invalid value '{text}' for expirationDate"
        ))),
    }
}

/// How many days, the last one begun counting.
fn whole_days(from: Timestamp, to: Timestamp) -> u32 {
    let seconds = to.duration_since(from).as_secs().max(0);
    u32::try_from((seconds + 86_399) / 86_400).unwrap_or(u32::MAX)
}

pub(super) fn unlock(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let id = params.required(IDS.parameter)?;
    let now = ctx.region.now;
    let snapshot = ctx.region.snapshot_mut(id)?;
    let state = snapshot.lock.as_ref().map(|lock| lock.state(now));
    match state {
        Some(LockState::Governance | LockState::ComplianceCooloff) => {
            snapshot.lock = None;
            Ok(Element::content().text("snapshotId", id))
        }
        Some(LockState::Compliance) => Err(ApiError::new(
            "OperationNotPermitted",
            format!("The snapshot {id} is locked in compliance mode and cannot be unlocked"),
        )),
        Some(LockState::Expired) | None => Err(ApiError::new(
            "IncorrectState",
            format!("The snapshot {id} is not locked"),
        )),
    }
}

/// A snapshot as DescribeLockedSnapshots sees it: one filter of its own and none by tag.
struct Locked<'a> {
    snapshot: &'a Snapshot,
    no_tags: Tags,
}

impl Listed for Locked<'_> {
    const FILTERS: &'static [&'static str] = &["lock-state"];

    fn tags(&self) -> &Tags {
        &self.no_tags
    }

    fn created_at(&self) -> Timestamp {
        self.snapshot.started_at
    }

    fn values(&self, _filter: &str, region: &Region) -> Vec<String> {
        let lock = self.snapshot.lock.iter();
        lock.map(|lock| lock.state(region.now).name().to_owned())
            .collect()
    }
}

pub(super) fn describe(ctx: &mut Context<'_>, params: &Params) -> Answer {
    no_tag_filters(params, "DescribeLockedSnapshots")?;
    let visible = ctx.visible_before();
    let region = &*ctx.region;
    // A snapshot named by id has to exist; that it is not locked is no error.
    let by_id = !params.list(IDS.parameter).is_empty();
    let what = (IDS, PageLimit::Strict(1000));
    let page = list_as(&region.snapshots, params, what, (region, visible), |snapshot| {
        let no_tags = Tags::new();
        (by_id || snapshot.lock.is_some()).then_some(Locked { snapshot, no_tags })
    })?;
    let items = page.items.iter().filter_map(|it| {
        let lock = it.snapshot.lock.as_ref()?;
        let named = item()
            .text("ownerId", &it.snapshot.owner)
            .text("snapshotId", &it.snapshot.id);
        Some(render(named, lock, region.now))
    });
    Ok(Element::content()
        .list("snapshotSet", items)
        .maybe("nextToken", page.next_token))
}

fn render(element: Element, lock: &SnapshotLock, now: Timestamp) -> Element {
    element
        .text("lockState", lock.state(now).name())
        .text("lockDuration", lock.duration_days)
        .maybe("coolOffPeriod", lock.cool_off_hours)
        .maybe("coolOffPeriodExpiresOn", lock.cool_off_until().map(timestamp))
        .text("lockCreatedOn", timestamp(lock.created_on))
        .maybe("lockDurationStartTime", lock.starts_at.map(timestamp))
        .maybe("lockExpiresOn", lock.expires_at.map(timestamp))
}

#[cfg(test)]
mod tests;
