//! Listing as every Describe operation does it: ids, filters with wildcards, pages.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::time::Duration;

use jiff::Timestamp;

use super::{ApiError, Params};
use crate::clock::earlier;
use crate::draw::{hash, part_of};
use crate::state::{IdKind, Region, Tags};

/// A resource that a Describe operation lists.
pub(crate) trait Listed {
    /// The filters it knows, besides `tag:KEY` and `tag-key`.
    const FILTERS: &'static [&'static str];

    fn tags(&self) -> &Tags;
    fn created_at(&self) -> Timestamp;

    /// Its values for a filter: one match suffices.
    fn values(&self, filter: &str, region: &Region) -> Vec<String>;
}

impl<T: Listed> Listed for &T {
    const FILTERS: &'static [&'static str] = T::FILTERS;

    fn tags(&self) -> &Tags {
        (**self).tags()
    }

    fn created_at(&self) -> Timestamp {
        (**self).created_at()
    }

    fn values(&self, filter: &str, region: &Region) -> Vec<String> {
        (**self).values(filter, region)
    }
}

/// The page sizes an operation takes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum PageLimit {
    /// 5 to this many, anything else is refused.
    Strict(usize),
    /// At least 5; more than this many are asked for in vain.
    Capped(usize),
}

/// How an operation names ids.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ids {
    pub(crate) parameter: &'static str,
    pub(crate) kind: IdKind,
    /// Whether ids together with MaxResults are refused.
    pub(crate) refuse_pages: bool,
}

/// One page.
pub(crate) struct Listing<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next_token: Option<String>,
}

/// How long a new resource is not listed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lag {
    /// Every one.
    pub(crate) least: Duration,
    /// How much longer at most, one or another.
    pub(crate) spread: Duration,
    pub(crate) seed: u64,
}

impl Lag {
    fn of(self, id: &str) -> Duration {
        if self.spread.is_zero() {
            return self.least;
        }
        self.least + part_of(self.spread, hash(&format!("{}/lag/{id}", self.seed)))
    }
}

/// What is listed at a time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Visible {
    pub(crate) now: Timestamp,
    pub(crate) lag: Lag,
}

impl Visible {
    /// Whether a resource is old enough.
    pub(crate) fn shows(self, id: &str, created_at: Timestamp) -> bool {
        // Most are older than any lag: their own need not be worked out.
        created_at <= earlier(self.now, self.lag.least + self.lag.spread)
            || created_at <= earlier(self.now, self.lag.of(id))
    }
}

/// The page of `resources` that `params` ask for, of those that are `visible`.
pub(crate) fn list<'a, T: Listed>(
    (region, resources): (&'a Region, &'a BTreeMap<String, T>),
    params: &Params,
    ids: Ids,
    limit: PageLimit,
    visible: Visible,
) -> Result<Listing<&'a T>, ApiError> {
    list_as(resources, params, (ids, limit), (region, visible), Some)
}

/// The same of what `view` makes of the resources; those it makes nothing of are not listed. Only as many are
/// viewed as it takes to fill the page.
pub(crate) fn list_as<'a, T, U: Listed>(
    resources: &'a BTreeMap<String, T>,
    params: &Params,
    (ids, limit): (Ids, PageLimit),
    (region, visible): (&Region, Visible),
    view: impl Fn(&'a T) -> Option<U>,
) -> Result<Listing<U>, ApiError> {
    let wanted = params.list(ids.parameter);
    let page = Page::read(params, limit)?;
    if ids.refuse_pages && !wanted.is_empty() && page.size.is_some() {
        return Err(ApiError::combination(format!(
            "The parameter {} cannot be used with the parameter maxResults",
            ids.kind.parameter
        )));
    }
    let filters = Filters::read(params, U::FILTERS)?;
    let seen = |id: &str, resource: &'a T| view(resource).filter(|it| visible.shows(id, it.created_at()));
    for id in &wanted {
        ids.kind.check(id)?;
        if resources
            .get(id)
            .and_then(|resource| seen(id, resource))
            .is_none()
        {
            return Err(ids.kind.not_found(id));
        }
    }
    let wanted: BTreeSet<String> = wanted.into_iter().collect();
    let after = page.after.map_or(Bound::Unbounded, Bound::Excluded);
    let range = (after, Bound::Unbounded);
    // Few are named of many: only those are looked at.
    let candidates: Box<dyn Iterator<Item = (&String, &T)>> = if wanted.is_empty() {
        Box::new(resources.range::<String, _>(range))
    } else {
        Box::new(wanted.range(range).filter_map(|id| resources.get_key_value(id)))
    };
    let mut items = Vec::new();
    let mut last = None;
    for (id, resource) in candidates {
        let Some(resource) = seen(id, resource).filter(|it| filters.admit(it, region)) else {
            continue;
        };
        if page.size.is_some_and(|size| items.len() >= size) {
            return Ok(Listing {
                items,
                next_token: last.map(token),
            });
        }
        items.push(resource);
        last = Some(id);
    }
    Ok(Listing {
        items,
        next_token: None,
    })
}

