//! The integration tests: one binary, since each links the whole SDK.

#![cfg(test)]

mod admission;
mod backup;
mod cluster;
mod contract;
mod day;
mod incident;
mod lease;
mod process;
mod rest;
mod rights;
mod support;
mod tidy;
