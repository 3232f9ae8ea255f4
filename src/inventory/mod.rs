//! What there is in AWS, as the last sweeps found it and our own writes left it.
//!
//! One [`Inventory`] per account and region lists each kind of resource that carries our cluster tag, a page at a
//! time and at a period of its own, so that no listing takes more than a twentieth of the calls that AWS allows.
//! It publishes an immutable [`View`]. Passes read the view and never list by themselves, so the calls grow with
//! pages, not with tenants. A view says when it does not know: a listing that failed, is old, or missed a thing
//! only once proves nothing.
//!
//! A write of ours is recorded as an [`Effect`], and the view shows it at once, until a listing begun later does.
//!
//! What only some care for is known beside the resources: locks, public snapshots and images by listings of their own,
//! jobs and vaults of AWS Backup while somebody watches them, and to which accounts single copies are opened by a
//! rotation of readings. Nothing waits for these but who needs them: an account that denies one is looked after all
//! the same.
//!
//! Deliberately absent: resources without our cluster tag. Who has bound an id and does not find it here looks
//! by that id before believing anything.

mod checks;
mod copies;
mod effect;
mod facts;
mod listing;
mod marks;
mod overlay;
mod owner;
mod protection;
mod roll;
mod sharing;
mod shelf;
mod sites;
mod state;
mod sweep;
mod timetable;
mod view;
mod watches;

pub use effect::Effect;
pub use owner::{Owner, is_guarded_image};
pub use sites::{Inventories, OnSweep, Spawner};
pub use state::Swept;
pub use sweep::{Inventory, ListingStatus};
pub use timetable::{LONGEST, ListingKind, PERIOD};
pub use view::{CopyId, Exposed, MAX_AGE, View};

#[cfg(test)]
mod tests;
