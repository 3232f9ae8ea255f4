//! What a BackupPolicy has in force: its spec where it is acceptable, else the last one that was, and the terms
//! where both are silent.
//!
//! A mistake never removes protection: it changes nothing of what is in force.

mod quota;
mod suspension;

use std::{collections::BTreeSet, time::Duration};

use jiff::{SignedDuration, Timestamp};

use super::{
    backup::TIMEOUT,
    backup_days::available,
    slot::{Rule, STARTING_DEADLINE, Schedule, ScheduleError},
};
use crate::{
    api::{
        AcceptedBackupPolicy, BackupPolicy, BackupPolicySpec, BackupPolicyStatus, EffectiveBackup, Engine,
        LockMode, Method, Reason, time,
    },
    terms::BackupTerms,
};

pub use quota::{SNAPSHOT_QUOTA, SnapshotCount};
pub use suspension::{APART, SUSPENDED_AT_MOST, Suspending, asked, suspending};

/// A user's mistake in a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Why, in one word.
    pub reason: Reason,
    /// What to change; names the field.
    pub message: String,
}

/// What a policy has in force.
#[derive(Clone, Debug, PartialEq)]
pub struct InForce {
    /// The spec that counts, with its generation; `None` if none was ever accepted.
    pub accepted: Option<AcceptedBackupPolicy>,
    /// When a change of the time or the zone was last accepted.
    pub schedule_at: Option<Timestamp>,
    /// The values.
    pub effective: EffectiveBackup,
    /// What its suspension comes to.
    pub suspending: Suspending,
    /// What is wrong with the present spec.
    pub mistake: Option<Mistake>,
}

/// The values of a spec; the terms' where it is silent.
pub fn effective(spec: &BackupPolicySpec, terms: &BackupTerms) -> Result<EffectiveBackup, Mistake> {
    let by_terms = by_terms(terms);
    let at = spec.at.clone().unwrap_or(by_terms.at);
    let time_zone = spec.time_zone.clone().unwrap_or(by_terms.time_zone);
    if let Err(mistake) = Schedule::new(&at, &time_zone) {
        let reason = match &mistake {
            ScheduleError::UnknownZone(_) => Reason::UnknownTimeZone,
            ScheduleError::MalformedTime(_) => Reason::InvalidSpec,
        };
        return Err(Mistake {
            reason,
            message: mistake.to_string(),
        });
    }
    let asked = spec.retention.as_ref().and_then(|retention| retention.good_days);
    if let Some(days) = asked.filter(|days| *days < by_terms.good_days) {
        return Err(Mistake {
            reason: Reason::TooFewGoodDays,
            message: format!(
                "spec.retention.goodDays: {days} is fewer than the terms promise, {}",
                by_terms.good_days
            ),
        });
    }
    let methods = if spec.methods.is_empty() {
        by_terms.methods
    } else {
        spec.methods.clone()
    };
    let good_days = asked.unwrap_or(by_terms.good_days);
    let lock = spec.lock.clone().unwrap_or_default();
    let lock_days = lock.days.unwrap_or(good_days.saturating_add(LOCKED_LONGER));
    if lock_days <= good_days {
        return Err(Mistake {
            reason: Reason::InvalidSpec,
            message: format!(
                "spec.lock.days: {lock_days} is not more than the good days that are kept, {good_days}: the oldest of \
                 them could be deleted"
            ),
        });
    }
    Ok(EffectiveBackup {
        at,
        time_zone,
        methods,
        good_days,
        engine: spec.engine.or(by_terms.engine),
        lock_mode: lock.mode.or(by_terms.lock_mode),
        lock_days: Some(lock_days),
        starting_deadline: spec.starting_deadline.clone().or(by_terms.starting_deadline),
        timeout: spec.timeout.clone().or(by_terms.timeout),
    })
}

