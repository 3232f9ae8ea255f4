//! The integration tests: one binary, since each links the whole SDK.

#![cfg(test)]

mod cluster;
#[cfg(test)]
mod contract;
mod incident;
mod lease;
mod support;
