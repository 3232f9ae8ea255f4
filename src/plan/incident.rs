//! An Incident: the clock within which the customer is told, and the isolation of instances.
//!
//! Deliberately absent: who may write what (the schema and the admission policies say that), and stopping an
//! instance, which is another containment.

pub mod hold;
pub mod isolation;
pub mod notice;
pub mod phase;
