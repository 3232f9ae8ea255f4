use std::time::Duration;

use super::{
    super::{
        CheckName, Ended,
        tests::{HOUR, at, run, simulate::target},
    },
    *,
};
use crate::cloud::{
    CloudError, ErrorKind, ImageState, Operation, SnapshotId, SnapshotState, Tags, VaultLock, VolumeId,
};

mod keeping;
mod names;
mod properties;
mod simulate;

use simulate::{image, job, snapshot, vault};

/// A run whose latest attempt is this one.
fn started(n: u32, second: i64) -> Run {
    Run {
        accepted: Some(at(2)),
        attempts: (1..=n).map(|n| Attempt { n, at: at(second) }).collect(),
        ..run()
    }
}

fn ended() -> Run {
    Run {
        ended: Some(Ended::Complete),
        ..started(1, 2)
    }
}

fn world() -> World {
    World {
        target: Observed::Present(target()),
        is_foreign: false,
        gone: None,
        destination: Some(Destination {
            vault: "yagura".into(),
            role_arn: "arn:aws:iam::111122223333:role/backup".into(),
        }),
        recorded: None,
        vaults: vec![("yagura".into(), Observed::Present(vault(None)))],
        job: None,
        images: Observed::Absent,
        listed: vec![at(-30), at(0)],
        snapshots: Observed::Absent,
        snapshots_listed: Some(at(0)),
        region_fault: None,
        call: None,
        kept: Kept::default(),
    }
}

/// The latest attempt's job is this.
fn with_job(job: Observed<BackupJob>) -> World {
    World {
        recorded: Some("yagura".into()),
        job: Some(("job-1".into(), job)),
        ..world()
    }
}

/// It is complete, and this is what it made.
fn made(image: Image, snapshots: Vec<Snapshot>) -> World {
    World {
        images: Observed::Present(vec![image]),
        snapshots: Observed::Present(snapshots),
        ..with_job(Observed::Present(job(JobState::Completed)))
    }
}

fn whole() -> World {
    made(image(1), vec![snapshot(0, 1900), snapshot(1, 1901)])
}

fn refusal(kind: ErrorKind) -> CloudError {
    CloudError {
        operation: Operation::StartBackupJob,
        kind,
        code: "LimitExceededException".into(),
        message: "slow down".into(),
        turn_at: None,
    }
}

fn called(end: CallEnd<BackupJobId>, second: i64) -> World {
    World {
        recorded: Some("yagura".into()),
        call: Some(Call {
            n: 1,
            ended: at(second),
            end,
        }),
        ..world()
    }
}

fn start_of(plan: &Plan) -> &Start {
    match plan.steps.last() {
        Some(Step::Start(start)) => start,
        other => panic!("no call but {other:?}: {plan:?}"),
    }
}

/// The faults found in a set that is the third and so fails for good.
fn faults(world: &World) -> Vec<(CheckName, String)> {
    let mut world = world.clone();
    if let Observed::Present(images) = &mut world.images {
        for image in images {
            image.tags.insert(tags::ATTEMPT.into(), "3".into());
        }
    }
    match plan(&started(3, 2), &world, at(2 * HOUR)).outcome {
        Outcome::Failed(_, facts) => facts
            .checks
            .into_iter()
            .filter_map(|check| Some((check.name, check.fault?)))
            .collect(),
        outcome => panic!("not failed but {outcome:?}"),
    }
}

#[test]
fn a_new_run_records_its_attempt_and_vault_before_it_calls() {
    let plan = plan(&run(), &world(), at(2));
    let first = Step::RecordAttempt(Attempt { n: 1, at: at(2) }, "yagura".into());
    assert_eq!(plan.steps[0], first);
    let start = start_of(&plan);
    assert_eq!((start.n, start.delete_after_days), (1, None));
    assert_eq!(start.instance, target().instance);
    assert_eq!(plan.steps.len(), 2);
}

