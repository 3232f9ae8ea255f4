use std::time::Duration;

use super::*;
use crate::cloud::{ErrorKind, Operation, SnapshotState, Tags, VolumeId};

pub(super) mod properties;
pub(super) mod simulate;

use simulate::{KEY, TENANT_UID, UID, failed_snapshot, snapshot, target};

pub(in crate::plan::backup) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

pub(in crate::plan::backup) const HOUR: i64 = 3600;

/// A run of the slot at second 0, whose object was made at once.
pub(in crate::plan::backup) fn run() -> Run {
    Run {
        slot: Some(at(0)),
        decision: Some(Decision::Run),
        created: at(1),
        accepted: None,
        attempts: Vec::new(),
        ended: None,
        limits: Limits::default(),
    }
}

fn started(n: u32, second: i64) -> Run {
    Run {
        accepted: Some(at(second)),
        attempts: vec![Attempt { n, at: at(second) }],
        ..run()
    }
}

fn empty_world() -> World {
    World {
        target: Observed::Present(target()),
        is_foreign: false,
        gone: None,
        snapshots: Observed::Absent,
        sweeps: vec![at(-30), at(0)],
        searched: false,
        untagged: Vec::new(),
        call: None,
        exposure: Exposure::default(),
        kept: Kept::default(),
    }
}

fn showing(snapshots: Vec<Snapshot>) -> World {
    World {
        snapshots: Observed::Present(snapshots),
        ..empty_world()
    }
}

fn empty_since(seconds: &[i64]) -> World {
    World {
        sweeps: seconds.iter().map(|&second| at(second)).collect(),
        ..empty_world()
    }
}

fn refusal(kind: ErrorKind) -> CloudError {
    CloudError {
        operation: Operation::CreateSnapshots,
        kind,
        code: "SnapshotCreationPerVolumeRateExceeded".into(),
        message: "slow down".into(),
        turn_at: None,
    }
}

fn called(end: CallEnd<()>, second: i64) -> Option<Call<()>> {
    Some(Call {
        n: 1,
        ended: at(second),
        end,
    })
}

#[test]
fn a_new_run_records_its_attempt_before_it_calls() {
    let plan = plan(&run(), &empty_world(), at(2));
    let instance = target().instance;
    assert_eq!(
        plan.steps,
        [
            Step::RecordAttempt(Attempt { n: 1, at: at(2) }),
            Step::CreateSnapshots { n: 1, instance }
        ]
    );
}

#[test]
fn an_unknown_world_is_left_alone() {
    for unknown in [
        World {
            snapshots: Observed::Unknown,
            ..empty_world()
        },
        World {
            target: Observed::Unknown,
            ..empty_world()
        },
    ] {
        for run in [run(), started(1, 5), started(1, -HOUR)] {
            assert_eq!(plan(&run, &unknown, at(HOUR)).steps, []);
        }
    }
}

#[test]
fn a_run_without_an_instance_waits_until_its_deadline() {
    let world = World {
        target: Observed::Absent,
        ..empty_world()
    };
    assert_eq!(
        plan(&run(), &world, at(HOUR)).outcome,
        Outcome::Pending(Waiting::Instance)
    );
    let foreign = World {
        is_foreign: true,
        ..world.clone()
    };
    assert_eq!(
        plan(&run(), &foreign, at(HOUR)).outcome,
        Outcome::Pending(Waiting::ForeignInstance)
    );
    assert_eq!(plan(&run(), &world, at(13 * HOUR)).outcome, Outcome::Missed);
    let by_hand = Run {
        slot: None,
        decision: None,
        ..run()
    };
    assert!(matches!(
        plan(&by_hand, &world, at(13 * HOUR)).outcome,
        Outcome::Failed(..)
    ));
}

#[test]
fn an_object_of_a_missed_slot_never_runs() {
    for decision in [Decision::Missed, Decision::Suspended] {
        let missed = Run {
            decision: Some(decision),
            ..run()
        };
        assert_eq!(
            plan(&missed, &empty_world(), at(2)),
            Plan::outcome(Outcome::Missed)
        );
    }
}

#[test]
fn a_set_that_was_found_and_failed_is_not_taken_anew() {
    let found = Run {
        decision: Some(Decision::Found),
        created: at(30 * HOUR),
        ..run()
    };
    let world = showing(vec![snapshot(1, 0, 3), failed_snapshot(1, 1, 3)]);
    let plan = plan(&found, &world, at(40 * HOUR));
    assert!(matches!(plan.outcome, Outcome::Failed(..)), "{plan:?}");
    assert_eq!(plan.steps, []);
}

