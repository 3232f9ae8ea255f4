//! AWS's wire formats: forms in and XML out, or REST with JSON. Knows no resource.

mod content;
mod error;
mod list;
mod params;
mod request;
mod rest;
mod xml;

pub(crate) use content::Content;
pub(crate) use error::ApiError;
pub(crate) use list::{Ids, Lag, Listed, PageLimit, Visible, list, list_as, wildcard};
pub(crate) use params::Params;
pub use request::asked;
pub(crate) use request::{Request, Service};
pub(crate) use xml::{Element, item, timestamp};

/// What an operation of a query protocol gives: the content of its answer, or AWS's error.
pub(crate) type Answer = Result<Element, ApiError>;
