//! The integration tests: one binary, since each links the whole SDK.

#![cfg(test)]

mod admission;
mod backup;
mod by_hand;
mod cluster;
mod contract;
mod incident;
mod lease;
mod process;
mod support;
mod tampering;
