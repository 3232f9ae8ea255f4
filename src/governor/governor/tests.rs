use std::{
    pin::Pin,
    sync::atomic::{AtomicUsize, Ordering},
    task::{Context, Poll},
};

use futures::{
    FutureExt,
    executor::{LocalPool, block_on},
    poll,
    task::LocalSpawnExt,
};

use super::*;
use crate::clock::{ManualClock, Wait};
use crate::governor::on_behalf_of;

const GROUP: Operation = Operation::CreateSecurityGroup;

fn start() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

/// A governor, its clock, and what it told of.
struct Stage {
    clock: ManualClock,
    governor: Arc<Governor>,
    told: Arc<Mutex<Vec<Waited>>>,
}

impl Stage {
    /// At the very start: every bucket is empty.
    fn fresh() -> Self {
        let clock = ManualClock::new(start());
        Self::on(clock.clone(), Arc::new(clock))
    }

    /// An hour later: every bucket is full.
    fn rested() -> Self {
        let stage = Self::fresh();
        stage.clock.advance(Duration::from_secs(3600));
        stage
    }

    fn on(manual: ManualClock, clock: Arc<dyn Clock>) -> Self {
        let told = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&told);
        let observer: WaitObserver = Arc::new(move |waited| heard.lock().unwrap().push(waited));
        Self {
            governor: Arc::new(Governor::new(clock, Settings::default(), observer)),
            clock: manual,
            told,
        }
    }

    fn advance(&self, millis: u64) {
        self.clock.advance(Duration::from_millis(millis));
    }

    /// Takes everything that one lane may take at once.
    fn drain(&self, operation: Operation, lane: Lane) -> u32 {
        let mut taken = 0;
        while self.governor.admit(operation, lane, 1).now_or_never().is_some() {
            taken += 1;
        }
        taken
    }
}

#[test]
fn a_call_goes_at_once_while_there_are_tokens_and_nobody_is_told() {
    let stage = Stage::rested();
    assert_eq!(stage.drain(GROUP, Lane::UserChange), 30);
    assert_eq!(*stage.told.lock().unwrap(), []);
    // Another operation has buckets of its own.
    assert_eq!(stage.drain(Operation::CreateSnapshots, Lane::Backup), 66);
}

#[test]
fn a_restarted_process_begins_with_nothing() {
    let stage = Stage::fresh();
    assert_eq!(stage.drain(GROUP, Lane::Contain), 0);
    stage.advance(250);
    assert_eq!(stage.drain(GROUP, Lane::Contain), 1);
}

#[test]
fn an_operation_first_called_late_finds_its_bucket_full() {
    let stage = Stage::fresh();
    stage.drain(GROUP, Lane::Contain);
    stage.advance(60_000);
    assert_eq!(stage.drain(Operation::CreateTags, Lane::UserChange), 60);
}

#[tokio::test]
async fn a_call_that_waited_goes_when_its_token_is_there_and_is_told_of() {
    let stage = Stage::rested();
    stage.drain(GROUP, Lane::Drift);
    let wait = stage.governor.admit(GROUP, Lane::Drift, 1);
    tokio::pin!(wait);
    assert!(poll!(wait.as_mut()).is_pending());
    stage.advance(249);
    assert!(poll!(wait.as_mut()).is_pending());
    stage.advance(1);
    assert_eq!(wait.await, Ok(()));
    let told = Waited {
        operation: GROUP,
        lane: Lane::Drift,
        took: Duration::from_millis(250),
        end: WaitEnd::Admitted,
    };
    assert_eq!(*stage.told.lock().unwrap(), [told]);
}

#[tokio::test]
async fn a_call_whose_turn_does_not_come_is_held_back_and_takes_nothing() {
    let stage = Stage::rested();
    let operation = Operation::RunInstances;
    // Its buckets are empty now, and a thousand instances take minutes.
    stage.governor.throttled(operation);
    let wait = stage.governor.admit(operation, Lane::Drift, 1000);
    tokio::pin!(wait);
    assert!(poll!(wait.as_mut()).is_pending());
    stage.advance(14_999);
    assert!(poll!(wait.as_mut()).is_pending());
    stage.advance(1);
    let error = wait.await.unwrap_err();
    assert_eq!(
        (error.kind, error.code.as_str()),
        (ErrorKind::Throttled, "HeldBack")
    );
    assert!(error.message.contains("rate limit of RunInstances") && error.message.contains("--aws-share"));
    let told = stage.told.lock().unwrap()[0];
    assert_eq!((told.took, told.end), (MAX_WAIT, WaitEnd::HeldBack));
    stage.advance(60_000);
    assert_eq!(stage.drain(operation, Lane::Drift), 1, "nothing was taken");
}

