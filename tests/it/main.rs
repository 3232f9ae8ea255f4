//! it

mod lease;