#[test]
fn an_object_made_late_runs_from_then_on() {
    let late = Run {
        decision: Some(Decision::Late),
        created: at(14 * HOUR),
        ..run()
    };
    assert_eq!(plan(&late, &empty_world(), at(14 * HOUR + 1)).steps.len(), 2);
}

#[test]
fn a_set_that_is_whole_completes_the_run() {
    let outcome = plan(
        &started(1, 2),
        &showing(vec![snapshot(1, 0, 3), snapshot(1, 1, 4)]),
        at(60),
    )
    .outcome;
    let Outcome::Complete(facts) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(facts.started, Some(at(3)));
    assert_eq!(facts.snapshots.len(), 2);
    assert!(facts.checks.iter().all(|check| check.fault.is_none()));
}

#[test]
fn a_set_without_all_volumes_waits_for_the_rest_to_show_and_then_fails() {
    let world = showing(vec![snapshot(1, 0, 3)]);
    assert!(matches!(
        plan(&started(1, 2), &world, at(60)).outcome,
        Outcome::Running(Waiting::Snapshots, _)
    ));
    let later = World {
        sweeps: vec![at(3 + 150)],
        ..world
    };
    let plan = plan(&started(1, 2), &later, at(160));
    let Outcome::Running(Waiting::Pause, facts) = plan.outcome else {
        panic!("{plan:?}")
    };
    assert!(
        facts
            .checks
            .iter()
            .any(|check| check.fault.as_deref() == Some("volume vol-1 has no snapshot in the set"))
    );
}

#[test]
fn a_snapshot_with_another_key_is_no_backup() {
    for wrong in [
        Snapshot {
            kms_key_id: Some("other".into()),
            ..snapshot(1, 1, 3)
        },
        Snapshot {
            encrypted: false,
            ..snapshot(1, 1, 3)
        },
        Snapshot {
            size_gib: 0,
            ..snapshot(1, 1, 3)
        },
    ] {
        let outcome = plan(&started(1, 2), &showing(vec![snapshot(1, 0, 3), wrong]), at(60)).outcome;
        assert!(
            matches!(outcome, Outcome::Running(Waiting::Pause, _)),
            "{outcome:?}"
        );
    }
}

#[test]
fn a_set_that_failed_is_made_again_twice_and_then_given_up() {
    let failed = |n| vec![snapshot(n, 0, 3), failed_snapshot(n, 1, 3)];
    let once = plan(&started(1, 2), &showing(failed(1)), at(400));
    assert_eq!(
        once.steps.first(),
        Some(&Step::RecordAttempt(Attempt { n: 2, at: at(400) }))
    );
    let thrice = plan(
        &started(3, 2),
        &showing([failed(1), failed(2), failed(3)].concat()),
        at(400),
    );
    let Outcome::Failed(why, _) = thrice.outcome else {
        panic!("{thrice:?}")
    };
    assert!(why.contains("AWS gives no reason"), "{why}");
}

#[test]
fn an_attempt_of_another_process_is_looked_for_before_it_is_repeated() {
    let run = started(1, 2);
    // The record, the call and the lag: 2 + 60 + 150.
    for early in [vec![], vec![200, 250], vec![211, 212]] {
        let waits = plan(
            &run,
            &World {
                searched: true,
                ..empty_since(&early)
            },
            at(300),
        );
        assert_eq!(
            (waits.steps.len(), waits.beside.wants_search),
            (0, false),
            "{early:?}"
        );
    }
    let unsearched = plan(&run, &empty_since(&[212, 242]), at(300));
    assert_eq!(
        (unsearched.steps.len(), unsearched.beside.wants_search),
        (0, true)
    );
    let searched = plan(
        &run,
        &World {
            searched: true,
            ..empty_since(&[212, 242])
        },
        at(300),
    );
    assert_eq!(
        searched.steps.first(),
        Some(&Step::RecordAttempt(Attempt { n: 1, at: at(300) }))
    );
}

#[test]
fn a_lost_answer_is_looked_for_from_the_end_of_the_call() {
    let lost = |sweeps: &[i64]| World {
        call: called(CallEnd::Lost(refusal(ErrorKind::Lost)), 32),
        searched: true,
        ..empty_since(sweeps)
    };
    assert_eq!(plan(&started(1, 2), &lost(&[181, 211]), at(300)).steps, []);
    assert_eq!(plan(&started(1, 2), &lost(&[182, 212]), at(300)).steps.len(), 2);
}

