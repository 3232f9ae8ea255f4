//! The kinds' own parts of a pass, one file per controller, and who wakes whom.

mod incident;
mod wake;

pub use incident::{IncidentDesired, IncidentReconciler, IncidentWorld};
pub use wake::{Waker, tenant_resources_changed};
