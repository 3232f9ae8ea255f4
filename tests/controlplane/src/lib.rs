//! A real etcd and kube-apiserver on loopback, for tests and for the demo.
//!
//! [`ensure_binaries`] finds etcd, kube-apiserver and kubectl or builds them with Go (once: they are
//! kept in a cache outside the repository), [`ControlPlane::start`] runs a pair of them, and
//! dropping the [`ControlPlane`] leaves nothing running. [`ensure_helm`] does for Helm what the first does for the three.
//!
//! Deliberately absent: a controller-manager, a scheduler and a kubelet. So a deleted namespace
//! never finishes, nothing collects owner references, and no pod runs; what a test needs of that it
//! does itself. Absent too is async: the crate is also the floor under `xtask`, which has to print its
//! first line of progress before anything heavy is compiled.

mod binaries;
mod cache;
mod error;
mod go;
mod kubectl;
mod plane;
mod ports;
mod process;
mod user;
mod wait;

pub use binaries::{Binaries, ensure_binaries, ensure_helm};
pub use cache::cache_dir;
pub use error::Error;
pub use plane::ControlPlane;
pub use ports::free_port;
pub use process::{Process, tail};
pub use user::User;
pub use wait::{Patience, pause};