struct Page {
    size: Option<usize>,
    after: Option<String>,
}

const TOKEN_PREFIX: &str = "after:";

/// A token names the last item seen, so that items coming and going between pages shift nothing.
fn token(last: &String) -> String {
    format!("{TOKEN_PREFIX}{last}")
}

impl Page {
    fn read(params: &Params, limit: PageLimit) -> Result<Self, ApiError> {
        let after = match params.get("NextToken").filter(|token| !token.is_empty()) {
            None => None,
            Some(token) => match token.strip_prefix(TOKEN_PREFIX) {
                Some(id) => Some(id.to_owned()),
                None => return Err(ApiError::new("InvalidNextToken", "The token is not valid.")),
            },
        };
        let refused = |size: usize, bound: &str| {
            let text =
                format!("Value ( {size} ) for parameter maxResults is invalid. Expecting a value {bound}.");
            Err(ApiError::value(text))
        };
        let size = match (params.number::<usize>("MaxResults")?, limit) {
            (None, _) => None,
            (Some(size), _) if size < 5 => return refused(size, "greater than 5"),
            (Some(size), PageLimit::Strict(most)) if size > most => {
                return refused(size, &format!("smaller than {most}"));
            }
            (Some(size), PageLimit::Strict(most) | PageLimit::Capped(most)) => Some(size.min(most)),
        };
        Ok(Self { size, after })
    }
}

/// The filters of a request; all must match.
struct Filters(Vec<(String, Vec<String>)>);

/// The most values AWS takes in one filter.
const MOST_FILTER_VALUES: usize = 200;

impl Filters {
    fn read(params: &Params, known: &[&str]) -> Result<Self, ApiError> {
        let mut filters = Vec::new();
        let mut values_in_all = 0;
        for filter in params.structs("Filter") {
            let name = filter.required("Name")?.to_owned();
            if !name.starts_with("tag:") && name != "tag-key" && !known.contains(&name.as_str()) {
                return Err(ApiError::value(format!("The filter '{name}' is invalid")));
            }
            let values = filter.list("Value");
            if values.is_empty() {
                return Err(ApiError::value(format!("The filter '{name}' must have a value")));
            }
            values_in_all += values.len();
            filters.push((name, values));
        }
        if values_in_all > MOST_FILTER_VALUES {
            return Err(ApiError::new(
                "FilterLimitExceeded",
                format!(
                    "The maximum number of filter values specified on a single call is {MOST_FILTER_VALUES}"
                ),
            ));
        }
        Ok(Self(filters))
    }

    fn admit<T: Listed>(&self, resource: &T, region: &Region) -> bool {
        self.0.iter().all(|(name, patterns)| {
            let matches = |value: &str| patterns.iter().any(|pattern| wildcard(pattern, value));
            if let Some(key) = name.strip_prefix("tag:") {
                resource.tags().get(key).is_some_and(|value| matches(value))
            } else if name == "tag-key" {
                resource.tags().keys().any(|key| matches(key))
            } else {
                resource.values(name, region).iter().any(|value| matches(value))
            }
        })
    }
}

/// Whether `value` fits a pattern in which `*` stands for any text, `?` for one character and a
/// backslash takes the meaning away from the next character.
pub(crate) fn wildcard(pattern: &str, value: &str) -> bool {
    fn fits(pattern: &[char], value: &[char]) -> bool {
        match pattern.split_first() {
            None => value.is_empty(),
            Some(('*', rest)) => {
                (0..=value.len()).any(|skipped| value.get(skipped..).is_some_and(|value| fits(rest, value)))
            }
            Some(('?', rest)) => value.split_first().is_some_and(|(_, value)| fits(rest, value)),
            Some((first, rest)) => {
                let (first, rest) = match (first, rest.split_first()) {
                    ('\\', Some((escaped, rest))) => (escaped, rest),
                    _ => (first, rest),
                };
                value
                    .split_first()
                    .is_some_and(|(head, value)| head == first && fits(rest, value))
            }
        }
    }
    // Most patterns are plain; without this, listing ten thousand resources copies each value.
    if !pattern.contains(['*', '?', '\\']) {
        return pattern == value;
    }
    let (pattern, value): (Vec<char>, Vec<char>) = (pattern.chars().collect(), value.chars().collect());
    fits(&pattern, &value)
}

#[cfg(test)]
mod tests;
