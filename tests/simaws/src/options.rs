//! How a simulated AWS is set up.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::clock::Clock;
use crate::limits::Limits;
use crate::state::Timings;

/// How a simulated AWS is set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// Ids, jitter and lags follow from it: the same seed and the same calls give the same log.
    pub seed: u64,
    /// Where it reads the time.
    pub clock: Clock,
    /// The account of callers whose access key is not itself an account's number.
    pub account: String,
    /// The region of requests that name none.
    pub region: String,
    /// How long things take.
    pub timings: Timings,
    /// How long a request is on its way, and again its answer: each time a new draw from this range.
    /// Calls made at once arrive out of order when it is wide.
    pub latency: RangeInclusive<Duration>,
    /// How long Describe does not show what was made: AWS's eventual consistency.
    pub describe_lag: Duration,
    /// How much longer than that it takes at most, resource by resource, drawn from the seed.
    pub describe_lag_spread: Duration,
    /// How old at most the state is that a read answers from, call by call, drawn from the seed.
    /// Unlike [`Self::describe_lag`] it hides changes and ends too, and a later read may know less
    /// than an earlier one.
    pub read_lag: Duration,
    /// How many states of a region before its last changes are kept for stale reads. A fault that asks
    /// for more has them kept from then on.
    pub history: usize,
    /// Whether too many calls are refused, as AWS refuses them.
    pub limits: Limits,
    /// What part of the tokens that flow into every bucket another client of the account takes, 0 to 1.
    pub other_client: f64,
    /// Access keys with their secrets: signatures are checked against them and those of AssumeRole's
    /// sessions. Without it any credentials do, and none.
    pub credentials: Option<BTreeMap<String, String>>,
    /// How many security groups a region takes; AWS's default quota is 2,500.
    pub security_groups_per_region: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 0,
            clock: Clock::Wall,
            account: "111122223333".to_owned(),
            region: "ap-northeast-1".to_owned(),
            timings: Timings::default(),
            latency: Duration::ZERO..=Duration::ZERO,
            describe_lag: Duration::ZERO,
            describe_lag_spread: Duration::ZERO,
            read_lag: Duration::ZERO,
            history: 0,
            limits: Limits::Off,
            other_client: 0.0,
            credentials: None,
            security_groups_per_region: 2500,
        }
    }
}
