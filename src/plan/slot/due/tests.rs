use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::tests::{times, zones};
use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn rule(time: &str, zone: &str) -> Rule {
    Rule::always(Schedule::new(time, zone).unwrap())
}

/// What is due, as `slot word`.
fn dues(rule: &Rule, first_ready: Option<&str>, taken: &[&str], now: &str) -> Vec<String> {
    let taken = taken.iter().map(|text| at(text)).collect();
    let history = History {
        first_ready: first_ready.map(at),
        taken: &taken,
        sets: &BTreeSet::new(),
    };
    due(rule, &history, at(now))
        .iter()
        .map(|due| format!("{} {}", due.slot.at, due.decision.as_str()))
        .collect()
}

const READY: Option<&str> = Some("2026-11-01T00:00:00Z");
const WEEK: [&str; 6] = [
    "2026-11-18T15:30:00Z",
    "2026-11-19T15:30:00Z",
    "2026-11-20T15:30:00Z",
    "2026-11-21T15:30:00Z",
    "2026-11-22T15:30:00Z",
    "2026-11-23T15:30:00Z",
];

#[test]
fn a_slot_runs_when_its_time_has_come() {
    let rule = rule("00:30", "Asia/Tokyo");
    assert_eq!(
        dues(&rule, READY, &WEEK, "2026-11-24T15:29:59Z"),
        Vec::<String>::new()
    );
    assert_eq!(
        dues(&rule, READY, &WEEK, "2026-11-24T15:30:00Z"),
        ["2026-11-24T15:30:00Z Scheduled"]
    );
}

#[test]
fn a_catch_up_is_late_and_beyond_the_deadline_missed() {
    let rule = rule("00:30", "Asia/Tokyo");
    assert_eq!(
        dues(&rule, READY, &WEEK, "2026-11-24T15:36:00Z"),
        ["2026-11-24T15:30:00Z Late"]
    );
    assert_eq!(
        dues(&rule, READY, &WEEK, "2026-11-25T03:30:00Z"),
        ["2026-11-24T15:30:00Z Late"]
    );
    assert_eq!(
        dues(&rule, READY, &WEEK, "2026-11-25T03:30:01Z"),
        ["2026-11-24T15:30:00Z Missed"]
    );
}

#[test]
fn a_shorter_deadline_misses_sooner() {
    let rule = Rule {
        starting_deadline: Duration::from_secs(15 * 60),
        ..rule("00:30", "Asia/Tokyo")
    };
    assert_eq!(
        dues(&rule, READY, &WEEK, "2026-11-24T15:45:00Z"),
        ["2026-11-24T15:30:00Z Late"]
    );
    assert_eq!(
        dues(&rule, READY, &WEEK, "2026-11-24T15:45:01Z"),
        ["2026-11-24T15:30:00Z Missed"]
    );
}

fn suspended(since: &str, until: &str) -> Rule {
    Rule {
        suspended: Some(Suspended {
            since: at(since),
            until: at(until),
        }),
        ..rule("00:30", "Asia/Tokyo")
    }
}

#[test]
fn what_falls_due_in_a_suspension_is_written_down_and_not_run() {
    let rule = suspended("2026-11-24T12:00:00Z", "2026-11-25T12:00:00Z");
    for now in ["2026-11-24T15:30:00Z", "2026-11-25T13:00:00Z"] {
        assert_eq!(dues(&rule, READY, &WEEK, now), ["2026-11-24T15:30:00Z Suspended"]);
    }
    let taken: Vec<_> = WEEK.into_iter().chain(["2026-11-24T15:30:00Z"]).collect();
    assert_eq!(
        dues(&rule, READY, &taken, "2026-11-25T15:30:00Z"),
        ["2026-11-25T15:30:00Z Scheduled"]
    );
}

#[test]
fn what_came_due_before_a_suspension_does_not_begin_in_it() {
    let rule = suspended("2026-11-24T16:00:00Z", "2026-11-30T00:00:00Z");
    assert_eq!(
        dues(&rule, READY, &WEEK, "2026-11-24T16:30:00Z"),
        ["2026-11-24T15:30:00Z Suspended"]
    );
    // It could not have begun any more anyway.
    assert_eq!(
        dues(&rule, READY, &WEEK, "2026-11-25T10:00:00Z"),
        ["2026-11-24T15:30:00Z Missed"]
    );
}

#[test]
fn the_next_run_is_after_the_suspension_and_the_next_slot_in_it() {
    let rule = suspended("2026-11-24T12:00:00Z", "2026-11-26T15:30:00Z");
    let taken = WEEK.iter().map(|text| at(text)).collect();
    let history = History {
        first_ready: READY.map(at),
        taken: &taken,
        sets: &BTreeSet::new(),
    };
    let now = at("2026-11-24T13:00:00Z");
    assert_eq!(next_due(&rule, &history, now), Some(at("2026-11-24T15:30:00Z")));
    assert_eq!(next_run(&rule, &history, now), Some(at("2026-11-26T15:30:00Z")));
}

