//! Control over HTTP: faults, clock, denials, and reading the truth, as JSON under `/_sim/`.

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

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SettingsChange {
    describe_lag: SignedDuration,
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
    let done = || Ok(json!({}));
    match (request.method(), path.as_slice()) {
        (&Method::GET, ["calls"]) => {
            let since = query
                .number("since")
                .map_err(|error| bad(error.message))?
                .unwrap_or(0);
            value(&sim.calls_since(since))
        }
        (&Method::GET, ["counts"]) => value(&sim.counts()),
        (&Method::GET, ["state"]) => Ok(sim.state(query.get("account"), query.get("region"))),
        (&Method::GET, ["faults"]) => value(&sim.faults()),
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
            false => Err((StatusCode::NOT_FOUND, format!("there is no fault {id}"))),
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
        (&Method::POST, ["clock"]) => advance(sim, &body::<ClockChange>(request)?),
        (&Method::GET, ["clock"]) => Ok(json!({ "now": sim.clock().now() })),
        (&Method::POST, ["settings"]) => {
            let SettingsChange { describe_lag } = body(request)?;
            sim.set_describe_lag(duration(describe_lag)?);
            done()
        }
        (&Method::POST, ["reset"]) => {
            sim.reset();
            done()
        }
        (&Method::POST, ["instances", id, "checks"]) => steer::check(sim, id, request),
        (method, _) => Err((
            StatusCode::NOT_FOUND,
            format!("no {method} {}", request.uri().path()),
        )),
    }
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
