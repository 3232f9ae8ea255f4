//! What somebody else does in the account, over HTTP.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Refusal, bad, body};
use crate::Sim;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Act {
    action: String,
    #[serde(default)]
    params: BTreeMap<String, String>,
    account: Option<String>,
    region: Option<String>,
}

/// Carries out an operation outside the log.
pub(super) fn act(sim: &Sim, request: &http::Request<Bytes>) -> Result<Value, Refusal> {
    let act: Act = body(request)?;
    let (account, region) = sim.default_place();
    let place = (
        act.account.as_deref().unwrap_or(account),
        act.region.as_deref().unwrap_or(region),
    );
    let params: Vec<(&str, &str)> = act
        .params
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let answer = sim.act(Some(place), &act.action, &params).map_err(bad)?;
    Ok(json!({ "answer": answer }))
}
