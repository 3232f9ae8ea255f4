//! The one list of metric families, from which both the metrics and their documentation are made.

use std::fmt::Write;

use crate::promises::Verdict;

/// What kind of metric a family is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It shows how things are.
    Gauge,
    /// It sorts observations into bounds.
    Histogram,
}

impl Kind {
    /// The word Prometheus has for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A metric family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    /// Its name.
    pub name: &'static str,
    /// What kind it is.
    pub kind: Kind,
    /// Its labels, in order.
    pub labels: &'static [&'static str],
    /// What it means.
    pub meaning: &'static str,
    /// An expression one would alert on.
    pub alert: &'static str,
}

impl Family {
    /// The help text: the meaning and an example alert.
    pub fn help(&self) -> String {
        format!("{} Example alert: {}", self.meaning, self.alert)
    }
}

const PROMISE_STATUS: Family = Family {
    name: "yagura_promise_status",
    kind: Kind::Gauge,
    labels: &["namespace", "tenant", "promise"],
    meaning: "How a promise stands for a tenant: 1 pass, 0 fail, -1 unknown, -2 manual, -3 waived, -4 idle.",
    alert: "yagura_promise_status == 0",
};

const TENANT_INFO: Family = Family {
    name: "yagura_tenant_info",
    kind: Kind::Gauge,
    labels: &[
        "namespace",
        "tenant",
        "customer",
        "label",
        "environment",
        "application",
        "version",
        "plan",
    ],
    meaning: "Always 1; gives a tenant's label, customer and application to be joined on namespace and tenant.",
    alert: "count by (label) (yagura_tenant_info) > 1",
};

const TENANT_SEPARATED: Family = Family {
    name: "yagura_tenant_separated",
    kind: Kind::Gauge,
    labels: &["namespace", "tenant"],
    meaning: "Whether nothing of a tenant is shared with, or open to, another customer or the other kind of environment: 1 or 0, the condition Separated; missing while that is not known.",
    alert: "yagura_tenant_separated == 0",
};

const DRIFT_ITEMS: Family = Family {
    name: "yagura_drift_items",
    kind: Kind::Gauge,
    labels: &["namespace", "tenant"],
    meaning: "How many things in AWS differ from what is declared; missing while AWS was not seen.",
    alert: "min_over_time(yagura_drift_items[15m]) > 0",
};

const BACKUP_LAST_SUCCESS: Family = Family {
    name: "yagura_backup_last_success_timestamp_seconds",
    kind: Kind::Gauge,
    labels: &["namespace", "tenant", "method"],
    meaning: "When the newest good backup by a method started; missing while there was none.",
    alert: "time() - yagura_backup_last_success_timestamp_seconds > 26 * 3600",
};

const BACKUP_START_SKEW: Family = Family {
    name: "yagura_backup_start_skew_seconds",
    kind: Kind::Gauge,
    labels: &["namespace", "tenant"],
    meaning: "By how much the newest scheduled backup started after its slot, by AWS's own time.",
    alert: "yagura_backup_start_skew_seconds > 3600",
};

const BACKUP_GOOD_DAYS: Family = Family {
    name: "yagura_backup_good_days",
    kind: Kind::Gauge,
    labels: &["namespace", "tenant"],
    meaning: "How many days with a good backup are held; missing while that is not known.",
    alert: "yagura_backup_good_days < 3",
};

const BACKUP_INTERVAL: Family = Family {
    name: "yagura_backup_expected_interval_seconds",
    kind: Kind::Gauge,
    labels: &["namespace", "tenant"],
    meaning: "How often a backup is due; missing while none is, since the tenant was never Ready.",
    alert: "time() - yagura_backup_last_success_timestamp_seconds > on (namespace, tenant) group_left 1.1 * yagura_backup_expected_interval_seconds",
};

const BACKUP_LOCKED_UNTIL: Family = Family {
    name: "yagura_backup_locked_until_timestamp_seconds",
    kind: Kind::Gauge,
    labels: &["namespace", "tenant"],
    meaning: "Until when nobody can delete the newest complete backup, as AWS said it; missing while AWS said nothing of a lock.",
    alert: "yagura_backup_locked_until_timestamp_seconds - time() < 24 * 3600",
};

const BACKUP_PROTECTED_LAG: Family = Family {
    name: "yagura_backup_protected_lag_seconds",
    kind: Kind::Gauge,
    labels: &["namespace", "tenant"],
    meaning: "How long it took from taking the newest protected backup on until all of it was seen to be locked.",
    alert: "yagura_backup_protected_lag_seconds > 4 * 3600",
};

const BACKUP_PROTECTED: Family = Family {
    name: "yagura_backup_protected",
    kind: Kind::Gauge,
    labels: &["namespace", "tenant"],
    meaning: "Whether a tenant is backed up as its terms promise: 1 or 0, the condition Protected; missing while that is not known.",
    alert: "yagura_backup_protected == 0",
};

