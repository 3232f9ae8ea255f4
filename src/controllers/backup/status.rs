//! From a Backup's status to what the plan reads in it, and from what became of it to the next status.

use std::time::Duration;

use jiff::Timestamp;

use super::Scene;
use crate::{
    api::{
        Attempt, Backup, BackupCheck, BackupPhase, BackupStatus, ConditionType, Engine, Method, MethodState,
        MethodStatus, Reason, time,
    },
    cloud::{CloudError, SnapshotId},
    cluster::{Happened, Kind},
    controllers::backup_sources::{created, is_stalled_for},
    engine::{Failure, Refusal, Report},
    plan::{
        backup::{self as planner, Ended, Facts, Limits, Outcome, Run, Waiting},
        slot::Decision,
    },
    report::{
        failure::reason_of,
        standing::{Because, Conditions, Standing},
    },
};

/// The run that an object stands for.
pub(super) fn run_of(backup: &Backup, scene: &Scene) -> Run {
    let status = backup.status.as_ref();
    let slot = backup.spec.scheduled_time.as_ref().map(|time| time.0);
    let attempts = status
        .iter()
        .flat_map(|status| &status.methods)
        .flat_map(|method| &method.attempts);
    let ended = match backup.phase() {
        Some(BackupPhase::Complete) => Some(Ended::Complete),
        Some(BackupPhase::Partial | BackupPhase::Failed | BackupPhase::Missed | BackupPhase::Expired) => {
            Some(Ended::Otherwise)
        }
        Some(BackupPhase::Pending | BackupPhase::Running) | None => None,
    };
    Run {
        slot,
        decision: (slot.is_some() || is_found(backup)).then(|| decision_of(backup)),
        created: created(backup).unwrap_or(Timestamp::MAX),
        accepted: accepted(backup),
        limits: limits(scene),
        attempts: attempts
            .filter_map(|attempt| {
                Some(planner::Attempt {
                    n: u32::try_from(attempt.n).ok()?,
                    at: attempt.at.0,
                })
            })
            .collect(),
        ended,
    }
}

/// How long the run may take. Without rules, for a Tenant that is gone, as always: no run is under way for ever.
fn limits(scene: &Scene) -> Limits {
    scene.rules.as_ref().map_or_else(Limits::default, |rules| Limits {
        starting_deadline: rules.starting_deadline,
        timeout: rules.timeout,
    })
}

/// When the run was taken on.
pub(super) fn accepted(backup: &Backup) -> Option<Timestamp> {
    let accepted = backup.status.as_ref()?.accepted_at.as_ref()?;
    Some(accepted.0)
}

/// Whether AWS was ever asked, as far as the object knows.
pub(super) fn has_attempts(backup: &Backup) -> bool {
    let mut methods = backup.status.iter().flat_map(|status| &status.methods);
    methods.any(|method| !method.attempts.is_empty())
}

/// Whether the object was made again for a set that lost it. Only the operator sets the uid of a Tenant, so nobody else
/// can say so.
pub(super) fn is_found(backup: &Backup) -> bool {
    backup.spec.tenant_uid.is_some() && decision_of(backup) == Decision::Found
}

/// What a slot's object was made for. One with another word is run: that is never the worse mistake.
pub(super) fn decision_of(backup: &Backup) -> Decision {
    backup
        .spec
        .reason
        .as_deref()
        .and_then(Decision::parse)
        .unwrap_or(Decision::Run)
}

/// The status before a call: with the attempt in it.
pub(super) fn recorded(
    backup: &Backup,
    engine: Engine,
    attempt: planner::Attempt,
    now: Timestamp,
) -> BackupStatus {
    let mut status = started(backup);
    status.phase = Some(BackupPhase::Running);
    status.engine.get_or_insert(engine);
    status.accepted_at.get_or_insert(time(now));
    change_method(&mut status, |method| {
        method.state = MethodState::Running;
        let n = i32::try_from(attempt.n).unwrap_or(i32::MAX);
        method.attempts.retain(|old| old.n != n);
        method.attempts.push(Attempt {
            n,
            at: time(attempt.at),
        });
        method.attempts.sort_by_key(|attempt| attempt.n);
    });
    let because = Because::new(Reason::BackupStarted, "AWS is asked for the snapshots");
    let mut conditions = Conditions::over(&status.conditions, backup.generation(), now);
    conditions.set(ConditionType::Complete, Some(false), &because);
    conditions.set(ConditionType::Failed, Some(false), &because);
    status.conditions = conditions.settle(&Standing::Working(because));
    status
}

