//! A tamper storm, on virtual time: fifty environments, two hundred changes within ten minutes.

use std::time::Duration;

use lab::storm::{Setup, storm};

/// What could be seen is known from the requests that reached AWS, not from the operator.
#[test]
fn two_hundred_tamperings_of_fifty_tenants_are_undone_and_told() {
    let setup = Setup {
        tenants: 50,
        tamperings: 200,
        span: Duration::from_secs(600),
        seed: 7,
    };
    let storm = storm(setup).unwrap();
    assert_eq!(storm.wrong, Vec::<String>::new());
    assert_eq!(storm.done.values().sum::<usize>(), setup.tamperings);
    assert_eq!(storm.done.len(), 10, "one kind never happened: {:?}", storm.done);
    // Nearly all of it is there when a listing begins, which is at most half a minute later.
    assert!(storm.seen > 150, "only {} could be seen", storm.seen);
    assert_eq!(storm.told, storm.seen);
}
