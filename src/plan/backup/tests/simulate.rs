//! AWS and the API server as far as a run needs them, with everything that can go wrong between.

use super::*;

pub(super) const UID: &str = "b-uid";
pub(super) const KEY: &str = "acme/acme-jira-202701150800";
pub(super) const TENANT_UID: &str = "t-uid";

pub(in crate::plan::backup) fn volume(i: u32) -> Volume {
    Volume {
        id: VolumeId::new(format!("vol-{i}")),
        encrypted: true,
        kms_key_id: Some("key-1".into()),
        size_gib: 10,
        attached_to: Some("i-1".into()),
        tags: Tags::new(),
    }
}

pub(in crate::plan::backup) fn target() -> Target {
    Target {
        instance: "i-1".into(),
        attached: vec!["vol-0".into(), "vol-1".into()],
        volumes: vec![volume(0), volume(1)],
    }
}

/// The snapshot of volume `i` in the set of attempt `n`.
pub(super) fn snapshot(n: u32, i: u32, second: i64) -> Snapshot {
    Snapshot {
        id: SnapshotId::new(format!("snap-{n}-{i}")),
        volume_id: VolumeId::new(format!("vol-{i}")),
        state: SnapshotState::Completed,
        state_message: None,
        started_at: at(second),
        size_gib: 10,
        encrypted: true,
        kms_key_id: Some("key-1".into()),
        description: UID.into(),
        tags: [
            ("yagura.dev/attempt", n.to_string()),
            ("yagura.dev/backup", KEY.to_owned()),
            ("yagura.dev/uid", TENANT_UID.to_owned()),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into(),
    }
}

pub(super) fn failed_snapshot(n: u32, i: u32, second: i64) -> Snapshot {
    Snapshot {
        state: SnapshotState::Error,
        ..snapshot(n, i, second)
    }
}

/// What one call, or the process that makes it, comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::plan::backup) enum Fate {
    Answered,
    LostBeforeTheEffect,
    LostAfterTheEffect,
    Throttled,
    Denied,
    DiesBeforeTheRecord,
    DiesBeforeTheCall,
    DiesBeforeTheEffect,
    DiesAfterTheEffect,
    /// Where what AWS answered is written down after the call.
    DiesBeforeTheReport,
}

/// A set in AWS.
#[derive(Clone, Debug)]
struct Made {
    at: i64,
    shows: i64,
    done: i64,
    snapshots: Vec<Snapshot>,
    fails: bool,
}

/// One process: what it remembers is gone when it dies.
#[derive(Clone, Debug, Default)]
pub(super) struct Operator {
    call: Option<Call<()>>,
    /// When each of its sweeps began.
    sweeps: Vec<i64>,
    swept: Vec<Snapshot>,
}

/// The world outside of the planner.
#[derive(Clone, Debug)]
pub(super) struct Sim {
    pub(super) now: i64,
    pub(super) run: Run,
    pub(super) version: u64,
    pub(super) outcome: Option<Outcome>,
    made: Vec<Made>,
    lags: Vec<i64>,
    fails: Vec<bool>,
}

impl Sim {
    /// A new run; each further set takes its lag (of its listing) and whether it fails from these.
    pub(super) fn new(run: Run, lags: Vec<i64>, fails: Vec<bool>) -> Self {
        Self {
            now: 2,
            run,
            version: 1,
            outcome: None,
            made: Vec::new(),
            lags,
            fails,
        }
    }

    /// The sets that AWS did not fail.
    pub(super) fn good_sets(&self) -> usize {
        self.made.iter().filter(|made| !made.fails).count()
    }

    pub(super) fn sets(&self) -> usize {
        self.made.len()
    }

    fn listing(&self, now: i64) -> Vec<Snapshot> {
        let shown = self.made.iter().filter(|made| made.shows <= now);
        shown
            .flat_map(|made| made.snapshots.iter().map(|one| made.state_of(one, now)))
            .collect()
    }

    fn create(&mut self, n: u32) {
        let lag = self.lags.pop().unwrap_or(0);
        let fails = self.fails.pop().unwrap_or(false);
        let serial = u32::try_from(self.made.len()).unwrap();
        let snapshots = (0..2)
            .map(|i| Snapshot {
                id: SnapshotId::new(format!("snap-{serial}-{i}")),
                ..snapshot(n, i, self.now)
            })
            .collect();
        self.made.push(Made {
            at: self.now,
            shows: self.now + lag,
            done: self.now + 200,
            snapshots,
            fails,
        });
    }

