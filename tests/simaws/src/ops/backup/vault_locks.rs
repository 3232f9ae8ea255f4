//! Locks of backup vaults. In governance mode they can be taken away at any time; with ChangeableForDays
//! (compliance mode) only until that many days have passed.

use serde_json::Value;

use super::{Answer, Context, invalid_request, invalid_value, vaults};
use crate::protocol::{ApiError, Params};
use crate::state::{Vault, VaultLock, days_later};

/// The shortest time a lock stays changeable.
const LEAST_CHANGEABLE: u32 = 3;

/// The longest retention.
const MOST_DAYS: i64 = 36_500;

pub(super) fn put(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let now = ctx.region.now;
    let lock = read(params, now)?;
    let vault = vaults::find_mut(ctx, params)?;
    check_changeable(vault, now)?;
    vault.lock = Some(lock);
    Ok(Value::Null)
}

fn read(params: &Params, now: jiff::Timestamp) -> Result<VaultLock, ApiError> {
    let days = |name: &str| match params.number::<i64>(name)? {
        Some(days) if !(1..=MOST_DAYS).contains(&days) => {
            Err(invalid_value(format!("{name} must be from 1 to {MOST_DAYS}")))
        }
        days => Ok(days),
    };
    let (least, most) = (days("MinRetentionDays")?, days("MaxRetentionDays")?);
    if least.is_some_and(|least| most.is_some_and(|most| least > most)) {
        return Err(invalid_value(
            "MinRetentionDays must not be more than MaxRetentionDays",
        ));
    }
    let changeable = params.number::<u32>("ChangeableForDays")?;
    if changeable.is_some_and(|days| days < LEAST_CHANGEABLE) {
        return Err(invalid_value(format!(
            "ChangeableForDays must be at least {LEAST_CHANGEABLE}"
        )));
    }
    Ok(VaultLock {
        min_retention_days: least,
        max_retention_days: most,
        lock_date: changeable.map(|days| days_later(now, days)),
    })
}

pub(super) fn delete(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let now = ctx.region.now;
    let vault = vaults::find_mut(ctx, params)?;
    check_changeable(vault, now)?;
    vault.lock = None;
    Ok(Value::Null)
}

fn check_changeable(vault: &Vault, now: jiff::Timestamp) -> Result<(), ApiError> {
    if vault.lock.as_ref().is_some_and(|lock| lock.is_fixed(now)) {
        return Err(invalid_request(format!(
            "The lock of backup vault {} can no longer be changed",
            vault.name
        )));
    }
    Ok(())
}
