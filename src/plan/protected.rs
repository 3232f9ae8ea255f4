//! Whether a Tenant is backed up as promised, and everything it lacks: its condition `Protected`.
//!
//! A chain of questions, the gravest first: the first lack gives the reason, the message names every lack. What is
//! known of AWS only counts while AWS is seen; what the cluster itself tells (no backup, a day too many without one)
//! is said all the same. Of what AWS does not say now, and a lack was said before, that lack stays: after a restart
//! nothing is known that later listings tell, and a Tenant does not become protected by that. A message names no date
//! and no count beyond what is wanted, so that it changes only when the answer does. Deliberately absent: sets that a brake keeps from expiring. Too much is kept then, never too little.

use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;

use super::{
    backup_days::{GoodDays, promised_as},
    slot::{Schedule, Slot},
    vault::is_vault_lack,
};
use crate::{
    api::{Backup, BackupPhase, ConditionType, Method, Reason},
    clock::later,
    report::conditions::find_condition,
    terms,
};

/// When backups fall due, for one Tenant.
#[derive(Clone, Copy, Debug)]
pub struct Calendar<'a> {
    /// When the Tenant was Ready for the first time.
    pub first_ready: Option<Timestamp>,
    /// The schedule in force.
    pub schedule: &'a Schedule,
    /// How long after its slot a run may still be under way: to begin late, and to end.
    pub longest: Duration,
}

impl Calendar<'_> {
    /// The newest slots whose run must have ended by now, the newest first.
    fn ended(&self, now: Timestamp) -> impl Iterator<Item = Slot> {
        let first_ready = self.first_ready.unwrap_or(Timestamp::MAX);
        let mut date = Some(self.schedule.local_date(now));
        let dates = std::iter::from_fn(move || {
            let this = date?;
            date = this.yesterday().ok();
            Some(this)
        });
        dates
            // A date that the zone left out ends nothing: the one before it decides.
            .map_while(move |date| match self.schedule.slot_on(date) {
                Some(slot) if slot.at <= first_ready => None,
                slot => Some(slot),
            })
            .flatten()
            .filter(move |slot| later(slot.at, self.longest) <= now)
    }

    /// Whether the newest date whose run must have ended by now has no good set, nor any date since.
    pub fn is_overdue(&self, good: &GoodDays, now: Timestamp) -> bool {
        self.ended(now)
            .next()
            .is_some_and(|slot| good.days.last().is_none_or(|newest| *newest < slot.date))
    }

    /// How many good days there must be by now, `wanted` at most: one for each date that was due.
    fn owed(&self, wanted: u32, now: Timestamp) -> usize {
        let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
        self.ended(now).take(wanted).count()
    }

    /// When the next run that may still be under way must have ended.
    pub fn next_end(&self, now: Timestamp) -> Option<Timestamp> {
        let mut date = self.schedule.local_date(now);
        let mut next = None;
        // A run lasts a day at most, and a slot may lie on the day after its own: it is of today or of the two before.
        for _ in 0..3 {
            let ends_at = self
                .schedule
                .slot_on(date)
                .map(|slot| later(slot.at, self.longest));
            next = ends_at.filter(|at| *at > now).or(next);
            let Ok(yesterday) = date.yesterday() else { break };
            date = yesterday;
        }
        next
    }
}

/// What AWS says of the copies that are guaranteed: those of the newest good days.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Copies {
    /// On how many of those days a copy can be deleted, since nothing locks it.
    pub unlocked_days: u32,
    /// On how many more of them no lock was ever read back.
    pub unread_days: u32,
    /// Whether AWS does not say of one of those days whether it is locked.
    pub are_locks_unknown: bool,
    /// Why AWS does not say it, if the calls for it fail.
    pub locks_trouble: Option<String>,
    /// What the vault lacks, where AWS Backup holds the copies.
    pub vault_lack: Option<String>,
    /// Whether AWS did not say yet what a vault lacks that holds such copies.
    pub is_vault_unknown: bool,
    /// The copies that others can use, each with how: `snap-1 is public`.
    pub exposed: Vec<String>,
    /// The copies of which AWS did not say yet who can use them; `None` while it is not known which copies there are.
    pub unread_copies: Option<BTreeSet<String>>,
}

/// How the newest run went that did not give its day a good set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostRun {
    /// Failed, Partial or Missed.
    pub phase: BackupPhase,
    /// Why: where AWS refused or failed, in AWS's own words.
    pub why: Option<String>,
}

