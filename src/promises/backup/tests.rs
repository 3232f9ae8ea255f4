use std::{collections::BTreeSet, time::Duration};

use crate::{
    api::Engine,
    promises::{
        BackupFacts, BackupSet, Facts, Lock, SetState, Verdict,
        tests::{at, check, due, kept, said, set, verdict},
    },
    terms::Method,
};

fn with(change: impl FnOnce(&mut BackupFacts)) -> Facts {
    let mut facts = kept();
    change(facts.backup.as_mut().unwrap());
    facts
}

/// The set of the 25th, changed.
fn last(change: impl FnOnce(&mut BackupSet)) -> Facts {
    with(|backup| change(backup.sets.last_mut().unwrap()))
}

/// A few minutes after the slot of the 25th, with nothing of it begun.
fn just_after_the_slot(state: Option<SetState>) -> Facts {
    let mut facts = with(|backup| {
        backup.sets.pop();
        backup.sets.extend(state.map(|state| BackupSet {
            state,
            start_skew: None,
            succeeded: BTreeSet::new(),
            held: false,
            ..set(25)
        }));
    });
    facts.now = at("2026-11-24T15:33:00Z");
    facts.heartbeat = Some(facts.now);
    facts
}

#[test]
fn a_run_every_day_in_time_passes() {
    assert_eq!(
        said(23, &kept()),
        (
            Verdict::Pass,
            "the backup of 2026-11-25 started in time".to_owned()
        )
    );
}

#[test]
fn a_start_later_than_the_terms_allow_fails() {
    let late = |secs| last(|set| set.start_skew = Some(Duration::from_secs(secs)));
    assert_eq!(verdict(23, &late(3600)), Verdict::Pass);
    let reason = "the backup of 2026-11-25 started 3601 s late".to_owned();
    assert_eq!(said(23, &late(3601)), (Verdict::Fail, reason));
}

#[test]
fn a_day_without_a_start_fails() {
    for facts in [
        with(|backup| drop(backup.sets.pop())),
        last(|set| (set.state, set.start_skew) = (SetState::Missed, None)),
        last(|set| (set.state, set.start_skew) = (SetState::Failed, None)),
        last(|set| (set.state, set.start_skew) = (SetState::Pending, None)),
        last(|set| set.slot = None),
    ] {
        assert_eq!(
            said(23, &facts),
            (Verdict::Fail, "no backup started on 2026-11-25".to_owned())
        );
    }
}

#[test]
fn a_slot_that_has_just_come_is_not_judged_yet() {
    for state in [None, Some(SetState::Pending), Some(SetState::Running)] {
        let facts = just_after_the_slot(state);
        for id in [23, 25, 30] {
            let (verdict, reason) = said(id, &facts);
            assert_eq!(verdict, Verdict::Pass, "P{id} {reason}");
        }
    }
    let facts = just_after_the_slot(Some(SetState::Missed));
    assert_eq!(verdict(23, &facts), Verdict::Fail);
}

#[test]
fn before_the_first_slot_there_was_no_occasion() {
    let mut facts = just_after_the_slot(None);
    let backup = facts.backup.as_mut().unwrap();
    backup.sets.clear();
    backup.due = vec![due(25)];
    for id in [23, 25, 30] {
        assert_eq!(
            said(id, &facts),
            (Verdict::Idle, "no backup has been due yet".to_owned()),
            "P{id}"
        );
    }
    facts.first_ready_at = None;
    for id in [23, 25, 30] {
        assert_eq!(
            said(id, &facts),
            (Verdict::Idle, "the environment was never Ready".to_owned()),
            "P{id}"
        );
    }
    facts.backup = None;
    for id in [23, 25, 30] {
        assert_eq!(verdict(id, &facts), Verdict::Unknown, "P{id}");
    }
}

#[test]
fn a_set_of_less_than_the_terms_name_fails() {
    let facts = with(|backup| backup.methods = BTreeSet::from([Method::Snapshot]));
    let reason = "Files and Database are not backed up".to_owned();
    assert_eq!(said(25, &facts), (Verdict::Fail, reason));
    let facts = with(|backup| backup.methods.retain(|method| *method != Method::Database));
    assert_eq!(said(25, &facts).1, "Database is not backed up");
}

