use jiff::civil::{Date, date};
use serde_json::json;

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn tokyo() -> Schedule {
    Schedule::new("00:30", "Asia/Tokyo").unwrap()
}

const SNAPSHOT: [terms::Method; 1] = [terms::Method::Snapshot];
const ALL: [terms::Method; 3] = [
    terms::Method::Files,
    terms::Method::Database,
    terms::Method::Snapshot,
];

/// Noon of the 25th in Tokyo: the runs of the 24th and before have ended, the one of the 25th need not have.
const NOON: &str = "2026-11-25T03:00:00Z";

/// Copies of which AWS said everything.
fn seen() -> Copies {
    Copies {
        unread_copies: Some(BTreeSet::new()),
        ..Copies::default()
    }
}

fn good(days: &[i8]) -> GoodDays {
    GoodDays {
        days: days.iter().map(|&day| date(2026, 11, day)).collect(),
        newest_at: None,
    }
}

/// Judges a Tenant that was Ready for the first time on the 1st, changed by `change`.
fn judged_at(
    now: &str,
    held: &[i8],
    change: impl FnOnce(&mut Protection<'_>),
) -> Option<(bool, Reason, String)> {
    let (schedule, promised, good) = (tokyo(), BTreeSet::from(SNAPSHOT), good(held));
    let mut facts = Protection {
        calendar: Calendar {
            first_ready: Some(at("2026-11-01T00:00:00Z")),
            schedule: &schedule,
            longest: Duration::from_secs(18 * 60 * 60),
        },
        policy: None,
        methods: &[Method::Snapshot],
        promised: &promised,
        wanted: 3,
        good: &good,
        lost_run: None,
        copies: Some(seen()),
        suspended: None,
        is_quota_short: false,
        told: None,
    };
    change(&mut facts);
    protection(&facts, at(now))
}

fn judged(held: &[i8], change: impl FnOnce(&mut Protection<'_>)) -> (bool, Reason, String) {
    judged_at(NOON, held, change).unwrap()
}

const HELD: [i8; 3] = [23, 24, 25];

#[test]
fn a_tenant_with_every_good_day_locked_and_private_is_protected() {
    let (holds, reason, message) = judged(&HELD, |_| {});
    assert_eq!((holds, reason), (true, Reason::ByTerms));
    assert_eq!(
        message,
        "by the terms, as no BackupPolicy is for the Tenant; good days held: 3 of 3"
    );
    let (holds, reason, message) = judged(&HELD, |facts| facts.policy = Some("daily"));
    assert_eq!((holds, reason), (true, Reason::ByPolicy));
    assert_eq!(message, "by BackupPolicy daily; good days held: 3 of 3");
}

#[test]
fn a_tenant_that_was_never_ready_is_not_protected_whatever_is_seen() {
    for copies in [None, Some(Copies::default())] {
        let (holds, reason, _) = judged(&[], |facts| {
            facts.calendar.first_ready = None;
            facts.copies = copies;
        });
        assert_eq!((holds, reason), (false, Reason::NeverReady));
    }
}

#[test]
fn methods_that_this_build_lacks_are_named() {
    let promised = BTreeSet::from(ALL);
    let schedule = tokyo();
    let held = good(&HELD);
    let facts = Protection {
        calendar: Calendar {
            first_ready: Some(at("2026-11-01T00:00:00Z")),
            schedule: &schedule,
            longest: Duration::from_secs(18 * 60 * 60),
        },
        policy: None,
        methods: &[Method::Snapshot],
        promised: &promised,
        wanted: 3,
        good: &held,
        lost_run: None,
        copies: Some(Copies::default()),
        suspended: None,
        is_quota_short: false,
        told: None,
    };
    let (holds, reason, message) = protection(&facts, at(NOON)).unwrap();
    assert_eq!((holds, reason), (false, Reason::MethodsMissing));
    assert_eq!(
        message,
        "the terms promise Files and Database, which this release does not back up; good days held: 3 of 3"
    );
}

#[test]
fn a_tenant_is_protected_from_its_first_good_day_until_a_day_is_lost() {
    let young = |now: &str, held: &[i8]| {
        let answer = judged_at(now, held, |facts| {
            facts.calendar.first_ready = Some(at("2026-11-24T00:00:00Z"));
        });
        answer.unwrap().1
    };
    assert_eq!(young("2026-11-25T00:00:00Z", &[]), Reason::NoBackupYet);
    assert_eq!(young("2026-11-25T00:00:00Z", &[25]), Reason::ByTerms);
    // The slot of the 26th begins late at the latest at 12:30, and ends by 18:30.
    assert_eq!(young("2026-11-26T09:29:59Z", &[25]), Reason::ByTerms);
    assert_eq!(young("2026-11-26T09:30:00Z", &[25]), Reason::BackupOverdue);
}

#[test]
fn a_tenant_that_became_ready_after_the_slot_is_not_overdue() {
    let answer = judged_at("2026-11-26T12:00:00Z", &[25], |facts| {
        facts.calendar.first_ready = Some(at("2026-11-26T00:00:00Z"));
    });
    assert_eq!(answer.unwrap().1, Reason::ByTerms);
}

#[test]
fn a_run_is_overdue_by_the_rules_in_force() {
    let overdue = |longest: u64| {
        let answer = judged_at("2026-11-25T03:00:00Z", &[22, 23, 24], |facts| {
            facts.calendar.longest = Duration::from_secs(longest);
        });
        answer.unwrap().1
    };
    assert_eq!(overdue(12 * 3600), Reason::ByTerms);
    assert_eq!(overdue(11 * 3600), Reason::BackupOverdue);
}

#[test]
fn a_day_that_is_owed_and_not_held_is_missing() {
    // Of the 23rd nothing is held any more.
    let (holds, reason, message) = judged(&[24, 25], |_| {});
    assert_eq!((holds, reason), (false, Reason::GoodDaysMissing));
    assert_eq!(message, "good days are missing; good days held: 2 of 3");
    // Ready since the 23rd: only the 24th was due and has ended.
    let (holds, ..) = judged(&[24, 25], |facts| {
        facts.calendar.first_ready = Some(at("2026-11-23T00:00:00Z"));
    });
    assert!(holds);
}

#[test]
fn a_failed_run_is_told_in_the_words_of_aws_and_with_every_other_lack() {
    let (holds, reason, message) = judged(&HELD, |facts| {
        facts.lost_run = Some(LostRun {
            phase: BackupPhase::Failed,
            why: Some("snapshot snap-1 failed: The volume is impaired".to_owned()),
        });
        facts.copies = Some(Copies {
            unlocked_days: 1,
            unread_days: 2,
            exposed: vec!["snap-2 is public".to_owned()],
            ..Copies::default()
        });
        facts.policy = Some("daily");
        facts.suspended = Some("moving house");
        facts.is_quota_short = true;
    });
    assert_eq!((holds, reason), (false, Reason::BackupFailed));
    assert_eq!(
        message,
        "the last backup failed: snapshot snap-1 failed: The volume is impaired; \
         snapshots are not locked against deletion: those of 1 of 3 good days; \
         others can use copies: snap-2 is public; \
         BackupPolicy daily is suspended: moving house; \
         the account's quota has too little room for the snapshots to come, as BackupPolicy daily says; \
         good days held: 3 of 3"
    );
}

#[test]
fn every_lack_alone_gives_its_own_reason() {
    type Change = fn(&mut Protection<'_>);
    let cases: [(Change, Reason); 7] = [
        (
            |facts| facts.copies.as_mut().unwrap().unlocked_days = 1,
            Reason::NotLocked,
        ),
        (
            |facts| facts.copies.as_mut().unwrap().unread_days = 1,
            Reason::LockNotRead,
        ),
        (
            |facts| facts.copies.as_mut().unwrap().vault_lack = Some("the vault has no lock".to_owned()),
            Reason::VaultNotLocked,
        ),
        (
            |facts| facts.copies.as_mut().unwrap().exposed = vec!["snap-1 is public".to_owned()],
            Reason::CopiesShared,
        ),
        (|facts| facts.suspended = Some("x"), Reason::Suspended),
        (|facts| facts.is_quota_short = true, Reason::QuotaShort),
        (
            |facts| {
                facts.lost_run = Some(LostRun {
                    phase: BackupPhase::Missed,
                    why: None,
                });
            },
            Reason::BackupMissed,
        ),
    ];
    for (change, expected) in cases {
        let (holds, reason, _) = judged(&HELD, change);
        assert_eq!((holds, reason), (false, expected));
    }
}

#[test]
fn while_aws_is_not_seen_the_last_answer_stays_but_a_lost_day_is_told() {
    let blind = |held: &[i8]| judged_at(NOON, held, |facts| facts.copies = None);
    assert_eq!(blind(&HELD), None);
    assert_eq!(blind(&[22, 23]).unwrap().1, Reason::BackupOverdue);
    assert_eq!(blind(&[]).unwrap().1, Reason::NoBackupYet);
}

/// What the Tenant is said to lack at first, and then, when AWS says less.
fn said_twice(
    first: impl FnOnce(&mut Copies),
    then: impl FnOnce(&mut Copies),
) -> ((bool, Reason, String), (bool, Reason, String)) {
    let before = judged(&HELD, |facts| first(facts.copies.as_mut().unwrap()));
    let told: &'static str = before.2.clone().leak();
    let after = judged(&HELD, |facts| {
        facts.told = Some(told);
        then(facts.copies.as_mut().unwrap());
    });
    (before, after)
}

#[test]
fn a_lack_stays_until_aws_says_that_it_is_over() {
    let vault = "vault yagura has no lock: what is in it can be deleted at any time";
    type Change = fn(&mut Copies);
    let cases: [(Change, Change); 4] = [
        (
            |copies| copies.unlocked_days = 2,
            |copies| copies.are_locks_unknown = true,
        ),
        (
            |copies| {
                copies.vault_lack =
                    Some("vault yagura has no lock: what is in it can be deleted at any time".to_owned());
            },
            |copies| copies.is_vault_unknown = true,
        ),
        (
            |copies| copies.exposed = vec!["snap-1 is public".to_owned()],
            |copies| copies.unread_copies = Some(BTreeSet::from(["snap-1".to_owned()])),
        ),
        (
            |copies| copies.exposed = vec!["snap-1 is public".to_owned()],
            |copies| copies.unread_copies = None,
        ),
    ];
    assert!(is_vault_lack(vault));
    for (first, unknown) in cases {
        let (before, after) = said_twice(first, unknown);
        assert!(!before.0);
        assert_eq!(after, before, "nobody knows better");
        let (_, after) = said_twice(first, |_| {});
        assert!(after.0, "AWS said so: {after:?}");
    }
    // Of many only a few were named, so any that was not read may be one of them.
    let many = |copies: &mut Copies| copies.exposed = (1..6).map(|n| format!("snap-{n} is public")).collect();
    let unread: Change = |copies| copies.unread_copies = Some(BTreeSet::from(["snap-5".to_owned()]));
    let (before, after) = said_twice(many, unread);
    assert_eq!(after, before);
    // Another copy that was not read says nothing of that one.
    let (_, after) = said_twice(
        |copies| copies.exposed = vec!["snap-1 is public".to_owned()],
        |copies| copies.unread_copies = Some(BTreeSet::from(["snap-2".to_owned()])),
    );
    assert!(after.0, "{after:?}");
}

#[test]
fn a_graver_lack_comes_before_one_that_is_only_remembered() {
    let told = judged(&HELD, |facts| facts.copies.as_mut().unwrap().unlocked_days = 1);
    let told: &'static str = told.2.leak();
    let (_, reason, message) = judged_at(NOON, &[22, 23], |facts| {
        facts.told = Some(told);
        facts.copies = None;
    })
    .unwrap();
    assert_eq!(reason, Reason::BackupOverdue);
    assert!(message.contains(NOT_LOCKED), "{message}");
}

#[test]
fn why_locks_are_not_read_is_said() {
    let (_, reason, message) = judged(&HELD, |facts| {
        let copies = facts.copies.as_mut().unwrap();
        copies.unread_days = 3;
        copies.locks_trouble = Some("the right is missing".to_owned());
    });
    assert_eq!(reason, Reason::LockNotRead);
    assert!(
        message.contains("3 of 3 good days (the right is missing)"),
        "{message}"
    );
}

#[test]
fn a_message_is_the_same_the_next_day() {
    let day = |now: &str, held: &[i8]| {
        judged_at(now, held, |facts| {
            facts.copies.as_mut().unwrap().unlocked_days = 3;
        })
    };
    assert_eq!(day(NOON, &HELD), day("2026-11-26T03:00:00Z", &[23, 24, 25, 26]));
}

fn ended(slot: &str, phase: &str, why: Option<&str>) -> Backup {
    serde_json::from_value(json!({
        "apiVersion": "yagura.dev/v1alpha1",
        "kind": "Backup",
        "metadata": {"name": "b", "namespace": "acme"},
        "spec": {"tenantRef": "acme", "scheduledTime": slot},
        "status": {
            "phase": phase,
            "methods": [{"method": "Snapshot", "state": "Failed", "message": why}],
            "conditions": [{
                "type": "Failed", "status": "True", "reason": "BackupMissed", "message": "of the condition",
                "lastTransitionTime": slot,
            }],
        },
    }))
    .unwrap()
}

#[test]
fn only_the_newest_ended_run_can_be_lost_and_only_until_a_good_day() {
    let failed = ended("2026-11-24T15:30:00Z", "Failed", Some("AWS said no"));
    let running = ended("2026-11-25T15:30:00Z", "Running", None);
    let before = ended("2026-11-23T15:30:00Z", "Missed", None);
    let lost = |backups: &[&Backup], held: &[i8]| {
        let good = GoodDays {
            days: held.iter().map(|&day| Date::constant(2026, 11, day)).collect(),
            newest_at: None,
        };
        lost_run(backups.iter().copied(), &tokyo(), &good)
    };
    let expected = LostRun {
        phase: BackupPhase::Failed,
        why: Some("AWS said no".to_owned()),
    };
    assert_eq!(lost(&[&before, &failed, &running], &[23]), Some(expected));
    // Another Backup, by hand, made the day good.
    assert_eq!(lost(&[&before, &failed, &running], &[25]), None);
    let missed = lost(&[&before], &[]).unwrap();
    assert_eq!(
        (missed.phase, missed.why.as_deref()),
        (BackupPhase::Missed, Some("of the condition"))
    );
    let whole = ended("2026-11-24T15:30:00Z", "Complete", None);
    assert_eq!(lost(&[&before, &whole], &[25]), None);
    let mut by_hand = ended("2026-11-24T15:30:00Z", "Failed", None);
    by_hand.spec.scheduled_time = None;
    assert_eq!(lost(&[&by_hand], &[]), None);
}

#[test]
fn the_next_end_of_a_run_is_the_next_moment_to_judge() {
    let schedule = tokyo();
    let calendar = |longest: u64| Calendar {
        first_ready: None,
        schedule: &schedule,
        longest: Duration::from_secs(longest * 3600),
    };
    assert_eq!(calendar(18).next_end(at(NOON)), Some(at("2026-11-25T09:30:00Z")));
    assert_eq!(calendar(3).next_end(at(NOON)), None);
    // The longest that a policy allows lasts into the next day.
    assert_eq!(
        calendar(24).next_end(at("2026-11-25T15:29:59Z")),
        Some(at("2026-11-25T15:30:00Z"))
    );
}
