//! Every metric the operator has: what it is called, what it means, and where its value comes from.
//!
//! Counts of what this process did are counters. The state of tenants and incidents is read from the stores at
//! each scrape, so that a restart loses nothing and a deleted object leaves nothing behind. Labels are bounded:
//! words of ours and the names of objects, never an error's text, an ARN or a person. Times are timestamps,
//! never ages: an age would stop growing when the operator does.

mod families;
mod state;

use std::{sync::Arc, time::Duration};

use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder};

pub use families::{FAMILIES, Family, Kind, docs, promise_value};
pub use state::{
    BackupRow, INCIDENT_TYPES, IncidentRow, ListingRow, PolicyRow, RotationRow, Source, State, TenantRow,
};

use crate::{
    cloud::{AccountId, Operation, Region, Site},
    governor::{WaitEnd, Waited},
};

/// The content type of [`Metrics::render`].
pub const CONTENT_TYPE: &str = prometheus::TEXT_FORMAT;

/// Bounds of the pass histogram: a pass at rest takes milliseconds, one with several AWS calls seconds, and
/// none should take longer than the sweep that comes after it.
const PASS_BUCKETS: [f64; 9] = [0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 15.0, 30.0];

/// Bounds of the histogram of waits, up to the longest that there is.
const WAIT_BUCKETS: [f64; 8] = [0.05, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0];

/// A metric that cannot be.
#[derive(Debug, thiserror::Error)]
#[error("setting up the metrics")]
pub struct MetricsError(#[from] prometheus::Error);

/// The metrics of one process.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    waits: HistogramVec,
    held_back: IntCounterVec,
    expired: IntCounterVec,
    braked: IntGaugeVec,
    passes: HistogramVec,
    sharing: IntCounterVec,
}

impl Metrics {
    /// Metrics that count from zero and show no state yet.
    pub fn new() -> Result<Self, MetricsError> {
        let registry = Registry::new();
        let requests = IntCounterVec::new(opts(&families::AWS_REQUESTS), families::AWS_REQUESTS.labels)?;
        registry.register(Box::new(requests.clone()))?;
        let waits = histogram(&registry, &families::AWS_WAIT, &WAIT_BUCKETS)?;
        let held_back = IntCounterVec::new(opts(&families::AWS_HELD_BACK), families::AWS_HELD_BACK.labels)?;
        registry.register(Box::new(held_back.clone()))?;
        let expired = IntCounterVec::new(opts(&families::BACKUPS_EXPIRED), families::BACKUPS_EXPIRED.labels)?;
        registry.register(Box::new(expired.clone()))?;
        let braked = IntGaugeVec::new(opts(&families::EXPIRY_BRAKED), families::EXPIRY_BRAKED.labels)?;
        registry.register(Box::new(braked.clone()))?;
        let passes = histogram(&registry, &families::RECONCILE_DURATION, &PASS_BUCKETS)?;
        let sharing = IntCounterVec::new(opts(&families::SHARING_REVOKED), families::SHARING_REVOKED.labels)?;
        registry.register(Box::new(sharing.clone()))?;
        let build = IntGaugeVec::new(opts(&families::BUILD_INFO), families::BUILD_INFO.labels)?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        registry.register(Box::new(build))?;
        Ok(Self {
            registry,
            requests,
            waits,
            held_back,
            expired,
            braked,
            passes,
            sharing,
        })
    }

    /// Shows the state that `source` reads, from the next scrape on. To be called once.
    pub fn show(&self, source: Arc<dyn Source>) -> Result<(), MetricsError> {
        self.registry.register(Box::new(state::Collected::new(source)?))?;
        Ok(())
    }

    /// Counts one call to AWS; `outcome` is `ok` or the kind of its failure in one word.
    pub fn request_ended(&self, operation: Operation, outcome: &'static str) {
        self.requests
            .with_label_values(&[operation.service(), &operation.to_string(), outcome])
            .inc();
    }

    /// Notes a call to AWS that had to wait for its turn.
    pub fn waited(&self, account: Option<&AccountId>, region: &Region, wait: Waited) {
        let operation = wait.operation.to_string();
        let labels = [
            account.map(AccountId::as_str).unwrap_or_default(),
            region.as_str(),
            operation.as_str(),
            wait.lane.as_str(),
        ];
        self.waits
            .with_label_values(&labels)
            .observe(wait.took.as_secs_f64());
        match wait.end {
            WaitEnd::Admitted => {}
            WaitEnd::HeldBack => self.held_back.with_label_values(&labels).inc(),
        }
    }

    /// Counts a Backup that newer days replace.
    pub fn backup_expired(&self, site: &Site) {
        self.expired.with_label_values(&labels_of(site)).inc();
    }

    /// Notes whether backups expire there.
    pub fn expiry_braked(&self, site: &Site, is_braked: bool) {
        self.braked
            .with_label_values(&labels_of(site))
            .set(i64::from(is_braked));
    }

    /// Notes how long one pass over an object of this kind took, and how it ended.
    pub fn pass_ended(&self, kind: &'static str, outcome: &'static str, took: Duration) {
        self.passes
            .with_label_values(&[kind, outcome])
            .observe(took.as_secs_f64());
    }

    /// Counts an attempt to close a copy that others could use: a `snapshot` or an `image`, and `revoked` or `failed`.
    pub fn sharing_revoked(&self, copy: &'static str, outcome: &'static str) {
        self.sharing.with_label_values(&[copy, outcome]).inc();
    }

    /// Everything in Prometheus' text format.
    pub fn render(&self) -> Result<String, MetricsError> {
        Ok(TextEncoder::new().encode_to_string(&self.registry.gather())?)
    }
}

/// An account and region as labels.
fn labels_of(site: &Site) -> [String; 2] {
    let account = site.account_id().map(|id| id.to_string()).unwrap_or_default();
    [account, site.region.to_string()]
}

fn histogram(registry: &Registry, family: &Family, bounds: &[f64]) -> Result<HistogramVec, MetricsError> {
    let options = HistogramOpts::from(opts(family)).buckets(bounds.to_vec());
    let histogram = HistogramVec::new(options, family.labels)?;
    registry.register(Box::new(histogram.clone()))?;
    Ok(histogram)
}

fn opts(family: &Family) -> Opts {
    Opts::new(family.name, family.help())
}

#[cfg(test)]
mod tests;