/// What decides whether a Tenant is protected.
#[derive(Clone, Debug)]
pub struct Protection<'a> {
    /// When its backups fall due.
    pub calendar: Calendar<'a>,
    /// The policy in force; `None` where the terms rule.
    pub policy: Option<&'a str>,
    /// The methods in force.
    pub methods: &'a [Method],
    /// What the terms promise.
    pub promised: &'a BTreeSet<terms::Method>,
    /// How many good days are to be held.
    pub wanted: u32,
    /// The good days held.
    pub good: &'a GoodDays,
    /// The newest run, where it ended without a good set.
    pub lost_run: Option<LostRun>,
    /// What AWS says of the copies; `None` while AWS is not seen.
    pub copies: Option<Copies>,
    /// Why no backup is begun for a while, where the policy says so.
    pub suspended: Option<&'a str>,
    /// Whether the policy says that the account's quota has too little room for the snapshots to come.
    pub is_quota_short: bool,
    /// What was said last, if it was said that the Tenant is not protected.
    pub told: Option<&'a str>,
}

/// The condition: whether it holds, and why.
pub type Answer = (bool, Reason, String);

/// One thing that is not as promised.
type Lack = (Reason, String);

/// A question, which answers with what is lacking.
type Question = fn(&Protection<'_>, Timestamp) -> Option<Lack>;

/// Between two lacks in a message.
const SEPARATOR: &str = "; ";

/// How the text begins of snapshots that can be deleted.
const NOT_LOCKED: &str = "snapshots are not locked against deletion: ";

/// How the text begins of copies that others can use.
const SHARED: &str = "others can use copies: ";

/// What the cluster's own objects answer, the gravest first.
const OF_RECORD: [Question; 4] = [has_no_backup, is_overdue, last_was_lost, lacks_days];

/// What is asked after that: of AWS's answers first, then of what is declared.
const BEYOND: [Question; 6] = [
    is_unlocked,
    has_weak_vault,
    is_exposed,
    lacks_methods,
    is_suspended,
    lacks_quota,
];

/// Whether a Tenant is backed up as the terms promise. `None`: that cannot be told now, so what was said last stays.
pub fn protection(facts: &Protection<'_>, now: Timestamp) -> Option<Answer> {
    if facts.calendar.first_ready.is_none() {
        let message = "backups begin when the Tenant was Ready for the first time".to_owned();
        return Some((false, Reason::NeverReady, message));
    }
    let mut lacks: Vec<Lack> = OF_RECORD.iter().filter_map(|ask| ask(facts, now)).collect();
    if facts.copies.is_none() && lacks.is_empty() {
        return None;
    }
    lacks.extend(BEYOND.iter().filter_map(|ask| ask(facts, now)));
    let held = held(facts);
    let Some((reason, _)) = lacks.first() else {
        return Some(match facts.policy {
            Some(policy) => (
                true,
                Reason::ByPolicy,
                format!("by BackupPolicy {policy}; {held}"),
            ),
            None => (
                true,
                Reason::ByTerms,
                format!("by the terms, as no BackupPolicy is for the Tenant; {held}"),
            ),
        });
    };
    let texts: Vec<&str> = lacks.iter().map(|(_, text)| text.as_str()).collect();
    Some((false, *reason, format!("{}; {held}", texts.join(SEPARATOR))))
}

fn has_no_backup(facts: &Protection<'_>, _: Timestamp) -> Option<Lack> {
    let has_none = facts.good.days.is_empty();
    has_none.then(|| (Reason::NoBackupYet, "there is no complete backup".to_owned()))
}

fn is_overdue(facts: &Protection<'_>, now: Timestamp) -> Option<Lack> {
    let text = "the last day that was due has no complete backup";
    facts
        .calendar
        .is_overdue(facts.good, now)
        .then(|| (Reason::BackupOverdue, text.to_owned()))
}

fn last_was_lost(facts: &Protection<'_>, _: Timestamp) -> Option<Lack> {
    let LostRun { phase, why } = facts.lost_run.as_ref()?;
    let (reason, text) = match phase {
        BackupPhase::Missed => (Reason::BackupMissed, "the last backup was missed"),
        BackupPhase::Partial => (Reason::BackupPartial, "the last backup is not whole"),
        _ => (Reason::BackupFailed, "the last backup failed"),
    };
    Some(match why {
        Some(why) => (reason, format!("{text}: {why}")),
        None => (reason, text.to_owned()),
    })
}

fn lacks_days(facts: &Protection<'_>, now: Timestamp) -> Option<Lack> {
    // How many is said at the end of every message.
    (facts.good.days.len() < facts.calendar.owed(facts.wanted, now))
        .then(|| (Reason::GoodDaysMissing, "good days are missing".to_owned()))
}

/// The lack that was said last, of those that this recognizes.
fn told(facts: &Protection<'_>, is_it: impl Fn(&str) -> bool) -> Option<String> {
    let mut said = facts.told?.split(SEPARATOR);
    said.find(|text| is_it(text)).map(str::to_owned)
}

fn is_unlocked(facts: &Protection<'_>, _: Timestamp) -> Option<Lack> {
    let last_told = || {
        let lack = told(facts, |text| text.starts_with(NOT_LOCKED))?;
        Some((Reason::NotLocked, lack))
    };
    let Some(copies) = &facts.copies else {
        return last_told();
    };
    let days = |count: u32| format!("those of {count} of {} good days", facts.wanted);
    if copies.unlocked_days > 0 {
        let text = format!("{NOT_LOCKED}{}", days(copies.unlocked_days));
        return Some((Reason::NotLocked, text));
    }
    if let Some(lack) = last_told().filter(|_| copies.are_locks_unknown) {
        return Some(lack);
    }
    if copies.unread_days == 0 {
        return None;
    }
    let why = copies.locks_trouble.as_ref();
    let why = why.map(|why| format!(" ({why})")).unwrap_or_default();
    let unread = days(copies.unread_days);
    let text = format!("AWS did not say that snapshots are locked against deletion: {unread}{why}");
    Some((Reason::LockNotRead, text))
}

fn has_weak_vault(facts: &Protection<'_>, _: Timestamp) -> Option<Lack> {
    let copies = facts.copies.as_ref();
    let lack = copies.and_then(|copies| copies.vault_lack.clone());
    let is_unknown = copies.is_none_or(|copies| copies.is_vault_unknown);
    let lack = lack.or_else(|| told(facts, is_vault_lack).filter(|_| is_unknown))?;
    Some((Reason::VaultNotLocked, lack))
}

fn is_exposed(facts: &Protection<'_>, _: Timestamp) -> Option<Lack> {
    let last_told = || told(facts, |text| text.starts_with(SHARED));
    let text = match &facts.copies {
        Some(copies) if !copies.exposed.is_empty() => {
            Some(format!("{SHARED}{}", crate::promises::list(&copies.exposed)))
        }
        Some(Copies {
            unread_copies: Some(unread),
            ..
        }) => {
            // One that was read since then is not open any more. Of many only a few were named.
            let is_unread = |text: &String| {
                let is_cut = text.ends_with(" more") && !unread.is_empty();
                is_cut || unread.iter().any(|id| text.contains(id.as_str()))
            };
            last_told().filter(is_unread)
        }
        Some(_) | None => last_told(),
    };
    Some((Reason::CopiesShared, text?))
}

fn lacks_methods(facts: &Protection<'_>, _: Timestamp) -> Option<Lack> {
    let effective: BTreeSet<_> = facts.methods.iter().map(|&method| promised_as(method)).collect();
    let names: Vec<_> = facts
        .promised
        .difference(&effective)
        .map(ToString::to_string)
        .collect();
    let text = || {
        format!(
            "the terms promise {}, which this release does not back up",
            names.join(" and ")
        )
    };
    (!names.is_empty()).then(|| (Reason::MethodsMissing, text()))
}

fn is_suspended(facts: &Protection<'_>, _: Timestamp) -> Option<Lack> {
    let why = facts.suspended?;
    let policy = facts.policy.unwrap_or_default();
    Some((
        Reason::Suspended,
        format!("BackupPolicy {policy} is suspended: {why}"),
    ))
}

fn lacks_quota(facts: &Protection<'_>, _: Timestamp) -> Option<Lack> {
    let text = || {
        let policy = facts.policy.unwrap_or_default();
        format!(
            "the account's quota has too little room for the snapshots to come, as BackupPolicy {policy} says"
        )
    };
    facts.is_quota_short.then(|| (Reason::QuotaShort, text()))
}

/// How many of the wanted good days are held: what is held beyond them would change every day.
fn held(facts: &Protection<'_>) -> String {
    let days = u32::try_from(facts.good.days.len())
        .unwrap_or(u32::MAX)
        .min(facts.wanted);
    format!("good days held: {days} of {}", facts.wanted)
}

/// The newest run of the schedule, where it ended without a good set, and no day since its own is good.
///
/// Backups made by hand are extra: one that fails takes nothing away.
pub fn lost_run<'a>(
    backups: impl IntoIterator<Item = &'a Backup>,
    schedule: &Schedule,
    good: &GoodDays,
) -> Option<LostRun> {
    let ended = backups.into_iter().filter_map(|backup| {
        let slot = backup.spec.scheduled_time.as_ref()?.0;
        let phase = backup.status.as_ref()?.phase?;
        (!matches!(phase, BackupPhase::Pending | BackupPhase::Running)).then_some((slot, phase, backup))
    });
    let (slot, phase, backup) = ended.max_by_key(|(slot, ..)| *slot)?;
    let is_lost = matches!(
        phase,
        BackupPhase::Failed | BackupPhase::Partial | BackupPhase::Missed
    );
    let date = schedule.date_of(slot);
    if !is_lost || good.days.last().is_some_and(|newest| *newest >= date) {
        return None;
    }
    Some(LostRun {
        phase,
        why: why(backup),
    })
}

/// What the object says of its end; the method's own words first, which are AWS's where AWS said any.
fn why(backup: &Backup) -> Option<String> {
    let status = backup.status.as_ref()?;
    let of_method = status.methods.iter().find_map(|method| method.message.clone());
    of_method.or_else(|| {
        let failed = find_condition(&status.conditions, ConditionType::Failed.as_str())?;
        Some(failed.message.clone())
    })
}

#[cfg(test)]
mod tests;