const BACKUP_QUOTA: Family = Family {
    name: "yagura_backup_quota_sufficient",
    kind: Kind::Gauge,
    labels: &["namespace", "policy"],
    meaning: "Whether the account's quota has room for the snapshots that a policy keeps: 1 or 0; missing while it was not counted.",
    alert: "yagura_backup_quota_sufficient == 0",
};

const BACKUP_SUSPENDED: Family = Family {
    name: "yagura_backup_suspended",
    kind: Kind::Gauge,
    labels: &["namespace", "policy"],
    meaning: "1 while a policy begins no backup because a person suspended it, else 0.",
    alert: "min_over_time(yagura_backup_suspended[2d]) == 1",
};

const INCIDENT_OPEN: Family = Family {
    name: "yagura_incident_open",
    kind: Kind::Gauge,
    labels: &["type"],
    meaning: "How many Incidents of a type are open.",
    alert: "yagura_incident_open{type=\"Security\"} > 0",
};

const INCIDENT_DEADLINE: Family = Family {
    name: "yagura_incident_notify_deadline_timestamp_seconds",
    kind: Kind::Gauge,
    labels: &["namespace", "tenant"],
    meaning: "When a tenant's customer must have been told of an Incident at the latest; missing while nobody waits to be told.",
    alert: "yagura_incident_notify_deadline_timestamp_seconds - time() < 6 * 3600",
};

const INVENTORY: Family = Family {
    name: "yagura_inventory_last_success_timestamp_seconds",
    kind: Kind::Gauge,
    labels: &["account", "region", "listing"],
    meaning: "When a listing of AWS resources was last complete; what is older than 5 minutes counts as unknown.",
    alert: "time() - yagura_inventory_last_success_timestamp_seconds > 300",
};

const INVENTORY_PAGES: Family = Family {
    name: "yagura_inventory_pages",
    kind: Kind::Gauge,
    labels: &["account", "region", "listing"],
    meaning: "How many calls the last complete listing of AWS resources took.",
    alert: "yagura_inventory_pages > 140",
};

const INVENTORY_PERIOD: Family = Family {
    name: "yagura_inventory_period_seconds",
    kind: Kind::Gauge,
    labels: &["account", "region", "listing"],
    meaning: "How often AWS resources are listed: a second for each page, at least --inventory-period, at most 140 s.",
    alert: "yagura_inventory_period_seconds > 120",
};

const SHARING_ROTATION: Family = Family {
    name: "yagura_sharing_rotation_seconds",
    kind: Kind::Gauge,
    labels: &["account", "region"],
    meaning: "How long the snapshot or image waited that waited longest until it was read with whom it is shared: about a second for each; missing where there is none. Public ones are found by the listing public_snapshots.",
    alert: "yagura_sharing_rotation_seconds > 24 * 3600",
};

const LEADER: Family = Family {
    name: "yagura_leader",
    kind: Kind::Gauge,
    labels: &[],
    meaning: "1 on the process that acts, 0 on the others.",
    alert: "sum(yagura_leader) != 1",
};

/// Calls to AWS.
pub(super) const AWS_REQUESTS: Family = Family {
    name: "yagura_aws_requests_total",
    kind: Kind::Counter,
    labels: &["service", "operation", "outcome"],
    meaning: "Calls to AWS, by how they ended: ok, dry_run (permitted and not made), or the kind of failure.",
    alert: "rate(yagura_aws_requests_total{outcome=\"throttled\"}[10m]) > 0",
};

/// Waits for the operator's own share of AWS's limits.
pub(super) const AWS_WAIT: Family = Family {
    name: "yagura_aws_throttle_wait_seconds",
    kind: Kind::Histogram,
    labels: &["account", "region", "operation", "lane"],
    meaning: "How long calls to AWS waited for their turn in the operator's share of AWS's rate limits; calls that went at once are not in it.",
    alert: "histogram_quantile(0.99, sum by (le, operation) (rate(yagura_aws_throttle_wait_seconds_bucket[10m]))) > 10",
};

/// Calls that were not made.
pub(super) const AWS_HELD_BACK: Family = Family {
    name: "yagura_aws_held_back_total",
    kind: Kind::Counter,
    labels: &["account", "region", "operation", "lane"],
    meaning: "Calls to AWS that were not sent because their turn did not come in time; they are tried again later.",
    alert: "sum by (operation) (rate(yagura_aws_held_back_total[10m])) > 0.1",
};

