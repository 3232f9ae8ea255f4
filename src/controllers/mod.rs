//! The kinds' own parts of a pass, one file per controller, and who wakes whom.

mod wake;

pub use wake::{Waker, tenant_resources_changed};
