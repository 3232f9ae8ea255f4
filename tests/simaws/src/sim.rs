//! The simulated AWS as one handle.

mod steer;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;

use crate::backend::{Backend, Denial, Executed, is_dry_run, struck};
use crate::clock::Clock;
use crate::connector::Connector;
use crate::faults::{Effect, FaultKind, FaultSpec, FaultStatus, Faults, Strike};
use crate::log::{Call, CallLog};
use crate::options::Options;
use crate::protocol::Request;
use crate::server::Server;

/// A simulated AWS; clones are the same one.
#[derive(Clone)]
pub struct Sim(Arc<Inner>);

struct Inner {
    options: Options,
    state: Mutex<State>,
}

struct State {
    backend: Backend,
    faults: Faults,
    log: CallLog,
}

/// What becomes of a request.
pub enum Outcome {
    /// It is answered.
    Answered(http::Response<Bytes>),
    /// The answer waits.
    Held(Hold),
    /// There is no answer: the connection breaks.
    Lost,
}

/// An answer that waits for its fault to be released.
pub struct Hold {
    sim: Sim,
    fault: String,
    call: u64,
    gate: watch::Receiver<bool>,
    /// Taken when the hold is released.
    what: Option<Held>,
}

enum Held {
    /// The effect took place; this is the answer.
    Answer(http::Response<Bytes>),
    /// Nothing happened yet.
    Request(Box<Request>),
}