/// Copies that others could use.
pub(super) const SHARING_REVOKED: Family = Family {
    name: "yagura_sharing_revoked_total",
    kind: Kind::Counter,
    labels: &["copy", "outcome"],
    meaning: "Snapshots and images of ours that were public or shared with another account, by whether they were closed: revoked or failed.",
    alert: "increase(yagura_sharing_revoked_total[1h]) > 0",
};

/// Backups that newer days replace.
pub(super) const BACKUPS_EXPIRED: Family = Family {
    name: "yagura_backups_expired_total",
    kind: Kind::Counter,
    labels: &["account", "region"],
    meaning: "Backups of which it was decided that newer good days replace them, so that what they made is deleted.",
    alert: "increase(yagura_backups_expired_total[1d]) > 2 * scalar(count(yagura_tenant_info))",
};

/// Whether backups expire.
pub(super) const EXPIRY_BRAKED: Family = Family {
    name: "yagura_backup_expiry_braked",
    kind: Kind::Gauge,
    labels: &["account", "region"],
    meaning: "1 where no backup expires until a person says so, because more would have than a day brings.",
    alert: "yagura_backup_expiry_braked == 1",
};

/// Passes over objects.
pub(super) const RECONCILE_DURATION: Family = Family {
    name: "yagura_reconcile_duration_seconds",
    kind: Kind::Histogram,
    labels: &["kind", "outcome"],
    meaning: "How long a pass over one object took, by how it ended.",
    alert: "histogram_quantile(0.99, sum by (le, kind) (rate(yagura_reconcile_duration_seconds_bucket[10m]))) > 15",
};

/// The build.
pub(super) const BUILD_INFO: Family = Family {
    name: "yagura_build_info",
    kind: Kind::Gauge,
    labels: &["version"],
    meaning: "Always 1; names the version that runs.",
    alert: "count(count by (version) (yagura_build_info)) > 1",
};

/// The families whose values are read from the stores, in the order in which they are collected.
pub(super) const STATE: [Family; 20] = [
    PROMISE_STATUS,
    TENANT_INFO,
    DRIFT_ITEMS,
    BACKUP_LAST_SUCCESS,
    BACKUP_START_SKEW,
    BACKUP_GOOD_DAYS,
    BACKUP_INTERVAL,
    BACKUP_LOCKED_UNTIL,
    BACKUP_PROTECTED_LAG,
    BACKUP_PROTECTED,
    TENANT_SEPARATED,
    BACKUP_QUOTA,
    BACKUP_SUSPENDED,
    INCIDENT_OPEN,
    INCIDENT_DEADLINE,
    INVENTORY,
    INVENTORY_PAGES,
    INVENTORY_PERIOD,
    SHARING_ROTATION,
    LEADER,
];

/// Every family, in the order of the documentation.
pub const FAMILIES: [Family; 28] = [
    PROMISE_STATUS,
    TENANT_INFO,
    DRIFT_ITEMS,
    BACKUP_LAST_SUCCESS,
    BACKUP_START_SKEW,
    BACKUP_GOOD_DAYS,
    BACKUP_INTERVAL,
    BACKUP_LOCKED_UNTIL,
    BACKUP_PROTECTED_LAG,
    BACKUP_PROTECTED,
    TENANT_SEPARATED,
    BACKUPS_EXPIRED,
    EXPIRY_BRAKED,
    BACKUP_QUOTA,
    BACKUP_SUSPENDED,
    INCIDENT_OPEN,
    INCIDENT_DEADLINE,
    INVENTORY,
    INVENTORY_PAGES,
    INVENTORY_PERIOD,
    SHARING_ROTATION,
    AWS_REQUESTS,
    AWS_WAIT,
    AWS_HELD_BACK,
    SHARING_REVOKED,
    RECONCILE_DURATION,
    LEADER,
    BUILD_INFO,
];

/// A verdict as a number. Only a kept promise is positive and only a broken one is zero, so that one comparison
/// finds either.
pub fn promise_value(verdict: Verdict) -> f64 {
    match verdict {
        Verdict::Pass => 1.0,
        Verdict::Fail => 0.0,
        Verdict::Unknown => -1.0,
        Verdict::Manual => -2.0,
        Verdict::Waived => -3.0,
        Verdict::Idle => -4.0,
    }
}

/// The documentation of every family, as a table in Markdown.
pub fn docs() -> String {
    let mut table =
        String::from("| Metric | Type | Labels | Meaning | Example alert |\n|---|---|---|---|---|\n");
    for family in FAMILIES {
        let labels: Vec<String> = family.labels.iter().map(|label| format!("`{label}`")).collect();
        let Family {
            name, meaning, alert, ..
        } = family;
        // Writing to a String cannot fail.
        let _ = writeln!(
            table,
            "| `{name}` | {} | {} | {meaning} | `{alert}` |",
            family.kind.as_str(),
            labels.join(", "),
        );
    }
    table
}
