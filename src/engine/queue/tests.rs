use std::{sync::Arc, time::Duration};

use futures::StreamExt;
use jiff::Timestamp;

use super::{AT_ONCE, DueQueue};
use crate::{
    api::Key,
    clock::{Clock, ManualClock, later},
};

fn key(name: &str) -> Key {
    Key::new("acme", name)
}

const START: Timestamp = Timestamp::UNIX_EPOCH;

fn at(seconds: u64) -> Timestamp {
    later(START, Duration::from_secs(seconds))
}

#[test]
fn the_earlier_time_stands_and_an_object_is_due_once() {
    let queue = DueQueue::default();
    queue.wake_at(key("a"), at(60));
    queue.wake_at(key("a"), at(30));
    queue.wake_at(key("a"), at(90));
    assert_eq!(queue.next_at(), Some(at(30)));
    assert_eq!(queue.pop(at(29)), None);
    assert_eq!(queue.pop(at(30)), Some(key("a")));
    assert_eq!(queue.pop(at(1000)), None);
}

#[tokio::test]
async fn the_stream_gives_each_object_when_the_clock_reaches_it() {
    let clock = ManualClock::new(START);
    let queue = Arc::new(DueQueue::default());
    let stream = Arc::clone(&queue).stream(Arc::new(clock.clone()) as Arc<dyn Clock>);
    tokio::pin!(stream);
    assert!(futures::poll!(stream.next()).is_pending());
    queue.wake_at(key("late"), at(60));
    queue.wake_at(key("soon"), at(10));
    assert!(futures::poll!(stream.next()).is_pending());
    clock.advance(Duration::from_secs(10));
    assert_eq!(stream.next().await, Some(key("soon")));
    clock.advance(Duration::from_secs(50));
    assert_eq!(stream.next().await, Some(key("late")));
}

#[test]
fn what_was_hurried_and_what_is_to_go_on_at_once_goes_before_what_waits_longer() {
    let queue = DueQueue::default();
    let (old, hurried, begun) = (key("old"), key("hurried"), key("begun"));
    queue.hurry(hurried.clone());
    queue.wake_at(old.clone(), at(1));
    queue.wake_at(hurried.clone(), at(5));
    assert_eq!(queue.pop(at(9)), Some(hurried.clone()));
    queue.wake_at(begun.clone(), AT_ONCE);
    queue.wake_at(hurried.clone(), at(5));
    assert_eq!(queue.pop(at(9)), Some(begun));
    assert_eq!(queue.pop(at(9)), Some(old));
    assert_eq!(queue.pop(at(9)), Some(hurried), "hurried once");
}