#[test]
fn an_outage_of_days_is_missed_date_by_date() {
    let rule = rule("00:30", "Asia/Tokyo");
    assert_eq!(
        dues(&rule, READY, &WEEK, "2026-11-26T15:31:00Z"),
        [
            "2026-11-24T15:30:00Z Missed",
            "2026-11-25T15:30:00Z Missed",
            "2026-11-26T15:30:00Z Scheduled"
        ]
    );
}

#[test]
fn an_outage_of_months_is_written_down_for_a_week() {
    let rule = rule("00:30", "Asia/Tokyo");
    assert_eq!(
        dues(&rule, READY, &WEEK, "2027-06-26T15:31:00Z").len(),
        MISSED_DATES
    );
}

#[test]
fn a_tenant_that_was_never_ready_is_not_due() {
    let rule = rule("00:30", "Asia/Tokyo");
    assert!(dues(&rule, None, &[], "2026-11-24T15:30:00Z").is_empty());
    assert!(dues(&rule, Some("2026-11-24T15:30:00Z"), &[], "2026-11-24T15:31:00Z").is_empty());
}

#[test]
fn a_slot_before_the_policy_is_not_due() {
    let rule = Rule {
        created: Some(at("2026-11-24T15:30:30Z")),
        ..rule("00:30", "Asia/Tokyo")
    };
    assert!(dues(&rule, READY, &[], "2026-11-24T15:31:00Z").is_empty());
    assert_eq!(
        dues(&rule, READY, &[], "2026-11-25T15:30:00Z"),
        ["2026-11-25T15:30:00Z Scheduled"]
    );
}

#[test]
fn an_edit_into_the_past_of_a_date_without_a_slot_runs_at_once_as_late() {
    // From 23:00 to 00:30, at 15:00 in Tokyo: longer ago than the deadline, but the edit is what made it due.
    let edited = Rule {
        changed: Some(at("2026-11-25T06:00:00Z")),
        ..rule("00:30", "Asia/Tokyo")
    };
    assert_eq!(
        dues(&edited, READY, &[], "2026-11-25T06:00:01Z"),
        ["2026-11-24T15:30:00Z Late"]
    );
    assert_eq!(
        dues(&edited, READY, &["2026-11-24T15:30:00Z"], "2026-11-25T06:00:01Z"),
        Vec::<String>::new()
    );
    assert_eq!(
        dues(&edited, READY, &[], "2026-11-25T18:00:01Z"),
        ["2026-11-24T15:30:00Z Missed", "2026-11-25T15:30:00Z Late"]
    );
}

#[test]
fn an_edit_never_makes_a_second_slot_of_a_date() {
    // It ran at 00:30; then the time was moved to 18:00.
    let edited = Rule {
        changed: Some(at("2026-11-25T06:00:00Z")),
        ..rule("18:00", "Asia/Tokyo")
    };
    let taken = ["2026-11-24T15:30:00Z"];
    assert_eq!(
        dues(&edited, READY, &taken, "2026-11-25T09:00:00Z"),
        Vec::<String>::new()
    );
    let set = taken.iter().map(|text| at(text)).collect();
    let history = History {
        first_ready: READY.map(at),
        taken: &set,
        sets: &BTreeSet::new(),
    };
    assert_eq!(
        next_run(&edited, &history, at("2026-11-25T06:00:00Z")),
        Some(at("2026-11-26T09:00:00Z"))
    );
}

#[test]
fn a_lost_object_is_made_again_as_found() {
    let sets = BTreeSet::from([at("2026-11-24T15:30:00Z")]);
    let taken = WEEK.iter().map(|text| at(text)).collect();
    let history = History {
        first_ready: READY.map(at),
        taken: &taken,
        sets: &sets,
    };
    let found = due(&rule("00:30", "Asia/Tokyo"), &history, at("2026-11-25T12:00:00Z"));
    assert_eq!(
        found.iter().map(|due| due.decision).collect::<Vec<_>>(),
        [Decision::Found]
    );
}