impl Hold {
    /// Waits, without any lock, until the fault is released or removed; gives the answer.
    pub async fn released(mut self) -> http::Response<Bytes> {
        // An error means that the fault was removed, which lets its calls go on as well. What is
        // given here locks the gate: it must go before the state is locked, or a second release,
        // which takes these two locks the other way round, would wait for ever.
        drop(self.gate.wait_for(|released| *released).await);
        let mut state = self.sim.lock();
        let response = match self.what.take() {
            Some(Held::Answer(response)) => response,
            Some(Held::Request(request)) => {
                let executed = state.backend.execute(&request, self.call, false);
                state.log.update(self.call, |call| executed.note(call));
                executed.response
            }
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

impl Sim {
    /// A simulated AWS as found.
    pub fn new(options: Options) -> Self {
        let state = State {
            backend: Backend::new(options.clone()),
            faults: Faults::default(),
            log: CallLog::default(),
        };
        Self(Arc::new(Inner {
            options,
            state: Mutex::new(state),
        }))
    }

    /// The HTTP client for the AWS SDK that has this AWS behind it.
    pub fn connector(&self) -> Connector {
        Connector::new(self.clone())
    }

    /// Serves this AWS, and its control under `/_sim/`, on an address; port 0 takes a free one.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn serve(&self, address: SocketAddr) -> std::io::Result<Server> {
        Server::start(self.clone(), address).await
    }

    /// Takes a request of an AWS client. Never waits: an answer that waits is a [`Hold`].
    pub fn handle(&self, request: &http::Request<Bytes>) -> Outcome {
        let request = Request::read(request);
        let mut state = self.lock();
        let dry_run = is_dry_run(&request);
        let strike = state.faults.strike(&request, dry_run);
        let call = self.new_call(&mut state, &request, dry_run, strike.as_ref());
        let Some(strike) = strike else {
            let executed = state.backend.execute(&request, call.seq, false);
            return answered(&mut state, call, executed);
        };
        match (strike.spec.kind, strike.spec.strikes()) {
            (FaultKind::Hold, Effect::Before) => {
                let what = Held::Request(Box::new(request));
                self.hold(&mut state, call, strike, what)
            }
            (FaultKind::Drop, Effect::Before) => {
                state.log.add(call);
                Outcome::Lost
            }
            (FaultKind::Error, Effect::Before) => {
                let executed = struck(&strike.spec, &request);
                answered(&mut state, call, executed)
            }
            (kind, _) => {
                let executed = state.backend.execute(&request, call.seq, kind == FaultKind::Fail);
                self.strike_after(&mut state, call, strike, (&request, executed))
            }
        }
    }

    fn strike_after(
        &self,
        state: &mut State,
        mut call: Call,
        strike: Strike,
        (request, mut executed): (&Request, Executed),
    ) -> Outcome {
        match strike.spec.kind {
            FaultKind::Hold => {
                executed.note(&mut call);
                self.hold(state, call, strike, Held::Answer(executed.response))
            }
            FaultKind::Drop => {
                executed.note(&mut call);
                state.log.add(call);
                Outcome::Lost
            }
            FaultKind::Error => {
                let error = struck(&strike.spec, request);
                answered(
                    state,
                    call,
                    Executed {
                        effect: executed.effect,
                        ..error
                    },
                )
            }
            FaultKind::Truncate => {
                let body = executed.response.body().clone();
                *executed.response.body_mut() = body.slice(..body.len() / 2);
                answered(state, call, executed)
            }
            FaultKind::Fail => answered(state, call, executed),
        }
    }

    fn hold(&self, state: &mut State, call: Call, strike: Strike, what: Held) -> Outcome {
        state.faults.set_held(&strike.id, call.seq, true);
        let hold = Hold {
            sim: self.clone(),
            fault: strike.id,
            call: call.seq,
            gate: strike.gate,
            what: Some(what),
        };
        state.log.add(call);
        Outcome::Held(hold)
    }

    /// The answer to a request, waited for; `None` when the connection breaks instead.
    pub async fn answer(&self, request: &http::Request<Bytes>) -> Option<http::Response<Bytes>> {
        match self.handle(request) {
            Outcome::Answered(response) => Some(response),
            Outcome::Held(hold) => Some(hold.released().await),
            Outcome::Lost => None,
        }
    }

    fn new_call(&self, state: &mut State, request: &Request, dry_run: bool, strike: Option<&Strike>) -> Call {
        Call {
            seq: state.log.next_number(),
            at: self.0.options.clock.now(),
            service: request.service.name(),
            operation: request.action.clone(),
            dry_run,
            account: state.backend.account(request),
            region: state.backend.region_name(request).to_owned(),
            access_key: request.access_key.clone(),
            user_agent: request.user_agent.clone(),
            code: String::new(),
            status: 0,
            effect: false,
            replayed: false,
            delivered: false,
            fault: strike.map(|strike| strike.id.clone()),
            params: request
                .params
                .iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        }
    }

    /// Puts a fault in force; gives its id.
    pub fn add_fault(&self, spec: FaultSpec) -> String {
        self.lock().faults.add(spec)
    }

    /// Lets the calls held by a fault go on, and ends it; false when there is no such fault.
    pub fn release_fault(&self, id: &str) -> bool {
        self.lock().faults.release(id)
    }

    /// All faults, what they did and what they hold.
    pub fn faults(&self) -> Vec<FaultStatus> {
        self.lock().faults.list()
    }

    /// Removes all faults; the calls they hold go on.
    pub fn clear_faults(&self) {
        self.lock().faults.clear();
    }

    /// Refuses an action (`RunInstances`, `ec2:Run*`) from now on, as missing permissions would.
    pub fn deny(&self, action: impl Into<String>) {
        self.add_denial(Denial {
            action: action.into(),
            access_key: None,
        });
    }

    /// Permits everything again.
    pub fn permit_all(&self) {
        self.lock().backend.denials.clear();
    }

    pub(crate) fn add_denial(&self, denial: Denial) {
        self.lock().backend.denials.push(denial);
    }

    /// How long Describe does not show what was made.
    pub fn set_describe_lag(&self, lag: Duration) {
        self.lock().backend.describe_lag = lag;
    }

    /// All calls, in order.
    pub fn calls(&self) -> Vec<Call> {
        self.calls_since(0)
    }

    /// The calls after the one with this number.
    pub fn calls_since(&self, seq: u64) -> Vec<Call> {
        self.lock().log.since(seq)
    }

    /// How many calls there were, by operation and code.
    pub fn counts(&self) -> BTreeMap<String, BTreeMap<String, u64>> {
        self.lock().log.counts()
    }

    /// The truth about a region, the default one where none is named, as JSON.
    pub fn state(&self, account: Option<&str>, region: Option<&str>) -> serde_json::Value {
        self.lock().backend.state(account, region)
    }

    /// The clock.
    pub fn clock(&self) -> &Clock {
        &self.0.options.clock
    }

    /// Makes everything as it was at the start, faults and log too; the time stays.
    pub fn reset(&self) {
        let mut state = self.lock();
        *state = State {
            backend: Backend::new(self.0.options.clone()),
            faults: Faults::default(),
            log: CallLog::default(),
        };
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn answered(state: &mut State, mut call: Call, executed: Executed) -> Outcome {
    executed.note(&mut call);
    call.delivered = true;
    state.log.add(call);
    Outcome::Answered(executed.response)
}

#[cfg(test)]
mod tests;
