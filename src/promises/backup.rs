//! P23, P25 and P30: every day, at once, the whole set, and three days of it held.
//!
//! A run that is still under way, or whose slot has only just come, is not judged: the day before it is. So no
//! verdict flaps at half past midnight.

use std::{collections::BTreeSet, time::Duration};

use jiff::civil::Date;

use super::{
    BackupFacts, BackupSet, DueSlot, Facts, Finding, SetState, fail, idle, list, pass, unknown, unseen,
};
use crate::{
    clock::elapsed,
    plan::{backup::TIMEOUT, slot::STARTING_DEADLINE},
    terms::{Method, Terms},
};

/// How long after its slot a run may still be under way: to start late, and to end. Longer is no longer a run
/// but a failure.
const RUN_MAX: Duration = STARTING_DEADLINE.saturating_add(TIMEOUT);

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
        let is_given_up = set.is_some_and(|set| set.state.is_finished());
        if is_given_up || elapsed(slot.at, facts.now) > terms.backup.start_skew_max {
            return fail(format!("no backup started on {day}"));
        }
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

/// P30: as many good days are held as are promised, or as there have been.
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
    let held: BTreeSet<Date> = backup
        .sets
        .iter()
        .filter(|set| set.held && set.state == SetState::Complete && backup.methods.is_subset(&set.succeeded))
        .filter_map(|set| set.day)
        .collect();
    let held = held.len();
    if held < wanted {
        return fail(format!("good days held: {held} of {wanted}"));
    }
    // Counted up to what is promised only, or the reason would change every day.
    pass(format!("good days held: {wanted}"))
}

/// The backups, if there can be something to say about them.
fn known(facts: &Facts) -> Result<&BackupFacts, Finding> {
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
            Some(set) => set.state.is_finished() || since > RUN_MAX,
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
