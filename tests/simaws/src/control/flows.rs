//! Flows over HTTP.

use std::net::IpAddr;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Refusal, bad, body};
use crate::Sim;
use crate::protocol::Params;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Opening {
    instance: String,
    peer: IpAddr,
    port: u16,
}

/// Opens a flow, if a rule lets it.
pub(super) fn open(sim: &Sim, request: &http::Request<Bytes>) -> Result<Value, Refusal> {
    let Opening { instance, peer, port } = body(request)?;
    Ok(json!({ "open": sim.open_flow(&instance, peer, port) }))
}

/// Ends the flows of an instance, of one peer or of all.
pub(super) fn cut(sim: &Sim, query: &Params) -> Result<Value, Refusal> {
    let instance = query.required("instance").map_err(|error| bad(error.message))?;
    let Ok(peer) = query.get("peer").map(str::parse).transpose() else {
        return Err(bad("peer is not an address"));
    };
    Ok(json!({ "cut": sim.cut_flows(instance, peer) }))
}
