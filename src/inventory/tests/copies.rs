//! Locks, sharing, jobs, vaults and our own deletions, on the pure core.

use std::{cmp::Reverse, collections::BTreeSet, time::Duration};

use jiff::Timestamp;

use super::{
    super::{
        Effect, Owner,
        facts::Turn,
        sharing::{Rank, Rotation},
        shelf::CREATION_LAG,
        state::{Answer, State, Swept},
        timetable::ListingKind,
        watches::WATCH,
    },
    core::{TOLD, failure, nothing},
};
use crate::{
    api::names::tags,
    clock::later,
    cloud::{
        BackupJob, JobState, Listed, LockMode, Observed, Operation, Sharing, Snapshot, SnapshotId,
        SnapshotLock, SnapshotState, Tags, Vault, VaultName,
    },
};

const T: Timestamp = Timestamp::UNIX_EPOCH;

fn at(seconds: u64) -> Timestamp {
    later(T, Duration::from_secs(seconds))
}

/// A snapshot of the Backup `acme/<name>`.
fn snapshot(name: &str) -> Snapshot {
    let carried = [
        (tags::BACKUP, format!("acme/{name}")),
        (tags::TENANT, "acme/web".to_owned()),
    ];
    Snapshot {
        id: id(name),
        volume_id: "vol-1".into(),
        state: SnapshotState::Completed,
        state_message: None,
        started_at: T,
        size_gib: 8,
        encrypted: true,
        kms_key_id: None,
        description: String::new(),
        tags: carried.map(|(key, value)| (key.to_owned(), value)).into(),
    }
}

fn id(name: &str) -> SnapshotId {
    SnapshotId::new(format!("snap-{name}"))
}

fn lock(name: &str, until: u64) -> SnapshotLock {
    SnapshotLock {
        id: id(name),
        mode: LockMode::Governance,
        until: Some(at(until)),
    }
}

fn page<T>(items: Vec<T>) -> Listed<T> {
    Listed { items, pages: 1 }
}

fn take(state: &mut State, kind: ListingKind, answer: Answer, seconds: u64) -> Swept {
    let begun = state.begin_listing(kind, at(seconds));
    state.take(kind, begun, Ok(answer), at(seconds))
}

fn list_locks(state: &mut State, locks: Vec<SnapshotLock>, seconds: u64) -> BTreeSet<Owner> {
    take(state, ListingKind::Locks, Answer::Locks(page(locks)), seconds).changed
}

fn list_snapshots(state: &mut State, names: &[&str], seconds: u64) -> BTreeSet<Owner> {
    let found = names.iter().copied().map(snapshot).collect();
    let answer = Answer::Snapshots(page(found));
    take(state, ListingKind::Snapshots, answer, seconds).changed
}

fn backups(names: &[&str]) -> BTreeSet<Owner> {
    let named = names.iter().map(|name| Owner::Backup(format!("acme/{name}")));
    named.collect()
}

/// Two locked snapshots, listed twice.
fn two_locked() -> State {
    let mut state = State::default();
    list_snapshots(&mut state, &["a", "b"], 0);
    for seconds in [0, 5] {
        list_locks(
            &mut state,
            vec![lock("b", 9000), lock("a", 9000), lock("others", 9000)],
            seconds,
        );
    }
    state
}

#[test]
fn a_lock_is_known_by_one_listing_and_its_absence_by_two() {
    let mut state = State::default();
    list_snapshots(&mut state, &["a", "b"], 0);
    assert!(state.view(T).lock_of(&id("a")).is_unknown());
    assert_eq!(list_locks(&mut state, vec![lock("a", 9000)], 0), backups(&["a"]));
    let view = state.view(T);
    assert_eq!(view.lock_of(&id("a")), Observed::Present(&lock("a", 9000)));
    assert!(view.lock_of(&id("b")).is_unknown());
    assert!(list_locks(&mut state, vec![lock("a", 9000)], 5).is_empty());
    let view = state.view(at(5));
    assert_eq!(view.lock_of(&id("b")), Observed::Absent);
    assert_eq!(view.locks_listed_at(), Some(at(5)));
    assert!(state.view(at(306)).lock_of(&id("a")).is_unknown(), "too old");
}