#[test]
fn a_date_whose_set_newer_days_replaced_is_not_called_missed() {
    // All objects were lost, and three days of sets are held.
    let sets: BTreeSet<_> = WEEK[3..].iter().map(|text| at(text)).collect();
    let words = |good_days, sets: &BTreeSet<Timestamp>| -> Vec<&str> {
        let rule = Rule {
            good_days,
            ..rule("00:30", "Asia/Tokyo")
        };
        let history = History {
            first_ready: READY.map(at),
            taken: &BTreeSet::new(),
            sets,
        };
        due(&rule, &history, at("2026-11-24T15:00:00Z"))
            .iter()
            .map(|due| due.decision.as_str())
            .collect()
    };
    assert_eq!(words(3, &sets), ["Found", "Found", "Found"]);
    // One day fewer is held than there would be: the dates before were missed.
    assert_eq!(
        words(4, &sets),
        ["Missed", "Missed", "Missed", "Found", "Found", "Found"]
    );
}

#[test]
fn a_decision_is_read_back_from_its_word() {
    for decision in Decision::ALL {
        assert_eq!(Decision::parse(decision.as_str()), Some(decision));
    }
    assert_eq!(Decision::parse("before the upgrade"), None);
}

/// An operator that looks when it is up, and forgets everything in between.
fn live(rule: &Rule, ready: Timestamp, looks: &[Timestamp]) -> BTreeMap<Date, Vec<Decision>> {
    let mut taken = BTreeSet::new();
    let mut by_date = BTreeMap::<Date, Vec<Decision>>::new();
    for &now in looks {
        let history = History {
            first_ready: Some(ready),
            taken: &taken,
            sets: &BTreeSet::new(),
        };
        let found = due(rule, &history, now);
        assert_eq!(found, due(rule, &history, now), "looking again decides the same");
        for due in found {
            taken.insert(due.slot.at);
            by_date.entry(due.slot.date).or_default().push(due.decision);
        }
        let history = History {
            first_ready: Some(ready),
            taken: &taken,
            sets: &BTreeSet::new(),
        };
        assert!(
            due(rule, &history, now).is_empty(),
            "what is decided is not decided again"
        );
    }
    by_date
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn each_date_has_exactly_one_decision(
        time in times(),
        zone in zones(),
        start in 1_262_304_000_i64..2_000_000_000,
        // Up to six days between looks, most often less.
        pauses in prop::collection::vec(prop_oneof![1_i64..3_600, 1_i64..86_400, 1_i64..518_400], 1..60),
        deadline in 10_u64..=720,
        suspended in prop::option::of((0_i64..2_000_000, 0_i64..700_000)),
    ) {
        let rule = Rule {
            starting_deadline: Duration::from_secs(deadline * 60),
            suspended: suspended.map(|(from, span)| Suspended {
                since: Timestamp::from_second(start + from).unwrap(),
                until: Timestamp::from_second(start + from + span).unwrap(),
            }),
            ..Rule::always(Schedule::new(&time, zone).unwrap())
        };
        let ready = Timestamp::from_second(start).unwrap();
        let mut now = start;
        let looks: Vec<_> = pauses.iter().map(|pause| { now += pause; Timestamp::from_second(now).unwrap() }).collect();
        let decisions = live(&rule, ready, &looks);
        let end = *looks.last().unwrap();
        let mut slot = rule.schedule.next_after(ready).unwrap();
        let mut expected = 0;
        while slot.at <= end {
            let found = decisions.get(&slot.date).map_or(&[][..], Vec::as_slice);
            prop_assert_eq!(found.len(), 1, "{}", slot.date);
            if rule.suspended.is_some_and(|suspended| suspended.covers(slot.at)) {
                prop_assert_eq!(found, &[Decision::Suspended][..]);
            }
            expected += 1;
            slot = rule.schedule.next_after(slot.at).unwrap();
        }
        prop_assert_eq!(decisions.len(), expected);
    }

    #[test]
    fn a_date_has_at_most_one_decision_whatever_is_edited(
        edits in prop::collection::vec((times(), zones(), prop::collection::vec(1_i64..200_000, 1..8)), 1..6),
        start in 1_262_304_000_i64..2_000_000_000,
    ) {
        let ready = Timestamp::from_second(start).unwrap();
        let mut taken = BTreeSet::new();
        let mut now = start;
        for (time, zone, pauses) in edits {
            let changed = Timestamp::from_second(now).unwrap();
            let rule = Rule { changed: Some(changed), ..Rule::always(Schedule::new(&time, zone).unwrap()) };
            let mut dates: BTreeSet<_> = taken.iter().map(|&at| rule.schedule.date_of(at)).collect();
            for pause in pauses {
                now += pause;
                let history = History { first_ready: Some(ready), taken: &taken, sets: &BTreeSet::new() };
                for due in due(&rule, &history, Timestamp::from_second(now).unwrap()) {
                    prop_assert!(dates.insert(due.slot.date), "a second slot of {}", due.slot.date);
                    taken.insert(due.slot.at);
                }
            }
        }
    }
}
