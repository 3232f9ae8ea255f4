//! x
/// x
pub struct Inventories;
