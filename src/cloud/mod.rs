//! AWS in the operator's own words: what it knows, what it asks for, what can go wrong.
//!
//! Nothing here names the SDK; `aws` implements these traits with it. Deliberately absent: anything the
//! operator does not decide on.

mod api;
mod copies;
mod error;
mod ids;
mod lane;
mod listing;
mod observed;
mod permission;
mod read_only;
mod site;
mod types;

pub use api::*;
pub use copies::*;
pub use error::*;
pub use ids::*;
pub use lane::*;
pub use listing::*;
pub use observed::*;
pub use permission::*;
pub use read_only::ReadOnly;
pub use site::*;
pub use types::*;
