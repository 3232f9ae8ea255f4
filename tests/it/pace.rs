//! Pace and rest at a size that takes seconds; `cargo xtask bench` has the full one.

use std::time::Duration;

use lab::{
    converge::{Setup, converge, isolate},
    rest::rest,
};

#[test]
fn groups_come_about_as_fast_as_the_share_permits_and_aws_refuses_nothing() {
    for (share, other_client) in [(0.8, 0.0), (1.0, 0.0), (0.8, 0.1)] {
        let setup = Setup {
            groups: 120,
            share,
            other_client,
            seed: 7,
        };
        let converged = converge(setup).unwrap();
        assert_eq!(converged.throttled, 0, "{converged:?}");
        // Twice two listings and empty buckets are a fifth of so short a run.
        assert!(converged.made_ratio() >= 0.75, "{converged:?}");
    }
}

#[test]
fn an_isolation_does_not_wait_for_environments_that_are_being_made() {
    let isolated = isolate(200, 3).unwrap();
    assert_eq!(isolated.throttled, 0);
    assert!(isolated.took <= Duration::from_secs(2), "{isolated:?}");
}

#[test]
fn an_installation_at_rest_takes_only_its_listings() {
    let rested = rest(100, Duration::from_secs(600), 1).unwrap();
    assert_eq!(rested.excess(), [""; 0], "{rested:?}");
}
