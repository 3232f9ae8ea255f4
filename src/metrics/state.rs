//! Gauges that show the state of things, made anew from the stores at each scrape.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use prometheus::{
    Error,
    core::{Collector, Desc},
    proto::{Gauge, LabelPair, Metric, MetricFamily, MetricType},
};

use super::families::{Family, STATE, promise_value};
use crate::{
    cloud::Site,
    promises::Verdict,
    terms::{Method, PromiseId},
};

/// The types of Incidents; each is shown at zero too, so that an alert can end.
pub const INCIDENT_TYPES: [&str; 3] = ["Availability", "Security", "Drift"];

/// Where the state is read.
pub trait Source: Send + Sync {
    /// The state as the stores hold it now. Called at each scrape: it must not wait.
    fn read(&self) -> State;
}

/// The state of one installation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// Whether this process acts.
    pub leader: bool,
    /// Every Tenant.
    pub tenants: Vec<TenantRow>,
    /// Every BackupPolicy.
    pub policies: Vec<PolicyRow>,
    /// Every Incident.
    pub incidents: Vec<IncidentRow>,
    /// Every listing of the inventory.
    pub listings: Vec<ListingRow>,
    /// The rotation of each account and region.
    pub rotations: Vec<RotationRow>,
}

/// One Tenant.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TenantRow {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub tenant: String,
    /// Its customer.
    pub customer: String,
    /// Its label.
    pub label: String,
    /// What it is for.
    pub environment: String,
    /// Its application.
    pub application: String,
    /// That application's version.
    pub version: String,
    /// Its plan.
    pub plan: String,
    /// Its promises.
    pub promises: Vec<(PromiseId, Verdict)>,
    /// How many things differ from what is declared; `None`: not known.
    pub drift_items: Option<u32>,
    /// How many good days of backups are held; `None`: not known.
    pub good_days: Option<u32>,
    /// By how much the newest scheduled backup started after its slot.
    pub start_skew: Option<Duration>,
    /// Its newest good backup by each method.
    pub backups: Vec<BackupRow>,
    /// How often a backup is due; `None`: none is.
    pub backup_interval: Option<Duration>,
    /// Until when nobody can delete its newest complete backup; `None`: not known.
    pub locked_until: Option<Timestamp>,
    /// How long its newest protected backup took to be locked.
    pub protected_lag: Option<Duration>,
    /// Whether it is backed up as promised; `None`: not known.
    pub protected: Option<bool>,
    /// Whether it is kept apart from others; `None`: not known.
    pub separated: Option<bool>,
}

/// One BackupPolicy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyRow {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub policy: String,
    /// Whether the quota has room for what it keeps; `None`: not counted.
    pub quota_sufficient: Option<bool>,
    /// Whether it begins no backup for a while.
    pub suspended: bool,
}

/// The newest good backup by one method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackupRow {
    /// The method.
    pub method: Method,
    /// When it started.
    pub last_success: Timestamp,
}

/// One Incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncidentRow {
    /// Its namespace.
    pub namespace: String,
    /// The Tenants it names.
    pub tenants: Vec<String>,
    /// Its type.
    pub type_: &'static str,
    /// Whether it is open.
    pub open: bool,
    /// When the customer must have been told; `None` once that happened, or while it is not known.
    pub notify_by: Option<Timestamp>,
}

/// One listing of the inventory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListingRow {
    /// The account and region.
    pub site: Site,
    /// What is listed, in one word.
    pub listing: &'static str,
    /// When it was last complete; `None`: never.
    pub last_success: Option<Timestamp>,
    /// How many calls that took; `None`: it never was.
    pub pages: Option<u32>,
    /// How often it is made.
    pub period: Duration,
}

/// The rotation that reads with whom copies are shared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RotationRow {
    /// The account and region.
    pub site: Site,
    /// How long the copy waited that waited longest.
    pub length: Duration,
}

/// Collects the state that a source reads.
pub(super) struct Collected {
    source: Arc<dyn Source>,
    descriptions: Vec<Desc>,
}

impl Collected {
    pub(super) fn new(source: Arc<dyn Source>) -> Result<Self, Error> {
        let descriptions = STATE.iter().map(describe).collect::<Result<_, _>>()?;
        Ok(Self { source, descriptions })
    }
}

impl Collector for Collected {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let state = self.source.read();
        let samples = [
            promises(&state),
            infos(&state),
            per_tenant(&state, |row| row.drift_items.map(f64::from)),
            last_successes(&state),
            per_tenant(&state, |row| row.start_skew.map(|skew| skew.as_secs_f64())),
            per_tenant(&state, |row| row.good_days.map(f64::from)),
            per_tenant(&state, |row| row.backup_interval.map(|span| span.as_secs_f64())),
            per_tenant(&state, |row| row.locked_until.map(seconds)),
            per_tenant(&state, |row| row.protected_lag.map(|lag| lag.as_secs_f64())),
            per_tenant(&state, |row| {
                row.protected.map(|holds| f64::from(u8::from(holds)))
            }),
            per_tenant(&state, |row| {
                row.separated.map(|holds| f64::from(u8::from(holds)))
            }),
            per_policy(&state, |row| row.quota_sufficient),
            per_policy(&state, |row| Some(row.suspended)),
            open_incidents(&state),
            deadlines(&state),
            listings(&state, |row| row.last_success.map(seconds)),
            listings(&state, |row| row.pages.map(f64::from)),
            listings(&state, |row| Some(row.period.as_secs_f64())),
            rotations(&state),
            vec![Sample(Vec::new(), f64::from(u8::from(state.leader)))],
        ];
        STATE
            .iter()
            .zip(samples)
            .map(|(family, samples)| gauges(family, samples))
            .collect()
    }
}

