//! What is made to happen on AWS's side.

use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Refusal, body};
use crate::{Role, Sim, StatusCheck};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckChange {
    check: StatusCheck,
    status: Verdict,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    Impaired,
}

/// Impairs or heals a status check of an instance.
pub(super) fn check(sim: &Sim, instance_id: &str, request: &http::Request<Bytes>) -> Result<Value, Refusal> {
    let CheckChange { check, status } = body(request)?;
    let found = match status {
        Verdict::Impaired => sim.impair(instance_id, check),
        Verdict::Ok => sim.heal(instance_id, check),
    };
    if !found {
        return Err((
            StatusCode::NOT_FOUND,
            format!("there is no instance {instance_id}"),
        ));
    }
    Ok(json!({}))
}

/// Sets a role up.
pub(super) fn role(sim: &Sim, request: &http::Request<Bytes>) -> Result<Value, Refusal> {
    sim.set_role(body::<Role>(request)?);
    Ok(json!({}))
}
