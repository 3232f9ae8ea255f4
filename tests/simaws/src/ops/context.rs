//! What an operation works on.

use std::collections::BTreeMap;

use crate::protocol::{ApiError, Lag, Params, Visible};
use crate::state::{Region, Tags, Timings, World};

/// One call's surroundings.
pub(crate) struct Context<'a> {
    pub(crate) region: &'a mut Region,
    /// All other regions and accounts.
    pub(crate) elsewhere: &'a mut World,
    pub(crate) timings: &'a Timings,
    /// What Describe does not show yet.
    pub(crate) lag: Lag,
    /// How many security groups a region takes.
    pub(crate) group_quota: usize,
    /// What this call makes fails later, a launch for the reason with this code.
    pub(crate) doomed: Option<String>,
    /// Set when the call only repeats an earlier one with its client token.
    pub(crate) replayed: bool,
    /// Set when the call is answered as if it had done something, and has not.
    pub(crate) ignored: bool,
}

impl Context<'_> {
    /// Tells what is listed by now.
    pub(crate) fn visible_before(&self) -> Visible {
        Visible {
            now: self.region.now,
            lag: self.lag,
        }
    }
}

/// Refuses filters by tag, for the operations that have none.
pub(crate) fn no_tag_filters(params: &Params, operation: &str) -> Result<(), ApiError> {
    let by_tag = |filter: &Params| filter.get("Name").is_some_and(|name| name.starts_with("tag"));
    if params.structs("Filter").iter().any(by_tag) {
        return Err(ApiError::value(format!("{operation} has no filters by tag")));
    }
    Ok(())
}

/// The most tags a resource takes.
pub(crate) const MOST_TAGS: usize = 50;

/// The tags of the request for each of `allowed` resource types; another type is refused.
pub(crate) fn tag_specifications(
    params: &Params,
    allowed: &[&'static str],
) -> Result<BTreeMap<&'static str, Tags>, ApiError> {
    let mut by_type: BTreeMap<&'static str, Tags> = BTreeMap::new();
    for specification in params.structs("TagSpecification") {
        let wanted = specification.required("ResourceType")?;
        let Some(kind) = allowed.iter().find(|kind| **kind == wanted) else {
            return Err(ApiError::value(format!(
                "'{wanted}' is not a valid taggable resource type for this operation."
            )));
        };
        if by_type.insert(kind, tags(&specification)?).is_some() {
            return Err(ApiError::value(format!(
                "Resource type '{wanted}' was specified more than once"
            )));
        }
    }
    Ok(by_type)
}

/// The tags of the request for its one resource type.
pub(crate) fn tags_for(params: &Params, kind: &'static str) -> Result<Tags, ApiError> {
    Ok(tag_specifications(params, &[kind])?
        .remove(kind)
        .unwrap_or_default())
}

/// Reads `Tag.N.Key` and `Tag.N.Value`, within AWS's rules for tags.
pub(crate) fn tags(params: &Params) -> Result<Tags, ApiError> {
    let mut tags = Tags::new();
    for tag in params.structs("Tag") {
        let key = tag.required("Key")?.to_owned();
        let value = tag.owned("Value").unwrap_or_default();
        check_tag(&key, &value)?;
        if tags.insert(key.clone(), value).is_some() {
            return Err(ApiError::value(format!("Duplicate tag key '{key}' specified.")));
        }
    }
    within_tag_limit(&tags)?;
    Ok(tags)
}

/// Refuses a tag that is AWS's own or too long.
pub(crate) fn check_tag(key: &str, value: &str) -> Result<(), ApiError> {
    if is_reserved(key) {
        return Err(ApiError::value(
            "Tag keys starting with 'aws:' are reserved for internal use",
        ));
    }
    if key.chars().count() > 128 || value.chars().count() > 256 {
        return Err(ApiError::value(
            "Tag key exceeds 128 or tag value exceeds 256 characters",
        ));
    }
    Ok(())
}

/// Whether a tag is AWS's own.
pub(crate) fn is_reserved(key: &str) -> bool {
    key.to_ascii_lowercase().starts_with("aws:")
}

/// Refuses more tags than a resource takes. AWS's own do not count.
pub(crate) fn within_tag_limit(tags: &Tags) -> Result<(), ApiError> {
    if tags.keys().filter(|key| !is_reserved(key)).count() > MOST_TAGS {
        return Err(ApiError::new(
            "TagLimitExceeded",
            format!("The maximum number of Tags for a resource has been reached. The limit is {MOST_TAGS}"),
        ));
    }
    Ok(())
}
