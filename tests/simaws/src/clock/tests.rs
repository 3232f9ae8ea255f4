use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use jiff::Timestamp;

use super::{ManualClock, later};

const START: Timestamp = Timestamp::constant(1_767_225_600, 0);

fn after(seconds: u64) -> Timestamp {
    later(START, Duration::from_secs(seconds))
}

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_wait_ends_when_the_clock_is_there_and_not_before() {
    let clock = ManualClock::at(START);
    let count = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&count));
    let mut ctx = Context::from_waker(&waker);
    let mut wait = pin!(clock.wait_until(after(5)));
    assert!(wait.as_mut().poll(&mut ctx).is_pending());
    clock.advance(Duration::from_secs(4));
    assert_eq!(count.0.load(Ordering::Relaxed), 0);
    assert!(wait.as_mut().poll(&mut ctx).is_pending());
    clock.set(after(6));
    assert_eq!(
        count.0.load(Ordering::Relaxed),
        1,
        "woken once though polled twice"
    );
    assert_eq!(wait.as_mut().poll(&mut ctx), Poll::Ready(()));
}

#[test]
fn the_clock_tells_the_earliest_time_that_is_still_waited_for() {
    let clock = ManualClock::at(START);
    let mut ctx = Context::from_waker(Waker::noop());
    assert_eq!(clock.next_wait(), None);
    let mut late = pin!(clock.wait_until(after(9)));
    let mut early = Box::pin(clock.wait_until(after(3)));
    assert_eq!(clock.next_wait(), None, "what nobody polls waits for nothing");
    assert!(late.as_mut().poll(&mut ctx).is_pending());
    assert!(early.as_mut().poll(&mut ctx).is_pending());
    assert_eq!(clock.next_wait(), Some(after(3)));
    drop(early);
    assert_eq!(clock.next_wait(), Some(after(9)));
    clock.set(after(9));
    assert_eq!(clock.next_wait(), None);
}

#[test]
fn a_time_that_has_passed_is_not_waited_for() {
    let clock = ManualClock::at(START);
    let mut wait = pin!(clock.wait_until(START));
    assert!(
        wait.as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_ready()
    );
}
