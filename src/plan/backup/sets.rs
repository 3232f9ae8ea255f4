//! The sets of a run: its snapshots by attempt, each set judged as one.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{
    Check, Facts, Run, SETTLED, World,
    check::{Judgement, judge},
};
use crate::{api::names::tags, clock::later, cloud::Snapshot};

/// The sets by attempt.
pub(super) struct Sets<'a> {
    sets: BTreeMap<u32, (Vec<&'a Snapshot>, Judgement)>,
}

/// Whether a snapshot is one of a Backup's.
///
/// By what its creator wrote, the Backup's uid, which no tag can take away. A slot's object that was lost and
/// made again has another uid: there its name, which names the slot, and the Tenant's uid tell. (A Backup made
/// by hand may use a name again for something new.)
pub fn belongs(snapshot: &Snapshot, backup_uid: &str, slot: Option<(&str, &str)>) -> bool {
    // AWS Backup copies our volumes' tags onto snapshots of its own.
    if snapshot.tags.contains_key(tags::AWS_BACKUP_SOURCE) {
        return false;
    }
    let is = |key: &str, value: &str| snapshot.tags.get(key).is_some_and(|found| found == value);
    snapshot.description == backup_uid
        || slot.is_some_and(|(key, tenant_uid)| is(tags::BACKUP, key) && is(tags::UID, tenant_uid))
}

impl<'a> Sets<'a> {
    /// Groups and judges the snapshots of a run.
    pub(super) fn of(run: &Run, snapshots: &'a [Snapshot], world: &World) -> Self {
        let recorded = run.attempts.iter().map(|attempt| attempt.n).max().unwrap_or(1);
        let mut grouped = BTreeMap::<u32, Vec<&Snapshot>>::new();
        for snapshot in snapshots {
            // Without its tag a snapshot counts for the newest set: it is there, so nothing is made again.
            let n = snapshot
                .tags
                .get(tags::ATTEMPT)
                .and_then(|n| n.parse().ok())
                .unwrap_or(recorded);
            grouped.entry(n).or_default().push(snapshot);
        }
        let sets = grouped
            .into_iter()
            .map(|(n, mut set)| {
                set.sort_by(|a, b| a.id.cmp(&b.id));
                let is_settled = began(&set)
                    .zip(world.sweeps.iter().max())
                    .is_some_and(|(began, &swept)| swept >= later(began, SETTLED));
                let judgement = judge(&set, &world.target, &world.exposure, is_settled);
                (n, (set, judgement))
            })
            .collect();
        Self { sets }
    }

    /// The newest set that may be relied on.
    pub(super) fn complete(&self) -> Option<Facts> {
        self.sets
            .values()
            .rev()
            .find_map(|(set, judgement)| match judgement {
                Judgement::Complete(checks) => Some(facts(set, checks.clone())),
                Judgement::Pending | Judgement::Failed(_) => None,
            })
    }

    /// Whether AWS is still at it.
    pub(super) fn is_pending(&self) -> bool {
        self.sets
            .values()
            .any(|(_, judgement)| *judgement == Judgement::Pending)
    }

    /// Whether there is a set of this attempt.
    pub(super) fn contains(&self, n: u32) -> bool {
        self.sets.contains_key(&n)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.sets.len()
    }

    /// The newest set's attempt and start.
    pub(super) fn newest(&self) -> Option<(u32, Timestamp)> {
        let (n, (set, _)) = self.sets.last_key_value()?;
        Some((*n, began(set)?))
    }

    /// What is known of the newest set.
    pub(super) fn facts(&self) -> Facts {
        self.sets
            .last_key_value()
            .map(|(_, (set, judgement))| facts(set, judgement.checks()))
            .unwrap_or_default()
    }

    /// Why the newest set failed.
    pub(super) fn why(&self) -> String {
        let faults: Vec<_> = self
            .facts()
            .checks
            .into_iter()
            .filter_map(|check| check.fault)
            .collect();
        faults.join("; ")
    }
}

impl Judgement {
    fn checks(&self) -> Vec<Check> {
        match self {
            Self::Pending => Vec::new(),
            Self::Complete(checks) | Self::Failed(checks) => checks.clone(),
        }
    }
}

fn facts(set: &[&Snapshot], checks: Vec<Check>) -> Facts {
    Facts {
        snapshots: set.iter().map(|snapshot| snapshot.id.clone()).collect(),
        started: began(set),
        size_gib: set.iter().map(|snapshot| i64::from(snapshot.size_gib)).sum(),
        checks,
    }
}

/// When the first snapshot of a set began.
fn began(set: &[&Snapshot]) -> Option<Timestamp> {
    set.iter().map(|snapshot| snapshot.started_at).min()
}