#[test]
fn without_vault_or_role_nothing_is_asked_and_it_is_said_what_to_change() {
    let nowhere = World {
        destination: None,
        ..world()
    };
    let missing = World {
        vaults: vec![("yagura".into(), Observed::Absent)],
        ..world()
    };
    for (world, word) in [(nowhere, "spec.backup.roleArn"), (missing, "vault yagura")] {
        for run in [run(), started(1, 2)] {
            let plan = plan(&run, &world, at(60));
            assert_eq!(plan.steps, []);
            let Outcome::Lacking(message) = plan.outcome else {
                panic!("{:?}", plan.outcome);
            };
            assert!(message.contains(word), "{message}");
            assert!(plan.look_again.is_some());
        }
    }
}

#[test]
fn a_run_that_lacks_its_vault_until_its_deadline_was_missed() {
    let world = World {
        destination: None,
        ..world()
    };
    assert_eq!(plan(&run(), &world, at(12 * HOUR + 2)).outcome, Outcome::Missed);
}

#[test]
fn an_unknown_vault_is_waited_for() {
    let world = World {
        vaults: vec![("yagura".into(), Observed::Unknown)],
        ..world()
    };
    let plan = plan(&run(), &world, at(2));
    assert_eq!(plan.steps, []);
    assert_eq!(plan.outcome, Outcome::Pending(Waiting::Inventory));
}

#[test]
fn a_lock_with_a_maximum_asks_for_that_lifecycle() {
    let world = World {
        vaults: vec![(
            "yagura".into(),
            Observed::Present(vault(Some(VaultLock {
                min_retention_days: Some(4),
                max_retention_days: Some(35),
                final_from: None,
            }))),
        )],
        ..world()
    };
    assert_eq!(start_of(&plan(&run(), &world, at(2))).delete_after_days, Some(35));
}

#[test]
fn aws_may_take_what_is_left_until_the_deadline_and_an_hour_at_least() {
    let hours = |plan: &Plan| start_of(plan).within.as_secs() / 3600;
    // Six hours is what the run may take, twelve when it may still begin.
    assert_eq!(hours(&plan(&run(), &world(), at(2))), 6);
    assert_eq!(hours(&plan(&run(), &world(), at(9 * HOUR))), 3);
    assert_eq!(hours(&plan(&run(), &world(), at(12 * HOUR))), 1);
}

#[test]
fn a_call_of_unknown_outcome_is_made_again_with_the_vault_that_was_recorded() {
    let moved = World {
        recorded: Some("before".into()),
        vaults: vec![
            ("yagura".into(), Observed::Present(vault(None))),
            ("before".into(), Observed::Present(vault(None))),
        ],
        ..world()
    };
    // Another process wrote the record and died.
    let plan = plan(&started(1, 2), &moved, at(60));
    assert_eq!(plan.steps.len(), 1, "it is recorded already");
    let start = start_of(&plan);
    assert_eq!((start.n, start.destination.vault.as_str()), (1, "before"));
    assert_eq!(
        start.within,
        Duration::from_secs(6 * 3600),
        "it says what the first call said"
    );
}

#[test]
fn a_lost_answer_is_asked_for_again_after_a_pause() {
    let world = called(CallEnd::Lost(refusal(ErrorKind::Lost)), 10);
    assert_eq!(
        plan(&started(1, 2), &world, at(20)).outcome,
        Outcome::Running(Waiting::Pause, Facts::default())
    );
    assert_eq!(start_of(&plan(&started(1, 2), &world, at(40))).n, 1);
}

