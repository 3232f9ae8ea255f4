//! P8: customers are kept apart by EC2, EBS and VPC.
//!
//! Of the isolation matrix this build measures the copies: a snapshot or an image that another account can use is
//! another customer's way to the data. Deliberately absent: peerings, network ACLs and rules that name other
//! customers' groups. So the promise can be seen to be broken, and is never said to be kept.

use super::{Facts, Finding, fail, list, unknown, unseen};
use crate::cloud::Observed;

/// P8: no copy can be used by others.
pub(super) fn keeps_customers_apart(facts: &Facts) -> Finding {
    if !facts.sees_aws() {
        return unseen();
    }
    match facts.backup.as_ref().map(|backup| &backup.exposed) {
        Some(Observed::Present(exposed)) => fail(format!("others can use copies: {}", list(exposed))),
        Some(Observed::Absent) => {
            unknown("no copy is open to others; networks are not measured by this build")
        }
        None | Some(Observed::Unknown) => unknown("who can use each copy was not read yet"),
    }
}

#[cfg(test)]
mod tests;