#[test]
fn a_lock_that_somebody_takes_away_wakes_its_backup_and_is_looked_for_again_soon() {
    let mut state = two_locked();
    assert_eq!(
        state.timetable.due_at(ListingKind::Locks),
        at(125),
        "they change seldom"
    );
    let left = || vec![lock("b", 9000), lock("others", 9000)];
    assert_eq!(list_locks(&mut state, left(), 125), backups(&["a"]));
    assert!(state.view(at(125)).lock_of(&id("a")).is_unknown());
    assert_eq!(state.timetable.due_at(ListingKind::Locks), at(130));
    assert_eq!(list_locks(&mut state, left(), 130), backups(&["a"]));
    assert_eq!(state.view(at(130)).lock_of(&id("a")), Observed::Absent);
    assert_eq!(state.timetable.due_at(ListingKind::Locks), at(250));
}

#[test]
fn a_lock_that_is_shortened_wakes_its_backup_and_that_of_a_stranger_s_snapshot_nobody() {
    let mut state = two_locked();
    let shortened = vec![lock("a", 500), lock("b", 9000), lock("others", 400)];
    assert_eq!(list_locks(&mut state, shortened, 125), backups(&["a"]));
    assert_eq!(
        state.view(at(125)).lock_of(&id("a")),
        Observed::Present(&lock("a", 500))
    );
}

#[test]
fn a_lock_that_has_ended_is_none_and_nobody_wonders_where_it_is() {
    let mut state = State::default();
    list_snapshots(&mut state, &["a"], 0);
    for seconds in [0, 5] {
        list_locks(&mut state, vec![lock("a", 100)], seconds);
    }
    assert!(state.view(at(99)).lock_of(&id("a")).present().is_some());
    assert_eq!(state.view(at(100)).lock_of(&id("a")), Observed::Absent);
    assert_eq!(list_locks(&mut state, vec![], 125), backups(&["a"]));
    assert_eq!(state.view(at(125)).lock_of(&id("a")), Observed::Absent);
    assert_eq!(state.timetable.due_at(ListingKind::Locks), at(245));
}

#[test]
fn a_lock_of_ours_shows_at_once_and_until_the_listings_had_their_time() {
    let mut state = two_locked();
    list_snapshots(&mut state, &["a", "b", "c"], 6);
    let before = state.begin_listing(ListingKind::Locks, at(10));
    state.record(Effect::Locked(lock("c", 9000)), at(11));
    state.record(Effect::Locked(lock("a", 12_000)), at(11));
    let old = || vec![lock("a", 9000), lock("b", 9000), lock("others", 9000)];
    // One that began before, and one that AWS's lag makes as old.
    state.take(ListingKind::Locks, before, Ok(Answer::Locks(page(old()))), at(12));
    assert!(list_locks(&mut state, old(), 20).is_empty());
    let view = state.view(at(20));
    assert_eq!(view.lock_of(&id("c")), Observed::Present(&lock("c", 9000)));
    assert_eq!(view.lock_of(&id("a")), Observed::Present(&lock("a", 12_000)));
    // The one that a listing shows is read back, and its Backup told.
    let one = vec![lock("a", 12_000), lock("b", 9000), lock("others", 9000)];
    assert_eq!(list_locks(&mut state, one.clone(), 140), backups(&["a"]));
    // The other one no listing will show any more.
    let late = 11 + CREATION_LAG.as_secs();
    assert_eq!(list_locks(&mut state, one.clone(), late), backups(&["c"]));
    assert!(state.view(at(late)).lock_of(&id("c")).is_unknown());
    list_locks(&mut state, one, late + 5);
    assert_eq!(state.view(at(late + 5)).lock_of(&id("c")), Observed::Absent);
}

#[test]
fn what_we_delete_is_absent_at_once_and_never_unknown_after() {
    let mut state = State::default();
    for seconds in [0, 5] {
        list_snapshots(&mut state, &["a", "b"], seconds);
    }
    state.record(Effect::Deleted(id("a")), at(6));
    let is_absent = |state: &State, seconds| {
        let view = state.view(at(seconds));
        assert_eq!(view.snapshot(&id("a")), Observed::Absent);
        assert_eq!(view.snapshots_of_backup("acme/a"), Observed::Absent);
        let all = view.snapshots_tagged(tags::TENANT, "acme/web");
        assert_eq!(all.present().map(Vec::len), Some(1));
    };
    is_absent(&state, 6);
    // The listing is behind the deletion.
    assert!(list_snapshots(&mut state, &["a", "b"], 35).is_empty());
    is_absent(&state, 35);
    assert_eq!(list_snapshots(&mut state, &["b"], 65), backups(&["a"]));
    is_absent(&state, 65);
    list_snapshots(&mut state, &["b"], 95);
    is_absent(&state, 95);
}

