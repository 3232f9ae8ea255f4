//! Control over HTTP: faults, clock, denials, and reading the truth, as JSON under `/_sim/`.

mod act;
mod flows;
mod settings;
mod steer;

use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode};
use jiff::SignedDuration;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::backend::Denial;
use crate::faults::FaultSpec;
use crate::protocol::Params;
use crate::{Clock, Sim};

/// Where the control lives.
pub(crate) const PREFIX: &str = "/_sim/";

/// A refusal: status and what was wrong.
type Refusal = (StatusCode, String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockChange {
    advance: SignedDuration,
}

/// Answers a request under [`PREFIX`].
pub(crate) fn handle(sim: &Sim, request: &http::Request<Bytes>) -> http::Response<Bytes> {
    let (status, value) = match route(sim, request) {
        Ok(value) => (StatusCode::OK, value),
        Err((status, message)) => (status, json!({ "error": message })),
    };
    let mut response = http::Response::new(Bytes::from(format!("{value:#}\n")));
    *response.status_mut() = status;
    let json = http::HeaderValue::from_static("application/json");
    response.headers_mut().insert(http::header::CONTENT_TYPE, json);
    response
}

fn route(sim: &Sim, request: &http::Request<Bytes>) -> Result<Value, Refusal> {
    let query = Params::parse(request.uri().query().unwrap_or_default().as_bytes());
    let path: Vec<&str> = request
        .uri()
        .path()
        .trim_start_matches(PREFIX)
        .trim_end_matches('/')
        .split('/')
        .collect();
    if request.method() == Method::GET {
        return read(sim, &path, &query)
            .unwrap_or_else(|| Err(not_found(format!("no GET {}", request.uri().path()))));
    }
    let done = || Ok(json!({}));
    match (request.method(), path.as_slice()) {
        (&Method::POST, ["faults"]) => {
            let spec: FaultSpec = body(request)?;
            Ok(json!({ "id": sim.add_fault(spec) }))
        }
        (&Method::DELETE, ["faults"]) => {
            sim.clear_faults();
            done()
        }
        (&Method::POST, ["faults", id, "release"]) => match sim.release_fault(id) {
            true => done(),
            false => Err(not_found(format!("there is no fault {id}"))),
        },
        (&Method::POST, ["deny"]) => {
            let denial: Denial = body(request)?;
            sim.add_denial(denial);
            done()
        }
        (&Method::DELETE, ["deny"]) => {
            sim.permit_all();
            done()
        }
        (&Method::POST, ["act"]) => act::act(sim, request),
        (&Method::POST, ["flows"]) => flows::open(sim, request),
        (&Method::DELETE, ["flows"]) => flows::cut(sim, &query),
        (&Method::POST, ["clock"]) => advance(sim, &body::<ClockChange>(request)?),
        (&Method::POST, ["settings"]) => {
            settings::change(sim, &body(request)?)?;
            done()
        }
        (&Method::POST, ["reset"]) => {
            sim.reset();
            done()
        }
        (&Method::POST, ["instances", id, "checks"]) => steer::check(sim, id, request),
        (&Method::POST, ["backups", id, "doom"]) => steer::doom_backups(sim, (id, &query), request),
        (&Method::DELETE, ["backups", id, "doom"]) => Ok(steer::heal_backups(sim, (Some(id), &query))),
        (&Method::DELETE, ["backups", "doom"]) => Ok(steer::heal_backups(sim, (None, &query))),
        (&Method::POST, ["roles"]) => steer::role(sim, request),
        (method, _) => Err(not_found(format!("no {method} {}", request.uri().path()))),
    }
}

/// What there is to read at a path; `None` when there is nothing.
fn read(sim: &Sim, path: &[&str], query: &Params) -> Option<Result<Value, Refusal>> {
    Some(match path {
        ["calls"] => match query.number("since") {
            Ok(since) => value(&sim.calls_since(since.unwrap_or(0))),
            Err(error) => Err(bad(error.message)),
        },
        ["limits"] => value(&sim.limits()),
        ["counts"] => value(&sim.counts()),
        ["state"] => Ok(sim.state(query.get("account"), query.get("region"))),
        ["state", kind] => sim
            .resources(kind, query.get("account"), query.get("region"))
            .ok_or_else(|| not_found(format!("there are no {kind}"))),
        ["faults"] => value(&sim.faults()),
        ["clock"] => {
            let next_wait = match sim.clock() {
                Clock::Manual(clock) => clock.next_wait(),
                Clock::Wall => None,
            };
            Ok(json!({ "now": sim.clock().now(), "nextWait": next_wait }))
        }
        _ => return None,
    })
}

fn not_found(what: String) -> Refusal {
    (StatusCode::NOT_FOUND, what)
}

fn advance(sim: &Sim, change: &ClockChange) -> Result<Value, Refusal> {
    match sim.clock() {
        Clock::Wall => Err((StatusCode::CONFLICT, "the clock is the wall clock".to_owned())),
        Clock::Manual(clock) => {
            clock.advance(duration(change.advance)?);
            Ok(json!({ "now": clock.now() }))
        }
    }
}

fn duration(span: SignedDuration) -> Result<Duration, Refusal> {
    Duration::try_from(span).map_err(|_| bad("a duration cannot be negative"))
}

fn body<T: DeserializeOwned>(request: &http::Request<Bytes>) -> Result<T, Refusal> {
    serde_json::from_slice(request.body()).map_err(|error| bad(error.to_string()))
}

fn value<T: serde::Serialize>(of: &T) -> Result<Value, Refusal> {
    serde_json::to_value(of).map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))
}

fn bad(message: impl Into<String>) -> Refusal {
    (StatusCode::BAD_REQUEST, message.into())
}

#[cfg(test)]
mod tests;
