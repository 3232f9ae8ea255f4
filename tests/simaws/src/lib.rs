//! A simulated AWS: EC2, STS and AWS Backup as far as the operator calls them, at the HTTP level.
//!
//! One [`Sim`] holds every account and region. It is used in two ways, with the same answers:
//! in memory as the HTTP client under the real AWS SDK ([`Sim::connector`]: deterministic, fast),
//! and on a loopback port ([`Sim::serve`]: demos, real processes, any AWS client).
//!
//! It shares no code with the operator, so that a wrong idea about AWS has to be had twice before
//! a test agrees with it. Nothing survives the process; limits, lags, latency and the check of
//! signatures are off unless asked for.
//!
//! The map: `protocol` knows the wire format and no resource; `state` knows resources and time and
//! no wire format; `ops` has one function per AWS operation and joins the two; `sim` lets a request
//! arrive, past `signature`, `limits` and `faults`; `log` is what a test reads; `control` gives all
//! of it over HTTP under `/_sim/`.

mod answer;
mod backend;
mod clock;
mod connector;
mod control;
mod draw;
mod faults;
mod limits;
mod log;
mod ops;
mod options;
mod protocol;
mod server;
mod signature;
mod sim;
mod state;
#[cfg(test)]
mod testing;

pub use clock::{Clock, ManualClock, Wait};
pub use connector::Connector;
pub use faults::{Effect, FaultKind, FaultSpec, FaultStatus, Matching};
pub use limits::{BucketStatus, Limits};
pub use log::Call;
pub use options::Options;
pub use protocol::asked;
pub use server::Server;
pub use sim::{Delayed, Hold, Outcome, Sim};
pub use state::{
    BackupDoom, BackupEnd, DEFAULT_IMAGE_ID, DEFAULT_SUBNET_ID, DEFAULT_VPC_ID, Flow, Role, StatusCheck,
    Timings,
};
