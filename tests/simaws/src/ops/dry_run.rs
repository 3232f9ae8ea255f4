//! DryRun: what is said instead of an answer.

use crate::protocol::{ApiError, Content};

/// What a permitted call with DryRun is answered, given what the operation would have answered. AWS looks at
/// the request and at whether what it names exists, for permissions may depend on that; it does not look
/// at whether the call would succeed in the resources' present state.
pub(crate) fn dry_run(answer: Result<Content, ApiError>) -> ApiError {
    match answer {
        Err(error) if !error.about_state && is_about_the_request(&error.code) => error,
        _ => ApiError::new(
            "DryRunOperation",
            "Request would have succeeded, but DryRun flag is set.",
        )
        .with_status(412),
    }
}

fn is_about_the_request(code: &str) -> bool {
    // A rule that is not there is a state of its group, not a resource of the request.
    let names_nothing = code.ends_with(".NotFound") && code != "InvalidPermission.NotFound";
    let wrong = [
        "InvalidID",
        "InvalidParameterCombination",
        "InvalidParameterDependency",
        "InvalidParameterValue",
        "MissingParameter",
        "UnknownVolumeType",
    ];
    names_nothing || code.ends_with(".Malformed") || wrong.contains(&code)
}

#[cfg(test)]
mod tests;
