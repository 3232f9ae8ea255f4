//! The simulated AWS as one handle.

mod act;
mod arrival;
mod flows;
mod settings;
mod steer;
mod waiting;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;

pub use waiting::{Delayed, Hold};

use crate::backend::{Backend, Denial};
use crate::clock::{Clock, later};
use crate::connector::Connector;
use crate::draw::Draws;
use crate::faults::{FaultSpec, FaultStatus, Faults};
use crate::limits::{BucketStatus, Buckets};
use crate::log::{Call, CallLog};
use crate::options::Options;
use crate::server::Server;
use waiting::Late;

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
    buckets: Buckets,
    /// Requests that are still on their way.
    late: Late,
    legs: Draws,
}

impl State {
    fn new(options: &Options) -> Self {
        Self {
            backend: Backend::new(options.clone()),
            faults: Faults::default(),
            log: CallLog::default(),
            buckets: Buckets::new(options.limits, options.other_client),
            late: Late::default(),
            legs: Draws::new(options.seed, "latency"),
        }
    }
}

/// What becomes of a request.
pub enum Outcome {
    /// It is answered.
    Answered(http::Response<Bytes>),
    /// The answer waits for its fault to be released.
    Held(Hold),
    /// The answer waits for the clock.
    Delayed(Delayed),
    /// There is no answer: the connection breaks.
    Lost,
}

impl Sim {
    /// A simulated AWS as found.
    pub fn new(options: Options) -> Self {
        let state = State::new(&options);
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

    /// The answer to a request, waited for, with the time both take on their way; `None` when the
    /// connection breaks instead. A request whose client goes away before it arrives never arrives.
    pub async fn answer(&self, request: &http::Request<Bytes>) -> Option<http::Response<Bytes>> {
        let (there, back) = self.legs();
        self.wait(there).await;
        let response = match self.handle(request) {
            Outcome::Answered(response) => response,
            Outcome::Held(hold) => hold.released().await,
            Outcome::Delayed(delayed) => delayed.due().await,
            Outcome::Lost => return None,
        };
        self.wait(back).await;
        Some(response)
    }

    /// How long the next request and its answer are on their way.
    fn legs(&self) -> (Duration, Duration) {
        let mut state = self.lock();
        let latency = state.backend.options.latency.clone();
        if latency.end().is_zero() {
            return (Duration::ZERO, Duration::ZERO);
        }
        (state.legs.duration(&latency), state.legs.duration(&latency))
    }

    async fn wait(&self, time: Duration) {
        if !time.is_zero() {
            let clock = self.clock();
            clock.wait_until(later(clock.now(), time)).await;
        }
    }

    /// Puts a fault in force; gives its id.
    pub fn add_fault(&self, spec: FaultSpec) -> String {
        let mut state = self.lock();
        let id = state.faults.add(spec);
        // What a fault looks back on has to be kept from here on.
        let history = state.backend.options.history.max(state.faults.versions());
        state.backend.options.history = history;
        id
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

    /// The buckets that calls have drawn from.
    pub fn limits(&self) -> Vec<BucketStatus> {
        self.lock().buckets.list()
    }

    /// How many calls the buckets have refused.
    pub fn throttled(&self) -> u64 {
        self.limits().iter().map(|bucket| bucket.refused).sum()
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

    /// One kind of things in a region, named as in [`Self::state`] (`instances`, `securityGroups`), as a
    /// JSON list; `None` for an unknown kind. With ten thousand tenants the whole state takes long to write.
    pub fn resources(
        &self,
        kind: &str,
        account: Option<&str>,
        region: Option<&str>,
    ) -> Option<serde_json::Value> {
        self.lock().backend.resources(kind, account, region)
    }

    /// The account and region of callers that name none.
    pub fn default_place(&self) -> (&str, &str) {
        (&self.0.options.account, &self.0.options.region)
    }

    /// The clock.
    pub fn clock(&self) -> &Clock {
        &self.0.options.clock
    }

    /// Makes everything as it was at the start, faults and log too; the time stays.
    pub fn reset(&self) {
        *self.lock() = State::new(&self.0.options);
    }

    /// The state, with everything done that has arrived by now.
    fn lock(&self) -> MutexGuard<'_, State> {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.land(self.0.options.clock.now());
        state
    }
}

#[cfg(test)]
mod tests;
