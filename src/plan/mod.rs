//! What to do, as arithmetic: (desired, observed, now) → steps.
//!
//! **Invariant:** nothing here does I/O, waits, or reads a clock.

pub mod backup;
pub mod backup_days;
pub mod slot;