#[test]
fn what_was_deleted_and_is_listed_long_after_is_there_again() {
    let mut state = State::default();
    for seconds in [0, 5] {
        list_snapshots(&mut state, &["a"], seconds);
    }
    state.record(Effect::Deleted(id("a")), at(6));
    let late = 6 + CREATION_LAG.as_secs();
    list_snapshots(&mut state, &["a"], late - 1);
    assert_eq!(state.view(at(late - 1)).snapshot(&id("a")), Observed::Absent);
    assert_eq!(list_snapshots(&mut state, &["a"], late), backups(&["a"]));
    assert!(state.view(at(late)).snapshot(&id("a")).present().is_some());
}

fn job(name: &str, state: JobState) -> BackupJob {
    BackupJob {
        id: name.into(),
        state,
        state_name: String::new(),
        message: None,
        created_at: at(60),
        completed_at: None,
        recovery_point: None,
        encrypted: true,
        bytes: None,
    }
}

fn list_jobs(state: &mut State, jobs: Vec<BackupJob>, seconds: u64) -> BTreeSet<Owner> {
    let answer = Answer::BackupJobs(page(jobs));
    take(state, ListingKind::BackupJobs, answer, seconds).changed
}

#[test]
fn jobs_are_listed_while_somebody_watches_them_and_wake_who_watches_theirs() {
    let kind = ListingKind::BackupJobs;
    let mut state = State::default();
    assert_eq!(state.timetable.due_at(kind), Timestamp::MAX);
    state.watch_jobs(at(70), at(70));
    assert_eq!(state.jobs_since(), Some(at(60)), "a whole minute");
    assert!(state.timetable.due_at(kind) <= at(70));
    state.watch_job_for(Owner::Backup("acme/a".to_owned()), "j-1".into(), at(70));
    let waiting = || vec![job("j-1", JobState::Waiting), job("j-2", JobState::Waiting)];
    assert_eq!(list_jobs(&mut state, waiting(), 70), backups(&["a"]));
    assert!(list_jobs(&mut state, waiting(), 75).is_empty());
    let view = state.view(at(75));
    assert!(view.backup_job(&"j-1".into()).present().is_some());
    assert_eq!(view.backup_job(&"j-3".into()), Observed::Absent);
    assert_eq!(state.timetable.due_at(kind), at(105));
    take(&mut state, ListingKind::Images, Answer::Images(page(vec![])), 76);
    let done = vec![job("j-1", JobState::Completed), job("j-2", JobState::Waiting)];
    assert_eq!(list_jobs(&mut state, done, 105), backups(&["a"]));
    assert_eq!(
        state.timetable.due_at(ListingKind::Images),
        at(81),
        "the second one is due anyway"
    );
    // Asked for again it goes on, else it ends.
    let end = 70 + WATCH.as_secs();
    state.watch_jobs(at(70), at(500));
    state.end_old_watches(at(end));
    assert!(state.jobs_since().is_some());
    state.end_old_watches(at(500 + WATCH.as_secs()));
    assert_eq!(state.jobs_since(), None);
    assert_eq!(state.timetable.due_at(kind), Timestamp::MAX);
    assert!(state.view(at(end)).backup_job(&"j-1".into()).is_unknown());
}

#[test]
fn a_job_from_before_what_was_listed_is_not_absent() {
    let mut state = State::default();
    state.watch_jobs(at(600), at(600));
    list_jobs(&mut state, vec![], 600);
    list_jobs(&mut state, vec![], 605);
    assert_eq!(state.view(at(605)).backup_job(&"j-1".into()), Observed::Absent);
    // A later one asks for nothing that was not listed.
    state.watch_jobs(at(660), at(606));
    assert_eq!(state.view(at(606)).backup_job(&"j-1".into()), Observed::Absent);
    let under_way = state.begin_listing(ListingKind::BackupJobs, at(606));
    state.watch_jobs(at(60), at(607));
    assert!(
        state.timetable.due_at(ListingKind::BackupJobs) <= at(607),
        "at once"
    );
    state.take(
        ListingKind::BackupJobs,
        under_way,
        Ok(Answer::BackupJobs(page(vec![]))),
        at(608),
    );
    assert!(
        state.timetable.due_at(ListingKind::BackupJobs) <= at(607),
        "it still is"
    );
    list_jobs(&mut state, vec![], 608);
    assert!(state.view(at(608)).backup_job(&"j-1".into()).is_unknown());
    list_jobs(&mut state, vec![], 613);
    assert_eq!(state.view(at(613)).backup_job(&"j-1".into()), Observed::Absent);
}

