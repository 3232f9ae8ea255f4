//! How a simulated AWS is set up.

use std::time::Duration;

use crate::clock::Clock;
use crate::state::Timings;

/// How a simulated AWS is set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// Ids follow from it: the same seed and the same calls give the same ids.
    pub seed: u64,
    /// Where it reads the time.
    pub clock: Clock,
    /// The account of callers whose access key is not itself an account's number.
    pub account: String,
    /// The region of requests that name none.
    pub region: String,
    /// How long things take.
    pub timings: Timings,
    /// How long Describe does not show what was made: AWS's eventual consistency.
    pub describe_lag: Duration,
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
            describe_lag: Duration::ZERO,
            security_groups_per_region: 2500,
        }
    }
}
