//! A failed call as a status says it.

use crate::{
    api::Reason,
    cloud::{CloudError, Disposition, ErrorKind},
    cluster::ClusterError,
    engine::Failure,
};

/// AWS's codes for having no machine to give, where a quota is not the matter.
const NO_CAPACITY: [&str; 4] = [
    "InsufficientInstanceCapacity",
    "InsufficientHostCapacity",
    "InsufficientReservedInstanceCapacity",
    "InsufficientCapacity",
];

/// Why, in one word.
pub fn reason_of(failure: &Failure) -> Reason {
    match failure {
        Failure::Cloud(error) => cloud_reason(error),
        Failure::Unexplained(_) | Failure::Cluster(ClusterError::Refused(_)) => Reason::UnexpectedResponse,
        Failure::Cluster(ClusterError::OutdatedCrd(_)) => Reason::OutdatedSchema,
        Failure::Cluster(ClusterError::Forbidden(_)) => Reason::Denied,
        Failure::Cluster(_) => Reason::CallFailed,
        Failure::Blocked { reason, .. } => *reason,
    }
}

fn cloud_reason(error: &CloudError) -> Reason {
    match error.kind {
        // Not AWS: the operator keeps the order.
        ErrorKind::Throttled if error.is_held_back() => Reason::Progressing,
        ErrorKind::Throttled => Reason::Throttled,
        ErrorKind::Denied => Reason::Denied,
        ErrorKind::Exhausted if NO_CAPACITY.contains(&error.code.as_str()) => Reason::CapacityMissing,
        ErrorKind::Exhausted => Reason::QuotaExceeded,
        ErrorKind::InvalidSpec => Reason::InvalidSpec,
        ErrorKind::Unexpected | ErrorKind::Defect => Reason::UnexpectedResponse,
        ErrorKind::Transient
        | ErrorKind::Lost
        | ErrorKind::NotFound
        | ErrorKind::Duplicate
        | ErrorKind::TokenReused
        | ErrorKind::IncorrectState => Reason::CallFailed,
    }
}

/// Whether a retry cannot help, so that the object is Stalled and looked at again only at long intervals.
pub fn needs_a_person(failure: &Failure) -> bool {
    match failure {
        Failure::Cloud(error) => {
            // A defect may be a passing one, so it is tried again like a transient failure, until it is unexplained.
            error.kind != ErrorKind::Defect && error.kind.disposition() == Disposition::Stall
        }
        Failure::Unexplained(_) => true,
        Failure::Cluster(error) => matches!(error, ClusterError::Refused(_) | ClusterError::OutdatedCrd(_)),
        Failure::Blocked { .. } => false,
    }
}

#[cfg(test)]
mod tests;