#[test]
fn a_vault_is_looked_at_at_once_and_then_rarely() {
    let kind = ListingKind::Vaults;
    let mut state = State::default();
    let (day, night) = (VaultName::from("day"), VaultName::from("night"));
    assert!(state.view(T).vault(&day).is_unknown());
    state.watch_vault(&day, T);
    assert!(state.timetable.due_at(kind) <= T);
    let vault = Vault {
        name: day.clone(),
        kms_key_id: None,
        lock: None,
    };
    let found = vec![(day.clone(), Some(vault.clone()))];
    take(&mut state, kind, Answer::Vaults(page(found)), 0);
    assert_eq!(state.view(T).vault(&day), Observed::Present(&vault));
    assert_eq!(state.timetable.due_at(kind), at(600));
    state.watch_vault(&night, at(100));
    assert_eq!(state.timetable.due_at(kind), at(100), "a new one");
    let begun = state.begin_listing(kind, at(100));
    state.vaults_failed(begun.at, Duration::from_secs(30));
    let failed = Err(failure(Operation::DescribeBackupVault));
    state.take(kind, begun, failed, at(100));
    assert_eq!(
        state.timetable.due_at(kind),
        at(130),
        "again after the usual period"
    );
    take(
        &mut state,
        kind,
        Answer::Vaults(page(vec![(night.clone(), None)])),
        130,
    );
    let view = state.view(at(130));
    assert_eq!(view.vault(&night), Observed::Absent);
    assert!(view.vault(&day).present().is_some());
    state.end_old_watches(at(130 + WATCH.as_secs()));
    assert!(state.view(at(130)).vault(&day).is_unknown(), "nobody watches");
    assert_eq!(state.timetable.due_at(kind), Timestamp::MAX);
}

#[test]
fn an_account_that_denies_all_that_is_about_copies_is_looked_after_all_the_same() {
    let mut state = State::default();
    let denied = [
        ListingKind::Locks,
        ListingKind::PublicSnapshots,
        ListingKind::Images,
    ];
    let mut told = Vec::new();
    for seconds in [0, 5] {
        for kind in TOLD {
            let begun = state.begin_listing(kind, at(seconds));
            let answer = match denied.contains(&kind) {
                true => Err(failure(Operation::DescribeImages)),
                false => Ok(nothing(kind)),
            };
            told.push(state.take(kind, begun, answer, at(seconds)).became_conclusive);
        }
    }
    assert!(state.has_swept() && state.timetable.was_tried());
    assert_eq!(told.iter().filter(|told| **told).count(), 1);
    assert!(state.view(at(5)).lock_of(&id("a")).is_unknown());
    assert!(state.view(at(5)).exposed().is_empty());
}

fn rank(begun_at: u64) -> Rank {
    Rank {
        is_pending: false,
        begun_at: Reverse(at(begun_at)),
    }
}

fn shared() -> Sharing {
    Sharing {
        public: false,
        accounts: ["999988887777".into()].into(),
    }
}

