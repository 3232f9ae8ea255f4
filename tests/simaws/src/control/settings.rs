//! Settings that change while the simulated AWS runs.

use jiff::SignedDuration;
use serde::Deserialize;

use super::{Refusal, duration};
use crate::Sim;
use crate::limits::Limits;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct SettingsChange {
    describe_lag: Option<SignedDuration>,
    describe_lag_spread: Option<SignedDuration>,
    read_lag: Option<SignedDuration>,
    /// The least and the most.
    latency: Option<(SignedDuration, SignedDuration)>,
    /// From a backup job's creation to its start.
    backup_start: Option<SignedDuration>,
    backup_start_spread: Option<SignedDuration>,
    /// How long the Recycle Bin keeps what is deleted; zero is no rule.
    recycled_snapshots: Option<SignedDuration>,
    recycled_volumes: Option<SignedDuration>,
    limits: Option<Limits>,
    other_client: Option<f64>,
}

/// Reads all before it changes any.
pub(super) fn change(sim: &Sim, change: &SettingsChange) -> Result<(), Refusal> {
    let describe_lag = change.describe_lag.map(duration).transpose()?;
    let spread = change.describe_lag_spread.map(duration).transpose()?;
    let read_lag = change.read_lag.map(duration).transpose()?;
    let backup_start = change.backup_start.map(duration).transpose()?;
    let backup_start_spread = change.backup_start_spread.map(duration).transpose()?;
    let recycled_snapshots = change.recycled_snapshots.map(duration).transpose()?;
    let recycled_volumes = change.recycled_volumes.map(duration).transpose()?;
    let latency = match change.latency {
        Some((least, most)) => Some(duration(least)?..=duration(most)?),
        None => None,
    };
    if let Some(limits) = change.limits {
        sim.set_limits(limits);
    }
    if let Some(part) = change.other_client {
        sim.set_other_client(part);
    }
    if backup_start.is_some() || backup_start_spread.is_some() {
        let (least, spread) = sim.backup_start();
        sim.set_backup_start(
            backup_start.unwrap_or(least),
            backup_start_spread.unwrap_or(spread),
        );
    }
    if recycled_snapshots.is_some() || recycled_volumes.is_some() {
        let (snapshots, volumes) = sim.recycle_bin();
        sim.set_recycle_bin(
            recycled_snapshots.unwrap_or(snapshots),
            recycled_volumes.unwrap_or(volumes),
        );
    }
    if let Some(lag) = describe_lag {
        sim.set_describe_lag(lag);
    }
    if let Some(spread) = spread {
        sim.set_describe_lag_spread(spread);
    }
    if let Some(lag) = read_lag {
        sim.set_read_lag(lag);
    }
    if let Some(latency) = latency {
        sim.set_latency(latency);
    }
    Ok(())
}
