//! Chance from the seed.

use std::ops::RangeInclusive;
use std::time::Duration;

use sha2::{Digest, Sha256};

/// A stream of numbers that follows from a seed and a purpose.
#[derive(Clone, Debug)]
pub(crate) struct Draws(u64);

impl Draws {
    pub(crate) fn new(seed: u64, purpose: &str) -> Self {
        Self(hash(&format!("{seed}/{purpose}")))
    }

    /// SplitMix64: passes through all 2^64 states, so that no number comes twice.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A duration out of a range; the least one where the range is empty.
    pub(crate) fn duration(&mut self, range: &RangeInclusive<Duration>) -> Duration {
        let span = range.end().saturating_sub(*range.start());
        *range.start() + part_of(span, self.next())
    }
}

/// The same number for the same text, spread over all 64 bits.
pub(crate) fn hash(text: &str) -> u64 {
    let digest = Sha256::digest(text);
    digest
        .iter()
        .take(8)
        .fold(0, |state, byte| (state << 8) | u64::from(*byte))
}

/// A duration from nothing to `span`, picked by a number.
pub(crate) fn part_of(span: Duration, number: u64) -> Duration {
    let nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
    match nanos.checked_add(1) {
        Some(choices) => Duration::from_nanos(number % choices),
        None => Duration::from_nanos(number),
    }
}
