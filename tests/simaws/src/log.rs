//! The call log: what was asked, what came of it.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use serde::Serialize;

/// One call.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    /// Its number, from 1 on.
    pub seq: u64,
    /// When it arrived.
    pub at: Timestamp,
    /// `ec2`, `sts` or `backup`.
    pub service: &'static str,
    /// The operation.
    pub operation: String,
    /// Whether it was a DryRun.
    pub dry_run: bool,
    /// The account it acts in.
    pub account: String,
    /// The region it acts in.
    pub region: String,
    /// The access key it is signed with.
    pub access_key: Option<String>,
    /// The client's name.
    pub user_agent: String,
    /// `OK` or the error's code; empty while the call is held before its effect.
    pub code: String,
    /// The HTTP status.
    pub status: u16,
    /// Whether it changed something.
    pub effect: bool,
    /// Whether it only repeated an earlier call with its client token.
    pub replayed: bool,
    /// Whether it was refused because of too many calls, by a bucket and not by a fault.
    pub throttled: bool,
    /// Whether the answer was given out.
    pub delivered: bool,
    /// The fault that struck it.
    pub fault: Option<String>,
    /// The parameters of the request.
    pub params: BTreeMap<String, String>,
}

/// The most calls kept; a demo may run for days.
const MOST_CALLS: usize = 200_000;

/// Calls by operation and by code.
pub(crate) type Counts = BTreeMap<String, BTreeMap<String, u64>>;

/// All calls in the order of their arrival.
#[derive(Default)]
pub(crate) struct CallLog {
    calls: VecDeque<Call>,
    last: u64,
    counts: Counts,
}

impl CallLog {
    /// The number of the next call.
    pub(crate) fn next_number(&self) -> u64 {
        self.last + 1
    }

    pub(crate) fn add(&mut self, call: Call) {
        self.last = call.seq;
        if !call.code.is_empty() {
            self.count(&call.operation, &call.code);
        }
        if self.calls.len() >= MOST_CALLS {
            self.calls.pop_front();
        }
        self.calls.push_back(call);
    }

    /// Changes what is known of a call, if it is still kept.
    pub(crate) fn update(&mut self, seq: u64, change: impl FnOnce(&mut Call)) {
        let Ok(at) = self.calls.binary_search_by_key(&seq, |call| call.seq) else {
            return;
        };
        let Some(call) = self.calls.get_mut(at) else {
            return;
        };
        let had_none = call.code.is_empty();
        change(call);
        if had_none && !call.code.is_empty() {
            let (operation, code) = (call.operation.clone(), call.code.clone());
            self.count(&operation, &code);
        }
    }

    pub(crate) fn since(&self, seq: u64) -> Vec<Call> {
        let from = self.calls.partition_point(|call| call.seq <= seq);
        self.calls.range(from..).cloned().collect()
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counts.clone()
    }

    fn count(&mut self, operation: &str, code: &str) {
        let by_code = self.counts.entry(operation.to_owned()).or_default();
        *by_code.entry(code.to_owned()).or_default() += 1;
    }
}
