//! How a policy's Tenants stand, counted from their Backups.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use jiff::Timestamp;

use crate::{
    api::{Backup, BackupPhase, BackupPolicy, LastRun, Tenant, TenantCounts, time},
    clock::later,
    cluster::Kind,
    controllers::{backup_sources::slots, schedule::first_ready},
    plan::{
        backup_days::{GoodDays, began, good_days},
        backup_policy::{BackupRules, InForce, rules_of},
        protected::Calendar,
        slot::{History, Schedule, next_run},
    },
    terms::Terms,
};

/// A Tenant that the policy is in force for.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) tenant: Arc<Tenant>,
    pub(super) backups: Vec<Arc<Backup>>,
}

impl Member {
    /// The Backup of its newest slot.
    fn last(&self) -> Option<&Backup> {
        let scheduled = self
            .backups
            .iter()
            .filter(|backup| backup.spec.scheduled_time.is_some());
        scheduled
            .max_by_key(|backup| slot(backup))
            .map(|backup| &**backup)
    }

    fn good_days(&self, schedule: &Schedule, in_force: &InForce) -> GoodDays {
        let backups = self.backups.iter().map(|backup| &**backup);
        good_days(backups, schedule, &in_force.effective.methods)
    }
}

/// What a policy's status counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    pub(super) counts: TenantCounts,
    pub(super) next_run: Option<Timestamp>,
    pub(super) last_run: Option<LastRun>,
    pub(super) good_days: Option<i32>,
    pub(super) max_skew_seconds: Option<i32>,
    /// When a count can change by itself.
    pub(super) look_again: Option<Timestamp>,
}

/// Counts.
pub(super) fn tally(
    policy: &BackupPolicy,
    in_force: &InForce,
    members: &[Member],
    terms: Option<&Terms>,
    now: Timestamp,
) -> Tally {
    let values = &in_force.effective;
    let (Some(rules), Some(_)) = (rules_of(values), terms) else {
        return Tally::default();
    };
    let schedule = &rules.schedule;
    let mut tally = Tally {
        next_run: next(policy, in_force, members, now),
        good_days: members
            .iter()
            .map(|member| count(member.good_days(schedule, in_force).days.len()))
            .min(),
        ..Tally::default()
    };
    for member in members {
        let good = member.good_days(schedule, in_force);
        let calendar = Calendar {
            first_ready: first_ready(&member.tenant),
            schedule,
            longest: rules.longest_run(),
        };
        let is_protected = !good.days.is_empty() && !calendar.is_overdue(&good, now);
        let last = member.last().and_then(|backup| backup.status.as_ref());
        let counts = &mut tally.counts;
        counts.matched += 1;
        counts.protected += i32::from(is_protected);
        counts.late += i32::from(last.is_some_and(|status| status.late == Some(true)));
        counts.missed += i32::from(last.is_some_and(|status| status.phase == Some(BackupPhase::Missed)));
    }
    last_run(policy, members, &mut tally);
    let overdue_at = tally
        .last_run
        .as_ref()
        .map(|run| overdue_at(run.scheduled_at.0, &rules));
    let changes_at = in_force.suspending.changes_at();
    let moments = [tally.next_run, overdue_at, changes_at].into_iter().flatten();
    tally.look_again = moments.filter(|moment| *moment > now).min();
    tally
}

/// When a slot without a good set makes its Tenant unprotected.
fn overdue_at(slot: Timestamp, rules: &BackupRules) -> Timestamp {
    later(slot, rules.longest_run() + Duration::from_secs(1))
}

/// When the next Backups start: of the Tenant that is first.
fn next(policy: &BackupPolicy, in_force: &InForce, members: &[Member], now: Timestamp) -> Option<Timestamp> {
    let none = BTreeSet::new();
    let rule = in_force.rule(policy)?;
    let of_members = members.iter().filter_map(|member| {
        let taken = slots(member.backups.iter().map(|backup| &**backup));
        let history = History {
            first_ready: first_ready(&member.tenant),
            taken: &taken,
            sets: &none,
        };
        next_run(&rule, &history, now)
    });
    of_members.min().or_else(|| {
        // None of them was Ready yet, or there is none.
        let of_all = History {
            first_ready: Some(now),
            taken: &none,
            sets: &none,
        };
        next_run(&rule, &of_all, now)
    })
}

/// The newest slot of the policy over all its Tenants.
fn last_run(policy: &BackupPolicy, members: &[Member], tally: &mut Tally) {
    let name = policy.key().name;
    let own: Vec<(&Member, &Backup)> = members
        .iter()
        .flat_map(|member| member.backups.iter().map(move |backup| (member, &**backup)))
        .filter(|(_, backup)| backup.spec.policy_ref.as_deref() == Some(&name))
        .collect();
    let Some(newest) = own.iter().filter_map(|(_, backup)| slot(backup)).max() else {
        return;
    };
    let run: Vec<_> = own
        .into_iter()
        .filter(|(_, backup)| slot(backup) == Some(newest))
        .collect();
    let complete = run
        .iter()
        .filter(|(_, backup)| backup.phase() == Some(BackupPhase::Complete))
        .count();
    let mut failed: Vec<_> = run
        .iter()
        .filter(|(_, backup)| backup.has_ended() && backup.phase() != Some(BackupPhase::Complete))
        .map(|(member, _)| member.tenant.key().name)
        .collect();
    failed.sort();
    // As many as the status may hold.
    failed.truncate(256);
    let ends = run.iter().filter_map(|(_, backup)| finished(backup));
    let is_done = run.iter().all(|(_, backup)| backup.has_ended());
    tally.last_run = Some(LastRun {
        scheduled_at: time(newest),
        started_at: run.iter().filter_map(|(_, backup)| began(backup)).min().map(time),
        finished_at: if is_done { ends.max().map(time) } else { None },
        complete: count(complete),
        failed,
    });
    // When a set that failed was begun says nothing: another was begun after it, or there is none.
    let is_good = |backup: &Backup| backup.phase() == Some(BackupPhase::Complete);
    tally.max_skew_seconds = run
        .iter()
        .filter(|(_, backup)| is_good(backup))
        .filter_map(|(_, backup)| backup.status.as_ref()?.start_skew_seconds)
        .max();
}

fn slot(backup: &Backup) -> Option<Timestamp> {
    backup.spec.scheduled_time.as_ref().map(|time| time.0)
}

fn finished(backup: &Backup) -> Option<Timestamp> {
    let methods = backup.status.iter().flat_map(|status| &status.methods);
    methods
        .filter_map(|method| method.finished_at.as_ref())
        .map(|time| time.0)
        .max()
}

fn count(many: usize) -> i32 {
    i32::try_from(many).unwrap_or(i32::MAX)
}
