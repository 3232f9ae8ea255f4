use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use tokio::{sync::oneshot, task::JoinHandle};

use super::*;
use crate::clock::ManualClock;

mod pure;

fn start() -> Timestamp {
    "2026-11-25T00:00:00Z".parse().unwrap()
}

fn claimant(identity: &str) -> Claimant {
    Claimant {
        identity: identity.to_owned(),
        cluster: "tokyo".into(),
    }
}

/// What a store does with requests.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Weather {
    Fine,
    Down,
    Hanging,
}

/// A Lease in memory, with the rule of the API server: a write needs the current version.
#[derive(Clone)]
struct MemoryLease {
    lease: Arc<Mutex<Lease>>,
    version: Arc<AtomicU64>,
    weather: Arc<Mutex<Weather>>,
}

impl MemoryLease {
    fn new() -> Self {
        let metadata = ObjectMeta {
            resource_version: Some("0".to_owned()),
            ..ObjectMeta::default()
        };
        Self {
            lease: Arc::new(Mutex::new(Lease { metadata, spec: None })),
            version: Arc::new(AtomicU64::new(0)),
            weather: Arc::new(Mutex::new(Weather::Fine)),
        }
    }

    fn holder(&self) -> Option<String> {
        decide::holder(&self.lease.lock().unwrap()).map(str::to_owned)
    }

    fn set(&self, weather: Weather) {
        *self.weather.lock().unwrap() = weather;
    }

    /// A person writes the lease.
    fn edit(&self, change: impl FnOnce(&mut Lease)) {
        let mut lease = self.lease.lock().unwrap();
        change(&mut lease);
        let version = self.version.fetch_add(1, Ordering::SeqCst) + 1;
        lease.metadata.resource_version = Some(version.to_string());
    }

    async fn answer(&self) -> Result<(), StoreError> {
        let weather = *self.weather.lock().unwrap();
        match weather {
            Weather::Fine => Ok(()),
            Weather::Down => Err(StoreError::Missing("yagura-system/yagura".to_owned())),
            Weather::Hanging => std::future::pending().await,
        }
    }
}

#[async_trait]
impl LeaseStore for MemoryLease {
    async fn read(&self) -> Result<Lease, StoreError> {
        self.answer().await?;
        Ok(self.lease.lock().unwrap().clone())
    }

    async fn replace(&self, wanted: &Lease) -> Result<Lease, StoreError> {
        self.answer().await?;
        let current = self.lease.lock().unwrap().metadata.resource_version.clone();
        if wanted.metadata.resource_version != current {
            return Err(StoreError::Conflict);
        }
        self.edit(|lease| *lease = wanted.clone());
        Ok(self.lease.lock().unwrap().clone())
    }
}

/// One process of an installation.
struct Process {
    told: watch::Receiver<Leadership>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<Result<(), LeaseError>>,
}

impl Process {
    fn start(store: &MemoryLease, me: Claimant, clock: &ManualClock) -> Self {
        let (elector, told) = Elector::new(store.clone(), me, Arc::new(clock.clone()));
        let (stop, stopped) = oneshot::channel();
        let shutdown = async move { drop(stopped.await) };
        Self {
            told,
            stop: Some(stop),
            task: tokio::spawn(elector.run(shutdown)),
        }
    }

    fn leads(&self) -> bool {
        *self.told.borrow() == Leadership::Leading
    }

    /// As `kill -9`: nothing is given back.
    async fn kill(self) {
        self.task.abort();
        drop(self.task.await);
    }

    async fn stop(mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        self.task.await.unwrap().unwrap();
    }
}

/// Lets every task run until all of them wait for the clock.
async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

/// Moves the clock in small steps; tells after how long `holds` was true, at most `limit`.
async fn until(clock: &ManualClock, limit: Duration, holds: impl Fn() -> bool) -> Option<Duration> {
    let step = Duration::from_millis(100);
    let mut passed = Duration::ZERO;
    settle().await;
    while !holds() {
        if passed >= limit {
            return None;
        }
        clock.advance(step);
        passed += step;
        settle().await;
    }
    Some(passed)
}

async fn pass(clock: &ManualClock, span: Duration) {
    assert_eq!(until(clock, span, || false).await, None);
}

#[tokio::test]
async fn one_of_several_leads_and_goes_on_leading() {
    let (store, clock) = (MemoryLease::new(), ManualClock::new(start()));
    let first = Process::start(&store, claimant("a"), &clock);
    settle().await;
    let second = Process::start(&store, claimant("b"), &clock);
    let mut told = second.told.clone();
    told.mark_unchanged();
    for _ in 0..60 {
        pass(&clock, Duration::from_secs(1)).await;
        assert!(first.leads() && !second.leads());
    }
    // Nobody is woken to be told what they know.
    assert!(!told.has_changed().unwrap());
    assert_eq!(store.holder().as_deref(), Some("a"));
}

#[tokio::test]
async fn the_next_leader_acts_within_17_s_of_a_kill() {
    // Killed at any moment between two renewals.
    for tenths in [0, 3, 19, 37, 49] {
        let (store, clock) = (MemoryLease::new(), ManualClock::new(start()));
        let first = Process::start(&store, claimant("a"), &clock);
        settle().await;
        let second = Process::start(&store, claimant("b"), &clock);
        pass(&clock, Duration::from_millis(10_000 + tenths * 100)).await;
        first.kill().await;
        let waited = until(&clock, Duration::from_secs(17), || second.leads()).await;
        assert!(waited.is_some(), "killed {tenths}/10 s after a renewal");
    }
}

