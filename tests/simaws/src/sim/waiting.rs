//! Answers that wait: for a fault's release, or for the clock.

use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::watch;

use super::{Sim, State};
use crate::backend::Manner;
use crate::faults::Strike;
use crate::protocol::Request;

/// An answer that waits for its fault to be released.
pub struct Hold {
    sim: Sim,
    fault: String,
    call: u64,
    gate: watch::Receiver<bool>,
    /// Taken when the hold is released.
    what: Option<Held>,
}

pub(super) enum Held {
    /// The effect took place; this is the answer.
    Answer(http::Response<Bytes>),
    /// Nothing happened yet.
    Request(Box<Request>),
}

impl Hold {
    pub(super) fn new(sim: Sim, call: u64, strike: Strike, what: Held) -> Self {
        Self {
            sim,
            fault: strike.id,
            call,
            gate: strike.gate,
            what: Some(what),
        }
    }

    /// Waits, without any lock, until the fault is released or removed; gives the answer.
    pub async fn released(mut self) -> http::Response<Bytes> {
        // An error means that the fault was removed, which lets its calls go on as well. What is
        // given here locks the gate: it must go before the state is locked, or a second release,
        // which takes these two locks the other way round, would wait for ever.
        drop(self.gate.wait_for(|released| *released).await);
        let mut state = self.sim.lock();
        let response = match self.what.take() {
            Some(Held::Answer(response)) => response,
            Some(Held::Request(request)) => state.execute_late(self.call, &self.fault, &request),
            // A hold is released once, for `released` consumes it.
            None => http::Response::default(),
        };
        state.log.update(self.call, |call| call.delivered = true);
        response
    }
}

impl Drop for Hold {
    /// Whether it was answered or the client went away: it holds no more.
    fn drop(&mut self) {
        self.sim.lock().faults.set_held(&self.fault, self.call, false);
    }
}

/// An answer that waits for the clock.
pub struct Delayed {
    sim: Sim,
    call: u64,
    due: Timestamp,
}

impl Delayed {
    pub(super) fn new(sim: Sim, call: u64, due: Timestamp) -> Self {
        Self { sim, call, due }
    }

    /// When it comes.
    pub fn comes_at(&self) -> Timestamp {
        self.due
    }

    /// Waits until it is due; gives the answer.
    pub async fn due(self) -> http::Response<Bytes> {
        self.sim.clock().wait_until(self.due).await;
        let mut state = self.sim.lock();
        let response = state.late.answers.remove(&self.call).flatten();
        state.log.update(self.call, |call| call.delivered = true);
        // There is an answer, unless everything was reset meanwhile.
        response.unwrap_or_default()
    }
}

impl Drop for Delayed {
    /// Nobody wants the answer of a client that went away.
    fn drop(&mut self) {
        self.sim.lock().late.answers.remove(&self.call);
    }
}

/// Requests and answers that are still on their way.
#[derive(Default)]
pub(super) struct Late {
    /// Requests by the time of their arrival and their number, with the fault that delays them.
    requests: BTreeMap<(Timestamp, u64), (String, Request)>,
    /// Answers, as soon as there is one, for the calls that somebody waits for.
    answers: BTreeMap<u64, Option<http::Response<Bytes>>>,
}

impl Late {
    pub(super) fn send(&mut self, due: Timestamp, call: u64, what: (String, Request)) {
        self.requests.insert((due, call), what);
        self.answers.insert(call, None);
    }

    pub(super) fn answer(&mut self, call: u64, response: http::Response<Bytes>) {
        self.answers.insert(call, Some(response));
    }
}

impl State {
    /// Carries out what has arrived by `now`.
    pub(super) fn land(&mut self, now: Timestamp) {
        while let Some(first) = self.late.requests.first_entry()
            && first.key().0 <= now
        {
            let ((_, call), (fault, request)) = first.remove_entry();
            let response = self.execute_late(call, &fault, &request);
            if let Some(wanted) = self.late.answers.get_mut(&call) {
                *wanted = Some(response);
            }
        }
    }

    /// Carries out a call that is in the log already.
    fn execute_late(&mut self, call: u64, fault: &str, request: &Request) -> http::Response<Bytes> {
        let executed = self.backend.execute(request, call, &Manner::default());
        self.log.update(call, |call| executed.note(call));
        self.faults.note(fault, &executed);
        executed.response
    }
}
