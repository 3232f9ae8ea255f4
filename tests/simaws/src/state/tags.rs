//! Tags of a resource.

use std::collections::BTreeMap;

/// Key to value.
pub(crate) type Tags = BTreeMap<String, String>;
