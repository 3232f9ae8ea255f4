//! What becomes of a request that arrives.

use bytes::Bytes;

use super::waiting::{Delayed, Held, Hold};
use super::{Outcome, Sim, State};
use crate::answer::{refusal, struck, throttled};
use crate::backend::{Executed, Manner, is_dry_run};
use crate::clock::later;
use crate::faults::{Effect, FaultKind, FaultSpec, Strike, pages};
use crate::log::Call;
use crate::ops::{SESSION_SECRET, session_token};
use crate::protocol::{ApiError, Request};
use crate::signature;

impl Sim {
    /// Takes a request of an AWS client. Never waits: an answer that waits is a [`Hold`] or [`Delayed`].
    pub fn handle(&self, request: &http::Request<Bytes>) -> Outcome {
        let http = request;
        let mut request = Request::read(http);
        let mut state = self.lock();
        let dry_run = is_dry_run(&request);
        if let Err(error) = self.authenticate(&state, http, &request) {
            let call = self.new_call(&mut state, &request, dry_run, None);
            let refused = refusal(&error, &request, call.seq);
            return state.answered(call, refused);
        }
        if !self.admits(&mut state, &request, dry_run) {
            let mut call = self.new_call(&mut state, &request, dry_run, None);
            call.throttled = true;
            let refused = refusal(&throttled(request.service), &request, call.seq);
            return state.answered(call, refused);
        }
        let strike = state.faults.strike(&request, dry_run);
        let call = self.new_call(&mut state, &request, dry_run, strike.as_ref());
        let next_token = strike.as_ref().and_then(|strike| next_token(strike, &request));
        pages::resolve(&mut request.params);
        let Some(strike) = strike else {
            let executed = state.backend.execute(&request, call.seq, &Manner::default());
            return state.answered(call, executed);
        };
        if strike.spec.strikes() == Effect::Before {
            match strike.spec.kind {
                FaultKind::Hold => {
                    let what = Held::Request(Box::new(request));
                    return self.hold(&mut state, call, strike, what);
                }
                FaultKind::Drop => {
                    state.log.add(call);
                    return Outcome::Lost;
                }
                FaultKind::Delay => return self.under_way(&mut state, call, &strike, request),
                _ if strike.spec.refuses() => {
                    let executed = struck(&strike.spec, &request, call.seq);
                    state.faults.note(&strike.id, &executed);
                    return state.answered(call, executed);
                }
                _ => {}
            }
        }
        let manner = manner(&strike.spec, next_token);
        let executed = state.backend.execute(&request, call.seq, &manner);
        self.strike_after(&mut state, call, strike, (&request, executed))
    }

    /// Refuses who is not who they say, if that is asked for.
    fn authenticate(
        &self,
        state: &State,
        http: &http::Request<Bytes>,
        request: &Request,
    ) -> Result<(), ApiError> {
        let Some(credentials) = &self.0.options.credentials else {
            return Ok(());
        };
        let token = http.headers().get("x-amz-security-token");
        let token = token.and_then(|token| token.to_str().ok());
        signature::check(http, request, |key| {
            let is_session = state.backend.world.sessions.contains_key(key);
            if is_session && token == Some(&session_token(key)) {
                return Some(SESSION_SECRET.to_owned());
            }
            credentials.get(key).cloned()
        })
    }

    /// Whether the buckets let a call in. A fault does not strike, nor count, what they refuse.
    fn admits(&self, state: &mut State, request: &Request, dry_run: bool) -> bool {
        let account = state.backend.account(request);
        let region = state.backend.region_name(request);
        let now = self.0.options.clock.now();
        state.buckets.admit(now, (&account, region), request, dry_run)
    }

    fn strike_after(
        &self,
        state: &mut State,
        mut call: Call,
        strike: Strike,
        (request, mut executed): (&Request, Executed),
    ) -> Outcome {
        if strike.spec.refuses() {
            let error = struck(&strike.spec, request, call.seq);
            executed = Executed {
                effect: executed.effect,
                ..error
            };
        }
        if strike.spec.kind == FaultKind::Truncate {
            let body = executed.response.body().clone();
            *executed.response.body_mut() = body.slice(..body.len() / 2);
            executed.untrue = true;
        }
        state.faults.note(&strike.id, &executed);
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
            FaultKind::Delay => {
                executed.note(&mut call);
                let due = later(call.at, strike.spec.delay);
                let seq = call.seq;
                state.log.add(call);
                state.late.answer(seq, executed.response);
                Outcome::Delayed(Delayed::new(self.clone(), seq, due))
            }
            _ => state.answered(call, executed),
        }
    }

    fn hold(&self, state: &mut State, call: Call, strike: Strike, what: Held) -> Outcome {
        state.faults.set_held(&strike.id, call.seq, true);
        let hold = Hold::new(self.clone(), call.seq, strike, what);
        state.log.add(call);
        Outcome::Held(hold)
    }

    /// Lets a request arrive later, whether its client still waits then or not.
    fn under_way(&self, state: &mut State, call: Call, strike: &Strike, request: Request) -> Outcome {
        let (seq, due) = (call.seq, later(call.at, strike.spec.delay));
        state.log.add(call);
        state.late.send(due, seq, (strike.id.clone(), request));
        Outcome::Delayed(Delayed::new(self.clone(), seq, due))
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
            throttled: false,
            delivered: false,
            fault: strike.map(|strike| strike.id.clone()),
            params: request
                .params
                .iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        }
    }
}

impl State {
    pub(super) fn answered(&mut self, mut call: Call, executed: Executed) -> Outcome {
        executed.note(&mut call);
        call.delivered = true;
        self.log.add(call);
        Outcome::Answered(executed.response)
    }
}

/// The token a fault makes of its own.
fn next_token(strike: &Strike, request: &Request) -> Option<String> {
    match strike.spec.kind {
        FaultKind::EndlessToken => Some(pages::endless(&strike.id)),
        FaultKind::DuplicatePage => Some(pages::repeat(&request.params)),
        _ => None,
    }
}

fn manner(spec: &FaultSpec, next_token: Option<String>) -> Manner {
    Manner {
        doomed: spec.doom(),
        versions: (spec.kind == FaultKind::StaleRead).then_some(spec.versions),
        next_token,
        ..Manner::default()
    }
}
