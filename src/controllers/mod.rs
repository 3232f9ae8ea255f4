//! The kinds' own parts of a pass, one file per controller, and who wakes whom.

mod backup_sources;
mod schedule;
mod wake;

pub use schedule::Schedule;
pub use wake::{Waker, tenant_resources_changed};
