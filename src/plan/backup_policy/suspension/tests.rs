use proptest::prelude::*;

use super::*;
use crate::api::{AcceptedBackupPolicy, Time};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn spec(until: Option<Timestamp>) -> BackupPolicySpec {
    BackupPolicySpec {
        suspend: until.map(|_| true),
        suspend_until: until.map(Time),
        suspend_reason: until.map(|_| "a migration".to_owned()),
        ..BackupPolicySpec::default()
    }
}

/// The status after a pass that found this asked for.
fn after(status: &BackupPolicyStatus, asks: Option<Timestamp>, now: Timestamp) -> BackupPolicyStatus {
    let spec = spec(asks);
    BackupPolicyStatus {
        suspension: suspending(status, asked(&spec), now).kept().cloned(),
        accepted: Some(AcceptedBackupPolicy { generation: 1, spec }),
        ..BackupPolicyStatus::default()
    }
}

/// The statuses of a row of passes: what is asked for at each, and when.
fn lived(passes: &[(Option<&str>, &str)]) -> BackupPolicyStatus {
    passes
        .iter()
        .fold(BackupPolicyStatus::default(), |status, (asks, now)| {
            after(&status, asks.map(at), at(now))
        })
}

fn span(status: &BackupPolicyStatus) -> (String, String) {
    let kept = status.suspension.as_ref().unwrap();
    (kept.since.0.to_string(), kept.until.0.to_string())
}

#[test]
fn a_suspension_lasts_until_its_end() {
    let status = lived(&[(Some("2026-11-03T00:00:00Z"), "2026-11-01T10:00:00.4Z")]);
    assert_eq!(
        span(&status),
        ("2026-11-01T10:00:00Z".into(), "2026-11-03T00:00:00Z".into())
    );
    let rule = of_status(&status).unwrap();
    assert!(rule.covers(at("2026-11-02T23:59:59Z")));
    assert!(!rule.covers(at("2026-11-03T00:00:00Z")));
}

#[test]
fn seven_days_are_the_most_and_no_edit_begins_them_anew() {
    let first = (Some("2027-01-01T00:00:00Z"), "2026-11-01T10:00:00Z");
    let status = lived(&[first, (Some("2028-01-01T00:00:00Z"), "2026-11-05T00:00:00Z")]);
    assert_eq!(
        span(&status),
        ("2026-11-01T10:00:00Z".into(), "2026-11-08T10:00:00Z".into())
    );
    let over = suspending(
        &status,
        Some(at("2029-01-01T00:00:00Z")),
        at("2026-11-20T00:00:00Z"),
    );
    assert_eq!(
        over,
        Suspending::Over {
            last: status.suspension,
            is_at_limit: true
        }
    );
}

#[test]
fn one_that_is_turned_off_and_on_again_soon_is_the_same() {
    let status = lived(&[
        (Some("2027-01-01T00:00:00Z"), "2026-11-01T10:00:00Z"),
        (None, "2026-11-07T10:00:00Z"),
        (None, "2026-11-08T09:59:59Z"),
        (Some("2027-01-01T00:00:00Z"), "2026-11-08T09:59:59Z"),
    ]);
    assert_eq!(
        span(&status),
        ("2026-11-01T10:00:00Z".into(), "2026-11-08T10:00:00Z".into())
    );
}

#[test]
fn two_days_of_backups_end_a_suspension_for_good() {
    let passes = [
        (Some("2027-01-01T00:00:00Z"), "2026-11-01T10:00:00Z"),
        (None, "2026-11-07T10:00:00Z"),
        (None, "2026-11-09T10:00:00Z"),
    ];
    assert_eq!(lived(&passes).suspension, None);
    // Also if nobody looked when the two days were over.
    let again = [
        passes[0],
        passes[1],
        (Some("2027-01-01T00:00:00Z"), "2026-11-09T10:00:00Z"),
    ];
    assert_eq!(span(&lived(&again)).0, "2026-11-09T10:00:00Z");
}

#[test]
fn an_end_in_the_past_suspends_nothing_and_counts_nothing() {
    let past = (Some("2026-11-01T00:00:00Z"), "2026-11-01T10:00:00Z");
    let status = lived(&[past]);
    assert_eq!(status.suspension, None);
    let status = lived(&[past, (Some("2026-11-20T00:00:00Z"), "2026-11-10T00:00:00Z")]);
    assert_eq!(
        span(&status),
        ("2026-11-10T00:00:00Z".into(), "2026-11-17T00:00:00Z".into())
    );
}

#[test]
fn one_that_was_turned_off_counts_for_nothing_that_can_still_run() {
    let status = lived(&[
        (Some("2026-11-03T00:00:00Z"), "2026-11-01T10:00:00Z"),
        (None, "2026-11-02T10:00:00Z"),
    ]);
    assert_eq!(of_status(&status), None);
    assert_eq!(span(&status).1, "2026-11-02T10:00:00Z");
}

#[test]
fn an_end_moved_into_the_past_ends_it_now() {
    let passes = [
        (Some("2026-11-05T00:00:00Z"), "2026-11-01T10:00:00Z"),
        (Some("2026-11-01T11:00:00Z"), "2026-11-02T10:00:00Z"),
        (Some("2026-11-01T11:00:00Z"), "2026-11-03T10:00:00Z"),
    ];
    assert_eq!(span(&lived(&passes)).1, "2026-11-02T10:00:00Z");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// Whatever is edited and whenever it is looked at: between two suspensions backups go on for two days, and none
    /// lasts longer than seven.
    #[test]
    fn no_row_of_edits_suspends_for_longer(
        edits in prop::collection::vec((prop::option::of(0_i64..1_200), 1_i64..90), 1..60),
    ) {
        let hour = |hours: i64| at("2026-11-01T00:00:00Z") + jiff::SignedDuration::from_hours(hours);
        let mut status = BackupPolicyStatus::default();
        let mut now = 0;
        let mut asleep = None::<i64>;
        let mut awake = 1_000_000;
        for (asks, pause) in edits {
            status = after(&status, asks.map(|until| hour(now + until - 100)), hour(now));
            // Hour by hour until the next edit, with a pass at each.
            for _ in 0..pause {
                let asks = status.accepted.as_ref().and_then(|accepted| asked(&accepted.spec));
                let is_suspended = matches!(suspending(&status, asks, hour(now)), Suspending::Yes { .. });
                prop_assert_eq!(is_suspended, of_status(&status).is_some_and(|span| span.covers(hour(now))));
                if is_suspended {
                    // The same one goes on, unless backups went on for two days.
                    asleep = asleep.filter(|_| awake < 48).or(Some(now));
                    awake = 0;
                    prop_assert!(now < asleep.unwrap() + 7 * 24, "suspended for longer");
                } else {
                    awake += 1;
                }
                now += 1;
                status = after(&status, asks, hour(now));
            }
        }
    }
}
