//! Yagura keeps, measures and proves the security promises of a hosting service on AWS EC2.
//!
//! This file is the map; ARCHITECTURE.md explains it.

pub mod clock;
pub mod cloud;
pub mod plan;