/// The status of a Backup that cannot be understood.
pub(super) fn refused(backup: &Backup, refusal: &Refusal, now: Timestamp) -> Report<BackupStatus> {
    let mut status = started(backup);
    status.phase.get_or_insert(BackupPhase::Pending);
    let because = Because::new(refusal.reason, refusal.message.clone());
    let mut events = Vec::new();
    if !is_stalled_for(&status.conditions, refusal.reason) {
        events.push(Happened::warning(refusal.reason, refusal.message.clone()));
    }
    let conditions = Conditions::over(&status.conditions, backup.generation(), now);
    status.conditions = conditions.settle(&Standing::Stalled(because));
    Report {
        status: Some(status),
        events,
        ..Report::default()
    }
}

/// The status after a pass; with the outcome comes how the last call to AWS failed, if it did.
pub(super) fn status_of(
    backup: &Backup,
    (outcome, trouble): (&Outcome, Option<&CloudError>),
    max_skew: Option<Duration>,
    now: Timestamp,
) -> Report<BackupStatus> {
    let mut status = started(backup);
    let before = status.phase;
    let is_retired = *outcome == Outcome::Retired;
    if is_retired || *outcome == Outcome::NothingLeft {
        status.gone_at.get_or_insert(time(now));
    }
    // What a stranger deleted in part stays so.
    if *outcome == Outcome::NothingLeft || (is_retired && before == Some(BackupPhase::Expired)) {
        return Report {
            status: Some(status),
            ..Report::default()
        };
    }
    let Some(mut end) = shown(outcome, trouble) else {
        return Report::default();
    };
    if *outcome == Outcome::Missed && decision_of(backup) == Decision::Suspended {
        let message = "its policy was suspended when its time came";
        end.because = Because::new(Reason::Suspended, message);
    }
    // What AWS was asked for stays under way, whatever it waits for now.
    let is_under_way = before == Some(BackupPhase::Running) && end.phase == BackupPhase::Pending;
    status.phase = if is_under_way { before } else { Some(end.phase) };
    if let Some(facts) = end.facts {
        put_facts(backup, &mut status, facts, max_skew);
    }
    if let Some(state) = end.state {
        change_method(&mut status, |method| {
            method.state = state;
            method.message = end.fault.clone();
            if matches!(state, MethodState::Complete | MethodState::Failed) {
                method.finished_at.get_or_insert(time(now));
            }
        });
    }
    let events = edges(before, &end, is_retired);
    let mut conditions = Conditions::over(&status.conditions, backup.generation(), now);
    // A run that failed has failed, also when what it left is deleted.
    let had_failed = is_retired && conditions.is_true(ConditionType::Failed);
    let has_failed = had_failed || matches!(outcome, Outcome::Failed(..) | Outcome::Missed);
    conditions.set(
        ConditionType::Complete,
        Some(end.phase == BackupPhase::Complete),
        &end.because,
    );
    conditions.set(ConditionType::Failed, Some(has_failed), &end.because);
    status.conditions = conditions.settle(&standing(outcome, end.because));
    Report {
        status: Some(status),
        events,
        ..Report::default()
    }
}

/// An outcome as the status shows it.
struct Shown<'a> {
    phase: BackupPhase,
    /// The method's; `None` leaves it as it is.
    state: Option<MethodState>,
    facts: Option<&'a Facts>,
    because: Because,
    /// What went wrong.
    fault: Option<String>,
}

impl<'a> Shown<'a> {
    fn new(phase: BackupPhase, reason: Reason, message: &str) -> Self {
        Self {
            phase,
            state: None,
            facts: None,
            because: Because::new(reason, message),
            fault: None,
        }
    }

    fn method(self, state: MethodState, facts: Option<&'a Facts>) -> Self {
        Self {
            state: Some(state),
            facts,
            ..self
        }
    }

    fn fault(self, fault: String) -> Self {
        Self {
            fault: Some(fault),
            ..self
        }
    }
}

