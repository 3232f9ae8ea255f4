//! The kinds' own parts of a pass, one file per controller, and who wakes whom.

pub mod access_policy;
mod selector;
mod subnets;
pub mod tenant;
pub mod tenant_class;
mod wake;

pub use subnets::Subnets;
pub use wake::{Waker, tenant_resources_changed};
