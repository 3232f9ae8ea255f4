//! The daily slot of many environments at once, at a size that takes seconds; `lab herd` has the full one.

use std::time::Duration;

use lab::{
    Engine,
    herd::{Herded, Setup, herd},
};

/// Ten tokens of CreateSnapshots' bucket are kept for incidents, and a second and a half of its refill for calls that
/// travel unequally long: of so short a run that is a tenth, of ten thousand it is nothing.
const KEPT: Duration = Duration::from_secs(4);

/// A quarter of the operator's own sweeps shows the passes the same.
const PERIOD: Duration = Duration::from_secs(120);

fn taken(tenants: usize, engine: Engine) -> Herded {
    let herded = herd(Setup {
        tenants,
        engine,
        share: 1.0,
        sweep_every: PERIOD,
        seed: 5,
    });
    let herded = herded.unwrap();
    assert_eq!(
        (herded.throttled, herded.missed, herded.doubled),
        (0, 0, 0),
        "{herded:?}"
    );
    assert!(herded.last_call <= herded.setup.bar() + KEPT, "{herded:?}");
    herded
}

#[test]
fn a_herd_is_taken_as_fast_as_aws_permits_and_nobody_is_missed() {
    let herded = taken(250, Engine::Ec2);
    // What fits into AWS's bucket goes at once.
    assert!(herded.lateness.p50 <= Duration::from_secs(20), "{herded:?}");
    assert!(herded.writes <= 14.0, "{herded:?}");
}