/// The terms' own values, as far as this build has the methods.
pub fn by_terms(terms: &BackupTerms) -> EffectiveBackup {
    EffectiveBackup {
        at: terms.at_text(),
        time_zone: terms.time_zone_name().to_owned(),
        methods: available(&terms.methods),
        good_days: i32::try_from(terms.good_days).unwrap_or(i32::MAX),
        engine: Some(Engine::EC2),
        lock_mode: Some(LockMode::Governance),
        lock_days: i32::try_from(terms.good_days)
            .ok()
            .map(|days| days.saturating_add(LOCKED_LONGER)),
        starting_deadline: Some("12h".to_owned()),
        timeout: Some("6h".to_owned()),
    }
}

/// By how many days a lock outlasts the good days: a run that comes late finds the oldest of them locked still.
const LOCKED_LONGER: i32 = 1;

/// The values in force, as plans use them.
#[derive(Clone, Debug, PartialEq)]
pub struct BackupRules {
    /// When.
    pub schedule: Schedule,
    /// How.
    pub methods: Vec<Method>,
    /// How many good days are kept.
    pub good_days: u32,
    /// What takes the snapshots.
    pub engine: Engine,
    /// How snapshots are locked.
    pub lock_mode: LockMode,
    /// For how many days from its start a snapshot is locked.
    pub lock_days: u32,
    /// How long after its time a run still begins.
    pub starting_deadline: Duration,
    /// How long a run may take, and be tried again.
    pub timeout: Duration,
}

impl BackupRules {
    /// How long after its slot a run may still be under way: begun at the last moment, and tried until its end.
    pub fn longest_run(&self) -> Duration {
        self.starting_deadline.saturating_add(self.timeout)
    }
}

/// The values in force as plans use them; `None` where a status holds what nobody can read.
pub fn rules_of(effective: &EffectiveBackup) -> Option<BackupRules> {
    let good_days = u32::try_from(effective.good_days).ok()?;
    let lock_days = effective.lock_days.and_then(|days| u32::try_from(days).ok());
    Some(BackupRules {
        schedule: Schedule::new(&effective.at, &effective.time_zone).ok()?,
        methods: effective.methods.clone(),
        good_days,
        engine: effective.engine.unwrap_or(Engine::EC2),
        lock_mode: effective.lock_mode.unwrap_or(LockMode::Governance),
        lock_days: lock_days.unwrap_or(good_days.saturating_add(1)),
        starting_deadline: duration(effective.starting_deadline.as_deref()).unwrap_or(STARTING_DEADLINE),
        timeout: duration(effective.timeout.as_deref()).unwrap_or(TIMEOUT),
    })
}

/// A duration as objects write it, such as `12h` or `1h30m`.
fn duration(text: Option<&str>) -> Option<Duration> {
    text?.parse::<SignedDuration>().ok()?.try_into().ok()
}

/// What a policy has in force now. Tenants of the classes `without_vault` cannot be backed up by AWS Backup.
pub fn in_force(
    policy: &BackupPolicy,
    terms: &BackupTerms,
    without_vault: &BTreeSet<String>,
    now: Timestamp,
) -> InForce {
    let status = policy.status.clone().unwrap_or_default();
    let generation = policy.metadata.generation.unwrap_or_default();
    let judged = effective(&policy.spec, terms).and_then(|effective| has_vaults(effective, without_vault));
    match judged {
        Ok(effective) => InForce {
            schedule_at: schedule_changed(&status, &effective, generation, now),
            suspending: suspending(&status, asked(&policy.spec), now),
            accepted: Some(AcceptedBackupPolicy {
                generation,
                spec: policy.spec.clone(),
            }),
            effective,
            mistake: None,
        },
        Err(mistake) => last_accepted(&policy.spec, status, terms, mistake, now),
    }
}

