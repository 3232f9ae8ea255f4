//! Yagura keeps, measures and proves the security promises of a hosting service on AWS EC2.
//!
//! This file is the map; ARCHITECTURE.md explains it.

pub mod api;
pub mod aws;
pub mod brakes;
pub mod cli;
pub mod clock;
pub mod cloud;
pub mod cluster;
pub mod controllers;
pub mod engine;
pub mod generate;
pub mod governor;
pub mod http;
pub mod iam;
pub mod inventory;
pub mod lease;
pub mod metrics;
pub mod operator;
pub mod plan;
pub mod promises;
pub mod report;
pub mod rollouts;
pub mod separation;
pub mod terms;
pub mod text;
