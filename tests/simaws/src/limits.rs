//! AWS's limits on calls: a bucket of tokens per account, region and action.

mod table;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::protocol::{Request, Service};
use table::Rate;

/// Whether too many calls are refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Limits {
    /// Never.
    #[default]
    Off,
    /// As AWS refuses them by default.
    Aws,
}

/// A bucket as it stands.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BucketStatus {
    /// Whose it is.
    pub account: String,
    /// Where.
    pub region: String,
    /// The action, with what is special about the bucket if an action has two.
    pub bucket: String,
    /// How many tokens it holds at most.
    pub capacity: u32,
    /// How many flow in each second, all clients together.
    pub refill: f64,
    /// How many whole tokens were left after the last call.
    pub tokens: u32,
    /// How many this client has taken.
    pub taken: u64,
    /// How many calls it refused.
    pub refused: u64,
}

/// Account, region and name.
type Key = (String, String, String);

/// All buckets that were drawn from.
#[derive(Debug)]
pub(crate) struct Buckets {
    pub(crate) limits: Limits,
    /// The part of what flows in that another client takes away.
    pub(crate) other_client: f64,
    buckets: BTreeMap<Key, Bucket>,
}

impl Buckets {
    pub(crate) fn new(limits: Limits, other_client: f64) -> Self {
        Self {
            limits,
            other_client,
            buckets: BTreeMap::new(),
        }
    }

    /// Takes a call's tokens at its arrival; false when there are too few.
    pub(crate) fn admit(
        &mut self,
        now: Timestamp,
        (account, region): (&str, &str),
        request: &Request,
        dry_run: bool,
    ) -> bool {
        if self.limits == Limits::Off {
            return true;
        }
        let mut take = |name: String, rate: Rate, tokens: u32| {
            let key = (account.to_owned(), region.to_owned(), name);
            let bucket = self.buckets.entry(key).or_insert_with(|| Bucket::full(rate, now));
            bucket.take(now, self.other_client, tokens)
        };
        if request.service == Service::Backup {
            let (name, rate) = table::of_backup(request);
            return take(name, rate, 1) && take(table::ALL_OF_BACKUP.0.to_owned(), table::ALL_OF_BACKUP.1, 1);
        }
        if request.service != Service::Ec2 {
            return true;
        }
        let (name, rate) = table::of_requests(request);
        if !take(name, rate, 1) {
            return false;
        }
        match table::of_instances(request) {
            // A dry run touches no instance.
            Some((name, rate, instances)) if !dry_run => take(name, rate, instances),
            _ => true,
        }
    }

    pub(crate) fn list(&self) -> Vec<BucketStatus> {
        let status = |((account, region, name), bucket): (&Key, &Bucket)| BucketStatus {
            account: account.clone(),
            region: region.clone(),
            bucket: name.clone(),
            capacity: bucket.rate.capacity,
            refill: bucket.rate.refill,
            tokens: u32::try_from(bucket.level / TOKEN).unwrap_or(0),
            taken: bucket.taken,
            refused: bucket.refused,
        };
        self.buckets.iter().map(status).collect()
    }
}

/// Tokens are counted in whole parts, so that no rounding adds up: a rate has four decimals, and
/// time is counted in nanoseconds.
const TOKEN: i128 = NANOS * RATE_PARTS as i128;
const NANOS: i128 = 1_000_000_000;
const RATE_PARTS: u32 = 10_000;

#[derive(Debug)]
struct Bucket {
    rate: Rate,
    level: i128,
    /// Up to when `level` is worked out.
    at: Timestamp,
    taken: u64,
    refused: u64,
}

impl Bucket {
    fn full(rate: Rate, now: Timestamp) -> Self {
        Self {
            rate,
            level: i128::from(rate.capacity) * TOKEN,
            at: now,
            taken: 0,
            refused: 0,
        }
    }

    fn take(&mut self, now: Timestamp, other_client: f64, tokens: u32) -> bool {
        self.refill(now, other_client);
        let wanted = i128::from(tokens) * TOKEN;
        let enough = self.level >= wanted;
        if enough {
            self.level -= wanted;
            self.taken += u64::from(tokens);
        } else {
            self.refused += 1;
        }
        enough
    }

    fn refill(&mut self, now: Timestamp, other_client: f64) {
        let elapsed = now.duration_since(self.at).as_nanos().max(0);
        let parts = self.rate.refill * (1.0 - other_client.clamp(0.0, 1.0)) * f64::from(RATE_PARTS);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the table's rates and their parts are far below what an i64 holds"
        )]
        let parts = parts.round() as i64;
        let full = i128::from(self.rate.capacity) * TOKEN;
        self.level = (self.level + elapsed * i128::from(parts)).min(full);
        self.at = self.at.max(now);
    }
}

#[cfg(test)]
mod tests;