#[test]
fn the_rotation_reads_the_newest_day_first_and_everything_before_anything_twice() {
    let mut rotation = Rotation::<u32>::default();
    let mut guarded: Vec<_> = (0..100)
        .map(|number| (number, rank(u64::from(number) / 10)))
        .collect();
    let mut turn = 0;
    let mut step = |rotation: &mut Rotation<u32>, guarded: &[(u32, Rank)], seconds: u64| {
        let due = rotation.due(guarded.to_vec(), at(seconds));
        turn += 1;
        let found = due.iter().map(|id| (*id, Some(Sharing::default()))).collect();
        assert!(rotation.read(found, Turn(turn), at(seconds)).is_empty());
        due
    };
    let first = step(&mut rotation, &guarded, 0);
    assert!(first.len() == 20 && first.iter().all(|id| *id >= 80), "{first:?}");
    let second = step(&mut rotation, &guarded, 30);
    assert!(second.len() == 30 && second.iter().all(|id| (50..80).contains(id)));
    // A new day comes before what is left of the old ones; what is pending comes last of what was never read.
    guarded.extend((100..105).map(|number| (number, rank(99))));
    let pending = Rank {
        is_pending: true,
        ..rank(100)
    };
    guarded.push((105, pending));
    let third = step(&mut rotation, &guarded, 60);
    assert!((100..105).all(|id| third.contains(&id)) && !third.contains(&105));
    // The rest, and four that are the first to be read again.
    let fourth = step(&mut rotation, &guarded, 90);
    assert!(rotation.of(&0).is_some() && rotation.of(&105).is_some());
    assert_eq!(
        rotation.length(),
        Some(Duration::from_secs(90)),
        "the first were read then"
    );
    let again = step(&mut rotation, &guarded, 120);
    let are_read_again = first.iter().all(|id| again.contains(id) != fourth.contains(id));
    assert!(are_read_again, "{fourth:?}, then {again:?}");
    // What is gone is forgotten.
    guarded.retain(|(id, _)| *id < 10);
    step(&mut rotation, &guarded, 150);
    assert_eq!(rotation.of(&50), None);
}

#[test]
fn a_reading_from_before_we_closed_a_copy_is_not_believed_and_the_next_turn_reads_it_back() {
    let mut rotation = Rotation::<u32>::default();
    let guarded: Vec<_> = (0..40).map(|number| (number, rank(1))).collect();
    let due = rotation.due(guarded.clone(), at(0));
    let open = due[0];
    let found = |sharing: Sharing| vec![(open, Some(sharing))];
    assert_eq!(rotation.read(found(shared()), Turn(1), at(1)), [open]);
    assert_eq!(rotation.of(&open), Some(&shared()));
    rotation.closed(&open, Turn(5));
    assert!(rotation.open().is_empty());
    assert!(rotation.read(found(shared()), Turn(4), at(2)).is_empty());
    assert!(rotation.open().is_empty());
    assert!(rotation.due(guarded, at(30)).contains(&open), "to be read back");
    assert_eq!(
        rotation.read(found(shared()), Turn(6), at(30)),
        [open],
        "open again"
    );
    // One that fails proves nothing.
    assert!(rotation.read(vec![(open, None)], Turn(7), at(31)).is_empty());
    assert_eq!(rotation.of(&open), Some(&shared()));
}

#[test]
fn what_is_open_is_shown_with_all_that_is_known_of_it_and_wakes_backup_and_tenant() {
    let mut state = State::default();
    list_snapshots(&mut state, &["a", "b"], 0);
    let mut released = snapshot("released");
    released.tags.insert(tags::RELEASED.to_owned(), String::new());
    let mut unlisted = snapshot("unlisted");
    unlisted.tags = Tags::new();
    let public = Answer::PublicSnapshots(page(vec![snapshot("a"), released, unlisted]));
    let swept = take(&mut state, ListingKind::PublicSnapshots, public, 0);
    assert!(swept.is_exposed);
    let mut owners = backups(&["a"]);
    owners.insert(Owner::Tenant("acme/web".to_owned()));
    assert_eq!(swept.changed, owners);
    let (begun, due, images) = state.begin_reading(at(1));
    assert_eq!((due.len(), images.len()), (2, 0));
    let found = due.into_iter().map(|id| (id, Some(shared()))).collect();
    let swept = state.end_reading(begun, (found, Vec::new()), Vec::new(), at(1));
    assert!(swept.is_exposed && swept.changed.len() == 3, "{swept:?}");
    let view = state.view(at(400));
    let exposed = view.exposed();
    let shown: Vec<_> = exposed
        .iter()
        .map(|one| (one.id.to_string(), one.sharing.public, one.sharing.accounts.len()))
        .collect();
    let expected = [
        ("snap-a", true, 1),
        ("snap-unlisted", true, 0),
        ("snap-b", false, 1),
    ];
    assert_eq!(
        shown,
        expected.map(|(id, public, count)| (id.to_owned(), public, count))
    );
    state.record(Effect::SnapshotClosed(id("a")), at(2));
    state.record(Effect::Deleted(id("b")), at(2));
    let view = state.view(at(3));
    assert_eq!(view.exposed().len(), 1);
    assert!(view.sharing_of(&id("a")).present().unwrap().is_private());
}