#[test]
fn a_day_whose_set_is_not_whole_fails() {
    let facts = last(|set| {
        set.state = SetState::Partial;
        set.succeeded.remove(&Method::Files);
    });
    let reason = "Files is missing from the backup of 2026-11-25".to_owned();
    assert_eq!(said(25, &facts), (Verdict::Fail, reason));
    assert_eq!(
        verdict(25, &with(|backup| drop(backup.sets.pop()))),
        Verdict::Fail
    );
    assert_eq!(verdict(25, &kept()), Verdict::Pass);
}

#[test]
fn a_run_without_end_is_judged_in_the_end() {
    let mut facts = last(|set| {
        set.state = SetState::Running;
        set.succeeded.clear();
    });
    facts.now = at("2026-11-25T09:30:00Z");
    assert_eq!(verdict(25, &facts), Verdict::Pass);
    facts.now = at("2026-11-25T09:30:01Z");
    assert_eq!(verdict(25, &facts), Verdict::Fail);
}

#[test]
fn three_good_days_are_enough_and_two_are_not() {
    assert_eq!(said(30, &kept()), (Verdict::Pass, "good days held: 3".to_owned()));
    let keep = |count: usize| {
        with(|backup| {
            for set in backup.sets.iter_mut().skip(count) {
                set.held = false;
            }
        })
    };
    assert_eq!(verdict(30, &keep(3)), Verdict::Pass);
    assert_eq!(
        said(30, &keep(2)),
        (Verdict::Fail, "good days held: 2 of 3".to_owned())
    );
}

#[test]
fn a_young_environment_owes_the_days_it_had() {
    let facts = with(|backup| {
        backup.due = vec![due(25)];
        backup.sets = vec![set(25)];
    });
    assert_eq!(verdict(30, &facts), Verdict::Pass);
    let facts = with(|backup| {
        backup.due = vec![due(25)];
        backup.sets = Vec::new();
    });
    assert_eq!(
        said(30, &facts),
        (Verdict::Fail, "good days held: 0 of 1".to_owned())
    );
}

#[test]
fn two_sets_of_a_day_are_one_good_day() {
    let facts = with(|backup| {
        backup.sets = vec![
            set(24),
            set(25),
            BackupSet {
                slot: None,
                ..set(25)
            },
        ];
    });
    assert_eq!(verdict(30, &facts), Verdict::Fail);
}

#[test]
fn a_set_without_a_method_in_force_is_no_good_day() {
    let facts = last(|set| set.succeeded.retain(|method| *method != Method::Snapshot));
    assert_eq!(verdict(30, &facts), Verdict::Pass);
    let facts = with(|backup| {
        for set in backup.sets.iter_mut().skip(2) {
            set.succeeded.remove(&Method::Snapshot);
        }
    });
    assert_eq!(verdict(30, &facts), Verdict::Fail);
}

#[test]
fn a_policy_with_shorter_deadlines_is_judged_by_them() {
    let mut facts = with(|backup| {
        backup.longest = Duration::from_secs(2 * 60 * 60);
        let last = backup.sets.last_mut().unwrap();
        last.state = SetState::Running;
        last.succeeded.clear();
    });
    facts.now = at("2026-11-24T17:30:00Z");
    assert_eq!(verdict(25, &facts), Verdict::Pass);
    facts.now = at("2026-11-24T17:30:01Z");
    assert_eq!(verdict(25, &facts), Verdict::Fail);
}

#[test]
fn a_job_of_aws_backup_that_did_not_say_when_it_began_is_not_known_to_be_late() {
    let mut facts = last(|set| {
        (set.state, set.start_skew, set.engine) = (SetState::Running, None, Engine::AWSBackup);
    });
    // Within the hour that the terms allow, the day before is judged.
    facts.now = at("2026-11-24T16:30:00Z");
    assert_eq!(verdict(23, &facts), Verdict::Pass);
    facts.now = at("2026-11-24T16:30:01Z");
    assert_eq!(verdict(23, &facts), Verdict::Unknown);
    // Longer than a run may take it is a failure, and by EC2 it always was.
    facts.now = at("2026-11-25T09:30:01Z");
    assert_eq!(verdict(23, &facts), Verdict::Fail);
    facts.now = at("2026-11-24T16:30:01Z");
    facts.backup.as_mut().unwrap().sets[3].engine = Engine::EC2;
    assert_eq!(verdict(23, &facts), Verdict::Fail);
}