/// The values of the labels, in the family's order, and the value.
struct Sample(Vec<String>, f64);

fn promises(state: &State) -> Vec<Sample> {
    let rows = state.tenants.iter().flat_map(|row| {
        row.promises.iter().map(|(id, verdict)| {
            let labels = vec![row.namespace.clone(), row.tenant.clone(), id.to_string()];
            Sample(labels, promise_value(*verdict))
        })
    });
    rows.collect()
}

fn infos(state: &State) -> Vec<Sample> {
    let labels = |row: &TenantRow| {
        [
            &row.namespace,
            &row.tenant,
            &row.customer,
            &row.label,
            &row.environment,
            &row.application,
            &row.version,
            &row.plan,
        ]
        .map(Clone::clone)
        .to_vec()
    };
    state.tenants.iter().map(|row| Sample(labels(row), 1.0)).collect()
}

fn per_tenant(state: &State, value: impl Fn(&TenantRow) -> Option<f64>) -> Vec<Sample> {
    let rows = state.tenants.iter().filter_map(|row| {
        value(row).map(|value| Sample(vec![row.namespace.clone(), row.tenant.clone()], value))
    });
    rows.collect()
}

fn per_policy(state: &State, value: impl Fn(&PolicyRow) -> Option<bool>) -> Vec<Sample> {
    let rows = state.policies.iter().filter_map(|row| {
        let labels = vec![row.namespace.clone(), row.policy.clone()];
        value(row).map(|holds| Sample(labels, f64::from(u8::from(holds))))
    });
    rows.collect()
}

fn last_successes(state: &State) -> Vec<Sample> {
    let rows = state.tenants.iter().flat_map(|row| {
        row.backups.iter().map(|backup| {
            let labels = vec![
                row.namespace.clone(),
                row.tenant.clone(),
                backup.method.to_string(),
            ];
            Sample(labels, seconds(backup.last_success))
        })
    });
    rows.collect()
}

fn open_incidents(state: &State) -> Vec<Sample> {
    let mut counts: BTreeMap<&str, u32> = INCIDENT_TYPES.iter().map(|type_| (*type_, 0)).collect();
    for incident in state.incidents.iter().filter(|incident| incident.open) {
        *counts.entry(incident.type_).or_default() += 1;
    }
    let rows = counts
        .into_iter()
        .map(|(type_, count)| Sample(vec![type_.to_owned()], f64::from(count)));
    rows.collect()
}

/// Per Tenant the earliest deadline, so that no second Incident hides the first one's.
fn deadlines(state: &State) -> Vec<Sample> {
    let mut earliest: BTreeMap<(&str, &str), Timestamp> = BTreeMap::new();
    for incident in &state.incidents {
        let Some(by) = incident.notify_by else { continue };
        for tenant in &incident.tenants {
            let entry = earliest.entry((&incident.namespace, tenant)).or_insert(by);
            *entry = by.min(*entry);
        }
    }
    let rows = earliest
        .into_iter()
        .map(|((namespace, tenant), by)| Sample(vec![namespace.to_owned(), tenant.to_owned()], seconds(by)));
    rows.collect()
}

fn listings(state: &State, value: impl Fn(&ListingRow) -> Option<f64>) -> Vec<Sample> {
    let rows = state.listings.iter().filter_map(|row| {
        let account = row.site.account_id().map(|id| id.to_string()).unwrap_or_default();
        let labels = vec![account, row.site.region.to_string(), row.listing.to_owned()];
        value(row).map(|value| Sample(labels, value))
    });
    rows.collect()
}

fn rotations(state: &State) -> Vec<Sample> {
    let rows = state.rotations.iter().map(|row| {
        let account = row.site.account_id().map(|id| id.to_string()).unwrap_or_default();
        Sample(
            vec![account, row.site.region.to_string()],
            row.length.as_secs_f64(),
        )
    });
    rows.collect()
}

fn seconds(at: Timestamp) -> f64 {
    at.as_duration().as_secs_f64()
}

fn describe(family: &Family) -> Result<Desc, Error> {
    let labels = family.labels.iter().map(|label| (*label).to_owned()).collect();
    Desc::new(family.name.to_owned(), family.help(), labels, HashMap::new())
}

fn gauges(family: &Family, samples: Vec<Sample>) -> MetricFamily {
    let metrics = samples
        .into_iter()
        .map(|Sample(values, value)| {
            let labels = family
                .labels
                .iter()
                .zip(values)
                .map(|(name, value)| label(name, value));
            let mut gauge = Gauge::default();
            gauge.set_value(value);
            let mut metric = Metric::from_gauge(gauge);
            metric.set_label(labels.collect());
            metric
        })
        .collect();
    let mut shown = MetricFamily::default();
    shown.set_name(family.name.to_owned());
    shown.set_help(family.help());
    shown.set_field_type(MetricType::GAUGE);
    shown.set_metric(metrics);
    shown
}

fn label(name: &str, value: String) -> LabelPair {
    let mut pair = LabelPair::default();
    pair.set_name(name.to_owned());
    pair.set_value(value);
    pair
}