fn shown<'a>(outcome: &'a Outcome, trouble: Option<&CloudError>) -> Option<Shown<'a>> {
    Some(match outcome {
        Outcome::Unchanged => return None,
        Outcome::Pending(waiting) => {
            let (reason, message) = waits_for(*waiting, trouble);
            Shown::new(BackupPhase::Pending, reason, &message)
        }
        Outcome::Running(waiting, facts) => {
            let (reason, mut message) = waits_for(*waiting, trouble);
            let fault = facts.checks.iter().find_map(|check| check.fault.clone());
            if let Some(fault) = &fault {
                message = format!("{message}: {fault}");
            }
            Shown {
                fault,
                ..Shown::new(BackupPhase::Running, reason, &message).method(MethodState::Running, Some(facts))
            }
        }
        Outcome::Stalled(error) => {
            let message = error.to_string();
            let reason = reason_of(&Failure::Cloud(error.clone()));
            Shown::new(BackupPhase::Running, reason, &message)
                .method(MethodState::Running, None)
                .fault(message)
        }
        Outcome::Lacking(lack) => Shown::new(BackupPhase::Pending, Reason::NoVault, lack),
        Outcome::Complete(facts) => Shown::new(
            BackupPhase::Complete,
            Reason::BackupComplete,
            "every method succeeded",
        )
        .method(MethodState::Complete, Some(facts)),
        Outcome::Failed(why, facts) => Shown::new(BackupPhase::Failed, Reason::BackupFailed, why)
            .method(MethodState::Failed, Some(facts))
            .fault(why.clone()),
        Outcome::Missed => {
            let message = "its starting deadline passed before it could be started";
            Shown::new(BackupPhase::Missed, Reason::BackupMissed, message)
        }
        Outcome::Expired => {
            let message = "not all of its snapshots are there any more";
            Shown::new(BackupPhase::Expired, Reason::SnapshotsGone, message)
        }
        Outcome::Retired => {
            let message = "newer good days replaced it, and what it made was deleted";
            Shown::new(BackupPhase::Expired, Reason::RetentionEnded, message)
        }
        // The phase stays as it is, and so does why.
        Outcome::NothingLeft => return None,
    })
}

fn waits_for(waiting: Waiting, trouble: Option<&CloudError>) -> (Reason, String) {
    let (reason, message) = match waiting {
        Waiting::Inventory => (Reason::ViewStale, "waits for a fresh look at AWS"),
        Waiting::Instance => (Reason::InstanceMissing, "waits for the Tenant's instance"),
        Waiting::ForeignInstance => (
            Reason::ForeignInstance,
            "status.instanceId of its Tenant names an instance that was not launched for the Tenant",
        ),
        Waiting::Start => (Reason::BackupStarted, "AWS is asked for the snapshots"),
        Waiting::Job => (Reason::BackupStarted, "AWS Backup works on its job"),
        Waiting::Snapshots => (Reason::BackupStarted, "AWS completes the snapshots"),
        Waiting::Answer => (
            Reason::BackupStarted,
            "waits until AWS must show what it was asked for",
        ),
        Waiting::Pause => (Reason::CallFailed, "waits before it asks AWS again"),
    };
    match (waiting, trouble) {
        (Waiting::Answer | Waiting::Pause, Some(error)) => {
            let reason = reason_of(&Failure::Cloud(error.clone()));
            (reason, format!("{message}: {error}"))
        }
        _ => (reason, message.to_owned()),
    }
}

fn standing(outcome: &Outcome, because: Because) -> Standing {
    match outcome {
        Outcome::Complete(_) => Standing::Ready(because),
        // Over and not good: only a person can make it good, by another Backup.
        Outcome::Lacking(_)
        | Outcome::Stalled(_)
        | Outcome::Failed(..)
        | Outcome::Missed
        | Outcome::Expired => Standing::Stalled(because),
        // It did what it was for.
        Outcome::Retired => Standing::Resting(because),
        Outcome::Pending(_) | Outcome::Running(..) | Outcome::Unchanged | Outcome::NothingLeft => {
            Standing::Working(because)
        }
    }
}

