//! P23, P25, P26 and P30: every day, at once, the whole set, checked, and three days of it held.
//!
//! A run that is still under way, or whose slot has only just come, is not judged: the day before it is. So no
//! verdict flaps at half past midnight.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::{
    BackupFacts, BackupSet, DueSlot, Facts, Finding, Lock, SetState, fail, idle, list, pass, unknown, unseen,
};
use crate::{
    api::Engine,
    clock::elapsed,
    terms::{Method, Terms},
};

/// P23: the newest run that should have started did, and not late.
pub(super) fn starts_daily_and_together(terms: &Terms, facts: &Facts) -> Finding {
    let backup = match known(facts) {
        Ok(backup) => backup,
        Err(finding) => return finding,
    };
    for slot in newest_first(backup) {
        let day = slot.date;
        let set = scheduled(backup, day);
        if let Some(skew) = set.and_then(|set| set.start_skew) {
            let max = terms.backup.start_skew_max;
            if skew > max {
                return fail(format!("the backup of {day} started {} s late", skew.as_secs()));
            }
            return pass(format!("the backup of {day} started in time"));
        }
        let since = elapsed(slot.at, facts.now);
        let is_given_up = set.is_some_and(|set| set.state.is_finished());
        if !is_given_up && since <= terms.backup.start_skew_max {
            continue;
        }
        // A job of AWS Backup was asked for at its time; when it began only what it makes says.
        let is_asked =
            set.is_some_and(|set| set.engine == Engine::AWSBackup && set.state == SetState::Running);
        if is_asked && since <= backup.longest {
            return unknown(format!(
                "AWS Backup did not say yet when the backup of {day} started"
            ));
        }
        return fail(format!("no backup started on {day}"));
    }
    idle("no backup has been due yet")
}

/// P25: the newest finished set has everything that the terms name.
pub(super) fn takes_the_whole_set(terms: &Terms, facts: &Facts) -> Finding {
    let backup = match known(facts) {
        Ok(backup) => backup,
        Err(finding) => return finding,
    };
    let promised = &terms.backup.methods;
    if let Some(missing) = missing(promised, &backup.methods) {
        return fail(format!("{missing} not backed up"));
    }
    let Some(slot) = settled(terms, facts, backup).next() else {
        return idle("no backup has been due yet");
    };
    let day = slot.date;
    let Some(set) = scheduled(backup, day) else {
        return fail(format!("there is no backup of {day}"));
    };
    match missing(promised, &set.succeeded) {
        Some(missing) => fail(format!("{missing} missing from the backup of {day}")),
        None if matches!(set.state, SetState::Complete | SetState::Expired) => {
            pass(format!("the backup of {day} has {}", list(promised)))
        }
        None => fail(format!("the backup of {day} is not complete")),
    }
}

/// P26: of the newest finished set it was checked that there is no error, and there was none.
pub(super) fn checks_each_backup(terms: &Terms, facts: &Facts) -> Finding {
    let backup = match known(facts) {
        Ok(backup) => backup,
        Err(finding) => return finding,
    };
    let Some(slot) = settled(terms, facts, backup).next() else {
        return idle("no backup has been due yet");
    };
    let day = slot.date;
    let Some(set) = scheduled(backup, day).filter(|set| set.state != SetState::Missed) else {
        return unknown(format!("there is no backup of {day} to check"));
    };
    let failed: Vec<&str> = set
        .checks
        .iter()
        .filter(|check| !check.passed)
        .map(|check| check.name.as_str())
        .collect();
    if !failed.is_empty() {
        return fail(format!("not passed by the backup of {day}: {}", list(failed)));
    }
    match set.state {
        SetState::Complete | SetState::Expired if set.checks.is_empty() => {
            unknown(format!("what was checked of the backup of {day} is not known"))
        }
        SetState::Complete | SetState::Expired => pass(format!("every check of the backup of {day} passed")),
        _ => fail(format!("the backup of {day} did not end well")),
    }
}

/// P30: as many good days are held as are promised, or as there have been, and nobody can delete them.
pub(super) fn holds_the_good_days(terms: &Terms, facts: &Facts) -> Finding {
    let backup = match known(facts) {
        Ok(backup) => backup,
        Err(finding) => return finding,
    };
    if !facts.sees_aws() {
        return unseen();
    }
    let due: BTreeSet<Date> = settled(terms, facts, backup).map(|slot| slot.date).collect();
    let promised = usize::try_from(terms.backup.good_days).unwrap_or(usize::MAX);
    let wanted = promised.min(due.len());
    if wanted == 0 {
        return idle("no backup has been due yet");
    }
    let days = backup.guaranteed(wanted);
    let held = days.len();
    if held < wanted {
        return fail(format!("good days held: {held} of {wanted}"));
    }
    let count = |lock: Lock| days.values().filter(|of_day| **of_day == lock).count();
    match (count(Lock::Missing), count(Lock::Unknown)) {
        // Counted up to what is promised only, or the reason would change every day.
        (0, 0) => pass(format!("good days held: {wanted}")),
        (0, unread) => unknown(format!(
            "whether good days are locked against deletion is not known: {unread} of {wanted}"
        )),
        (unlocked, _) => fail(format!(
            "good days not locked against deletion: {unlocked} of {wanted}"
        )),
    }
}

