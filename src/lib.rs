//! Yagura.

pub mod api;
