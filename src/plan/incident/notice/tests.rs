use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use proptest::{collection, prelude::*, sample::select};

use super::{ENTRY_GRACE, Facts, Notice, Record, Stage, read};
use crate::api::{Notification, NotificationChannel, NotificationResult, Time};

const DAY: std::time::Duration = std::time::Duration::from_hours(24);

fn at(minutes: i64) -> Timestamp {
    "2031-05-01T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minutes)
}

fn entry(
    tenant: &str,
    channel: NotificationChannel,
    result: NotificationResult,
    minutes: i64,
) -> Notification {
    Notification {
        tenant: tenant.to_owned(),
        channel,
        by: "sato@example.com".to_owned(),
        to: "Mr. Tanaka".to_owned(),
        at: Time(at(minutes)),
        result,
    }
}

fn call(tenant: &str, minutes: i64) -> Notification {
    entry(
        tenant,
        NotificationChannel::Phone,
        NotificationResult::Reached,
        minutes,
    )
}

fn tenants(names: &[&str]) -> BTreeMap<String, BTreeSet<NotificationChannel>> {
    names
        .iter()
        .map(|name| ((*name).to_owned(), BTreeSet::from([NotificationChannel::Phone])))
        .collect()
}

/// The clock of an Incident detected at minute 0 and made at minute 10.
fn clock(names: &[&str], entries: &[Notification], record: &Record, now: i64) -> Notice {
    let facts = Facts {
        detected_at: at(0),
        created_at: at(10),
        within: Some(DAY),
        tenants: &tenants(names),
        notifications: entries,
    };
    read(facts, record, at(now))
}

#[test]
fn the_clock_runs_from_the_earlier_of_detection_and_creation() {
    let notice = clock(&["a"], &[], &Record::default(), 10);
    assert_eq!(notice.record.notify_by, Some(at(24 * 60)));
    let facts = Facts {
        detected_at: at(30),
        created_at: at(10),
        within: Some(DAY),
        tenants: &tenants(&["a"]),
        notifications: &[],
    };
    assert_eq!(
        read(facts, &Record::default(), at(40)).record.notify_by,
        Some(at(24 * 60 + 10))
    );
}

#[test]
fn only_a_person_reached_by_a_channel_of_the_terms_stops_the_clock() {
    let by_mail = entry("a", NotificationChannel::Email, NotificationResult::Reached, 20);
    let unanswered = entry("a", NotificationChannel::Phone, NotificationResult::NoAnswer, 20);
    let other_tenant = call("b", 20);
    let notice = clock(
        &["a"],
        &[by_mail, unanswered, other_tenant],
        &Record::default(),
        25,
    );
    assert_eq!((notice.notified_at, notice.stage), (None, Stage::Running));
    let notice = clock(&["a"], &[call("a", 20)], &Record::default(), 25);
    assert_eq!((notice.notified_at, notice.stage), (Some(at(20)), Stage::Told));
    assert_eq!(notice.look_again, None);
}

#[test]
fn every_tenants_customer_must_be_reached_and_the_last_one_counts() {
    let first = clock(&["a", "b"], &[call("a", 20)], &Record::default(), 25);
    assert_eq!(first.notified_at, None);
    let both = clock(&["a", "b"], &[call("a", 20), call("b", 40)], &first.record, 45);
    assert_eq!(both.notified_at, Some(at(40)));
}

#[test]
fn a_late_entry_counts_from_when_it_was_seen() {
    let notice = clock(&["a"], &[call("a", 20)], &Record::default(), 36);
    assert_eq!(notice.notified_at, Some(at(36)));
    let again = clock(&["a"], &[call("a", 20)], &notice.record, 500);
    assert_eq!(again.notified_at, Some(at(36)), "looking again makes it no later");
}

#[test]
fn a_back_dated_entry_does_not_undo_a_breach() {
    let overdue = clock(&["a"], &[], &Record::default(), 24 * 60 + 1);
    assert_eq!((overdue.stage, overdue.record.breached), (Stage::Overdue, true));
    let told = clock(&["a"], &[call("a", 24 * 60 - 5)], &overdue.record, 24 * 60 + 2);
    assert_eq!((told.stage, told.record.breached), (Stage::ToldLate, true));
}

#[test]
fn a_call_announced_for_later_says_nothing_yet() {
    let notice = clock(&["a"], &[call("a", 60)], &Record::default(), 20);
    assert_eq!((notice.notified_at, notice.look_again), (None, Some(at(60))));
    assert_eq!(
        clock(&["a"], &[call("a", 60)], &notice.record, 60).notified_at,
        Some(at(60))
    );
}

