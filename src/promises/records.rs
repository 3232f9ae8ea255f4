//! Between the judges' plain data and the objects in Kubernetes.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;
use kube::ResourceExt;

use super::{
    BackupFacts, BackupSet, Decision, DueSlot, IncidentSummary, Lock, Scoreboard, SetCheck, SetState,
};
use crate::{
    api::{Backup, BackupPhase, Engine, Incident, Method, MethodState, PromiseResult, PromisesStatus},
    cloud::Observed,
    plan::{
        backup_days::{day_of, is_held, promised_as},
        slot::Schedule,
    },
    terms,
};

/// When a Tenant's backups are due, and what they consist of.
#[derive(Clone, Copy, Debug)]
pub struct BackupCalendar<'a> {
    /// The schedule in force.
    pub schedule: &'a Schedule,
    /// The methods in force.
    pub methods: &'a [Method],
    /// How many good days the terms promise.
    pub good_days: u32,
    /// When the environment was Ready for the first time.
    pub first_ready_at: Option<Timestamp>,
    /// How long after its slot a run may still be under way.
    pub longest: Duration,
}

/// What AWS says of a Tenant's copies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopiesSeen {
    /// The locks of sets, by the names of their Backups. Of one that is not in it nothing is known.
    pub locks: BTreeMap<String, Lock>,
    /// The copies that others can use.
    pub exposed: Observed<BTreeSet<String>>,
}

impl CopiesSeen {
    /// Nothing is known.
    pub fn nothing() -> Self {
        Self {
            locks: BTreeMap::new(),
            exposed: Observed::Unknown,
        }
    }
}

impl BackupFacts {
    /// What a Tenant's Backups tell, with what AWS says of the copies.
    ///
    /// The dates that were due are counted by the calendar, not by the Backups, or deleting one would make it
    /// never have been due.
    pub fn of<'a>(
        backups: impl IntoIterator<Item = &'a Backup>,
        calendar: &BackupCalendar<'_>,
        copies: CopiesSeen,
        now: Timestamp,
    ) -> Self {
        let CopiesSeen { locks, exposed } = copies;
        let lock_of = |backup: &Backup| locks.get(&backup.name_any()).copied();
        Self {
            methods: calendar
                .methods
                .iter()
                .map(|&method| promised_as(method))
                .collect(),
            due: due(calendar, now),
            longest: calendar.longest,
            sets: backups
                .into_iter()
                .map(|backup| BackupSet {
                    lock: lock_of(backup).unwrap_or(Lock::Unknown),
                    ..set(backup, calendar.schedule, now)
                })
                .collect(),
            exposed,
        }
    }
}

/// The newest slots that fell due, as many as the judges ask for and two that may be under way.
fn due(calendar: &BackupCalendar<'_>, now: Timestamp) -> Vec<DueSlot> {
    let Some(first_ready_at) = calendar.first_ready_at else {
        return Vec::new();
    };
    let mut slots = Vec::new();
    let mut date = calendar.schedule.local_date(now);
    for _ in 0..calendar.good_days.saturating_add(2) {
        let slot = calendar.schedule.slot_on(date);
        let slot = slot.filter(|slot| slot.at > first_ready_at && slot.at <= now);
        slots.extend(slot.map(|slot| DueSlot {
            date: slot.date,
            at: slot.at,
        }));
        let Ok(yesterday) = date.yesterday() else { break };
        date = yesterday;
    }
    slots.reverse();
    slots
}

fn set(backup: &Backup, schedule: &Schedule, now: Timestamp) -> BackupSet {
    let status = backup.status.as_ref();
    let slot = backup.spec.scheduled_time.as_ref();
    let methods = status.iter().flat_map(|status| &status.methods);
    let locked_until = status.and_then(|status| status.locked_until.as_ref());
    BackupSet {
        slot: slot.map(|slot| schedule.date_of(slot.0)),
        day: day_of(backup, schedule),
        state: match backup.phase() {
            None | Some(BackupPhase::Pending) => SetState::Pending,
            Some(BackupPhase::Running) => SetState::Running,
            Some(BackupPhase::Complete) => SetState::Complete,
            Some(BackupPhase::Partial) => SetState::Partial,
            Some(BackupPhase::Failed) => SetState::Failed,
            Some(BackupPhase::Missed) => SetState::Missed,
            Some(BackupPhase::Expired) => SetState::Expired,
        },
        start_skew: status.and_then(|status| {
            let seconds = status.start_skew_seconds?;
            // A start before its slot is not late.
            Some(Duration::from_secs(u64::try_from(seconds).unwrap_or_default()))
        }),
        engine: backup.engine().unwrap_or(Engine::EC2),
        lock: Lock::Unknown,
        lock_recorded: locked_until.is_some_and(|until| until.0 > now),
        checks: methods
            .clone()
            .flat_map(|method| &method.checks)
            .map(|check| SetCheck {
                name: check.name.clone(),
                passed: check.passed,
            })
            .collect(),
        succeeded: methods
            .filter(|method| method.state == MethodState::Complete)
            .map(|method| promised_as(method.method))
            .collect::<BTreeSet<terms::Method>>(),
        held: is_held(backup),
    }
}

impl IncidentSummary {
    /// What an Incident tells about one of the Tenants it names.
    pub fn of(incident: &Incident, tenant: &str) -> Self {
        let spec = &incident.spec;
        let status = incident.status.as_ref();
        let reached = status.and_then(|status| status.reached.iter().find(|entry| entry.tenant == tenant));
        let decisions = spec.decisions.as_ref();
        let has = |decision: &Decision| {
            decisions.is_some_and(|decisions| match decision {
                Decision::EmergencyStop => decisions.emergency_stop.is_some(),
                Decision::Recovery => decisions.recovery.is_some(),
                Decision::Verification => decisions.verification.is_some(),
                Decision::Prevention => decisions.prevention.is_some(),
            })
        };
        Self {
            name: incident.name_any(),
            notify_by: status
                .and_then(|status| status.notify_by.as_ref())
                .map(|time| time.0),
            notified_at: reached.map(|entry| entry.at.0),
            breached: status.and_then(|status| status.breached).unwrap_or_default(),
            closed: spec.closed,
            decisions: Decision::ALL.into_iter().filter(has).collect(),
        }
    }
}

impl Scoreboard {
    /// The scoreboard as a Tenant's status shows it.
    pub fn to_status(&self) -> PromisesStatus {
        let count = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
        PromisesStatus {
            summary: self.summary.clone(),
            pass: count(self.pass),
            fail: count(self.fail),
            unknown: count(self.unknown),
            manual: count(self.manual),
            waived: count(self.waived),
            idle: count(self.idle),
            total: count(self.total),
            failing: self.failing.iter().map(ToString::to_string).collect(),
            results: self
                .results
                .iter()
                .map(|result| PromiseResult {
                    id: result.id.to_string(),
                    verdict: result.verdict,
                    reason: result.reason.clone(),
                })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests;
