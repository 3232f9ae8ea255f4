//! x
/// x
pub struct Registry;
