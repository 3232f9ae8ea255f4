//! Operators in one process, over a cluster and a simulated AWS in memory, on virtual time.
//!
//! A [`World`] is one Kubernetes, one AWS and one clock; in it act one or more [`Operator`]s with every controller, the
//! real inventory and the real AWS SDK, each pass a task of its own. Nothing here waits in real time and nothing runs
//! on threads, so a run of hours takes a fraction of a second, and a seed decides every order, latency and jitter in
//! it: what fails once fails again with the same seed.
//!
//! Deliberately absent: the election (operators here act at once, or one after another) and Kubernetes' garbage
//! collection, on which the operator does not rely.

mod cluster;
pub mod converge;
pub mod crash;
mod effects;
mod engine;
mod eye;
pub mod faults;
pub mod fields;
pub mod fleet;
pub mod herd;
pub mod judge;
pub mod memory;
pub mod objects;
mod operator;
pub mod play;
mod pool;
pub mod rest;
pub mod scenario;
pub mod sets;
pub mod stale;
pub mod standing;
pub mod storm;
pub mod truth;
pub mod twins;
pub mod verdict;
pub mod week;
mod wire;
mod world;

pub use cluster::LabCluster;
pub use effects::{Cut, Effects, Loss, When};
pub use engine::Engine;
pub use eye::{Arrival, Eye};
pub use operator::{CLUSTER_ID, Operator};
pub use scenario::{NOT_CALLED_YET, Scenario};
pub use wire::Latency;
pub use world::{Broken, Settings, World};
