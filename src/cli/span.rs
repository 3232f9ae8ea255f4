//! Spans of time as people type them.

use std::time::Duration;

/// A span such as `30s`, `2m` or `1h30m`.
pub(super) fn parse(text: &str) -> Result<Duration, String> {
    let span: jiff::SignedDuration = text
        .parse()
        .map_err(|_| format!("{text:?} is no span of time such as 30s or 2m"))?;
    Duration::try_from(span).map_err(|_| "a span of time cannot be negative".to_owned())
}