#[test]
fn a_refusal_is_retried_with_growing_pauses_and_a_denial_needs_a_person() {
    let throttled = called(CallEnd::Refused(3, refusal(ErrorKind::Throttled)), 10);
    assert_eq!(plan(&started(1, 2), &throttled, at(49)).steps, []);
    assert_eq!(start_of(&plan(&started(1, 2), &throttled, at(50))).n, 1);
    let denied = called(CallEnd::Refused(1, refusal(ErrorKind::Denied)), 10);
    let stalled = plan(&started(1, 2), &denied, at(60));
    assert!(
        matches!(stalled.outcome, Outcome::Stalled(_)),
        "{:?}",
        stalled.outcome
    );
    assert_eq!(start_of(&plan(&started(1, 2), &denied, at(310))).n, 1);
}

#[test]
fn a_job_that_waits_or_runs_is_waited_for() {
    for state in [JobState::Waiting, JobState::Running] {
        let plan = plan(&started(1, 2), &with_job(Observed::Present(job(state))), at(HOUR));
        assert_eq!(plan.steps, []);
        assert_eq!(plan.outcome, Outcome::Running(Waiting::Job, Facts::default()));
        assert_eq!(plan.look_again, Some(at(HOUR + 600)));
    }
}

#[test]
fn a_job_that_is_not_listed_fails_nothing_before_the_run_is_out_of_time() {
    for seen in [Observed::Unknown, Observed::Absent] {
        let world = with_job(seen.clone());
        let plan = |second| plan(&started(1, 2), &world, at(second));
        assert_eq!(plan(5 * HOUR).steps, []);
        assert_eq!(
            plan(5 * HOUR).outcome,
            Outcome::Running(Waiting::Job, Facts::default())
        );
        let late = plan(7 * HOUR).outcome;
        match seen {
            Observed::Unknown => assert_eq!(late, Outcome::Running(Waiting::Inventory, Facts::default())),
            _ => assert!(matches!(late, Outcome::Failed(..)), "{late:?}"),
        }
    }
}

#[test]
fn an_image_of_a_job_that_is_not_listed_any_more_is_good() {
    let world = World {
        job: Some(("job-1".into(), Observed::Absent)),
        ..whole()
    };
    assert!(matches!(
        plan(&started(1, 2), &world, at(HOUR)).outcome,
        Outcome::Complete(_)
    ));
}

#[test]
fn a_failed_job_is_tried_again_with_awss_reason_and_given_up_after_three() {
    for state_name in ["FAILED", "EXPIRED", "ABORTED", "PARTIAL"] {
        let failed = BackupJob {
            state_name: state_name.into(),
            message: Some("no room".into()),
            completed_at: Some(at(1000)),
            ..job(JobState::Failed)
        };
        let world = with_job(Observed::Present(failed));
        let paused = plan(&started(1, 2), &world, at(1100));
        let Outcome::Running(Waiting::Pause, facts) = &paused.outcome else {
            panic!("{:?}", paused.outcome);
        };
        let fault = facts.checks[0].fault.clone().unwrap();
        assert!(fault.contains("no room") && fault.contains(state_name), "{fault}");
        let again = plan(&started(1, 2), &world, at(1300));
        assert_eq!(again.steps.len(), 2, "a further attempt is recorded");
        assert_eq!(start_of(&again).n, 2);
        let Outcome::Failed(why, _) = plan(&started(3, 2), &world, at(1300)).outcome else {
            panic!("a fourth job");
        };
        assert!(why.contains("no room"), "{why}");
    }
}

#[test]
fn a_whole_set_began_when_its_first_snapshot_did() {
    let plan = plan(&started(1, 2), &whole(), at(HOUR));
    let Outcome::Complete(facts) = plan.outcome else {
        panic!("{:?}", plan.outcome);
    };
    assert_eq!(facts.started, Some(at(1900)));
    assert_eq!(
        facts.snapshots,
        [SnapshotId::from("snap-0"), SnapshotId::from("snap-1")]
    );
    assert!(facts.checks.iter().all(|check| check.fault.is_none()));
    assert_eq!(plan.beside.image, Some(image(1)));
}

