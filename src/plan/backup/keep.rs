//! What is done for the set of a run that is over: it is locked, watched, and deleted when newer days replace it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;

use super::{
    Beside, Ended, Gone, Outcome, Plan, Run, SWEEP, SWEEPS, Step, UNTOLD, World,
    course::agree_since,
    lock::{self, LockRule, Locks},
};
use crate::{
    clock::later,
    cloud::{Observed, Snapshot, SnapshotId, SnapshotLock},
    plan::retention::Fate,
};

/// How long after a refusal a snapshot is tried to be deleted again: whoever uses it, an image of a restore for one,
/// does so for days.
pub const REFUSED_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// What is known of the set of a run that is over.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// The run's snapshots that are there, of whichever attempt.
    pub left: Observed<Vec<Snapshot>>,
    /// The locks of those that completed the run.
    pub locks: BTreeMap<SnapshotId, Observed<SnapshotLock>>,
    /// When AWS began the set that completed the run.
    pub began: Option<Timestamp>,
    /// How it is to be locked; `None`: it is not.
    pub rule: Option<LockRule>,
    /// Until when it was seen to be locked before.
    pub locked_until: Option<Timestamp>,
    /// What becomes of it; `None` where nobody can say.
    pub fate: Option<Fate>,
    /// Whether it was decided and written down that it goes.
    pub is_expiring: bool,
    /// Whether it was seen and written down that nothing of it is left.
    pub is_gone: bool,
    /// What this process deleted last.
    pub deleted_at: Option<Timestamp>,
    /// The snapshots that AWS refused to delete, and when.
    pub refused: BTreeMap<SnapshotId, Timestamp>,
}

impl Default for Kept {
    fn default() -> Self {
        Self {
            left: Observed::Unknown,
            locks: BTreeMap::new(),
            began: None,
            rule: None,
            locked_until: None,
            fate: None,
            is_expiring: false,
            is_gone: false,
            deleted_at: None,
            refused: BTreeMap::new(),
        }
    }
}

impl Kept {
    /// The locks that the set has and lacks; `None` where it is not to be locked.
    pub fn locks(&self, now: Timestamp) -> Option<Locks> {
        let rule = self.rule.as_ref()?;
        let began = self.began?;
        if self.locks.is_empty() {
            return None;
        }
        Some(lock::plan(began, &self.locks, rule, self.locked_until, now))
    }
}

/// What to do for a run that is over.
pub(super) fn plan(run: &Run, ended: Ended, world: &World, now: Timestamp) -> Plan {
    let kept = &world.kept;
    if kept.is_gone {
        return Plan::outcome(Outcome::Unchanged);
    }
    if kept.is_expiring {
        return expire(world, now);
    }
    match ended {
        Ended::Complete if world.shows_nothing() => searched(world, Outcome::Expired),
        Ended::Complete => Plan {
            steps: missing_locks(kept, now),
            ..Plan::outcome(Outcome::Unchanged)
        },
        Ended::Otherwise if !leaves_nothing(run, world) => Plan::outcome(Outcome::Unchanged),
        // Nothing was ever asked for, so there is nothing to be searched.
        Ended::Otherwise if run.attempts.is_empty() => Plan::outcome(Outcome::NothingLeft),
        Ended::Otherwise => searched(world, Outcome::NothingLeft),
    }
}

fn missing_locks(kept: &Kept, now: Timestamp) -> Vec<Step> {
    let locks = kept.locks(now).map(|locks| locks.steps).unwrap_or_default();
    locks.into_iter().map(Step::Lock).collect()
}

/// Whether nothing is there any more of what a run made, as far as sweeps can tell.
fn leaves_nothing(run: &Run, world: &World) -> bool {
    if run.attempts.is_empty() && world.gone == Some(Gone::Tenant) {
        return true;
    }
    world.kept.left == Observed::Absent && world.sweeps.len() >= SWEEPS
}

/// Tags can be taken away, and then no sweep shows a snapshot: it is searched by what AWS keeps.
fn searched(world: &World, outcome: Outcome) -> Plan {
    if world.searched {
        // What the search found gets its tags back first.
        let outcome = if world.untagged.is_empty() {
            outcome
        } else {
            Outcome::Unchanged
        };
        return Plan::outcome(outcome);
    }
    Plan {
        beside: Beside { wants_search: true },
        ..Plan::outcome(Outcome::Unchanged)
    }
}

/// It is written down that the set goes.
fn expire(world: &World, now: Timestamp) -> Plan {
    let kept = &world.kept;
    let soon = later(now, SWEEP);
    match &kept.left {
        Observed::Unknown => Plan::waiting(Outcome::Unchanged, Some(soon)),
        Observed::Present(left) => match kept.fate {
            Some(Fate::Goes) => delete(left, kept, now),
            // A part of a set is worth nothing: where some of it must stay, all of it does for so long.
            Some(Fate::Locked(until)) => {
                let until = until.unwrap_or_else(|| later(now, UNTOLD));
                Plan::waiting(Outcome::Unchanged, Some(until))
            }
            // Something changed since that was decided, and what is left stays for now.
            Some(Fate::Guaranteed | Fate::Held(_)) | None => Plan::outcome(Outcome::Unchanged),
        },
        Observed::Absent => {
            if !agree_since(&world.sweeps, kept.deleted_at) {
                return Plan::waiting(Outcome::Unchanged, Some(soon));
            }
            searched(world, Outcome::Retired)
        }
    }
}

fn delete(left: &[Snapshot], kept: &Kept, now: Timestamp) -> Plan {
    let mut steps = Vec::new();
    let mut look_again = Vec::new();
    let ids: BTreeSet<&SnapshotId> = left.iter().map(|snapshot| &snapshot.id).collect();
    for id in ids {
        let refused_until = kept.refused.get(id).map(|&at| later(at, REFUSED_FOR));
        match kept.locks.get(id) {
            Some(Observed::Present(lock)) if lock.until.is_none_or(|until| until > now) => {
                look_again.push(lock.until.unwrap_or_else(|| later(now, SWEEP)));
            }
            Some(Observed::Present(_) | Observed::Absent) => match refused_until {
                Some(until) if until > now => look_again.push(until),
                Some(_) | None => steps.push(Step::Delete(id.clone())),
            },
            Some(Observed::Unknown) | None => look_again.push(later(now, UNTOLD)),
        }
    }
    Plan {
        steps,
        look_again: look_again.into_iter().min(),
        ..Plan::outcome(Outcome::Unchanged)
    }
}
