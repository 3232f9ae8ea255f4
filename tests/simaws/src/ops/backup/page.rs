//! Listing as AWS Backup does it: the newest first, page by page.

use std::collections::BTreeMap;
use std::ops::Bound;

use jiff::Timestamp;

use super::invalid_value;
use crate::protocol::{ApiError, Params, Visible};
use crate::state::Timeline;

/// The most a page has, and what it has when the call does not say.
const MOST: usize = 1000;

/// One page.
pub(super) struct Page<'a, T> {
    pub(super) items: Vec<&'a T>,
    pub(super) next_token: Option<String>,
}

/// The page of `things` that `params` ask for, of those in the timeline that `keep` keeps.
pub(super) fn page<'a, T>(
    (timeline, things): (Option<&'a Timeline>, &'a BTreeMap<String, T>),
    params: &Params,
    visible: Visible,
    keep: impl Fn(&T) -> bool,
) -> Result<Page<'a, T>, ApiError> {
    let size = size(params)?;
    let created_after = date(params, "ByCreatedAfter")?;
    let created_before = date(params, "ByCreatedBefore")?.map(|at| (at, String::new()));
    let last_seen = params.get("NextToken").map(place).transpose()?;
    // Both lie before what is given: the earlier one decides.
    let end = [created_before, last_seen].into_iter().flatten().min();
    let range = (Bound::Unbounded, end.map_or(Bound::Unbounded, Bound::Excluded));
    let times = timeline.map(|times| times.range(range).rev());
    let times = times.into_iter().flatten();
    let recent = times.take_while(|(created_at, _)| created_after.is_none_or(|after| *created_at > after));
    let mut page = Page {
        items: Vec::new(),
        next_token: None,
    };
    let mut last = None;
    for place in recent {
        let (created_at, id) = place;
        let Some(thing) = things.get(id) else { continue };
        if !visible.shows(id, *created_at) || !keep(thing) {
            continue;
        }
        if page.items.len() >= size {
            page.next_token = last.map(token);
            break;
        }
        page.items.push(thing);
        last = Some(place);
    }
    Ok(page)
}

/// How many things a call wants at a time.
pub(super) fn size(params: &Params) -> Result<usize, ApiError> {
    match params.number::<usize>("MaxResults")? {
        None => Ok(MOST),
        Some(size) if (1..=MOST).contains(&size) => Ok(size),
        Some(size) => Err(invalid_value(format!(
            "MaxResults must be from 1 to {MOST}, not {size}"
        ))),
    }
}

/// A parameter that is a date.
pub(super) fn date(params: &Params, name: &str) -> Result<Option<Timestamp>, ApiError> {
    let parse = |text: &str| {
        text.parse()
            .map_err(|_| invalid_value(format!("{name} is not a date: {text}")))
    };
    params.get(name).map(parse).transpose()
}

/// A token names the last thing seen, so that things coming and going between pages shift nothing.
fn token((created_at, id): &(Timestamp, String)) -> String {
    format!("before:{}:{id}", created_at.as_nanosecond())
}

fn place(token: &str) -> Result<(Timestamp, String), ApiError> {
    let place = token.strip_prefix("before:").and_then(|rest| {
        let (nanos, id) = rest.split_once(':')?;
        let at = Timestamp::from_nanosecond(nanos.parse().ok()?).ok()?;
        Some((at, id.to_owned()))
    });
    place.ok_or_else(|| invalid_value("The token for the next page is not valid"))
}
