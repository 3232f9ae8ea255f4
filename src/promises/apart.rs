//! P24: backups are kept safely, apart from the environment.
//!
//! This build has snapshots, which lie in EBS's own store, away from the volumes. Judged is what may differ from one
//! to the next: whether each that is guaranteed is locked against deletion, encrypted with its volume's key, and
//! nobody else's to use. Deliberately absent: the key and the lock of a bucket, until files and dumps are kept.

use super::{Facts, Finding, Lock, SetCheck, backup::known, fail, idle, list, pass, unknown, unseen};
use crate::{cloud::Observed, plan::backup::CheckName, terms::Terms};

/// P24: the sets of the guaranteed days are locked, encrypted as their volumes are, and private.
pub(super) fn keeps_backups_apart(terms: &Terms, facts: &Facts) -> Finding {
    let backup = match known(facts) {
        Ok(backup) => backup,
        Err(finding) => return finding,
    };
    if !facts.sees_aws() {
        return unseen();
    }
    let wanted = usize::try_from(terms.backup.good_days).unwrap_or(usize::MAX);
    let days = backup.guaranteed(wanted);
    if days.is_empty() {
        return idle("no backup is held");
    }
    if let Observed::Present(exposed) = &backup.exposed {
        return fail(format!("others can use copies: {}", list(exposed)));
    }
    let unlocked = days.values().filter(|lock| **lock == Lock::Missing).count();
    if unlocked > 0 {
        let days = days.len();
        return fail(format!(
            "not locked against deletion: {unlocked} of {days} good days"
        ));
    }
    let mut keys = backup.guaranteed_sets(wanted).map(|set| encryption(&set.checks));
    let encryptions: Vec<Option<bool>> = keys.by_ref().collect();
    if encryptions.contains(&Some(false)) {
        return fail("a backup has another key than its volume, or none");
    }
    if encryptions.contains(&None) {
        return unknown("whether every backup has its volume's key was not checked");
    }
    if days.values().any(|lock| *lock == Lock::Unknown) {
        return unknown("whether every backup is locked against deletion is not known");
    }
    match backup.exposed {
        Observed::Unknown => unknown("who can use each copy was not read yet"),
        Observed::Absent | Observed::Present(_) => {
            pass("every backup is locked, encrypted as its volume, and private")
        }
    }
}

/// What the check of a set's encryption came to; `None`: it was not made.
fn encryption<'a>(checks: impl IntoIterator<Item = &'a SetCheck>) -> Option<bool> {
    let name = CheckName::EncryptionEqual.as_str();
    let mut found = checks.into_iter().filter(|check| check.name == name);
    found.next().map(|check| check.passed)
}

#[cfg(test)]
mod tests;
