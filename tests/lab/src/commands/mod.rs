//! The subcommands.

pub(crate) mod converge;
pub(crate) mod crash;
pub(crate) mod memory;
pub(crate) mod rest;
pub(crate) mod run;
mod work;