#[test]
fn a_whole_set_whose_snapshots_carry_no_tags_began_with_its_image() {
    let world = World {
        snapshots_listed: Some(at(2 * HOUR)),
        ..made(image(1), Vec::new())
    };
    let plan = plan(&started(1, 2), &world, at(2 * HOUR));
    let Outcome::Complete(facts) = plan.outcome else {
        panic!("{:?}", plan.outcome);
    };
    assert_eq!(facts.started, Some(image(1).created_at));
}

#[test]
fn snapshots_that_do_not_show_are_waited_for_until_a_later_listing() {
    let young = made(image(1), vec![snapshot(0, 1900)]);
    let outcome = plan(&started(1, 2), &young, at(2 * HOUR)).outcome;
    assert!(
        matches!(outcome, Outcome::Running(Waiting::Job, _)),
        "{outcome:?}"
    );
    let unknown = World {
        snapshots: Observed::Unknown,
        ..young
    };
    let outcome = plan(&started(1, 2), &unknown, at(2 * HOUR)).outcome;
    assert!(
        matches!(outcome, Outcome::Running(Waiting::Job, _)),
        "{outcome:?}"
    );
}

#[test]
fn a_volume_without_a_snapshot_fails_the_set() {
    let lacking = Image {
        snapshots: [SnapshotId::from("snap-0")].into(),
        ..image(1)
    };
    let found = faults(&made(lacking, vec![snapshot(0, 1900)]));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].0, CheckName::VolumesCovered);
    assert!(found[0].1.contains("vol-1"), "{}", found[0].1);
}

#[test]
fn what_is_not_encrypted_or_with_another_key_or_public_fails_the_set() {
    let plain = Snapshot {
        encrypted: false,
        ..snapshot(1, 1900)
    };
    let found = faults(&made(image(1), vec![snapshot(0, 1900), plain]));
    assert_eq!(found[0].0, CheckName::EncryptionEqual);
    let other_key = Snapshot {
        kms_key_id: Some("key-2".into()),
        ..snapshot(1, 1900)
    };
    let found = faults(&made(image(1), vec![snapshot(0, 1900), other_key]));
    assert!(found[0].1.contains("another key"), "{}", found[0].1);
    let public = Image {
        public: true,
        ..image(1)
    };
    let found = faults(&made(public, vec![snapshot(0, 1900), snapshot(1, 1900)]));
    assert_eq!(found[0].0, CheckName::NotPublic);
}

#[test]
fn a_snapshot_that_no_listing_shows_needs_a_word_that_it_is_encrypted() {
    let unknown_volume = |world: World| {
        let mut target = target();
        target.volumes.pop();
        World {
            target: Observed::Present(target),
            snapshots_listed: Some(at(2 * HOUR)),
            ..world
        }
    };
    let set = || made(image(1), vec![snapshot(0, 1900)]);
    let is_good = |world: &World| {
        matches!(
            plan(&started(1, 2), world, at(2 * HOUR)).outcome,
            Outcome::Complete(_)
        )
    };
    assert!(is_good(&unknown_volume(set())), "the job says it");
    let silent = BackupJob {
        encrypted: false,
        ..job(JobState::Completed)
    };
    let silent = World {
        job: Some(("job-1".into(), Observed::Present(silent))),
        snapshots_listed: Some(at(2 * HOUR)),
        ..set()
    };
    assert!(is_good(&silent), "its volume is encrypted");
    assert_eq!(faults(&unknown_volume(silent))[0].0, CheckName::EncryptionEqual);
}

#[test]
fn a_job_that_made_another_image_says_nothing_of_this_one() {
    let others = BackupJob {
        recovery_point: Some("arn:aws:ec2:ap-northeast-1::image/ami-other".into()),
        message: Some("not ours".into()),
        ..job(JobState::Failed)
    };
    let world = World {
        job: Some(("job-1".into(), Observed::Present(others))),
        ..whole()
    };
    let outcome = plan(&started(1, 2), &world, at(HOUR)).outcome;
    assert!(matches!(outcome, Outcome::Complete(_)), "{outcome:?}");
}

