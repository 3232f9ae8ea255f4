//! One operator process: its caches, its inventory, its passes, each a task of one pool.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use futures::{executor::block_on, future::BoxFuture};
use jiff::Timestamp;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use yagura::{
    api::{AccessPolicy, Backup, BackupPolicy, Incident, Key, Tenant, TenantClass},
    aws::{AwsSites, Connection, Pace, Transport},
    clock::{Clock, ManualClock},
    cloud::Site,
    cluster::{Cluster, Kind, KindName, MemoryCluster},
    controllers::{
        AccessPolicyReconciler, BackupPolicies, Backups, Guard, IncidentReconciler, Schedule, Subnets,
        TenantClassReconciler, TenantReconciler, Waker, swept,
    },
    engine::{Context, ControllerName, Identity, Services, Stepper},
    governor,
    inventory::{Inventories, Swept},
    metrics::Metrics,
    terms::Registry,
};

use crate::{
    Broken, Settings,
    cluster::LabCluster,
    effects::Effects,
    eye::Eye,
    pool::{Pool, TaskId},
    wire::{Way, Wire},
};

/// The name of the installation in every run.
pub const CLUSTER_ID: &str = "lab";

/// Polls of one process at one instant that are taken for a loop without end: a thousand objects that all have
/// something to do need a tenth of it.
const MOST_POLLS: usize = 200_000;

/// What an operator is put into.
pub(crate) struct Surroundings<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) clock: &'a ManualClock,
    pub(crate) sim: &'a simaws::Sim,
    pub(crate) cluster: &'a MemoryCluster,
    pub(crate) terms: &'a Arc<Registry>,
    pub(crate) eye: &'a Eye,
    /// Decides this process's order of tasks, its latencies and its jitter.
    pub(crate) seed: u64,
}

/// A queue that tasks put into and the driver empties.
struct Inbox<T>(Arc<Mutex<VecDeque<T>>>);

