//! What a status says, and the contract it keeps with whoever reads it.

pub mod conditions;
pub mod failure;
pub mod kstatus;
pub mod standing;
