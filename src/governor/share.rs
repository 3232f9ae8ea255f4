//! Which part of an account's limits the operator takes.

use std::{fmt, str::FromStr};

/// Shares are kept in millionths, so that the arithmetic with them is exact.
const WHOLE: u32 = 1_000_000;

/// A part of the account's limits: more than nothing, at most all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u32);

/// A share that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no share of AWS's limits: a number above 0 and at most 1, such as 0.8")]
pub struct BadShare(String);

impl Share {
    /// All of it: for an account that the operator has to itself.
    pub const ALL: Self = Self(WHOLE);

    /// The share in millionths.
    pub(super) fn millionths(self) -> u32 {
        self.0
    }
}

impl Default for Share {
    /// Four fifths: people and other tools work in the same account, and their calls must not fail for ours.
    fn default() -> Self {
        Self(WHOLE / 5 * 4)
    }
}

impl TryFrom<f64> for Share {
    type Error = BadShare;

    fn try_from(part: f64) -> Result<Self, BadShare> {
        let millionths = (part * f64::from(WHOLE)).round();
        // Not a number is neither.
        if (1.0..=f64::from(WHOLE)).contains(&millionths) && part <= 1.0 {
            // In range and whole, as was just seen.
            Ok(Self(millionths as u32))
        } else {
            Err(BadShare(part.to_string()))
        }
    }
}

impl FromStr for Share {
    type Err = BadShare;

    fn from_str(text: &str) -> Result<Self, BadShare> {
        let bad = || BadShare(text.to_owned());
        let part: f64 = text.trim().parse().map_err(|_| bad())?;
        Self::try_from(part).map_err(|_| bad())
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", f64::from(self.0) / f64::from(WHOLE))
    }
}

#[cfg(test)]
mod tests;
