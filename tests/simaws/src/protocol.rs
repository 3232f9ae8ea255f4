//! The wire format of AWS's query protocols: forms in, XML out. Knows no resource.

mod error;
mod list;
mod params;
mod request;
mod xml;

pub(crate) use error::ApiError;
pub(crate) use list::{Ids, Lag, Listed, PageLimit, Visible, list, wildcard};
pub(crate) use params::Params;
pub(crate) use request::{Request, Service};
pub(crate) use xml::{Element, item, timestamp};

/// What an operation gives: the content of its answer, or AWS's error.
pub(crate) type Answer = Result<Element, ApiError>;
