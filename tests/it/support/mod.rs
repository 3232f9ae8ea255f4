//! What the integration tests stand on: a real API server, simulated AWS, and the operator as a process.

mod env;
mod look;
mod plane;
mod sim;
mod truth;
mod wait;

pub(crate) use env::{Env, with_operator};
pub(crate) use plane::{Plane, shared_plane};
pub(crate) use truth::Truth;
pub(crate) use wait::{eventually, within};
