//! The integration tests: one binary, since each links the whole SDK.

mod cluster;
mod lease;
mod support;
