//! The integration tests: one binary, since each links the whole SDK.

#![cfg(test)]

mod admission;
mod backup;
mod by_hand;
mod cli;
mod cluster;
mod contract;
mod crash;
mod day;
mod fields;
mod herd;
mod iam;
mod incident;
mod isolation;
mod kills;
mod lease;
mod pace;
mod plan;
mod process;
mod refusals;
mod refusals_policies;
mod refusals_unreadable;
mod rest;
mod retain;
mod rights;
mod storm;
mod support;
mod sweeps;
mod sweeps_faults;
mod tampering;
mod tidy;
mod week;
