//! What an environment's instance goes through while it lives: windows, changes of size, stops and restarts.

use jiff::civil;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::types::words;

/// A stop has a reason, and a reason stands for a stop.
pub(super) const POWER_RULE: &str =
    "has(self.powerState) && self.powerState == 'Stopped' ? has(self.powerReason) : !has(self.powerReason)";

/// What to say where it does not.
pub(super) const POWER_MESSAGE: &str =
    "powerState: Stopped needs powerReason, which does not stand without it";

words! {
    /// A day of the week.
    pub enum Weekday {
        /// Monday.
        Mon,
        /// Tuesday.
        Tue,
        /// Wednesday.
        Wed,
        /// Thursday.
        Thu,
        /// Friday.
        Fri,
        /// Saturday.
        Sat,
        /// Sunday.
        Sun,
    }
}

impl From<civil::Weekday> for Weekday {
    fn from(day: civil::Weekday) -> Self {
        match day {
            civil::Weekday::Monday => Self::Mon,
            civil::Weekday::Tuesday => Self::Tue,
            civil::Weekday::Wednesday => Self::Wed,
            civil::Weekday::Thursday => Self::Thu,
            civil::Weekday::Friday => Self::Fri,
            civil::Weekday::Saturday => Self::Sat,
            civil::Weekday::Sunday => Self::Sun,
        }
    }
}

/// When an environment may be interrupted.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MaintenanceWindow {
    /// The days of the week on which a window begins, like `[Sun]`.
    #[schemars(length(min = 1, max = 7))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub days: Vec<Weekday>,

    /// The time of day at which it begins, `HH:MM` in `timeZone`. A time that daylight saving skips is the first
    /// instant after the gap; of one that comes twice, the first.
    #[schemars(length(max = 5), regex(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$"))]
    pub from: String,

    /// How long it lasts, like `3h` (15m to 24h). It may go on into the next day.
    #[schemars(length(min = 2, max = 16), regex(pattern = "^([0-9]{1,3}h)?([0-9]{1,4}m)?$"))]
    #[x_kube(validation = Rule::new("duration(self) >= duration('15m') && duration(self) <= duration('24h')")
        .message("duration is from 15m to 24h"))]
    pub duration: String,

    /// The IANA time zone of `from`, like `Asia/Tokyo`.
    #[schemars(length(min = 1, max = 64), regex(pattern = "^[A-Za-z][A-Za-z0-9_+/-]*$"))]
    pub time_zone: String,
}

words! {
    /// Whether an instance is to run.
    #[derive(Default)]
    pub enum PowerState {
        /// It runs.
        #[default]
        Running,
        /// It is stopped; its volumes stay.
        Stopped,
    }
}

/// A restart by hand.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.requestedAt) == has(self.reason)")
    .message("requestedAt and reason are set together"))]
pub struct Restart {
    /// When the restart was asked for. Each later instant than the last one reboots the instance once, at once; one
    /// that is still to come waits for its time. Never while a backup runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requested_at: Option<Time>,

    /// Why, for whoever asks later.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 500))]
    pub reason: Option<String>,
}

words! {
    /// Why the operator stops an instance.
    pub enum ChangeKind {
        /// To give it another type; it is started again.
        Resize,
        /// Because `powerState` asks for it.
        Stop,
    }
}

/// What the operator does to the instance, written down before it is asked of AWS: a stop of its own is told from a
/// person's by it.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InstanceChange {
    /// What for.
    pub kind: ChangeKind,

    /// The instance type before.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub from: Option<String>,

    /// The instance type after.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub to: Option<String>,

    /// When it was begun, or begun again.
    pub at: Time,

    /// Whether the plan was edited in the class, and not the Tenant's choice of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_class: bool,

    /// Why AWS did not take the type, where it did not: the instance runs as it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub refused: Option<String>,

    /// When it was over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Time>,
}

/// The plan that the instance has.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanInForce {
    /// Its name.
    #[schemars(length(max = 63))]
    pub name: String,

    /// The instance type.
    #[schemars(length(max = 64))]
    pub instance_type: String,
}

/// A volume that was made larger, written down before it is asked of AWS, which takes one change of a volume in six
/// hours.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VolumeGrowth {
    /// The volume.
    #[schemars(length(max = 64))]
    pub volume_id: String,

    /// The size in GiB that was asked for.
    #[serde(rename = "sizeGiB")]
    pub size_gib: i32,

    /// When.
    pub at: Time,

    /// Whether the plan was edited in the class, and not the Tenant's choice of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_class: bool,
}

/// The restarts that were asked for by hand.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RestartStatus {
    /// The newest `restart.requestedAt` that was dealt with, written before the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handled_at: Option<Time>,
}