#[tokio::test]
async fn a_restarted_process_takes_its_own_lease_at_once() {
    let (store, clock) = (MemoryLease::new(), ManualClock::new(start()));
    let first = Process::start(&store, claimant("a"), &clock);
    pass(&clock, Duration::from_secs(6)).await;
    first.kill().await;
    let again = Process::start(&store, claimant("a"), &clock);
    assert_eq!(
        until(&clock, Duration::from_secs(1), || again.leads()).await,
        Some(Duration::ZERO)
    );
}

#[tokio::test]
async fn a_lease_given_back_is_taken_at_the_next_look() {
    let (store, clock) = (MemoryLease::new(), ManualClock::new(start()));
    let first = Process::start(&store, claimant("a"), &clock);
    settle().await;
    let second = Process::start(&store, claimant("b"), &clock);
    pass(&clock, Duration::from_secs(7)).await;
    let told = first.told.clone();
    first.stop().await;
    assert_eq!(*told.borrow(), Leadership::Standby);
    assert_eq!(store.holder(), None);
    let waited = until(&clock, Duration::from_secs(20), || second.leads())
        .await
        .unwrap();
    assert!(waited <= RETRY, "{waited:?}");
}

#[tokio::test]
async fn a_standby_gives_nothing_back() {
    let (store, clock) = (MemoryLease::new(), ManualClock::new(start()));
    let first = Process::start(&store, claimant("a"), &clock);
    settle().await;
    let second = Process::start(&store, claimant("b"), &clock);
    pass(&clock, Duration::from_secs(3)).await;
    second.stop().await;
    assert!(first.leads());
    assert_eq!(store.holder().as_deref(), Some("a"));
}

#[tokio::test]
async fn a_leader_that_cannot_renew_stops_before_another_may_start() {
    for weather in [Weather::Down, Weather::Hanging] {
        let (store, clock) = (MemoryLease::new(), ManualClock::new(start()));
        let leader = Process::start(&store, claimant("a"), &clock);
        settle().await;
        assert!(leader.leads());
        store.set(weather);
        let waited = until(&clock, DURATION, || !leader.leads()).await.unwrap();
        assert_eq!(waited, RENEW_DEADLINE);
        store.set(Weather::Fine);
        assert!(
            until(&clock, Duration::from_secs(8), || leader.leads())
                .await
                .is_some()
        );
    }
}

#[tokio::test]
async fn a_short_outage_costs_no_leadership() {
    let (store, clock) = (MemoryLease::new(), ManualClock::new(start()));
    let leader = Process::start(&store, claimant("a"), &clock);
    settle().await;
    store.set(Weather::Down);
    assert_eq!(
        until(&clock, Duration::from_secs(11), || !leader.leads()).await,
        None
    );
    store.set(Weather::Fine);
    assert_eq!(
        until(&clock, Duration::from_secs(30), || !leader.leads()).await,
        None
    );
}

#[tokio::test]
async fn a_note_on_the_lease_costs_no_leadership_and_a_theft_does() {
    let (store, clock) = (MemoryLease::new(), ManualClock::new(start()));
    let leader = Process::start(&store, claimant("a"), &clock);
    settle().await;
    store.edit(|lease| lease.metadata.labels = Some(BTreeMap::from([("note".to_owned(), "x".to_owned())])));
    assert_eq!(
        until(&clock, Duration::from_secs(12), || !leader.leads()).await,
        None
    );
    let now = clock.now();
    store.edit(|lease| {
        let spec = lease.spec.as_mut().unwrap();
        spec.holder_identity = Some("b".to_owned());
        spec.renew_time = Some(MicroTime(now));
    });
    let waited = until(&clock, DURATION, || !leader.leads()).await.unwrap();
    assert!(waited <= RENEW, "{waited:?}");
    // The thief gives no sign of life.
    assert!(
        until(&clock, Duration::from_secs(17), || leader.leads())
            .await
            .is_some()
    );
}

#[tokio::test]
async fn another_cluster_id_is_refused_before_anything_is_written() {
    let (store, clock) = (MemoryLease::new(), ManualClock::new(start()));
    Process::start(&store, claimant("a"), &clock).stop().await;
    let first = Process::start(&store, claimant("a"), &clock);
    settle().await;
    first.stop().await;
    let before = store.lease.lock().unwrap().clone();
    let other = Claimant {
        cluster: "osaka".into(),
        ..claimant("b")
    };
    let process = Process::start(&store, other, &clock);
    let error = process.task.await.unwrap().unwrap_err();
    assert_eq!(
        error,
        LeaseError::OtherCluster {
            recorded: "tokyo".into(),
            ours: "osaka".into()
        }
    );
    assert!(error.to_string().contains("records cluster id tokyo"));
    assert_eq!(*process.told.borrow(), Leadership::Standby);
    assert_eq!(*store.lease.lock().unwrap(), before);
}

#[tokio::test]
async fn a_process_without_a_lease_waits_for_one() {
    let (store, clock) = (MemoryLease::new(), ManualClock::new(start()));
    store.set(Weather::Down);
    let process = Process::start(&store, claimant("a"), &clock);
    assert_eq!(
        until(&clock, Duration::from_secs(60), || process.leads()).await,
        None
    );
    store.set(Weather::Fine);
    let waited = until(&clock, Duration::from_secs(60), || process.leads())
        .await
        .unwrap();
    assert!(waited <= RETRY, "{waited:?}");
}

#[test]
fn a_process_always_has_a_name() {
    assert!(!default_identity().trim().is_empty());
}
