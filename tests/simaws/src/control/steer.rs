//! What is made to happen on AWS's side.

use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Refusal, body};
use crate::protocol::Params;
use crate::{BackupDoom, Role, Sim, StatusCheck};

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

/// Dooms the backup jobs of a resource.
pub(super) fn doom_backups(
    sim: &Sim,
    (resource_id, query): (&str, &Params),
    request: &http::Request<Bytes>,
) -> Result<Value, Refusal> {
    let doom: BackupDoom = body(request)?;
    sim.doom_backups(Some(place(sim, query)), resource_id, doom);
    Ok(json!({}))
}

/// Lets the backup jobs of a resource, or of all, complete again.
pub(super) fn heal_backups(sim: &Sim, (resource_id, query): (Option<&str>, &Params)) -> Value {
    sim.heal_backups(Some(place(sim, query)), resource_id);
    json!({})
}

/// Account and region of a query, the default ones where it names none.
fn place<'a>(sim: &'a Sim, query: &'a Params) -> (&'a str, &'a str) {
    let (account, region) = sim.default_place();
    (
        query.get("account").unwrap_or(account),
        query.get("region").unwrap_or(region),
    )
}

/// Sets a role up.
pub(super) fn role(sim: &Sim, request: &http::Request<Bytes>) -> Result<Value, Refusal> {
    sim.set_role(body::<Role>(request)?);
    Ok(json!({}))
}