#[test]
fn a_backup_is_checked_each_time_and_a_check_that_fails_is_named() {
    let reason = "every check of the backup of 2026-11-25 passed".to_owned();
    assert_eq!(said(26, &kept()), (Verdict::Pass, reason));
    let failed = last(|set| {
        set.state = SetState::Failed;
        set.checks = [check("SnapshotsCompleted", false), check("SizesPositive", true)].into();
    });
    let reason = "not passed by the backup of 2026-11-25: SnapshotsCompleted".to_owned();
    assert_eq!(said(26, &failed), (Verdict::Fail, reason));
    let refused = last(|set| {
        set.state = SetState::Failed;
        set.checks.clear();
    });
    assert_eq!(verdict(26, &refused), Verdict::Fail);
    // One that expired was checked when it ended.
    assert_eq!(
        verdict(26, &last(|set| set.state = SetState::Expired)),
        Verdict::Pass
    );
}

#[test]
fn a_backup_that_is_not_there_was_not_checked() {
    for facts in [
        with(|backup| drop(backup.sets.pop())),
        last(|set| set.state = SetState::Missed),
        last(|set| set.checks.clear()),
    ] {
        assert_eq!(verdict(26, &facts), Verdict::Unknown);
    }
}

#[test]
fn a_good_day_that_anybody_can_delete_is_not_guaranteed() {
    let locked = |lock: Lock| last(|set| set.lock = lock);
    assert_eq!(
        said(30, &locked(Lock::Missing)),
        (
            Verdict::Fail,
            "good days not locked against deletion: 1 of 3".to_owned()
        )
    );
    assert_eq!(verdict(30, &locked(Lock::Unknown)), Verdict::Unknown);
    assert_eq!(verdict(30, &locked(Lock::Coming)), Verdict::Pass);
    // The oldest day is beyond the three that are promised.
    let oldest = with(|backup| backup.sets[0].lock = Lock::Missing);
    assert_eq!(verdict(30, &oldest), Verdict::Pass);
}

#[test]
fn one_locked_set_of_a_day_suffices() {
    let facts = with(|backup| {
        backup.sets[3].lock = Lock::Missing;
        backup.sets.push(BackupSet {
            slot: None,
            ..set(25)
        });
    });
    assert_eq!(verdict(30, &facts), Verdict::Pass);
}

#[test]
fn a_lock_on_record_counts_for_days_that_aws_was_silent_of() {
    let unlocked = |lock: Lock, recorded: bool| {
        let facts = last(|set| (set.lock, set.lock_recorded) = (lock, recorded));
        facts.backup.unwrap().unlocked(3)
    };
    assert_eq!(unlocked(Lock::Held, false), (0, 0));
    assert_eq!(unlocked(Lock::Coming, false), (0, 0));
    assert_eq!(unlocked(Lock::Unknown, true), (0, 0));
    assert_eq!(unlocked(Lock::Unknown, false), (0, 1));
    // What AWS says counts for more than the record.
    assert_eq!(unlocked(Lock::Missing, true), (1, 0));
}

#[test]
fn each_day_is_judged_by_the_engine_that_took_it() {
    let facts = last(|set| (set.lock, set.engine) = (Lock::Missing, Engine::AWSBackup));
    let backup = facts.backup.unwrap();
    assert_eq!(backup.unlocked(3), (0, 0), "its vault's lack says it");
    assert_eq!(backup.days_by_aws_backup(3).len(), 1);
    let facts = with(|backup| {
        backup.sets[3].engine = Engine::AWSBackup;
        backup.sets[2].lock = Lock::Missing;
        backup.sets[1].lock = Lock::Unknown;
    });
    let backup = facts.backup.unwrap();
    assert_eq!(backup.unlocked(3).0, 1);
    assert!(backup.lock_is_unknown(3));
}
