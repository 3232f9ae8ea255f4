//! The sweep of faults: every fault on every operation, standing for a while and then lifted.

mod told;
mod trial;

use std::{fmt, time::Duration};

use simaws::{Effect, FaultKind, FaultSpec};
use yagura::cloud::Operation;

use crate::Scenario;

pub use trial::{Outcome, Trial};

/// How late a delayed request arrives: later than the operator waits for an answer, so that it has its effect when
/// nobody reckons with it any more; and soon enough that it is shown in time, with the longest lag of the listings.
const DELAY: Duration = Duration::from_secs(25);

/// How many changes back a stale read looks.
const VERSIONS: usize = 3;

/// What goes wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Fault {
    /// It takes effect, and there is no answer.
    LostAnswer,
    /// It takes effect, and the answer waits for the end of the fault.
    HeldAnswer,
    /// The service cannot be had.
    Unavailable,
    /// There are too many calls, says AWS.
    Throttle,
    /// It takes effect, and the answer ends half way.
    Truncate,
    /// A read answers from several changes ago.
    StaleRead,
    /// A listing gives the same page with the same token again and again.
    EndlessToken,
    /// A listing gives each page twice.
    DuplicatePage,
    /// It arrives, and takes effect, when nobody waits for its answer any more.
    Delay,
    /// The operator may not do this.
    Deny,
}

impl Fault {
    /// Every fault.
    pub const ALL: [Self; 10] = [
        Self::LostAnswer,
        Self::HeldAnswer,
        Self::Unavailable,
        Self::Throttle,
        Self::Truncate,
        Self::StaleRead,
        Self::EndlessToken,
        Self::DuplicatePage,
        Self::Delay,
        Self::Deny,
    ];

    /// Why this fault cannot come to this operation, if it cannot.
    pub fn excluded(self, operation: Operation) -> Option<&'static str> {
        match self {
            Self::StaleRead if operation.service() == "sts" => Some("it tells nothing that ever changes"),
            Self::StaleRead if !operation.is_read() => Some("a write is answered from the present"),
            Self::EndlessToken | Self::DuplicatePage if !is_paged(operation) => {
                Some("its answer has no pages")
            }
            _ => None,
        }
    }

    /// The words one of which the status has to say while the fault stands; none where the operator need not notice,
    /// for nothing it asked for fails.
    pub(crate) fn words(self) -> &'static [&'static str] {
        match self {
            Self::LostAnswer | Self::HeldAnswer | Self::Delay => &["Timeout"],
            Self::Unavailable => &["ServiceUnavailable", "Unavailable"],
            Self::Throttle => &["RequestLimitExceeded", "Throttling"],
            Self::Truncate => &["TruncatedBody"],
            Self::EndlessToken => &["does not end"],
            Self::Deny => &["UnauthorizedOperation", "AccessDenied"],
            Self::StaleRead | Self::DuplicatePage => &[],
        }
    }

    /// The fault as AWS is ordered to make it, on each call of an operation.
    pub(crate) fn spec(self, operation: Operation) -> FaultSpec {
        let name = operation.to_string();
        let spec = match self {
            Self::LostAnswer => FaultSpec::new(name, FaultKind::Drop),
            Self::HeldAnswer => FaultSpec::new(name, FaultKind::Hold),
            Self::Unavailable => FaultSpec::new(name, FaultKind::Unavailable),
            Self::Throttle => FaultSpec::new(name, FaultKind::Throttle),
            Self::Truncate => FaultSpec::new(name, FaultKind::Truncate),
            Self::StaleRead => FaultSpec::stale_read(name, VERSIONS),
            Self::EndlessToken => FaultSpec::new(name, FaultKind::EndlessToken),
            Self::DuplicatePage => FaultSpec::new(name, FaultKind::DuplicatePage),
            Self::Delay => FaultSpec::delay(name, DELAY).striking(Effect::Before),
            Self::Deny => FaultSpec::new(name, FaultKind::Deny),
        };
        spec.forever()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = clap::ValueEnum::to_possible_value(self);
        f.write_str(value.as_ref().map_or("", |value| value.get_name()))
    }
}

/// Whether the operator asks for all pages of it. Of the images, subnets and VPCs it asks for one by its id.
fn is_paged(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::DescribeInstanceStatus
            | Operation::DescribeInstances
            | Operation::DescribeLockedSnapshots
            | Operation::DescribeSecurityGroups
            | Operation::DescribeSnapshots
            | Operation::DescribeVolumes
            | Operation::ListBackupJobs
    )
}

/// The scenarios in which an operation is called; empty for one that no scenario knows.
pub fn homes(operation: Operation) -> Vec<Scenario> {
    let all = Scenario::ALL.into_iter();
    all.filter(|scenario| scenario.calls().contains(&operation))
        .collect()
}

/// Every operation with every fault that can come to it, in each scenario in which it is called, with this seed.
pub fn all(seed: u64) -> Vec<Trial> {
    let mut trials = Vec::new();
    for operation in Operation::ALL {
        for scenario in homes(operation) {
            for fault in Fault::ALL {
                if fault.excluded(operation).is_none() {
                    trials.push(Trial {
                        scenario,
                        operation,
                        fault,
                        seed,
                    });
                }
            }
        }
    }
    trials
}

#[cfg(test)]
mod tests;