#[test]
fn a_hundred_who_wait_go_in_the_order_they_came() {
    let stage = Stage::fresh();
    let mut pool = LocalPool::new();
    let gone = Arc::new(Mutex::new(Vec::new()));
    for number in 0..100 {
        let (governor, gone) = (Arc::clone(&stage.governor), Arc::clone(&gone));
        let call = async move {
            governor
                .admit(Operation::DescribeInstances, Lane::Drift, 1)
                .await
                .unwrap();
            gone.lock().unwrap().push(number);
        };
        pool.spawner().spawn_local(call).unwrap();
    }
    for _ in 0..1000 {
        pool.run_until_stalled();
        stage.advance(10);
    }
    assert_eq!(*gone.lock().unwrap(), (0..100).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_incident_passes_a_backlog_of_ten_thousand_at_once() {
    let stage = Stage::rested();
    let operation = Operation::ModifyNetworkInterfaceAttribute;
    let mut backlog: Vec<_> = (0..10_000)
        .map(|_| Box::pin(stage.governor.admit(operation, Lane::Drift, 1)))
        .collect();
    let mut waiting = 0;
    for call in &mut backlog {
        waiting += usize::from(poll!(call.as_mut()).is_pending());
    }
    assert!(waiting > 9_900);
    assert_eq!(
        stage.drain(operation, Lane::Contain),
        8,
        "a tenth of 100 × 0.8 is kept"
    );
}

#[tokio::test]
async fn who_drops_out_leaves_the_line_and_the_next_one_watches_the_clock() {
    let stage = Stage::rested();
    stage.drain(GROUP, Lane::Drift);
    let mut first = Box::pin(stage.governor.admit(GROUP, Lane::Drift, 1));
    let mut second = Box::pin(stage.governor.admit(GROUP, Lane::Drift, 1));
    assert!(poll!(first.as_mut()).is_pending());
    assert!(poll!(second.as_mut()).is_pending());
    drop(first);
    assert!(poll!(second.as_mut()).is_pending());
    stage.advance(250);
    assert_eq!(second.await, Ok(()));
}

#[tokio::test]
async fn who_drops_out_when_called_loses_nobody_else_their_turn() {
    let stage = Stage::rested();
    stage.drain(GROUP, Lane::Drift);
    let mut calls: Vec<_> = (0..3)
        .map(|_| Box::pin(stage.governor.admit(GROUP, Lane::Drift, 1)))
        .collect();
    for call in &mut calls {
        assert!(poll!(call.as_mut()).is_pending());
    }
    stage.advance(500);
    let mut calls = calls.into_iter();
    assert_eq!(calls.next().unwrap().await, Ok(()));
    // The second was called by the first, and is never polled again.
    drop(calls.next());
    assert_eq!(calls.next().unwrap().await, Ok(()));
}

/// A clock that knows how many wait for it.
#[derive(Clone, Debug)]
struct Counted {
    clock: ManualClock,
    waiting: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

struct CountedWait {
    wait: Wait,
    waiting: Arc<AtomicUsize>,
}

impl Future for CountedWait {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.wait.as_mut().poll(context)
    }
}

impl Drop for CountedWait {
    fn drop(&mut self) {
        self.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Clock for Counted {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn until(&self, at: Timestamp) -> Wait {
        let waiting = self.waiting.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(waiting, Ordering::SeqCst);
        Box::pin(CountedWait {
            wait: self.clock.until(at),
            waiting: Arc::clone(&self.waiting),
        })
    }
}

#[test]
fn of_a_thousand_who_wait_one_watches_the_clock() {
    let counted = Counted {
        clock: ManualClock::new(start()),
        waiting: Arc::default(),
        most: Arc::default(),
    };
    let stage = Stage::on(counted.clock.clone(), Arc::new(counted.clone()));
    let mut pool = LocalPool::new();
    let ended = Arc::new(AtomicUsize::new(0));
    for number in 0..1000 {
        let (governor, ended) = (Arc::clone(&stage.governor), Arc::clone(&ended));
        let lane = Lane::ALL[4 - number % 5];
        let call = async move {
            drop(governor.admit(GROUP, lane, 1).await);
            ended.fetch_add(1, Ordering::SeqCst);
        };
        pool.spawner().spawn_local(call).unwrap();
        pool.run_until_stalled();
        assert_eq!(counted.waiting.load(Ordering::SeqCst), 1);
    }
    while ended.load(Ordering::SeqCst) < 1000 {
        stage.advance(50);
        pool.run_until_stalled();
    }
    assert!(elapsed(start(), stage.clock.now()) <= MAX_WAIT);
    assert_eq!(counted.waiting.load(Ordering::SeqCst), 0);
    // One who is overtaken may still be about to turn away when the other one looks up.
    assert!(counted.most.load(Ordering::SeqCst) <= 2);
}

#[test]
fn a_refused_call_slows_the_next_ones_of_its_operation_only() {
    let stage = Stage::rested();
    stage.governor.throttled(GROUP);
    assert_eq!(stage.drain(GROUP, Lane::Contain), 0);
    assert_eq!(stage.drain(Operation::CreateTags, Lane::UserChange), 60);
    stage.advance(500);
    assert_eq!(stage.drain(GROUP, Lane::Contain), 1);
}

#[test]
fn no_runtime_is_needed() {
    let stage = Stage::rested();
    assert_eq!(block_on(stage.governor.admit(GROUP, Lane::Backup, 1)), Ok(()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_many_threads_nobody_is_forgotten() {
    let stage = Stage::fresh();
    let calls: Vec<_> = (0..400)
        .map(|number| {
            let governor = Arc::clone(&stage.governor);
            let lane = Lane::ALL[number % 5];
            tokio::spawn(async move { governor.admit(GROUP, lane, 1).await })
        })
        .collect();
    for (number, call) in calls.iter().enumerate() {
        if number % 7 == 0 {
            call.abort();
        }
    }
    while calls.iter().any(|call| !call.is_finished()) {
        stage.advance(5);
        tokio::task::yield_now().await;
    }
    let line = stage.governor.lines();
    assert!(line[&GROUP].bells.is_empty(), "everyone left the line");
}

fn called(stage: &Stage, name: &str) -> Option<Result<(), CloudError>> {
    let admitted = stage.governor.admit(GROUP, Lane::UserChange, 1);
    on_behalf_of(name, admitted).now_or_never()
}

fn turn_of(result: Option<Result<(), CloudError>>) -> Timestamp {
    result.unwrap().unwrap_err().turn_at.unwrap()
}

#[test]
fn where_the_line_is_long_each_caller_is_told_its_own_turn_and_keeps_it() {
    let stage = Stage::rested();
    stage.drain(GROUP, Lane::UserChange);
    let mut pool = LocalPool::new();
    for number in 0..100 {
        let governor = Arc::clone(&stage.governor);
        let call = async move {
            let admitted = governor.admit(GROUP, Lane::UserChange, 1);
            drop(on_behalf_of(&format!("tenant {number}"), admitted).await);
        };
        pool.spawner().spawn_local(call).unwrap();
    }
    pool.run_until_stalled();
    let (first, second) = (turn_of(called(&stage, "one")), turn_of(called(&stage, "two")));
    assert_eq!(
        elapsed(first, second),
        Duration::from_millis(250),
        "a call at four a second"
    );
    assert_eq!(
        turn_of(called(&stage, "one")),
        first,
        "too early: the turn stands"
    );
    // Nine stand in line and ninety-one were told before; it comes back two seconds early.
    let wait = elapsed(start(), first) - Duration::from_secs(3600);
    assert!(
        (Duration::from_secs(23)..Duration::from_secs(25)).contains(&wait),
        "{wait:?}"
    );
    // Nobody who is not told to come back is told so.
    assert!(
        stage
            .governor
            .admit(GROUP, Lane::UserChange, 1)
            .now_or_never()
            .is_none()
    );
    // An Incident, a backup and a look stand in line by any name.
    let incident = stage.governor.admit(GROUP, Lane::Contain, 1);
    assert_eq!(on_behalf_of("incident", incident).now_or_never(), Some(Ok(())));
    let backup = stage.governor.admit(GROUP, Lane::Backup, 1);
    assert!(on_behalf_of("backup", backup).now_or_never().is_none());
}

#[test]
fn whoever_comes_at_its_turn_is_admitted() {
    let stage = Stage::rested();
    stage.drain(GROUP, Lane::UserChange);
    let mut pool = LocalPool::new();
    for number in 0..20 {
        let governor = Arc::clone(&stage.governor);
        let call = async move {
            let admitted = governor.admit(GROUP, Lane::UserChange, 1);
            drop(on_behalf_of(&format!("tenant {number}"), admitted).await);
        };
        pool.spawner().spawn_local(call).unwrap();
    }
    pool.run_until_stalled();
    let turn = turn_of(called(&stage, "late"));
    stage.clock.advance_to(turn);
    pool.run_until_stalled();
    let admitted = stage.governor.admit(GROUP, Lane::UserChange, 1);
    let mut admitted = pin!(on_behalf_of("late", admitted));
    let at_once = admitted.as_mut().now_or_never();
    stage.advance(2000);
    pool.run_until_stalled();
    assert_eq!(at_once.unwrap_or_else(|| block_on(admitted)), Ok(()));
}

fn granted(stage: &Stage, name: &str, calls: u32) -> Result<(), CloudError> {
    let booked = async {
        stage
            .governor
            .book(Operation::CreateSnapshots, Lane::Backup, calls)
    };
    on_behalf_of(name, booked).now_or_never().unwrap()
}

fn called_by(stage: &Stage, name: &str) -> Option<Result<(), CloudError>> {
    let call = stage.governor.admit(Operation::CreateSnapshots, Lane::Backup, 1);
    on_behalf_of(name, call).now_or_never()
}

#[test]
fn who_was_granted_a_turn_calls_at_once_however_many_asked_since() {
    let stage = Stage::rested();
    assert_eq!(granted(&stage, "first", 1), Ok(()));
    for number in 0..1000 {
        drop(granted(&stage, &format!("backup {number}"), 1));
    }
    assert_eq!(called_by(&stage, "first"), Some(Ok(())));
    let second = called_by(&stage, "first");
    assert!(
        turn_of(second) > stage.clock.now(),
        "its next call is another one"
    );
}

#[test]
fn asking_takes_nothing_and_what_was_granted_is_counted_until_it_is_made_or_lost() {
    let stage = Stage::rested();
    // 66 at once and eight more within two seconds; one more is told to come a quarter of a second later.
    let told = (0..200).map(|number| granted(&stage, &format!("backup {number}"), 1));
    let told: Vec<_> = told.collect();
    assert_eq!(told.iter().filter(|told| told.is_ok()).count(), 66 + 9);
    assert_eq!(
        stage.drain(Operation::CreateSnapshots, Lane::Backup),
        66,
        "nothing was taken"
    );
    // Nobody called. A turn was lost, and the bucket is full again.
    stage.advance(30_000);
    assert_eq!(granted(&stage, "another", 1), Ok(()));
    assert_eq!(
        granted(&stage, "backup 199", 1),
        Ok(()),
        "there is enough: its turn need not come"
    );
}

#[test]
fn who_was_granted_several_calls_makes_them_one_after_another() {
    let stage = Stage::rested();
    assert_eq!(granted(&stage, "a set", 3), Ok(()));
    for number in 0..200 {
        drop(granted(&stage, &format!("backup {number}"), 1));
    }
    for _ in 0..3 {
        assert_eq!(called_by(&stage, "a set"), Some(Ok(())));
    }
    assert!(called_by(&stage, "a set").unwrap().is_err());
    let (one, two) = (granted(&stage, "x", 4), granted(&stage, "y", 1));
    let between = elapsed(turn_of(Some(one)), turn_of(Some(two)));
    assert_eq!(
        between,
        Duration::from_millis(250),
        "the turn is that of the last of its calls"
    );
}

#[test]
fn whom_nobody_can_tell_to_come_back_stands_in_line() {
    let stage = Stage::fresh();
    assert_eq!(
        stage.governor.book(Operation::CreateSnapshots, Lane::Backup, 1),
        Ok(())
    );
    assert!(
        stage
            .governor
            .admit(Operation::CreateSnapshots, Lane::Backup, 1)
            .now_or_never()
            .is_none()
    );
}

#[test]
fn a_slot_lets_only_what_begins_backups_take_all_for_an_hour() {
    let stage = Stage::rested();
    let slot = stage.clock.now();
    stage.governor.slot_began(later(slot, Duration::from_secs(1)));
    stage.advance(30_000);
    assert_eq!(
        stage.drain(Operation::CreateSnapshots, Lane::Backup),
        66,
        "it is still to come"
    );
    stage.advance(30_000);
    stage.governor.slot_began(slot);
    stage.advance(60_000);
    assert_eq!(stage.drain(Operation::CreateSnapshots, Lane::Backup), 82);
    assert_eq!(stage.drain(Operation::LockSnapshot, Lane::Backup), 30);
    stage.advance(3_600_000);
    stage.governor.slot_began(slot);
    stage.advance(30_000);
    assert_eq!(
        stage.drain(Operation::CreateSnapshots, Lane::Backup),
        66,
        "it is over"
    );
}

#[test]
fn whoever_waits_when_a_slot_begins_goes_as_soon_as_it_may_then() {
    let stage = Stage::fresh();
    let mut wait = Box::pin(stage.governor.admit(Operation::StartBackupJob, Lane::Backup, 1));
    let mut pool = LocalPool::new();
    let ended = Arc::new(AtomicUsize::new(0));
    assert!(wait.as_mut().now_or_never().is_none());
    let (governor, one) = (Arc::clone(&stage.governor), Arc::clone(&ended));
    drop(wait);
    let call = async move {
        governor
            .admit(Operation::StartBackupJob, Lane::Backup, 1)
            .await
            .unwrap();
        one.fetch_add(1, Ordering::SeqCst);
    };
    pool.spawner().spawn_local(call).unwrap();
    pool.run_until_stalled();
    stage.governor.slot_began(start());
    // The reserve and a token, of five a second: at four a second it would not be there yet.
    pool.run_until_stalled();
    stage.advance(300);
    pool.run_until_stalled();
    assert_eq!(ended.load(Ordering::SeqCst), 1);
}