#[test]
fn a_lost_answer_after_a_failed_set_is_looked_for_alike() {
    let failed = vec![snapshot(1, 0, 3), failed_snapshot(1, 1, 3)];
    let retried = Run {
        attempts: vec![Attempt { n: 1, at: at(2) }, Attempt { n: 2, at: at(400) }],
        ..started(1, 2)
    };
    let lost = |sweeps: &[i64]| World {
        call: Some(Call {
            n: 2,
            ended: at(410),
            end: CallEnd::Lost(refusal(ErrorKind::Lost)),
        }),
        searched: true,
        snapshots: Observed::Present(failed.clone()),
        ..empty_since(sweeps)
    };
    assert_eq!(plan(&retried, &lost(&[559, 589]), at(600)).steps, []);
    let again = plan(&retried, &lost(&[560, 590]), at(600));
    assert_eq!(
        again.steps.first(),
        Some(&Step::RecordAttempt(Attempt { n: 2, at: at(600) }))
    );
}

#[test]
fn a_refused_call_is_made_again_after_a_pause() {
    let world = World {
        call: called(CallEnd::Refused(1, refusal(ErrorKind::Throttled)), 3),
        ..empty_world()
    };
    assert_eq!(plan(&started(1, 2), &world, at(12)).steps, []);
    assert_eq!(plan(&started(1, 2), &world, at(13)).steps.len(), 2);
}

#[test]
fn a_refusal_that_needs_a_person_stalls_and_looks_again() {
    let world = World {
        call: called(CallEnd::Refused(9, refusal(ErrorKind::Denied)), 3),
        ..empty_world()
    };
    let stalled = plan(&started(1, 2), &world, at(10));
    assert_eq!(stalled.outcome, Outcome::Stalled(refusal(ErrorKind::Denied)));
    assert_eq!(stalled.look_again, Some(at(303)));
    assert_eq!(plan(&started(1, 2), &world, at(303)).steps.len(), 2);
}

#[test]
fn a_code_that_nobody_listed_needs_a_person_once_it_has_come_eleven_times() {
    let after = |times| {
        let world = World {
            call: called(CallEnd::Refused(times, refusal(ErrorKind::Unexpected)), 3),
            ..empty_world()
        };
        plan(&started(1, 2), &world, at(4)).outcome
    };
    assert!(matches!(after(10), Outcome::Running(..)));
    assert_eq!(after(11), Outcome::Stalled(refusal(ErrorKind::Unexpected)));
}

#[test]
fn a_memory_of_an_older_call_says_nothing_of_a_newer_record() {
    // Another operator has recorded the attempt anew since.
    let world = World {
        call: called(CallEnd::Refused(1, refusal(ErrorKind::Throttled)), 3),
        ..empty_world()
    };
    assert_eq!(plan(&started(1, 20), &world, at(60)).steps, []);
}

#[test]
fn refusals_are_counted_and_unexplained_answers_are_none() {
    let first: CallEnd<()> = call_end(refusal(ErrorKind::Throttled), 1, None);
    assert_eq!(first, CallEnd::Refused(1, refusal(ErrorKind::Throttled)));
    let before = Call {
        n: 1,
        ended: at(0),
        end: first,
    };
    assert!(matches!(
        call_end(refusal(ErrorKind::Throttled), 1, Some(&before)),
        CallEnd::Refused(2, _)
    ));
    assert!(matches!(
        call_end(refusal(ErrorKind::Throttled), 2, Some(&before)),
        CallEnd::Refused(1, _)
    ));
    for kind in [ErrorKind::Lost, ErrorKind::Defect] {
        assert_eq!(
            call_end::<()>(refusal(kind), 1, None),
            CallEnd::Lost(refusal(kind))
        );
    }
}

#[test]
fn a_run_out_of_time_fails_and_says_why() {
    let pending = Snapshot {
        state: SnapshotState::Pending,
        ..snapshot(1, 0, 3)
    };
    let outcome = plan(&started(1, 2), &showing(vec![pending]), at(6 * HOUR + 3)).outcome;
    let Outcome::Failed(why, facts) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(
        (why.as_str(), facts.snapshots.len()),
        ("the snapshots were not complete within 6 hours", 1)
    );
    let denied = World {
        call: called(CallEnd::Refused(9, refusal(ErrorKind::Denied)), 3),
        ..empty_world()
    };
    let outcome = plan(&started(1, 2), &denied, at(6 * HOUR + 3)).outcome;
    assert!(
        matches!(&outcome, Outcome::Failed(why, _) if why.contains("slow down")),
        "{outcome:?}"
    );
}