    /// What an operator sees now.
    pub(super) fn observe(&self, operator: &Operator) -> World {
        let mut snapshots = operator.swept.clone();
        let searched = self.listing(self.now);
        for found in searched {
            if !snapshots.iter().any(|one| one.id == found.id) {
                snapshots.push(found);
            }
        }
        World {
            is_foreign: false,
            gone: None,
            exposure: Exposure::default(),
            kept: Kept::default(),
            target: Observed::Present(target()),
            snapshots: match operator.sweeps.last() {
                None => Observed::Unknown,
                Some(_) if snapshots.is_empty() => Observed::Absent,
                Some(_) => Observed::Present(snapshots),
            },
            sweeps: operator
                .sweeps
                .iter()
                .rev()
                .take(2)
                .map(|&begun| at(begun))
                .collect(),
            searched: true,
            untagged: Vec::new(),
            call: operator.call.clone(),
        }
    }

    /// One sweep, begun now; what it shows is up to `stale` seconds old.
    pub(super) fn sweep(&self, operator: &mut Operator, stale: i64) {
        operator.swept = self.listing(self.now - stale);
        operator.sweeps.push(self.now);
    }

    /// Applies what was planned from the version that was read. Gives false where the process died.
    pub(super) fn apply(&mut self, operator: &mut Operator, plan: &Plan, read: u64, fate: Fate) -> bool {
        self.apply_record(plan, read, fate) && self.apply_call(operator, plan, fate)
    }

    /// The first part: writing the attempt down.
    pub(super) fn apply_record(&mut self, plan: &Plan, read: u64, fate: Fate) -> bool {
        for step in &plan.steps {
            if let Step::RecordAttempt(attempt) = step {
                if fate == Fate::DiesBeforeTheRecord || self.version != read {
                    return false;
                }
                self.version += 1;
                self.run.attempts.retain(|old| old.n != attempt.n);
                self.run.attempts.push(*attempt);
                self.run.accepted.get_or_insert(attempt.at);
            }
        }
        self.write(plan, read);
        fate != Fate::DiesBeforeTheCall
    }

    fn write(&mut self, plan: &Plan, read: u64) {
        let ended = match plan.outcome {
            Outcome::Complete(_) => Ended::Complete,
            Outcome::Failed(..) | Outcome::Missed | Outcome::Expired => Ended::Otherwise,
            _ => return,
        };
        if self.version == read {
            self.version += 1;
            self.run.ended = Some(ended);
            self.outcome = Some(plan.outcome.clone());
        }
    }

    /// The second part: the call.
    pub(super) fn apply_call(&mut self, operator: &mut Operator, plan: &Plan, fate: Fate) -> bool {
        for step in &plan.steps {
            if let Step::CreateSnapshots { n, .. } = step {
                let refusals = match fate {
                    Fate::Throttled => Some(ErrorKind::Throttled),
                    Fate::Denied => Some(ErrorKind::Denied),
                    Fate::LostBeforeTheEffect | Fate::LostAfterTheEffect => Some(ErrorKind::Lost),
                    _ => None,
                };
                if matches!(
                    fate,
                    Fate::Answered | Fate::LostAfterTheEffect | Fate::DiesAfterTheEffect
                ) {
                    self.create(*n);
                }
                if matches!(fate, Fate::DiesBeforeTheEffect | Fate::DiesAfterTheEffect) {
                    return false;
                }
                if fate == Fate::LostBeforeTheEffect || fate == Fate::LostAfterTheEffect {
                    self.now += 30;
                }
                let end = match refusals {
                    None => CallEnd::Answered(()),
                    Some(kind) => call_end(refusal(kind), *n, operator.call.as_ref()),
                };
                operator.call = Some(Call {
                    n: *n,
                    ended: at(self.now),
                    end,
                });
            }
        }
        true
    }
}

impl Made {
    fn state_of(&self, one: &Snapshot, now: i64) -> Snapshot {
        let state = match (now >= self.done, self.fails) {
            (false, _) => SnapshotState::Pending,
            (true, true) => SnapshotState::Error,
            (true, false) => SnapshotState::Completed,
        };
        assert!(now >= self.at);
        Snapshot { state, ..one.clone() }
    }
}
