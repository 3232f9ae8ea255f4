//! The calls of a run: when one is made, when it is made again, and what its end says.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    Attempt, CALL_BOUND, Call, CallEnd, Facts, Outcome, Plan, REFUSED_PAUSE, Run, SETTLED, SWEEP, SWEEPS,
    Step, Waiting, World,
};
use crate::{
    clock::later,
    cloud::{CloudError, Disposition, ErrorKind, Observed},
};

/// A call was made, or was about to be, and no sweep shows its set.
pub(super) fn after_a_call(run: &Run, world: &World, recorded: Attempt, now: Timestamp) -> Plan {
    let own = world
        .call
        .as_ref()
        .filter(|call| call.n == recorded.n && call.ended >= recorded.at);
    let ended = match own {
        Some(Call {
            end: CallEnd::Refused(times, error),
            ended,
            ..
        }) => {
            return after_a_refusal(run, world, (recorded.n, *times, error), *ended, now);
        }
        Some(call) => call.ended,
        // Another process wrote it: its call ended by then, if it was ever made.
        None => later(recorded.at, CALL_BOUND),
    };
    let settled = later(ended, SETTLED);
    let agreeing = world.sweeps.iter().filter(|&&begun| begun >= settled).count();
    if agreeing < SWEEPS {
        return Plan::waiting(
            Outcome::Running(Waiting::Answer, Facts::default()),
            Some(settled.max(later(now, SWEEP))),
        );
    }
    if !world.searched {
        return Plan {
            wants_search: true,
            ..Plan::outcome(Outcome::Running(Waiting::Answer, Facts::default()))
        };
    }
    // It had no effect, so it is the same attempt again.
    attempt(world, recorded.n, now, run.timeout())
}

/// AWS said no, so nothing was made, and the same attempt may be made again.
fn after_a_refusal(
    run: &Run,
    world: &World,
    (n, times, error): (u32, u32, &CloudError),
    ended: Timestamp,
    now: Timestamp,
) -> Plan {
    let is_lasting = error.kind == ErrorKind::Unexpected && times > UNEXPLAINED;
    let needs_person = is_lasting || error.kind.disposition() == Disposition::Stall;
    let pause = if needs_person {
        REFUSED_PAUSE
    } else {
        pause_after(times)
    };
    let pause_ends = later(ended, pause);
    if now >= pause_ends {
        return attempt(world, n, now, run.timeout());
    }
    let outcome = if needs_person {
        Outcome::Stalled(error.clone())
    } else {
        Outcome::Running(Waiting::Pause, Facts::default())
    };
    Plan::waiting(outcome, Some(pause_ends))
}

/// How many refusals in a row with a code that nobody listed are taken for passing ones.
pub(super) const UNEXPLAINED: u32 = 10;

/// The pause doubles from 5 s: a refusal is most often a rate, and rates recover within seconds.
pub(super) fn pause_after(times: u32) -> Duration {
    Duration::from_secs(5 << times.min(6)).min(REFUSED_PAUSE)
}

/// Records and makes an attempt, where there is an instance.
pub(super) fn attempt(world: &World, n: u32, now: Timestamp, end: Option<Timestamp>) -> Plan {
    // What is waited for here may wake nobody when it comes.
    let soon = later(now, SWEEP);
    let look_again = Some(end.map_or(soon, |end| end.min(soon)));
    let waits = |for_what| {
        let outcome = if n == 1 {
            Outcome::Pending(for_what)
        } else {
            Outcome::Running(for_what, Facts::default())
        };
        Plan::waiting(outcome, look_again)
    };
    match &world.target {
        Observed::Unknown => waits(Waiting::Inventory),
        Observed::Absent if world.is_foreign => waits(Waiting::ForeignInstance),
        Observed::Absent => waits(Waiting::Instance),
        Observed::Present(target) => Plan {
            steps: vec![
                Step::RecordAttempt(Attempt { n, at: now }),
                Step::CreateSnapshots {
                    n,
                    instance: target.instance.clone(),
                },
            ],
            outcome: Outcome::Running(Waiting::Start, Facts::default()),
            look_again: end,
            wants_search: false,
        },
    }
}

/// How a call that failed is to be remembered. `before` is what was remembered until now.
pub fn call_end(error: CloudError, n: u32, before: Option<&Call>) -> CallEnd {
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