/// What just ended.
fn edges(before: Option<BackupPhase>, end: &Shown<'_>, is_retired: bool) -> Vec<Happened> {
    let (reason, message) = (end.because.reason, end.because.message.clone());
    match end.phase {
        _ if before == Some(end.phase) => Vec::new(),
        BackupPhase::Pending | BackupPhase::Running => Vec::new(),
        BackupPhase::Complete => vec![Happened::normal(reason, message)],
        BackupPhase::Expired if is_retired => vec![Happened::normal(reason, message)],
        BackupPhase::Failed | BackupPhase::Missed | BackupPhase::Expired | BackupPhase::Partial => {
            vec![Happened::warning(reason, message)]
        }
    }
}

/// Writes what AWS says of the set.
fn put_facts(backup: &Backup, status: &mut BackupStatus, facts: &Facts, max_skew: Option<Duration>) {
    if let Some(started) = facts.started
        && let Some(slot) = backup.spec.scheduled_time.as_ref()
    {
        let skew = started.duration_since(slot.0).as_secs();
        status.start_skew_seconds = Some(i32::try_from(skew).unwrap_or(i32::MAX));
        let is_over = max_skew.is_some_and(|max| u64::try_from(skew).is_ok_and(|skew| skew > max.as_secs()));
        status.late = Some(is_over || decision_of(backup) == Decision::Late);
    }
    if facts.snapshots.is_empty() {
        return;
    }
    change_method(status, |method| {
        method.snapshot_ids = facts.snapshots.iter().map(ToString::to_string).collect();
        method.started_at = facts.started.map(time);
        method.bytes = Some(facts.size_gib.saturating_mul(1 << 30));
        method.checks = facts
            .checks
            .iter()
            .map(|check| BackupCheck {
                name: check.name.as_str().to_owned(),
                passed: check.fault.is_none(),
                message: check.fault.clone(),
            })
            .collect();
    });
}

/// Writes until when the set is locked, as AWS says it, or why a snapshot could not be locked.
pub(super) fn put_locks(
    status: &mut BackupStatus,
    read_back: Option<Timestamp>,
    failed: Option<(&planner::Step, &Failure)>,
    now: Timestamp,
) {
    if let Some(until) = read_back {
        status.protected_at.get_or_insert(time(now));
        status.locked_until = Some(time(until));
    }
    let why = match failed {
        Some((_, failure)) if is_waiting(failure) => return,
        Some((planner::Step::Lock(_), failure)) => Some(format!("not all snapshots are locked: {failure}")),
        Some(_) => return,
        None if read_back.is_none() => return,
        None => None,
    };
    change_method(status, |method| method.message = why.as_deref().map(shortened));
}

/// Writes why snapshots of a set that is to go are there still.
pub(super) fn put_refusals<'a>(
    status: &mut BackupStatus,
    refused: impl Iterator<Item = (&'a SnapshotId, &'a CloudError)>,
    failed: Option<&Failure>,
) {
    if failed.is_some_and(is_waiting) {
        return;
    }
    let refused = refused.map(|(id, error)| format!("{id} stays for another day: {error}"));
    let why: Vec<_> = refused.chain(failed.map(not_deleted)).collect();
    let is_over = why.is_empty() || status.gone_at.is_some();
    change_method(status, |method| {
        method.message = (!is_over).then(|| shortened(&why.join("; ")));
    });
}

/// What to say of a deletion that failed and is tried again.
pub(super) fn not_deleted(failure: &Failure) -> String {
    format!("not all of it is deleted: {failure}")
}

/// Whether others come first: that is no news.
pub(super) fn is_waiting(failure: &Failure) -> bool {
    failure.turn_at().is_some()
}

/// What fits into a status.
fn shortened(text: &str) -> String {
    text.chars().take(MESSAGE_LIMIT).collect()
}

/// How long a message of a method may be.
const MESSAGE_LIMIT: usize = 1_000;

/// The status so far, as one of this generation.
pub(super) fn started(backup: &Backup) -> BackupStatus {
    let mut status = backup.status.clone().unwrap_or_default();
    status.observed_generation = Some(backup.generation());
    status
}

/// Changes the one method this build has.
pub(super) fn change_method(status: &mut BackupStatus, change: impl FnOnce(&mut MethodStatus)) {
    let known = status
        .methods
        .iter_mut()
        .find(|method| method.method == Method::Snapshot);
    if let Some(method) = known {
        return change(method);
    }
    let mut method = MethodStatus::new(Method::Snapshot);
    change(&mut method);
    status.methods.push(method);
}
