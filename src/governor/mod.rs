//! How many calls AWS is asked to answer, and whose call goes first.
//!
//! AWS allows each account, in each region, so many calls of each operation, for everyone in it together. A
//! governor stands before every call to one account and region: it keeps the operator within its share of
//! those limits, so that nobody is throttled, and lets the isolation of an incident pass everything else.
//!
//! `limits` is what AWS allows, as data. `bucket`, `lanes` and `line` are arithmetic with the time as an
//! argument; only `governor` waits, on a [`Clock`](crate::clock::Clock). Deliberately absent: retries, which
//! take their turn here like any other call.

mod bucket;
#[expect(
    clippy::module_inception,
    reason = "the module is named for the one thing it gives"
)]
mod governor;
mod lanes;
mod limits;
mod line;
mod share;

pub use governor::{Governor, MAX_WAIT, Settings, WaitEnd, WaitObserver, Waited};
pub use limits::{Limit, Limits, limits};
pub use share::{BadShare, Share};
