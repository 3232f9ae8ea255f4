use std::time::Duration;

use jiff::Timestamp;

use super::{Clock, ManualClock, elapsed, later};

#[tokio::test]
async fn a_wait_ends_when_the_clock_reaches_it_and_not_before() {
    let clock = ManualClock::new(Timestamp::UNIX_EPOCH);
    let wait = clock.after(Duration::from_secs(60));
    tokio::pin!(wait);
    clock.advance(Duration::from_secs(59));
    assert!(futures::poll!(wait.as_mut()).is_pending());
    clock.advance(Duration::from_secs(1));
    wait.await;
}

#[test]
fn a_clock_never_goes_back() {
    let clock = ManualClock::new(Timestamp::UNIX_EPOCH);
    clock.advance(Duration::from_secs(10));
    clock.advance_to(Timestamp::UNIX_EPOCH);
    assert_eq!(
        elapsed(Timestamp::UNIX_EPOCH, clock.now()),
        Duration::from_secs(10)
    );
}

#[test]
fn the_end_of_time_is_not_passed() {
    assert_eq!(later(Timestamp::MAX, Duration::from_secs(1)), Timestamp::MAX);
    assert_eq!(elapsed(Timestamp::MAX, Timestamp::UNIX_EPOCH), Duration::ZERO);
}

#[test]
fn the_next_wait_is_the_earliest_of_those_that_still_stand() {
    let start = Timestamp::UNIX_EPOCH;
    let clock = ManualClock::new(start);
    assert_eq!(clock.next_wait(), None);
    let soon = clock.after(Duration::from_secs(1));
    let late = clock.after(Duration::from_secs(60));
    assert_eq!(clock.next_wait(), Some(later(start, Duration::from_secs(1))));
    drop(soon);
    assert_eq!(clock.next_wait(), Some(later(start, Duration::from_secs(60))));
    clock.advance(Duration::from_secs(60));
    assert_eq!(clock.next_wait(), None, "who is due does not wait any more");
    drop(late);
}
