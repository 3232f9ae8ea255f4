//! it

#![cfg(test)]

mod lease;
