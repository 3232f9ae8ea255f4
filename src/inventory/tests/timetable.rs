use std::time::Duration;

use jiff::Timestamp;

use super::{
    super::{
        MAX_AGE, PERIOD,
        state::{Answer, State},
        timetable::{Ended, ListingKind, Timetable},
    },
    core::failure,
};
use crate::{
    clock::later,
    cloud::{CloudError, ErrorKind, Listed, Observed, Operation},
};

const T: Timestamp = Timestamp::UNIX_EPOCH;
const KIND: ListingKind = ListingKind::Snapshots;

fn after(seconds: u64) -> Timestamp {
    later(T, Duration::from_secs(seconds))
}

/// A listing that begins at one instant and ends at another.
fn run(timetable: &mut Timetable, ended: Ended, (begin, end): (u64, u64)) {
    timetable.begin(KIND, after(begin));
    timetable.end(KIND, after(begin), (ended, after(end)));
}

#[test]
fn everything_is_due_at_the_start_and_the_second_time_comes_soon() {
    let mut timetable = Timetable::default();
    let constant: Vec<_> = ListingKind::ALL
        .into_iter()
        .filter(|kind| kind.is_constant())
        .collect();
    assert_eq!(timetable.due(T), constant);
    run(&mut timetable, Ended::Complete(1), (0, 1));
    assert_eq!(timetable.due(T).len(), constant.len() - 1);
    assert_eq!(timetable.due_at(KIND), after(5));
    run(&mut timetable, Ended::Complete(1), (5, 6));
    assert_eq!(timetable.due_at(KIND), after(35));
    run(&mut timetable, Ended::Complete(1), (35, 36));
    assert_eq!(timetable.due_at(KIND), after(65));
}

#[test]
fn a_listing_of_many_pages_comes_less_often_and_the_others_as_before() {
    let mut timetable = Timetable::default();
    run(&mut timetable, Ended::Complete(100), (0, 6));
    assert_eq!(
        timetable.due_at(KIND),
        after(10),
        "half of the calls allowed, once"
    );
    run(&mut timetable, Ended::Complete(100), (10, 16));
    assert_eq!(timetable.period(KIND), Duration::from_secs(100));
    assert_eq!(timetable.due_at(KIND), after(110));
    assert_eq!(timetable.period(ListingKind::Groups), PERIOD);
    run(&mut timetable, Ended::Complete(7), (110, 111));
    assert_eq!(timetable.due_at(KIND), after(140), "fewer pages, soon again");
}

#[test]
fn no_period_is_so_long_that_one_failure_leaves_things_unknown() {
    for pages in [1, 30, 100, 140, 2000] {
        let mut timetable = Timetable::default();
        run(&mut timetable, Ended::Complete(pages), (0, 60));
        assert!(2 * timetable.period(KIND) < MAX_AGE, "{pages} pages");
    }
    let mut seldom = Timetable::new(Duration::from_secs(240));
    run(&mut seldom, Ended::Complete(1000), (0, 60));
    assert_eq!(
        seldom.period(KIND),
        Duration::from_secs(240),
        "as it was asked for"
    );
}

#[test]
fn a_throttled_listing_pauses_its_period_from_its_end() {
    let mut timetable = Timetable::default();
    let throttled = Ended::Failed(ErrorKind::Throttled);
    run(&mut timetable, throttled, (0, 15));
    assert_eq!(timetable.due_at(KIND), after(45));
    run(&mut timetable, Ended::Complete(60), (45, 50));
    run(&mut timetable, throttled, (100, 115));
    assert_eq!(timetable.due_at(KIND), after(175));
    assert_eq!(timetable.due_at(ListingKind::Groups), Timestamp::MIN);
}

#[test]
fn a_listing_that_fails_at_the_start_is_tried_again_soon_and_then_at_its_period() {
    let mut timetable = Timetable::default();
    let failed = Ended::Failed(ErrorKind::Transient);
    run(&mut timetable, failed, (0, 1));
    assert_eq!(timetable.due_at(KIND), after(5));
    run(&mut timetable, failed, (5, 6));
    assert_eq!(timetable.due_at(KIND), after(35));
    run(&mut timetable, Ended::Complete(1), (35, 36));
    assert_eq!(
        timetable.due_at(KIND),
        after(40),
        "the second soon after the first"
    );
}

/// A listing of snapshots of a hundred pages, all of them others' than the one that is asked for.
fn hundred_pages() -> Result<Answer, CloudError> {
    Ok(Answer::Snapshots(Listed {
        items: Vec::new(),
        pages: 100,
    }))
}

#[test]
fn at_the_quota_of_snapshots_a_listing_may_fail_and_the_view_stays_believed() {
    let mut state = State::default();
    let list = |state: &mut State, answer, begin, end| {
        let begun = state.begin_listing(KIND, after(begin));
        state.take(KIND, begun, answer, after(end));
    };
    list(&mut state, hundred_pages(), 0, 8);
    list(&mut state, hundred_pages(), 10, 18);
    assert_eq!(state.timetable.due_at(KIND), after(110));
    let unknown = Err(failure(Operation::DescribeSnapshots));
    list(&mut state, unknown, 110, 118);
    assert_eq!(state.timetable.due_at(KIND), after(210));
    // Even if the next one takes a minute and a half.
    assert_eq!(
        state.view(after(300)).snapshot(&"snap-1".into()),
        Observed::Absent
    );
    list(&mut state, hundred_pages(), 210, 300);
    assert_eq!(
        state.view(after(300)).snapshot(&"snap-1".into()),
        Observed::Absent
    );
    assert_eq!(
        state.view(after(511)).snapshot(&"snap-1".into()),
        Observed::Unknown
    );
}