#[test]
fn the_edges_are_half_three_quarters_and_all_of_the_time() {
    let steps = [
        (10, Stage::Running, 720),
        (720, Stage::Half, 1080),
        (1080, Stage::ThreeQuarters, 1440),
    ];
    for (now, stage, next) in steps {
        let notice = clock(&["a"], &[], &Record::default(), now);
        assert_eq!(notice.stage, stage);
        let look_again = notice.look_again.unwrap();
        assert!(look_again >= at(next) && look_again <= at(next) + SignedDuration::from_secs(1));
    }
    let on_the_dot = clock(&["a"], &[], &Record::default(), 1440);
    assert_eq!(
        on_the_dot.stage,
        Stage::ThreeQuarters,
        "the deadline itself is still in time"
    );
    let after = clock(&["a"], &[], &Record::default(), 1441);
    assert_eq!((after.stage, after.look_again), (Stage::Overdue, None));
}

#[test]
fn a_running_promise_does_not_follow_a_change_of_the_terms() {
    let first = clock(&["a"], &[], &Record::default(), 10);
    let facts = Facts {
        detected_at: at(0),
        created_at: at(10),
        within: Some(2 * DAY),
        tenants: &tenants(&["a"]),
        notifications: &[],
    };
    assert_eq!(
        read(facts, &first.record, at(11)).record.notify_by,
        first.record.notify_by
    );
}

#[test]
fn without_terms_there_is_no_deadline_to_miss() {
    let facts = Facts {
        detected_at: at(0),
        created_at: at(10),
        within: None,
        tenants: &BTreeMap::new(),
        notifications: &[],
    };
    let notice = read(facts, &Record::default(), at(100_000));
    assert_eq!(notice.record, Record::default());
    assert_eq!(notice.stage, Stage::Unset);
}

fn entries() -> impl Strategy<Value = Vec<Notification>> {
    let one = (
        select(vec!["a", "b", "c"]),
        select(NotificationChannel::ALL),
        select(NotificationResult::ALL),
        -60..3000_i64,
    )
        .prop_map(|(tenant, channel, result, minutes)| entry(tenant, channel, result, minutes));
    collection::vec(one, 0..6)
}

/// Passes at these minutes, each seeing the entries that were written until then.
fn walk(entries: &[Notification], passes: &BTreeSet<i64>) -> Vec<Notice> {
    let mut record = Record::default();
    let mut notices = Vec::new();
    for (index, now) in passes.iter().enumerate() {
        let written = &entries[..index.min(entries.len())];
        let notice = clock(&["a", "b"], written, &record, *now);
        record = notice.record.clone();
        notices.push(notice);
    }
    notices
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_was_decided_stays(
        entries in entries(),
        passes in collection::btree_set(10..3000_i64, 1..12),
    ) {
        let notices = walk(&entries, &passes);
        for pair in notices.windows(2) {
            let (before, after) = (&pair[0], &pair[1]);
            prop_assert_eq!(before.record.notify_by, after.record.notify_by);
            prop_assert!(!before.record.breached || after.record.breached);
            prop_assert!(before.notified_at.is_none() || after.notified_at.is_some());
            for (tenant, at) in &before.record.reached {
                prop_assert!(after.record.reached[tenant] <= *at);
            }
        }
    }

    #[test]
    fn a_look_at_the_same_instant_changes_nothing(entries in entries(), now in 10..3000_i64) {
        let once = clock(&["a", "b"], &entries, &Record::default(), now);
        prop_assert_eq!(&clock(&["a", "b"], &entries, &once.record, now), &once);
    }

    #[test]
    fn the_order_of_entries_does_not_matter(entries in entries(), now in 10..3000_i64) {
        let reversed: Vec<_> = entries.iter().rev().cloned().collect();
        let (one, other) = (
            clock(&["a", "b"], &entries, &Record::default(), now),
            clock(&["a", "b"], &reversed, &Record::default(), now),
        );
        prop_assert_eq!(one, other);
    }

    #[test]
    fn no_entry_counts_from_before_the_grace(entries in entries(), now in 10..3000_i64) {
        let notice = clock(&["a", "b"], &entries, &Record::default(), now);
        for at_counted in notice.record.reached.values() {
            prop_assert!(*at_counted <= at(now));
            prop_assert!(*at_counted + ENTRY_GRACE >= at(now));
        }
    }

    #[test]
    fn nothing_changes_by_itself_before_the_next_look(entries in entries(), now in 10..3000_i64) {
        let notice = clock(&["a", "b"], &entries, &Record::default(), now);
        let until = notice.look_again.map_or(at(6000), |next| next - SignedDuration::from_secs(1));
        prop_assert!(until >= at(now));
        let facts = Facts {
            detected_at: at(0),
            created_at: at(10),
            within: Some(DAY),
            tenants: &tenants(&["a", "b"]),
            notifications: &entries,
        };
        let later = read(facts, &notice.record, until);
        prop_assert_eq!((later.stage, later.notified_at), (notice.stage, notice.notified_at));
    }
}