/// Whether there is a vault wherever the engine needs one.
fn has_vaults(
    effective: EffectiveBackup,
    without_vault: &BTreeSet<String>,
) -> Result<EffectiveBackup, Mistake> {
    if effective.engine != Some(Engine::AWSBackup) || without_vault.is_empty() {
        return Ok(effective);
    }
    let classes: Vec<_> = without_vault.iter().map(String::as_str).collect();
    Err(Mistake {
        reason: Reason::EngineUnavailable,
        message: format!(
            "spec.engine: AWSBackup needs spec.backup.vault and spec.backup.roleArn in TenantClass {}; until then its \
             Tenants are backed up by EC2",
            classes.join(", ")
        ),
    })
}

/// What stays in force while the present spec cannot be accepted.
fn last_accepted(
    refused: &BackupPolicySpec,
    status: BackupPolicyStatus,
    terms: &BackupTerms,
    mistake: Mistake,
    now: Timestamp,
) -> InForce {
    let values = match &status.accepted {
        // Terms may have become stricter since: then the values that were in force stay.
        Some(accepted) => effective(&accepted.spec, terms)
            .ok()
            .or_else(|| status.effective.clone()),
        None => None,
    };
    let effective = values.unwrap_or_else(|| by_terms(terms));
    let schedule_at = match &status.accepted {
        Some(accepted) => schedule_changed(&status, &effective, accepted.generation, now),
        None => None,
    };
    // To end a suspension is never refused, whatever else stands in the spec.
    let asked = asked(refused).and_then(|_| asked(&status.accepted.as_ref()?.spec));
    InForce {
        schedule_at,
        suspending: suspending(&status, asked, now),
        accepted: status.accepted,
        effective,
        mistake: Some(mistake),
    }
}

/// When the schedule in force was last changed, given the one that is to be in force now.
fn schedule_changed(
    status: &BackupPolicyStatus,
    next: &EffectiveBackup,
    generation: i64,
    now: Timestamp,
) -> Option<Timestamp> {
    let before = status.accepted_schedule_at.as_ref().map(|time| time.0);
    match (&status.accepted, &status.effective) {
        (Some(_), Some(last)) if (&last.at, &last.time_zone) == (&next.at, &next.time_zone) => before,
        // The first spec of all is no change: its slots count from the creation.
        (None, _) if generation <= 1 => before,
        _ => Some(time(now).0),
    }
}

/// The rule by which a policy's Tenants are backed up; `None` while nothing of it was ever accepted: then the terms
/// rule.
pub fn rule_of(policy: &BackupPolicy) -> Option<Rule> {
    let status = policy.status.as_ref()?;
    status.accepted.as_ref()?;
    let rules = rules_of(status.effective.as_ref()?)?;
    Some(Rule {
        schedule: rules.schedule,
        created: policy.metadata.creation_timestamp.as_ref().map(|time| time.0),
        changed: status.accepted_schedule_at.as_ref().map(|time| time.0),
        starting_deadline: rules.starting_deadline,
        suspended: suspension::of_status(status),
        good_days: rules.good_days,
    })
}

impl InForce {
    /// The rule of a policy that has this in force.
    pub fn rule(&self, policy: &BackupPolicy) -> Option<Rule> {
        let rules = rules_of(&self.effective)?;
        Some(Rule {
            schedule: rules.schedule,
            created: policy.metadata.creation_timestamp.as_ref().map(|time| time.0),
            changed: self.schedule_at,
            starting_deadline: rules.starting_deadline,
            suspended: self.suspending.in_force(),
            good_days: rules.good_days,
        })
    }
}

/// The rule of a Tenant that no policy is for.
pub fn rule_by_terms(terms: &BackupTerms) -> Rule {
    Rule {
        good_days: terms.good_days,
        ..Rule::always(Schedule::from(terms))
    }
}

/// The strictest of several terms: the most good days, and among equals always the same.
pub fn strictest<'a>(
    terms: impl IntoIterator<Item = (&'a str, &'a BackupTerms)>,
) -> Option<(&'a str, &'a BackupTerms)> {
    terms.into_iter().max_by(|(name, terms), (other_name, other)| {
        let by_days = terms.good_days.cmp(&other.good_days);
        by_days.then_with(|| other_name.cmp(name))
    })
}

#[cfg(test)]
mod tests;
