//! The calls of engine EC2: when one is made, and what is looked for before it is made again.

use jiff::Timestamp;

use super::{
    Attempt, Beside, CALL_BOUND, CallEnd, Facts, Outcome, Plan, Run, SETTLED, SWEEP, SWEEPS, Step, Waiting,
    World, course,
};
use crate::clock::later;

/// A call was made, or was about to be, and no sweep shows its set.
pub(super) fn after_a_call(run: &Run, world: &World, recorded: Attempt, now: Timestamp) -> Plan {
    // It had no effect, so it is the same attempt again.
    let again = || attempt(world, recorded.n, now, run.timeout());
    let ended = match course::own_call(world.call.as_ref(), recorded) {
        Some(call) => {
            if let CallEnd::Refused(times, error) = &call.end {
                return course::after_a_refusal((*times, error), call.ended, now).unwrap_or_else(again);
            }
            call.ended
        }
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
            beside: Beside { wants_search: true },
            ..Plan::outcome(Outcome::Running(Waiting::Answer, Facts::default()))
        };
    }
    again()
}

/// Records and makes an attempt, where there is an instance.
pub(super) fn attempt(world: &World, n: u32, now: Timestamp, end: Option<Timestamp>) -> Plan {
    let target = match course::instance(&world.target, world.is_foreign) {
        Ok(target) => target,
        Err(for_what) => {
            let outcome = if n == 1 {
                Outcome::Pending(for_what)
            } else {
                Outcome::Running(for_what, Facts::default())
            };
            // What is waited for here may wake nobody when it comes.
            let soon = later(now, SWEEP);
            return Plan::waiting(outcome, Some(end.map_or(soon, |end| end.min(soon))));
        }
    };
    Plan {
        steps: vec![
            Step::RecordAttempt(Attempt { n, at: now }),
            Step::CreateSnapshots {
                n,
                instance: target.instance.clone(),
            },
        ],
        outcome: Outcome::Running(Waiting::Start, Facts::default()),
        look_again: end,
        beside: Beside::default(),
    }
}