#[test]
fn a_set_that_is_gone_from_two_sweeps_makes_the_backup_expired() {
    let complete = Run {
        ended: Some(Ended::Complete),
        ..started(1, 2)
    };
    assert_eq!(
        plan(&complete, &empty_since(&[]), at(HOUR)),
        Plan::outcome(Outcome::Unchanged)
    );
    assert_eq!(
        plan(&complete, &empty_since(&[100]), at(HOUR)),
        Plan::outcome(Outcome::Unchanged)
    );
    let gone = empty_since(&[100, 130]);
    assert!(plan(&complete, &gone, at(HOUR)).beside.wants_search);
    let gone = World {
        searched: true,
        ..gone
    };
    assert_eq!(plan(&complete, &gone, at(HOUR)).outcome, Outcome::Expired);
    let failed = Run {
        ended: Some(Ended::Otherwise),
        ..started(1, 2)
    };
    assert_eq!(
        plan(&failed, &empty_since(&[100, 130]), at(HOUR)).outcome,
        Outcome::Unchanged
    );
}

#[test]
fn snapshots_without_their_tags_get_them_back() {
    let world = World {
        untagged: vec!["snap-1-0".into()],
        ..showing(vec![snapshot(1, 0, 3), snapshot(1, 1, 4)])
    };
    let plan = plan(&started(1, 2), &world, at(60));
    assert_eq!(plan.steps, [Step::Tag(vec!["snap-1-0".into()])]);
    assert!(matches!(plan.outcome, Outcome::Complete(_)));
}

#[test]
fn an_object_made_again_finds_its_set() {
    let found = Run {
        decision: Some(Decision::Found),
        created: at(30 * HOUR),
        ..run()
    };
    let world = showing(vec![snapshot(1, 0, 3), snapshot(1, 1, 4)]);
    assert!(matches!(
        plan(&found, &world, at(30 * HOUR)).outcome,
        Outcome::Complete(_)
    ));
    assert_eq!(
        plan(&found, &empty_since(&[1]), at(30 * HOUR)).outcome,
        Outcome::Pending(Waiting::Inventory)
    );
    assert_eq!(
        plan(&found, &empty_since(&[1, 2]), at(30 * HOUR)).outcome,
        Outcome::Missed
    );
}

#[test]
fn a_snapshot_belongs_by_uid_or_by_the_slots_name() {
    let ours = snapshot(1, 0, 3);
    assert!(belongs(&ours, UID, None));
    assert!(!belongs(&ours, "another", None));
    assert!(belongs(&ours, "another", Some((KEY, TENANT_UID))));
    assert!(!belongs(&ours, "another", Some((KEY, "a namesake"))));
    let mut copied = ours.clone();
    copied
        .tags
        .insert("aws:backup:source-resource".into(), "arn:aws:ec2:…".into());
    assert!(!belongs(&copied, UID, Some((KEY, TENANT_UID))));
    let stripped = Snapshot {
        tags: Tags::new(),
        ..ours
    };
    assert!(belongs(&stripped, UID, None));
    assert_eq!(stripped.volume_id, VolumeId::from("vol-0"));
    assert_eq!(TIMEOUT, Duration::from_secs(21_600));
}

#[test]
fn a_run_whose_tenant_or_class_went_ends_when_its_time_is_up() {
    for (gone, why) in [
        (Gone::Tenant, "its Tenant is gone"),
        (Gone::Class, "its class is gone"),
    ] {
        let world = World {
            target: Observed::Unknown,
            gone: Some(gone),
            snapshots: Observed::Unknown,
            sweeps: Vec::new(),
            ..empty_world()
        };
        let running = started(1, 5);
        let before = plan(&running, &world, at(6 * HOUR)).outcome;
        assert!(
            matches!(before, Outcome::Running(..)),
            "it may come back: {before:?}"
        );
        assert_eq!(
            plan(&running, &world, at(6 * HOUR + 10)).outcome,
            Outcome::Failed(why.to_owned(), Facts::default())
        );
        for decision in [Decision::Run, Decision::Late, Decision::Found] {
            let unstarted = Run {
                decision: Some(decision),
                ..run()
            };
            assert_eq!(
                plan(&unstarted, &world, at(13 * HOUR)).outcome,
                Outcome::Missed,
                "{decision:?}"
            );
        }
    }
}
