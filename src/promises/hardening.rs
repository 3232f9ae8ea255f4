//! P22: nobody inside the instance reaches the cloud around it.

use super::{Facts, Finding, fail, pass, unknown, unseen};
use crate::cloud::Observed;

/// P22: metadata needs a session token, its answers travel one hop, and no instance profile lends rights.
pub(super) fn shields_the_cloud(facts: &Facts) -> Finding {
    if !facts.sees_aws() {
        return unseen();
    }
    let mut broken = Vec::new();
    if let Observed::Present(options) = &facts.metadata {
        if !options.tokens_required {
            broken.push("metadata is given without a session token (IMDSv1)".to_owned());
        }
        if options.hop_limit != 1 {
            broken.push(format!("the metadata hop limit is {}", options.hop_limit));
        }
    }
    if let Observed::Present(profile) = &facts.instance_profile {
        broken.push(format!("the instance has the profile {profile}"));
    }
    if !broken.is_empty() {
        return fail(broken.join("; "));
    }
    match (&facts.metadata, &facts.instance_profile) {
        (Observed::Present(_), Observed::Absent) => {
            pass("IMDSv2 is required, its hop limit is 1, and there is no instance profile")
        }
        (Observed::Present(_), _) => unknown("the instance profile was not seen"),
        (Observed::Absent | Observed::Unknown, _) => unknown("the metadata options were not seen"),
    }
}

#[cfg(test)]
mod tests;
