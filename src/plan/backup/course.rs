//! What every run has in common, whatever takes its sets: when it begins, what a call comes to, and when one that AWS
//! refused is made again.

use std::time::Duration;

use jiff::Timestamp;

use super::{Attempt, Facts, Outcome, REFUSED_PAUSE, Run, SWEEP, SWEEPS, Target, Waiting, spelled};
use crate::{
    clock::later,
    cloud::{CloudError, Disposition, ErrorKind, Observed},
    plan::{self, slot::Decision},
};

/// What this process knows of the last call it made itself; `A`: what AWS answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Call<A> {
    /// For which attempt.
    pub n: u32,
    /// When it ended.
    pub ended: Timestamp,
    /// How it ended.
    pub end: CallEnd<A>,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq)]
pub enum CallEnd<A> {
    /// AWS does what it was asked for.
    Answered(A),
    /// AWS made nothing; how often in a row, and why.
    Refused(u32, CloudError),
    /// Nobody knows, and why.
    Lost(CloudError),
}

impl<A> CallEnd<A> {
    /// Why there is nothing, or nothing that is known of.
    pub fn error(&self) -> Option<&CloudError> {
        match self {
            Self::Answered(_) => None,
            Self::Refused(_, error) | Self::Lost(error) => Some(error),
        }
    }
}

/// How a call that failed is to be remembered. `before` is what was remembered until now.
pub fn call_end<A>(error: CloudError, n: u32, before: Option<&Call<A>>) -> CallEnd<A> {
    match error.kind {
        // An answer that cannot be explained says as little about the effect as none.
        ErrorKind::Lost | ErrorKind::Defect => CallEnd::Lost(error),
        _ => {
            let times = match before {
                Some(Call {
                    n: same,
                    end: CallEnd::Refused(times, _),
                    ..
                }) if *same == n => *times,
                _ => 0,
            };
            CallEnd::Refused(times.saturating_add(1), error)
        }
    }
}

/// The call that this process made itself for what was recorded, if it did.
pub(super) fn own_call<A>(call: Option<&Call<A>>, recorded: Attempt) -> Option<&Call<A>> {
    call.filter(|call| call.n == recorded.n && call.ended >= recorded.at)
}

/// What to do now: by steps `S`, and beside them `B`.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan<S, B> {
    /// The steps, in order.
    pub steps: Vec<S>,
    /// Where the run stands.
    pub outcome: Outcome,
    /// When to look again, if AWS shows nothing new before.
    pub look_again: Option<Timestamp>,
    /// What only one engine has to say.
    pub beside: B,
}

impl<S, B: Default> Plan<S, B> {
    pub(super) fn outcome(outcome: Outcome) -> Self {
        Self {
            steps: Vec::new(),
            outcome,
            look_again: None,
            beside: B::default(),
        }
    }

    pub(super) fn waiting(outcome: Outcome, until: Option<Timestamp>) -> Self {
        Self {
            look_again: until,
            ..Self::outcome(outcome)
        }
    }
}

impl<S, B> From<Plan<S, B>> for plan::Plan<S> {
    fn from(planned: Plan<S, B>) -> Self {
        Self {
            steps: planned.steps,
            look_again: planned.look_again,
            ..Self::default()
        }
    }
}

/// A view that is too old says nothing about the set, and a run does not fail of that.
pub(super) fn unknown<S, B: Default>(run: &Run, now: Timestamp) -> Plan<S, B> {
    let outcome = if run.attempts.is_empty() {
        Outcome::Pending(Waiting::Inventory)
    } else {
        Outcome::Running(Waiting::Inventory, Facts::default())
    };
    Plan::waiting(outcome, Some(later(now, SWEEP)))
}

/// Why a run that was not begun does not begin now, if it does not. `shows_nothing`: AWS is known to have nothing of it.
pub(super) fn does_not_begin<S, B: Default>(
    run: &Run,
    shows_nothing: bool,
    now: Timestamp,
) -> Option<Plan<S, B>> {
    let is_late = now > run.deadline();
    match run.decision {
        Some(Decision::Missed | Decision::Suspended) => Some(Plan::outcome(Outcome::Missed)),
        // What the object was made for may only lag.
        Some(Decision::Found) if !shows_nothing => {
            let waits = Outcome::Pending(Waiting::Inventory);
            Some(Plan::waiting(waits, Some(later(now, SWEEP))))
        }
        Some(Decision::Found) => Some(Plan::outcome(Outcome::Missed)),
        Some(_) if is_late => Some(Plan::outcome(Outcome::Missed)),
        None if is_late => {
            let why = format!(
                "it could not be started within {}",
                spelled(run.limits.starting_deadline)
            );
            Some(Plan::outcome(Outcome::Failed(why, Facts::default())))
        }
        Some(_) | None => None,
    }
}

/// The instance, or what is waited for until there is one.
pub(super) fn instance(target: &Observed<Target>, is_foreign: bool) -> Result<&Target, Waiting> {
    match target {
        Observed::Unknown => Err(Waiting::Inventory),
        Observed::Absent if is_foreign => Err(Waiting::ForeignInstance),
        Observed::Absent => Err(Waiting::Instance),
        Observed::Present(target) => Ok(target),
    }
}

/// Whether as many listings as absence takes began later than this.
pub(super) fn agree_since(listed: &[Timestamp], since: Option<Timestamp>) -> bool {
    let is_later = |begun: &&Timestamp| since.is_none_or(|since| **begun > since);
    listed.iter().filter(is_later).count() >= SWEEPS
}

/// AWS said no, so nothing was made, and the same attempt may be made again: what is waited for, until then.
pub(super) fn after_a_refusal<S, B: Default>(
    (times, error): (u32, &CloudError),
    ended: Timestamp,
    now: Timestamp,
) -> Option<Plan<S, B>> {
    let is_lasting = error.kind == ErrorKind::Unexpected && times > UNEXPLAINED;
    let needs_person = is_lasting || error.kind.disposition() == Disposition::Stall;
    let pause = if needs_person {
        REFUSED_PAUSE
    } else {
        pause_after(times)
    };
    let pause_ends = later(ended, pause);
    if now >= pause_ends {
        return None;
    }
    let outcome = if needs_person {
        Outcome::Stalled(error.clone())
    } else {
        Outcome::Running(Waiting::Pause, Facts::default())
    };
    Some(Plan::waiting(outcome, Some(pause_ends)))
}

/// How many refusals in a row with a code that nobody listed are taken for passing ones.
const UNEXPLAINED: u32 = 10;

/// The pause doubles from 5 s: a refusal is most often a rate, and rates recover within seconds.
fn pause_after(times: u32) -> Duration {
    Duration::from_secs(5 << times.min(6)).min(REFUSED_PAUSE)
}
