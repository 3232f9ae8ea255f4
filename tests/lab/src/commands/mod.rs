//! The subcommands.

pub(crate) mod crash;
pub(crate) mod faults;
pub(crate) mod run;
pub(crate) mod stale;
pub(crate) mod twins;
mod work;
