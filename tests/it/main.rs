//! The integration tests: one binary, since each links the whole SDK.

#![cfg(test)]

mod cluster;
mod lease;
mod support;
