//! AWS by the official SDK: the only place that names it.
//!
//! [`AwsSites`] connects once, to the real AWS or to a simulated one, and gives the door to each account and region.
//! Time comes from our [`Clock`](crate::clock::Clock), retries are off (the callers' back-off decides),
//! and an answer that was cut short is an error, never a short list.
//!
//! Every call takes its turn at the [`Governor`](crate::governor::Governor) of its account and region.

mod addresses;
mod backup;
mod clock;
mod connect;
mod convert;
mod ec2;
mod error;
mod instances;
mod launch;
mod lifecycle;
mod network;
mod permission;
mod recycle_bin;
mod session;
mod sharing;
mod storage;
mod tags;
mod whole_answer;

pub use connect::{AwsSites, Connection, OPERATION_TIMEOUT, Pace, SiteWaitObserver, Transport};
pub use ec2::CallObserver;

#[cfg(test)]
pub(crate) mod stage;
#[cfg(test)]
mod tests;
