//! What a region was like before: for reads that answer from the past.

use std::collections::VecDeque;

use jiff::Timestamp;

use super::Region;

/// The states of one region before its last changes, the oldest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct History(VecDeque<Past>);

#[derive(Clone, Debug)]
struct Past {
    /// When the change came that ended this state.
    until: Timestamp,
    region: Region,
}

impl History {
    /// Keeps the state that ended at `until`, the last `most` of them and all that ended after `since`.
    pub(crate) fn keep(&mut self, region: Region, until: Timestamp, (most, since): (usize, Timestamp)) {
        self.0.push_back(Past { until, region });
        while self.0.len() > most && self.0.front().is_some_and(|past| past.until <= since) {
            self.0.pop_front();
        }
    }

    /// The state so many changes ago, or the oldest one kept.
    pub(crate) fn back(&self, versions: usize) -> Option<&Region> {
        let at = self.0.len().saturating_sub(versions);
        self.0.get(at).map(|past| &past.region)
    }

    /// The state at a time; none when nothing has changed since.
    pub(crate) fn at(&self, time: Timestamp) -> Option<&Region> {
        let states = self.0.iter();
        states
            .skip_while(|past| past.until <= time)
            .map(|past| &past.region)
            .next()
    }
}