#[test]
fn a_found_image_is_the_set_of_an_object_that_was_lost() {
    let found = Run {
        decision: Some(Decision::Found),
        ..run()
    };
    let world = World { job: None, ..whole() };
    assert!(matches!(
        plan(&found, &world, at(90_000)).outcome,
        Outcome::Complete(_)
    ));
    // One that is no good is not taken again.
    let public = Image {
        public: true,
        ..image(1)
    };
    let spoilt = World {
        images: Observed::Present(vec![public]),
        ..world
    };
    assert!(matches!(
        plan(&found, &spoilt, at(90_000)).outcome,
        Outcome::Failed(..)
    ));
    // It may only lag.
    let empty = World {
        listed: vec![at(0)],
        ..super::tests::world()
    };
    assert_eq!(
        plan(&found, &empty, at(2)).outcome,
        Outcome::Pending(Waiting::Inventory)
    );
    assert_eq!(
        plan(&found, &super::tests::world(), at(60)).outcome,
        Outcome::Missed
    );
}

#[test]
fn an_object_made_again_waits_for_the_image_of_the_one_before() {
    let pending = Image {
        state: ImageState::Pending,
        ..image(1)
    };
    let world = World {
        images: Observed::Present(vec![pending]),
        ..world()
    };
    let plan = plan(&run(), &world, at(60));
    assert_eq!(plan.steps, []);
    assert!(matches!(plan.outcome, Outcome::Running(Waiting::Job, _)));
}

#[test]
fn a_complete_run_is_expired_once_image_and_snapshots_are_gone() {
    let outcome = |world: &World| plan(&ended(), world, at(90_000)).outcome;
    assert_eq!(outcome(&whole()), Outcome::Unchanged);
    assert_eq!(outcome(&world()), Outcome::Expired);
    let untagged = World {
        snapshots: Observed::Present(vec![snapshot(0, 1900)]),
        ..world()
    };
    assert_eq!(
        outcome(&untagged),
        Outcome::Unchanged,
        "only its tags were taken away"
    );
    let once = World {
        listed: vec![at(0)],
        ..world()
    };
    assert_eq!(outcome(&once), Outcome::Unchanged, "one listing is not believed");
    let unknown = World {
        snapshots: Observed::Unknown,
        ..world()
    };
    assert_eq!(outcome(&unknown), Outcome::Unchanged);
}

#[test]
fn a_run_whose_tenant_is_gone_ends_when_it_is_out_of_time() {
    let gone = World {
        gone: Some(Gone::Tenant),
        images: Observed::Unknown,
        ..world()
    };
    assert!(matches!(
        plan(&started(1, 2), &gone, at(HOUR)).outcome,
        Outcome::Running(Waiting::Inventory, _)
    ));
    assert!(matches!(
        plan(&started(1, 2), &gone, at(7 * HOUR)).outcome,
        Outcome::Failed(..)
    ));
}

#[test]
fn a_run_out_of_time_says_how_far_its_job_came() {
    let running = BackupJob {
        state_name: "RUNNING".into(),
        ..job(JobState::Running)
    };
    let world = with_job(Observed::Present(running));
    let Outcome::Failed(why, _) = plan(&started(1, 2), &world, at(7 * HOUR)).outcome else {
        panic!("still running");
    };
    assert_eq!(why, "job job-1 was RUNNING after 6 hours");
}

#[test]
fn what_is_made_in_a_region_that_the_terms_do_not_allow_fails() {
    let fault = "the terms do not allow region us-east-1";
    let elsewhere = World {
        region_fault: Some(fault.to_owned()),
        ..whole()
    };
    assert_eq!(faults(&elsewhere), [(CheckName::RegionOfTerms, fault.to_owned())]);
}
