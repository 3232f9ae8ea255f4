//! What the integration tests stand on: a real API server, simulated AWS, and the operator as a process.

mod env;
mod plane;
mod sim;
mod wait;

pub(crate) use env::{Env, with_operator};
pub(crate) use plane::{Plane, binaries, shared_plane};
pub(crate) use sim::Sim;
pub(crate) use wait::{eventually, within};