impl BackupFacts {
    /// The newest good days, so many at most, each with the best lock that a good set of it has.
    pub fn guaranteed(&self, wanted: usize) -> BTreeMap<Date, Lock> {
        let mut days = BTreeMap::new();
        for set in self.sets.iter().filter(|set| self.is_good(set)) {
            let Some(day) = set.day else { continue };
            let best = days.entry(day).or_insert(set.lock);
            *best = set.lock.max(*best);
        }
        while days.len() > wanted {
            days.pop_first();
        }
        days
    }

    /// The good sets of the newest good days.
    pub(super) fn guaranteed_sets(&self, wanted: usize) -> impl Iterator<Item = &BackupSet> {
        let days = self.guaranteed(wanted);
        let is_of_one = move |set: &&BackupSet| set.day.is_some_and(|day| days.contains_key(&day));
        self.sets.iter().filter(|set| self.is_good(set)).filter(is_of_one)
    }

    /// Those of these days whose good sets are all locked one by one. What AWS Backup holds its vault locks, and the
    /// vault's lack says what of that is missing.
    fn locked_one_by_one(&self, wanted: usize) -> BTreeMap<Date, Lock> {
        let mut days = self.guaranteed(wanted);
        for day in self.days_by_aws_backup(wanted) {
            days.remove(&day);
        }
        days
    }

    /// Those of these days of which AWS Backup holds a good set.
    pub fn days_by_aws_backup(&self, wanted: usize) -> BTreeSet<Date> {
        self.guaranteed_sets(wanted)
            .filter(|set| set.engine == Engine::AWSBackup)
            .filter_map(|set| set.day)
            .collect()
    }

    /// Whether AWS did not say of one of those days whether its snapshots are locked.
    pub fn lock_is_unknown(&self, wanted: usize) -> bool {
        let days = self.locked_one_by_one(wanted);
        days.values().any(|lock| *lock == Lock::Unknown)
    }

    /// On how many of those days nothing, as AWS says, keeps the snapshots from being deleted; and on how many more of
    /// them neither AWS nor the record says that something does.
    pub fn unlocked(&self, wanted: usize) -> (u32, u32) {
        let days = self.locked_one_by_one(wanted);
        let recorded: BTreeSet<Date> = self
            .guaranteed_sets(wanted)
            .filter(|set| set.lock_recorded)
            .filter_map(|set| set.day)
            .collect();
        let count = |matches: &dyn Fn(&Date, Lock) -> bool| {
            let found = days.iter().filter(|(day, lock)| matches(day, **lock)).count();
            u32::try_from(found).unwrap_or(u32::MAX)
        };
        (
            count(&|_, lock| lock == Lock::Missing),
            count(&|day, lock| lock == Lock::Unknown && !recorded.contains(day)),
        )
    }

    /// Whether a set is whole, by every method in force, and there still.
    fn is_good(&self, set: &BackupSet) -> bool {
        set.held && set.state == SetState::Complete && self.methods.is_subset(&set.succeeded)
    }
}

/// The backups, if there can be something to say about them.
pub(super) fn known(facts: &Facts) -> Result<&BackupFacts, Finding> {
    let Some(backup) = &facts.backup else {
        return Err(unknown("the backups are not known"));
    };
    if facts.first_ready_at.is_none() {
        return Err(idle("the environment was never Ready"));
    }
    if backup.methods.is_empty() {
        return Err(unknown("the methods in force are not known"));
    }
    Ok(backup)
}

fn newest_first(backup: &BackupFacts) -> impl Iterator<Item = DueSlot> {
    let slots: BTreeSet<DueSlot> = backup.due.iter().copied().collect();
    slots.into_iter().rev()
}

/// The slots of which nothing more is to come, newest first.
fn settled<'a>(
    terms: &'a Terms,
    facts: &'a Facts,
    backup: &'a BackupFacts,
) -> impl Iterator<Item = DueSlot> + 'a {
    newest_first(backup).filter(|slot| {
        let since = elapsed(slot.at, facts.now);
        match scheduled(backup, slot.date) {
            Some(set) => set.state.is_finished() || since > backup.longest,
            None => since > terms.backup.start_skew_max,
        }
    })
}

/// The set made for the slot of this date.
fn scheduled(backup: &BackupFacts, date: Date) -> Option<&BackupSet> {
    backup.sets.iter().find(|set| set.slot == Some(date))
}

/// What is promised and not there, as the beginning of a sentence.
fn missing(promised: &BTreeSet<Method>, there: &BTreeSet<Method>) -> Option<String> {
    let names: Vec<String> = promised.difference(there).map(ToString::to_string).collect();
    match names.as_slice() {
        [] => None,
        [one] => Some(format!("{one} is")),
        [most @ .., last] => Some(format!("{} and {last} are", most.join(", "))),
    }
}

#[cfg(test)]
mod tests;