impl<T> Inbox<T> {
    fn new() -> Self {
        Self(Arc::default())
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Clone for Inbox<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// The passes of one controller that are under way.
#[derive(Default)]
struct Running {
    passes: BTreeMap<TaskId, Key>,
    /// Objects that became due during their own pass.
    again: BTreeSet<Key>,
}

/// One operator process.
pub struct Operator {
    /// What its passes have at hand.
    pub ctx: Arc<Context<LabCluster>>,
    /// What it did to the world.
    pub effects: Effects,
    stepper: Stepper<LabCluster>,
    waker: Waker,
    pool: Pool,
    order: fastrand::Rng,
    running: BTreeMap<ControllerName, Running>,
    sweeps: Inbox<(Site, Swept)>,
    /// The sites at which a copy is open to others, for the guard.
    exposed: UnboundedSender<Site>,
    spawned: Inbox<BoxFuture<'static, ()>>,
    /// What its watches are about to bring.
    coming: BTreeSet<(Timestamp, u64, KindName, Key)>,
    arrivals: u64,
    is_leading: Arc<AtomicBool>,
    /// Whether its caches were filled.
    is_listed: bool,
}

impl Operator {
    pub(crate) fn start(around: &Surroundings<'_>) -> Result<Self, Broken> {
        let mut order = fastrand::Rng::with_seed(around.seed);
        let effects = Effects::default();
        let way = Way {
            clock: around.clock.clone(),
            effects: effects.clone(),
            latency: around.settings.latency,
            chance: Arc::new(Mutex::new(order.fork())),
        };
        let wire = Wire {
            way: way.clone(),
            sim: around.sim.connector(),
            eye: around.eye.clone(),
        };
        let clock: Arc<dyn Clock> = Arc::new(around.clock.clone());
        // Nothing is waited for: the configuration of a simulated AWS is at hand.
        let sites = Arc::new(block_on(AwsSites::connect(Connection {
            transport: Transport::InMemory(SharedHttpClient::new(wire)),
            cluster: CLUSTER_ID.into(),
            clock: Arc::clone(&clock),
            observer: Arc::new(|_, _| {}),
            pace: pace(around.settings),
        })));
        let (sweeps, spawned) = (Inbox::new(), Inbox::new());
        let inventories = inventories(&sites, &clock, around.settings.sweep_every, (&sweeps, &spawned));
        let services = Services {
            terms: Arc::clone(around.terms),
            metrics: Arc::new(Metrics::new().map_err(|error| Broken::SetUp(error.to_string()))?),
        };
        let identity = Identity {
            cluster_id: CLUSTER_ID.into(),
            cluster_uid: "00000000-0000-4000-8000-000000000000".to_owned(),
        };
        let near = Way {
            latency: around.settings.cluster_latency.unwrap_or(way.latency),
            ..way
        };
        let cluster = LabCluster::new(near, around.cluster.clone());
        let ctx = Arc::new(Context::new(
            cluster,
            clock,
            identity,
            Arc::new(inventories),
            services,
        ));
        let (exposed, told) = unbounded_channel();
        let mut operator = Self {
            stepper: stepper(&ctx, order.u64(..)),
            ctx,
            effects,
            waker: Waker::default(),
            pool: Pool::default(),
            order,
            running: BTreeMap::new(),
            sweeps,
            exposed,
            spawned,
            coming: BTreeSet::new(),
            arrivals: 0,
            is_leading: Arc::default(),
            is_listed: false,
        };
        operator.ask_who_we_are(sites);
        let guard = Guard::default().run(Arc::clone(&operator.ctx), told);
        operator.pool.spawn(Box::pin(guard));
        Ok(operator)
    }

    /// Nothing is done before AWS said whose the credentials are.
    fn ask_who_we_are(&mut self, sites: Arc<AwsSites>) {
        let is_leading = Arc::clone(&self.is_leading);
        let clock = Arc::clone(&self.ctx.clock);
        self.pool.spawn(Box::pin(async move {
            // The real one ends here and is started again by Kubernetes.
            while sites.identity().await.is_err() {
                clock.after(Duration::from_secs(10)).await;
            }
            is_leading.store(true, Ordering::SeqCst);
        }));
    }

    /// The watch will bring a change at `at`; what changed later in the same kind does not come before it.
    pub(crate) fn expect(&mut self, at: Timestamp, kind: KindName, key: &Key) {
        let of_kind = self.coming.iter().rev().find(|(_, _, other, _)| *other == kind);
        let at = of_kind.map_or(at, |(last, ..)| at.max(*last));
        self.arrivals += 1;
        self.coming.insert((at, self.arrivals, kind, key.clone()));
    }

    /// When this process has something to do by itself, beside what its tasks wait for.
    pub(crate) fn next_at(&self) -> Option<Timestamp> {
        let watch = self.coming.first().map(|(at, ..)| *at);
        let due = self.stepper.controllers().filter_map(|name| {
            let is_full = self
                .running
                .get(&name)
                .is_some_and(|running| running.passes.len() >= usize::from(name.places()));
            // A full controller goes on when a pass ends.
            if is_full || !self.is_listed {
                return None;
            }
            self.ctx.wakes.queue(name)?.next_at()
        });
        due.chain(watch).min()
    }

    /// Does all that can be done now, up to its death if it is to die.
    pub(crate) fn run_until_stalled(&mut self) -> Result<bool, Broken> {
        let mut polls = 0;
        loop {
            let before = polls;
            polls += self.take_what_came();
            self.start_passes();
            while !self.effects.is_dead()
                && let Some((id, has_ended)) = self.pool.step(&mut self.order)
            {
                polls += 1;
                if has_ended {
                    self.pass_ended(id);
                }
                if polls > MOST_POLLS {
                    return Err(Broken::NoRest(self.ctx.now()));
                }
            }
            if polls == before || self.effects.is_dead() {
                return Ok(polls > 0);
            }
        }
    }

    fn take_what_came(&mut self) -> usize {
        let mut taken = 0;
        for task in std::mem::take(&mut *self.spawned.lock()) {
            self.pool.spawn(task);
        }
        if self.is_leading.load(Ordering::SeqCst) && !self.is_listed {
            self.list();
        }
        let now = self.ctx.now();
        while let Some((at, ..)) = self.coming.first()
            && *at <= now
            && let Some((_, _, kind, key)) = self.coming.pop_first()
        {
            taken += 1;
            self.ctx.cluster.deliver(kind, &key);
            self.waker.object_changed(&self.ctx, kind, &key);
        }
        for (site, found) in std::mem::take(&mut *self.sweeps.lock()) {
            taken += 1;
            swept(&self.ctx, &site, &found);
            if found.is_exposed {
                // Fails only with the guard's task.
                drop(self.exposed.send(site));
            }
        }
        taken
    }

    /// The first lists of all watches: every cache is whole before the first pass.
    fn list(&mut self) {
        self.is_listed = true;
        let mut all = Vec::new();
        let truth = self.ctx.cluster.truth().clone();
        keys::<TenantClass>(&truth, &mut all);
        keys::<Tenant>(&truth, &mut all);
        keys::<AccessPolicy>(&truth, &mut all);
        keys::<BackupPolicy>(&truth, &mut all);
        keys::<Backup>(&truth, &mut all);
        keys::<Incident>(&truth, &mut all);
        for (kind, key) in &all {
            self.ctx.cluster.deliver(*kind, key);
        }
        self.order.shuffle(&mut all);
        for (kind, key) in &all {
            self.waker.object_changed(&self.ctx, *kind, key);
        }
    }

    /// Starts what is due: per controller as many passes at once as it has places, and never two of one object.
    fn start_passes(&mut self) {
        if !self.is_listed {
            return;
        }
        let now = self.ctx.now();
        let controllers: Vec<_> = self.stepper.controllers().collect();
        for name in controllers {
            let Some(queue) = self.ctx.wakes.queue(name) else {
                continue;
            };
            let running = self.running.entry(name).or_default();
            while running.passes.len() < usize::from(name.places())
                && let Some(key) = queue.pop(now)
            {
                if running.passes.values().any(|other| *other == key) {
                    running.again.insert(key);
                } else if let Some(pass) = self.stepper.pass(name, key.clone()) {
                    running.passes.insert(self.pool.spawn(pass), key);
                }
            }
        }
    }

    fn pass_ended(&mut self, id: TaskId) {
        for (name, running) in &mut self.running {
            let Some(key) = running.passes.remove(&id) else {
                continue;
            };
            if running.again.remove(&key)
                && let Some(pass) = self.stepper.pass(*name, key.clone())
            {
                running.passes.insert(self.pool.spawn(pass), key);
            }
            return;
        }
    }
}

fn pace(settings: &Settings) -> Pace {
    if !settings.is_paced {
        return Pace::Free;
    }
    Pace::Governed {
        settings: governor::Settings {
            share: settings.share,
        },
        waits: Arc::new(|_, _, _| {}),
    }
}

fn keys<K: Kind>(cluster: &MemoryCluster, all: &mut Vec<(KindName, Key)>) {
    let objects = cluster.cached_all::<K>();
    all.extend(objects.iter().map(|object| (K::NAME, object.key())));
}

/// The inventories with their real loop, which runs as a task of the pool.
fn inventories(
    sites: &Arc<AwsSites>,
    clock: &Arc<dyn Clock>,
    period: Duration,
    (sweeps, spawned): (&Inbox<(Site, Swept)>, &Inbox<BoxFuture<'static, ()>>),
) -> Inventories {
    let (sweeps, spawned) = (sweeps.clone(), spawned.clone());
    let sites = Arc::<AwsSites>::clone(sites);
    Inventories::new(sites, Arc::clone(clock), CLUSTER_ID.into())
        .every(period)
        .sweeping(
            Arc::new(move |task| spawned.lock().push_back(task)),
            Arc::new(move |site: &Site, found| sweeps.lock().push_back((site.clone(), found))),
        )
}

/// The controllers that the operator runs, all of them.
fn stepper(ctx: &Arc<Context<LabCluster>>, jitter: u64) -> Stepper<LabCluster> {
    let subnets = Arc::new(Subnets::default());
    Stepper::new(Arc::clone(ctx))
        .with_jitter(jitter)
        .with(TenantClassReconciler::new(Arc::clone(&subnets)))
        .with(AccessPolicyReconciler::new(Arc::clone(&subnets)))
        .with(TenantReconciler::new(subnets, ctx.now()))
        .with(BackupPolicies::default())
        .with(Schedule::default())
        .with(Backups::default())
        .with(IncidentReconciler)
}
