//! The subcommands.

pub(crate) mod converge;
pub(crate) mod crash;
pub(crate) mod faults;
pub(crate) mod herd;
pub(crate) mod memory;
pub(crate) mod rest;
pub(crate) mod run;
pub(crate) mod stale;
pub(crate) mod storm;
pub(crate) mod twins;
pub(crate) mod week;
mod work;
