//! From the SDK's shapes, in which everything may be missing, to ours, and back.
//!
//! A listing with one unreadable item is an error as a whole: an item left out would look absent.

mod instance;
mod network;
mod storage;
mod tags;

pub(super) use instance::instance;
pub(super) use network::{address, new_group, sdk_rules, security_group, vpc_cidrs};
pub(super) use storage::{
    image, instant, locked, recycled_snapshot, recycled_volume, snapshot, snapshot_info, snapshot_lock,
    volume,
};
pub(super) use tags::{sdk_tags, tag_specification};

use crate::cloud::{CloudError, ErrorKind, Listed, Operation};

/// Something in an answer that the operator cannot explain.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unreadable(String);

impl Unreadable {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }

    pub(super) fn missing(field: &str) -> Self {
        Self(format!("{field} is missing"))
    }

    /// Says in which resource it was found.
    fn within(self, id: &str) -> Self {
        Self(format!("{id}: {}", self.0))
    }

    pub(super) fn of(self, operation: Operation) -> CloudError {
        CloudError {
            operation,
            kind: ErrorKind::Defect,
            code: "UnexpectedAnswer".to_owned(),
            message: self.0,
            turn_at: None,
        }
    }
}

pub(super) fn required<T>(value: Option<T>, field: &str) -> Result<T, Unreadable> {
    value.ok_or_else(|| Unreadable::missing(field))
}

/// Converts every item, or fails.
pub(super) fn each<T, U>(
    operation: Operation,
    items: Vec<T>,
    convert: impl FnMut(T) -> Result<U, Unreadable>,
) -> Result<Vec<U>, CloudError> {
    let converted: Result<_, _> = items.into_iter().map(convert).collect();
    converted.map_err(|unreadable: Unreadable| unreadable.of(operation))
}

/// Converts every item of a listing, or fails.
pub(super) fn each_of<T, U>(
    operation: Operation,
    listed: Listed<T>,
    convert: impl FnMut(T) -> Result<U, Unreadable>,
) -> Result<Listed<U>, CloudError> {
    let Listed { items, pages } = listed;
    let items = each(operation, items, convert)?;
    Ok(Listed { items, pages })
}

#[cfg(test)]
mod tests;
