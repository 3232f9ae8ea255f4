//! What a test changes while the simulated AWS runs; a reset takes it back.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::Sim;
use crate::limits::Limits;

impl Sim {
    /// How long Describe does not show what was made.
    pub fn set_describe_lag(&self, lag: Duration) {
        self.lock().backend.options.describe_lag = lag;
    }

    /// How much longer than that at most, resource by resource.
    pub fn set_describe_lag_spread(&self, spread: Duration) {
        self.lock().backend.options.describe_lag_spread = spread;
    }

    /// How old at most the state is that a read answers from; what came before now is not known.
    pub fn set_read_lag(&self, lag: Duration) {
        self.lock().backend.options.read_lag = lag;
    }

    /// How long after its creation a backup job runs at the least, and how much later than that at most, job
    /// by job; for jobs that are made from now on.
    pub fn set_backup_start(&self, least: Duration, spread: Duration) {
        let timings = &mut self.lock().backend.options.timings;
        timings.backup_start = least;
        timings.backup_start_spread = spread;
    }

    /// The same two times as they are.
    pub(crate) fn backup_start(&self) -> (Duration, Duration) {
        let timings = self.lock().backend.options.timings;
        (timings.backup_start, timings.backup_start_spread)
    }

    /// How long a rule of the Recycle Bin keeps the snapshots, and the volumes, that are deleted from now on; zero is no
    /// rule.
    pub fn set_recycle_bin(&self, snapshots: Duration, volumes: Duration) {
        let timings = &mut self.lock().backend.options.timings;
        timings.recycled_snapshots = snapshots;
        timings.recycled_volumes = volumes;
    }

    /// The same two times as they are.
    pub(crate) fn recycle_bin(&self) -> (Duration, Duration) {
        let timings = self.lock().backend.options.timings;
        (timings.recycled_snapshots, timings.recycled_volumes)
    }

    /// Whether too many calls are refused; buckets keep what is in them.
    pub fn set_limits(&self, limits: Limits) {
        self.lock().buckets.limits = limits;
    }

    /// What part of the tokens that flow into every bucket another client takes, 0 to 1.
    pub fn set_other_client(&self, part: f64) {
        self.lock().buckets.other_client = part;
    }

    /// How long a request is on its way, and again its answer.
    pub fn set_latency(&self, latency: RangeInclusive<Duration>) {
        self.lock().backend.options.latency = latency;
    }
}
